/*
 * spin: keeps the processor busy for as many seconds as its argument says, or
 * for ever. Something to be seen with ps and top, and to be killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
seconds_now(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return 0;
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int
main(int count, char **words)
{
	double start = seconds_now();
	double seconds;
	char *end;

	if (count == 1) {
		for (;;)
			(void)seconds_now();
	}
	seconds = strtod(words[1], &end);
	if (count > 2 || *end || seconds < 0) {
		(void)fprintf(stderr, "usage: spin [SECONDS]\n");
		return 2;
	}
	while (seconds_now() - start < seconds)
		;
	return 0;
}

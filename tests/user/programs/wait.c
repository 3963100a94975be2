/*
 * Waits for input with a time limit of argv[1] ms, and says what came: "input
 * N" bytes, "end" or "timeout". Prints how long it took on standard error.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct pollfd item = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec before, after;
	char bytes[256];
	ssize_t got;
	int ready;

	clock_gettime(CLOCK_MONOTONIC, &before);
	ready = poll(&item, 1, argc > 1 ? atoi(argv[1]) : 1000);
	clock_gettime(CLOCK_MONOTONIC, &after);
	fprintf(stderr, "%lld\n",
		(long long)((after.tv_sec - before.tv_sec) * 1000 +
			    (after.tv_nsec - before.tv_nsec) / 1000000));
	if (ready == 0) {
		puts("timeout");
		return 0;
	}
	got = read(STDIN_FILENO, bytes, sizeof bytes);
	if (got > 0)
		printf("input %d\n", (int)got);
	else
		puts("end");
	return 0;
}

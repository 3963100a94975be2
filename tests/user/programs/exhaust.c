/*
 * Takes and touches memory in large pieces until there is no more, from the
 * depth that the argument says. Prints how much it was if it lives to tell.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_MIB = 8 };

static unsigned long taken_mib;

__attribute__((noinline)) static void
take_all(void)
{
	void *volatile piece;

	while ((piece = malloc((size_t)PIECE_MIB << 20))) {
		memset(piece, 1, (size_t)PIECE_MIB << 20);
		taken_mib += PIECE_MIB;
	}
}

static volatile int step = 1;

__attribute__((noinline)) static int
dig(int depth)
{
	if (depth <= 0) {
		take_all();
		return 0;
	}
	return dig(depth - step) + step;
}

int
main(int argc, char **argv)
{
	dig(argc > 1 ? atoi(argv[1]) : 0);
	printf("%lu MiB\n", taken_mib);
	return 0;
}

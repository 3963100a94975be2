/* Exits with the status given as argument; without one, returns from main. */
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	fputs("to stdout\n", stdout);
	fputs("to stderr\n", stderr);
	if (argc > 1)
		exit(atoi(argv[1]));
	return 0;
}

/*
 * env: prints the environment.
 */
#include <stdio.h>

extern char **environ;

int
main(void)
{
	for (char **variable = environ; *variable; variable++)
		puts(*variable);
	return fflush(stdout) ? 1 : 0;
}

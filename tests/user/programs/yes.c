/* Prints lines for ever; ends with status 3 when nobody reads them. */
#include <stdio.h>
#include <unistd.h>

int
main(void)
{
	static char lines[8192];

	for (size_t i = 0; i < sizeof lines; i++)
		lines[i] = i % 2 ? '\n' : 'y';
	while (write(STDOUT_FILENO, lines, sizeof lines) > 0)
		;
	fputs("nobody reads\n", stderr);
	return 3;
}

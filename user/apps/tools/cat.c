/*
 * cat: copies files, or standard input, to standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char buffer[65536];

static bool
copy(int from, const char *name)
{
	ssize_t got;

	while ((got = read(from, buffer, sizeof buffer)) > 0) {
		for (ssize_t at = 0, put; at < got; at += put) {
			put = write(STDOUT_FILENO, buffer + at, (size_t)(got - at));
			if (put < 0) {
				fprintf(stderr, "cat: standard output: %s\n", strerror(errno));
				return false;
			}
		}
	}
	if (got < 0)
		fprintf(stderr, "cat: %s: %s\n", name, strerror(errno));
	return got == 0;
}

int
main(int argc, char **argv)
{
	bool is_good = true;

	if (argc < 2)
		return copy(STDIN_FILENO, "standard input") ? 0 : 1;
	for (int i = 1; i < argc; i++) {
		int file = open(argv[i], O_RDONLY);

		if (file < 0)
			fprintf(stderr, "cat: %s: %s\n", argv[i], strerror(errno));
		is_good = file >= 0 && copy(file, argv[i]) && is_good;
		if (file >= 0)
			close(file);
	}
	return is_good ? 0 : 1;
}

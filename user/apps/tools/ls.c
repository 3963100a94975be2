/*
 * ls: lists directories, one entry a line with its size; / by default.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char path[4096];

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void
show(const char *directory, const char *name)
{
	struct stat stat;
	const char *kind = "";

	snprintf(path, sizeof path, "%s/%s", directory, name);
	if (lstat(path, &stat)) {
		printf("%12s %s\n", "?", name);
		return;
	}
	if (S_ISDIR(stat.st_mode))
		kind = "/";
	else if (S_ISLNK(stat.st_mode))
		kind = "@";
	printf("%12lld %s%s\n", (long long)stat.st_size, name, kind);
}

static bool
list(const char *directory)
{
	struct dirent **entries;
	int count = scandir(directory, &entries, NULL, by_name);

	if (count < 0) {
		fprintf(stderr, "ls: %s: %s\n", directory, strerror(errno));
		return false;
	}
	for (int i = 0; i < count; i++) {
		if (strcmp(entries[i]->d_name, ".") != 0 && strcmp(entries[i]->d_name, "..") != 0)
			show(directory, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return true;
}

int
main(int argc, char **argv)
{
	bool is_good = true;

	if (argc < 2)
		return list("/") ? 0 : 1;
	for (int i = 1; i < argc; i++)
		is_good = list(argv[i]) && is_good;
	return is_good && !fflush(stdout) ? 0 : 1;
}

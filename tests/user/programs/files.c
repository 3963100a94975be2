/*
 * What a program may and may not do in a folder it was offered as argv[1];
 * prints one line a check.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[1024];

static const char *
in(const char *folder, const char *name)
{
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void
report(const char *what, int result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(errno) : "fine");
}

static void
print_file(const char *name)
{
	char text[64];
	int file = open(name, O_RDONLY);
	ssize_t got = file < 0 ? -1 : read(file, text, sizeof text - 1);

	if (got >= 0) {
		text[got] = 0;
		printf("read: %s\n", text);
	} else {
		report("read", -1);
	}
	if (file >= 0)
		close(file);
}

int
main(int argc, char **argv)
{
	const char *folder = argc > 1 ? argv[1] : ".";
	struct stat stat_buffer;
	DIR *listing = opendir(folder);
	int count = 0;

	print_file(in(folder, "a file.txt"));
	print_file(in(folder, "sub/link"));
	print_file(in(folder, "../outside"));
	report("create", open(in(folder, "new"), O_WRONLY | O_CREAT, 0666));
	report("write", open(in(folder, "a file.txt"), O_WRONLY));
	report("mkdir", mkdir(in(folder, "sub"), 0777));
	report("unlink", unlink(in(folder, "a file.txt")));
	report("stat", stat(in(folder, "a file.txt"), &stat_buffer));
	printf("size: %lld\n", (long long)stat_buffer.st_size);
	while (listing && readdir(listing))
		count++;
	printf("entries: %d\n", count);
	return 0;
}

/*
 * nebulet-hosted: the kernel as a program. Takes the place of the virtual
 * machine: RAM disk, command line and serial ports come from outside.
 */
#include "platform/hosted/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, COMMAND_LINE_BYTES = 4096, PAGE_BYTES = 4096 };

static const char usage[] =
	"usage: nebulet-hosted --ramdisk FILE [--console FD[,FD]] [--link FD[,FD]]\n"
	"                      [--memory MIB] [--] [WORD...]\n"
	"Boots the kernel in this process with the words as its command line.\n"
	"  --ramdisk FILE     the initial USTAR archive\n"
	"  --console IN[,OUT] descriptors of the first serial port; without it: 0,1\n"
	"  --link IN[,OUT]    descriptors of the second serial port; without it: none\n"
	"  --memory MIB       memory of the machine; without it: the host's\n";

static _Noreturn void
fail(const char *what, const char *detail)
{
	(void)fprintf(stderr, "nebulet-hosted: %s%s%s\n%s", what, detail ? ": " : "",
		      detail ? detail : "", usage);
	exit(EXIT_USAGE);
}

static struct hosted_serial_fds
parse_fds(const char *text)
{
	struct hosted_serial_fds fds;
	char *end;

	fds.in = (int)strtol(text, &end, 10);
	fds.out = fds.in;
	if (end != text && *end == ',') {
		const char *second = end + 1;

		fds.out = (int)strtol(second, &end, 10);
		if (end == second)
			fail("not two descriptors", text);
	}
	if (end == text || *end || fds.in < 0 || fds.out < 0)
		fail("not a descriptor", text);
	return fds;
}

static void
map_ramdisk(const char *path, struct hosted_machine *machine)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *at;

	if (fd < 0 || fstat(fd, &stat) != 0 || stat.st_size == 0)
		fail("cannot read the RAM disk", path);
	at = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		fail("cannot map the RAM disk", path);
	(void)close(fd);
	machine->ramdisk = at;
	machine->ramdisk_len = (size_t)stat.st_size;
}

static uint64_t
parse_mebibytes(const char *text)
{
	char *end;
	unsigned long long amount;

	errno = 0;
	amount = strtoull(text, &end, 10);
	if (end == text || *end || errno || !amount || amount > UINT32_MAX)
		fail("not a number of MiB", text);
	return amount;
}

static void
join_words(char **words, char *out, size_t cap)
{
	size_t len = 0;

	out[0] = 0;
	for (; *words; words++) {
		int n = snprintf(out + len, cap - len, "%s%s", len ? " " : "", *words);

		len += (size_t)n;
		if (len >= cap)
			fail("the command line is too long", NULL);
	}
}

int
main(int argc, char **argv)
{
	static char command_line[COMMAND_LINE_BYTES];
	struct hosted_machine machine = {
		.command_line = command_line,
		.serials = { { STDIN_FILENO, STDOUT_FILENO }, { -1, -1 } },
	};
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (i + 1 >= argc)
			fail("a value is missing after", argv[i]);
		if (strcmp(argv[i], "--ramdisk") == 0)
			map_ramdisk(argv[i + 1], &machine);
		else if (strcmp(argv[i], "--console") == 0)
			machine.serials[PORT_SERIAL_CONSOLE] = parse_fds(argv[i + 1]);
		else if (strcmp(argv[i], "--link") == 0)
			machine.serials[PORT_SERIAL_LINK] = parse_fds(argv[i + 1]);
		else if (strcmp(argv[i], "--memory") == 0)
			machine.memory_pages =
				parse_mebibytes(argv[i + 1]) * (1024 * 1024 / PAGE_BYTES);
		else
			fail("unknown option", argv[i]);
	}
	if (!machine.ramdisk)
		fail("--ramdisk is missing", NULL);
	join_words(argv + i, command_line, sizeof command_line);
	hosted_run(&machine);
}

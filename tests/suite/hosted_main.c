/*
 * The suite as a Linux tool.
 *
 * usage: suite-hosted [--verbose] [--check] [--step] [--cpu=baseline]
 *                     [--passes=LIST] ARCHIVE [GROUP|FILE...]
 */
#include "tests/suite/suite.h"

#include "kernel/port/cpu.h"
#include "platform/hosted/hosted.h"
#include "tests/suite/step_main.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void
emit(void *context, const char *bytes, size_t len)
{
	(void)context;
	fwrite(bytes, 1, len, stdout);
}

static bool is_stepping;

static bool
parse_option(const char *option)
{
	if (strcmp(option, "--step") != 0)
		return suite_parse_option(option);
	is_stepping = true;
	return true;
}

static const uint8_t *
map_file(const char *path, size_t *len)
{
	struct stat info;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &info) != 0 || info.st_size == 0)
		return NULL;
	void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	*len = (size_t)info.st_size;
	return bytes == MAP_FAILED ? NULL : bytes;
}

int
main(int argc, char **argv)
{
	int at = 1;
	size_t len;

	if (suite_init() != NB_OK || hosted_fault_thread_init() != NB_OK) {
		fprintf(stderr, "suite-hosted: no memory\n");
		return 2;
	}
	suite.emit = emit;
	setvbuf(stdout, NULL, _IOLBF, 0);
	suite.options.cpu_features = port_cpu_features();
	while (at < argc && argv[at][0] == '-' && parse_option(argv[at]))
		at++;
	if (at >= argc || argv[at][0] == '-') {
		fprintf(stderr,
			"usage: suite-hosted [--verbose] [--check] [--step] [--cpu=baseline] "
			"[--passes=LIST] ARCHIVE [GROUP|FILE...]\n");
		return 2;
	}
	const uint8_t *archive = map_file(argv[at], &len);
	if (!archive) {
		fprintf(stderr, "suite-hosted: cannot read %s\n", argv[at]);
		return 2;
	}
	if (is_stepping && step_start() != NB_OK) {
		fprintf(stderr, "suite-hosted: no memory\n");
		return 2;
	}
	bool is_good = suite_run(archive, len, (const char *const *)argv + at + 1,
				 (uint32_t)(argc - at - 1));
	if (is_stepping)
		step_stop();
	suite_exit();
	hosted_fault_thread_exit();
	return is_good ? 0 : 1;
}

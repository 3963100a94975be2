/*
 * The suite as a kernel image for pc: the RAM disk is the archive, the command
 * line names files and options as those of the Linux tool.
 */
#include "tests/suite/suite.h"

#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "lib/string.h"

enum { WORDS_MAX = 64, COMMAND_LINE_BYTES = 1024 };

static void
emit(void *context, const char *bytes, size_t len)
{
	(void)context;
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)bytes, len);
}

/* Cuts `line` into words in place; returns how many there are. */
static uint32_t
split(char *line, const char *words[WORDS_MAX])
{
	uint32_t count = 0;

	while (*line && count < WORDS_MAX) {
		while (*line == ' ')
			line++;
		if (*line)
			words[count++] = line;
		while (*line && *line != ' ')
			line++;
		if (*line)
			*line++ = 0;
	}
	return count;
}

void
kernel_main(const struct port_boot_info *boot)
{
	static char line[COMMAND_LINE_BYTES];
	const char *words[WORDS_MAX];
	size_t len = strlen(boot->command_line);
	uint32_t at = 0;

	if (suite_init() != NB_OK)
		port_panic("suite: no memory");
	suite.emit = emit;
	suite.options.cpu_features = port_cpu_features();
	memcpy(line, boot->command_line, len < sizeof(line) - 1 ? len : sizeof(line) - 1);
	uint32_t count = split(line, words);
	while (at < count && suite_parse_option(words[at]))
		at++;
	bool is_good = boot->ramdisk &&
		       suite_run(boot->ramdisk, boot->ramdisk_len, words + at, count - at);
	if (!boot->ramdisk)
		suite_print("no archive: the RAM disk is empty\n");
	suite_exit();
	port_power_off(is_good ? 0 : 1);
}

/*
 * kernel_main: brings the core up, starts init from the RAM disk, runs, and
 * powers off.
 *
 * init gets, as its startup block tells (abi/startup.h): the handles "ramdisk",
 * "system", "console" and "link", and the words of the command line as
 * arguments 1 and up. Words that the kernel itself heeds:
 *   log=error|warn|info|debug|none   what goes to the console, default error
 *   verbose                          the same as log=debug
 *   count-boot                       print the count of cycles from entry to
 *                                    init's first instruction, and power off
 */
#include "kernel/code/publish.h"
#include "kernel/init/boot.h"
#include "kernel/init/init.h"
#include "kernel/init/panic.h"
#include "kernel/init/ustar.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/log.h"
#include "lib/format.h"
#include "lib/string.h"

enum { EXIT_NO_INIT = 70, EXIT_LEAK = 71 };

static struct {
	uint64_t entry_counter;
	bool counts_boot;
} main_state;

static bool
word_is(const char *word, size_t len, const char *text)
{
	return len == strlen(text) && memcmp(word, text, len) == 0;
}

static void
heed_word(const char *word, size_t len)
{
	static const char *const levels[] = { "log=none", "log=error", "log=warn", "log=info",
					      "log=debug" };

	for (int i = 0; i < 5; i++) {
		if (word_is(word, len, levels[i]))
			log_set_console_level(i - 1);
	}
	if (word_is(word, len, "verbose"))
		log_set_console_level(NB_LOG_DEBUG);
	if (word_is(word, len, "count-boot"))
		main_state.counts_boot = true;
}

static void
heed_command_line(const char *line)
{
	const char *word;
	size_t len;

	while (init_next_word(&line, &word, &len))
		heed_word(word, len);
}

void
init_entered(void)
{
	char text[64];
	uint64_t ticks = port_cycles() - main_state.entry_counter;
	size_t len;

	boot_note_guest_start(ticks);
	if (!main_state.counts_boot)
		return;
	len = format_text(text, sizeof text, "boot: %lu instructions\n", (unsigned long)ticks);
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)text, len);
	boot_power_off(0);
}

/* Says why init ended, if it was not told to; the status to power off with. */
static int
report_end(struct process *init)
{
	int status;

	if (boot_is_ending(&status))
		return status;
	log_write(NB_LOG_ERROR, "init ended by itself with status %d", init->status);
	if (init->backtrace)
		log_write(NB_LOG_ERROR, "%s", init->backtrace);
	return EXIT_NO_INIT;
}

void
kernel_main(const struct port_boot_info *info)
{
	struct process *init;
	int status = EXIT_NO_INIT;
	enum nb_status started = boot_core_init();

	if (started != NB_OK)
		panic("the kernel core cannot start: %s", nb_status_text(started));
	main_state.entry_counter = info->entry_counter;
	main_state.counts_boot = false;
	heed_command_line(info->command_line);
	log_write(NB_LOG_INFO, "nebulet: RAM disk of %zu bytes, command line '%s'",
		  info->ramdisk_len, info->command_line);
	port_interrupts_restore(true);
	started = init_start(info, boot_account(), &init);
	sched_run(boot_is_over);
	if (started == NB_OK) {
		status = report_end(init);
		object_put(&init->object);
	}
	if (boot_core_exit() && status == 0)
		status = EXIT_LEAK;
	port_power_off(status);
}

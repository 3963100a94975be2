/*
 * Runs trees of processes that do everything to each other at random (the module
 * mnt/0/torture.wasm of the RAM disk, tests/kernel/guests/torture.c) and calls
 * everything with nonsense (mnt/0/fuzz.wasm), on the machine that it finds itself
 * on. Arguments: how many of each, and the first seed. Prints a line for each; the
 * power-off finds what has not come back.
 */
#include "user/libs/disk/disk.h"
#include "user/libs/launch/launch.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#define OPERATIONS 3000u
#define CALLS	   10000u

static struct archive_entry entry;
static char line_bytes[128];

static uint32_t
load(const char *path)
{
	char reason_bytes[256];
	struct text reason;
	uint32_t module;

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (disk_publish(startup_handle("ramdisk"), path, &entry, &module) ||
	    launch_module_result(module, &reason))
		nb_process_exit(3);
	return module;
}

static void
print(const struct text *line)
{
	(void)nb_stream_write(startup_handle("stdout"), line->bytes, line->length);
}

/* Runs `module` as `name` with its handle and further words, and says how it ended. */
static void
run(const char *name, uint32_t seed, uint32_t module, const uint32_t *tail, uint32_t count)
{
	uint32_t words[8] = { 0 };
	struct nb_process_info info = { 0 };
	struct nb_limits limits = { .memory_bytes = 128u << 20, .handles = 4000 };
	struct text line;
	uint32_t process = (uint32_t)nb_process_create("root", 4, &limits);

	words[0] = (uint32_t)nb_process_grant(process, module, NB_RIGHTS_SAME);
	for (uint32_t i = 0; i < count; i++)
		words[i + 1] = tail[i];
	if (nb_process_instantiate(process, module, 0, 0, 0) != 0 ||
	    nb_process_start(process, 0, words, (count + 1) * (uint32_t)sizeof *words) != 0 ||
	    nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) < 0 ||
	    nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) < 0)
		nb_process_exit(4);
	(void)nb_handle_close(process);
	text_init(&line, line_bytes, sizeof line_bytes);
	text_add(&line, name);
	text_add(&line, " seed ");
	text_add_number(&line, seed);
	text_add(&line, " status ");
	text_add_number(&line, info.status);
	text_add(&line, " trap ");
	text_add_number(&line, info.trap);
	text_add(&line, "\n");
	print(&line);
	if (info.status)
		nb_process_exit(1);
}

/* Argument `which` (0: the program's name) as a number, or `otherwise`. */
static uint32_t
argument(uint32_t which, uint32_t otherwise)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0, number = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind != NB_STARTUP_ARGUMENT || which-- > 0)
			continue;
		for (uint32_t i = 0; i < record->length; i++)
			number = number * 10 + (uint32_t)(startup_contents(record)[i] - '0');
		return number;
	}
	return otherwise;
}

int
module_main(void)
{
	uint32_t rounds = argument(1, 1), seed = argument(2, 1);
	uint32_t torture = load("mnt/0/torture.wasm"), fuzz = load("mnt/0/fuzz.wasm");

	for (uint32_t i = 0; i < rounds; i++) {
		/* Depth, seed, operations, no channel to a parent; seed, calls. */
		const uint32_t tree[] = { 0, seed + i, OPERATIONS, 0 };
		const uint32_t calls[] = { seed + i, CALLS };

		run("torture", seed + i, torture, tree, 4);
		run("calls", seed + i, fuzz, calls, 2);
	}
	return 0;
}

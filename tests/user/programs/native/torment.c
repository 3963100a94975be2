/*
 * Torments the kernel of the machine that it finds itself on with the guests of
 * tests/kernel/guests, which lie on the RAM disk as mnt/0/NAME.wasm: trees of
 * processes that do everything to each other at random (torture), every call with
 * nonsense (fuzz), a graph of processes that call each other through gates and are
 * killed at random (graph), everything once, gates among it (everycall), and the last
 * again and again, killed at instants that sweep over its life. Arguments: how many
 * rounds, the first seed, operations of a tree, calls with nonsense, kills, operations
 * of a graph; 0 leaves a part out. Prints a line for
 * each part of a round; the power-off finds what has not come back.
 */
#include "tests/kernel/guests/graph.h"
#include "tests/user/programs/native/lib/roles.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/stream.h"

#include "nebulet.h"

enum { KILLED = 77 };

static char line_bytes[128];

static uint32_t
load(const char *name)
{
	char path_bytes[64];
	struct text path;

	text_init(&path, path_bytes, sizeof path_bytes);
	text_add(&path, "mnt/0/");
	text_add(&path, name);
	text_add(&path, ".wasm");
	return role_publish(path.bytes);
}

static void
print(const struct text *line)
{
	if (!stream_write_all(startup_handle("stdout"), line->bytes, line->length))
		nb_process_exit(7);
}

/* Says how a part of a round has ended. */
static void
report(const char *name, uint32_t seed, const struct nb_process_info *info)
{
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	text_add(&line, name);
	text_add(&line, " seed ");
	text_add_number(&line, seed);
	text_add(&line, " status ");
	text_add_number(&line, (uint32_t)info->status);
	text_add(&line, " trap ");
	text_add_number(&line, info->trap);
	text_add(&line, "\n");
	print(&line);
	if (info->status)
		nb_process_exit(1);
}

/* A process of `module` runs. Words that are handles here become handles there: the
 * first `handles` of `count`. */
static uint32_t
start(uint32_t module, const uint32_t *given, uint32_t handles, uint32_t count)
{
	struct nb_limits limits = { .memory_bytes = 1u << 30, .handles = 4000 };
	uint32_t process = (uint32_t)nb_process_create("root", 4, &limits), words[8] = { 0 };

	for (uint32_t i = 0; i < count; i++)
		words[i] = i < handles && given[i]
				   ? (uint32_t)nb_process_grant(process, given[i], NB_RIGHTS_SAME)
				   : given[i];
	if (nb_process_instantiate(process, module, 0, 0, 0) != 0 ||
	    nb_process_start(process, 0, words, count * (uint32_t)sizeof *words) != 0)
		nb_process_exit(4);
	return process;
}

/* Waits for its end and closes it. Nothing may be left that is charged to it, unless it
 * was killed and left children. */
static struct nb_process_info
end(uint32_t process)
{
	struct nb_process_info info = { 0 };

	if (nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) < 0 ||
	    nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) < 0)
		nb_process_exit(5);
	if (!info.trap && !info.status && (info.handles || info.threads)) {
		report("handles left", info.handles, &info);
		report("threads left", info.threads, &info);
		nb_process_exit(6);
	}
	(void)nb_handle_close(process);
	return info;
}

/* Runs it to its end, then again and again, killed a little later each time. */
static void
kill_everywhere(uint32_t module, const uint32_t *words, uint32_t count, uint32_t seed,
		uint32_t kills)
{
	struct nb_process_info info = end(start(module, words, 4, count));
	int64_t begin = nb_clock_get(NB_CLOCK_MONOTONIC), life;
	uint32_t killed = 0;

	report("everything", seed, &info);
	/* The first time takes longer. */
	(void)end(start(module, words, 4, count));
	life = nb_clock_get(NB_CLOCK_MONOTONIC) - begin;
	for (uint32_t i = 0; i < kills; i++) {
		uint32_t process = start(module, words, 4, count);

		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + life * i / kills);
		(void)nb_process_kill(process, KILLED);
		info = end(process);
		killed += info.trap == NB_TRAP_KILLED && info.status == KILLED;
		/* It was over before, or had lost a child to an earlier time limit. */
		if (info.trap != NB_TRAP_KILLED && info.status != 0)
			report("killed", i, &info);
	}
	info = (struct nb_process_info){ .status = kills && killed < kills / 4 };
	report("kills", killed, &info);
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

/* Prints what has happened in a graph. */
static void
print_counts(uint32_t memory)
{
	static const char *const names[GRAPH_COUNTS] = { GRAPH_COUNT_NAMES };
	char bytes[512];
	struct graph_board board = { 0 };
	struct text line;

	text_init(&line, bytes, sizeof bytes);
	(void)nb_memory_read(memory, 0, &board, sizeof board);
	(void)nb_handle_close(memory);
	for (uint32_t i = 0; i < GRAPH_COUNTS; i++) {
		text_add(&line, names[i]);
		text_add(&line, " ");
		text_add_number(&line, board.counts[i]);
		text_add(&line, i + 1 < GRAPH_COUNTS ? " " : "\n");
	}
	print(&line);
}

/* A part of a round that is one process. */
static void
run(const char *name, uint32_t seed, const uint32_t *words, uint32_t handles, uint32_t count)
{
	struct nb_process_info info = end(start(words[0], words, handles, count));

	report(name, seed, &info);
}

int
module_main(void)
{
	uint32_t rounds = argument(1, 1), seed = argument(2, 1), operations = argument(3, 3000);
	uint32_t calls = argument(4, 10000), kills = argument(5, 100), calling = argument(6, 3000);
	uint32_t torture = load("torture"), fuzz = load("fuzz"), graph = load("graph");
	uint32_t node = load("graphnode"), base = load("graphbase");
	uint32_t every = load("everycall"), client = load("everyclient");
	uint32_t builtin = load("everybuiltin");

	for (uint32_t i = 0; i < rounds; i++, seed++) {
		/* The module, depth, seed, operations, no channel to a parent. */
		const uint32_t tree[] = { torture, 0, seed, operations, 0 };
		/* A module for children, seed, calls. */
		const uint32_t nonsense[] = { fuzz, seed, calls };
		uint32_t board = (uint32_t)nb_memory_create(sizeof(struct graph_board));
		/* Two modules of nodes, what has happened, seed, operations. */
		const uint32_t nodes[] = { graph, node, base, board, seed, calling };
		/* Role, modules, no system object, no resource. */
		const uint32_t all[] = { 0, every, client, builtin, 0, 0 };

		if (operations)
			run("torture", seed, tree, 1, 5);
		if (calls)
			run("calls", seed, nonsense, 1, 3);
		if (calling) {
			run("graph", seed, nodes, 4, 6);
			print_counts(board);
		}
		if (kills)
			kill_everywhere(every, all, 6, seed, kills);
	}
	return 0;
}

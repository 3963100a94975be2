/*
 * Running a bundled program in front of the console.
 *
 * etc/programs/NAME on the RAM disk says how (user/libs/launch/records.h).
 */
#include "user/apps/shell/shell.h"
#include "user/libs/disk/disk.h"
#include "user/libs/launch/block.h"
#include "user/libs/launch/launch.h"
#include "user/libs/launch/records.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

#include <stddef.h>

#define PROGRAMS_DIR  "etc/programs/"
#define PREOPENS_FILE "etc/preopens"
#define OUTPUT_PIECE  4096u
#define NAME_MAX      64u

static uint8_t recipe[65536] __attribute__((aligned(8))); /* etc/programs/NAME */
static uint8_t records[262144] __attribute__((aligned(8)));
static char module_path[1024];
static char reason_bytes[2048];
static char output[OUTPUT_PIECE];

/* The program in front and the input that it has not taken yet. */
struct front {
	uint32_t process;
	struct launch_streams streams;
	uint32_t reader; /* of its standard input, for what it leaves unread */
	char input[2 * LINE_MAX_BYTES];
	uint32_t input_at;
	uint32_t input_len;
	bool is_killed;
};

static bool
load_recipe(struct shell *shell, const char *name, uint32_t *len)
{
	char path_bytes[sizeof PROGRAMS_DIR + NAME_MAX];
	struct text path;

	if (text_length(name) >= NAME_MAX)
		return false;
	text_init(&path, path_bytes, sizeof path_bytes);
	text_add(&path, PROGRAMS_DIR);
	text_add(&path, name);
	return disk_read_file(shell->ramdisk, path.bytes, &shell->entry, recipe, sizeof recipe,
			      len) == NB_OK;
}

/* The program's startup records: its recipe, the command line, what every
 * program is given. */
static bool
build_records(struct shell *shell, const struct words *words, uint32_t recipe_len,
	      struct block *block)
{
	static const uint8_t terminals[] = { 0, 1, 2 };
	const struct nb_startup_record *record;
	struct text path;
	uint32_t at = 0, len;

	block_init(block, records, sizeof records);
	text_init(&path, module_path, sizeof module_path);
	block_add(block, NB_STARTUP_ARGUMENT, words->word[0], text_length(words->word[0]));
	while ((record = nb_startup_next(recipe, recipe_len, &at))) {
		if (record->kind == STARTUP_MODULE)
			text_add_bytes(&path, (const char *)(record + 1), record->length);
		else
			block_add_record(block, record);
	}
	for (uint32_t i = 1; i < words->count; i++)
		block_add(block, NB_STARTUP_ARGUMENT, words->word[i], text_length(words->word[i]));
	block_add(block, STARTUP_TERMINAL, terminals, sizeof terminals);
	if (disk_read_file(shell->ramdisk, PREOPENS_FILE, &shell->entry, recipe, sizeof recipe,
			   &len) == NB_OK) {
		at = 0;
		while ((record = nb_startup_next(recipe, len, &at)))
			block_add_record(block, record);
	}
	return !block->is_full;
}

/* Starts the program with three handles for its standard streams. */
static enum nb_status
launch(struct shell *shell, const char *name, const struct block *block, const uint32_t streams[3],
       uint32_t *process, struct text *reason)
{
	const struct launch_handle handles[] = {
		{ "stdin", streams[0], NB_RIGHTS_SAME },
		{ "stdout", streams[1], NB_RIGHTS_SAME },
		{ "stderr", streams[2], NB_RIGHTS_SAME },
		{ "ramdisk", shell->ramdisk, NB_RIGHTS_SAME },
	};
	struct launch launch = {
		.name = name,
		.ramdisk = shell->ramdisk,
		.priority = NB_PRIORITY_NORMAL,
		.handles = handles,
		.handle_count = sizeof handles / sizeof handles[0],
		.records = block->bytes,
		.records_size = block->size,
	};
	enum nb_status status =
		disk_publish(shell->ramdisk, module_path, &shell->entry, &launch.module);

	if (status)
		return status;
	status = launch_module_result(launch.module, reason);
	if (!status)
		status = launch_process(&launch, process, reason);
	(void)nb_handle_close(launch.module);
	return status;
}

static enum nb_status
start(struct shell *shell, const char *name, const struct block *block, struct front *front,
      struct text *reason)
{
	enum nb_status status = launch_streams_create(&front->streams);

	if (status)
		return status;
	status = launch(shell, name, block, front->streams.far, &front->process, reason);
	front->reader = front->streams.far[0];
	front->streams.far[0] = NB_HANDLE_NONE;
	launch_streams_close_far(&front->streams);
	for (uint32_t i = 0; status && i < 3; i++)
		launch_streams_close_near(&front->streams, i);
	if (status)
		(void)nb_handle_close(front->reader);
	return status;
}

/* Shows at most one piece of what the program wrote; closes at its end. */
static void
show_output(struct shell *shell, struct front *front, uint32_t which)
{
	int64_t got;

	if (front->streams.near[which] == NB_HANDLE_NONE)
		return;
	got = nb_stream_read(front->streams.near[which], output, sizeof output);
	if (got > 0)
		shell_write(shell, output, (uint32_t)got);
	else if (got != -NB_SHOULD_WAIT)
		launch_streams_close_near(&front->streams, which);
}

static void
give_input(struct front *front)
{
	int64_t put;

	while (front->input_len) {
		put = nb_stream_write(front->streams.near[0], front->input + front->input_at,
				      front->input_len);
		if (put == -NB_SHOULD_WAIT)
			return;
		if (put < 0)
			put = front->input_len;
		front->input_at += (uint32_t)put;
		front->input_len -= (uint32_t)put;
	}
}

/* Queues a line for the program; one that it leaves no room for is dropped,
 * because Ctrl-C must still be seen. */
static void
take_line(struct shell *shell, struct front *front)
{
	if (shell->line.length > sizeof front->input - front->input_len) {
		shell_print(shell, "\a");
		return;
	}
	bytes_move(front->input, front->input + front->input_at, front->input_len);
	front->input_at = 0;
	bytes_copy(front->input + front->input_len, shell->line.bytes, shell->line.length);
	front->input_len += shell->line.length;
}

/* What was typed while the program is in front. */
static void
take_typing(struct shell *shell, struct front *front)
{
	switch (shell_read(shell)) {
	case LINE_READY:
		take_line(shell, front);
		break;
	case LINE_INTERRUPT:
		front->is_killed = true;
		(void)nb_process_kill(front->process, SHELL_INTERRUPTED);
		break;
	case LINE_END:
		launch_streams_close_near(&front->streams, 0);
		break;
	case LINE_NONE:
		break;
	}
}

static void
want(struct nb_wait_item *items, uint32_t *count, uint32_t handle, uint32_t signals)
{
	if (handle != NB_HANDLE_NONE)
		items[(*count)++] = (struct nb_wait_item){ .handle = handle, .wanted = signals };
}

/* Serves the program until it has ended and all its output is shown. */
static void
serve(struct shell *shell, struct front *front)
{
	struct nb_wait_item items[5];
	uint32_t count;

	do {
		count = 0;
		want(items, &count, front->streams.near[1],
		     NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
		want(items, &count, front->streams.near[2],
		     NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
		if (!count)
			want(items, &count, front->process, NB_SIGNAL_TERMINATED);
		if (front->input_len)
			want(items, &count, front->streams.near[0],
			     NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED);
		want(items, &count, shell->input, NB_SIGNAL_READABLE);
		if (nb_object_wait_many(items, count, NB_DEADLINE_NEVER) < 0)
			break;
		show_output(shell, front, 1);
		show_output(shell, front, 2);
		give_input(front);
		take_typing(shell, front);
		give_input(front);
	} while (front->streams.near[1] != NB_HANDLE_NONE ||
		 front->streams.near[2] != NB_HANDLE_NONE ||
		 nb_object_wait_one(front->process, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) < 0);
}

/* Lines that the program did not read are for the shell again. */
static void
recover_input(struct front *front)
{
	static char unread[NB_STREAM_CAPACITY_DEFAULT];
	int64_t got;

	launch_streams_close_near(&front->streams, 0);
	shell_unread(front->input + front->input_at, front->input_len);
	got = nb_stream_read(front->reader, unread, sizeof unread);
	if (got > 0 && !front->is_killed)
		shell_unread(unread, (uint32_t)got);
	(void)nb_handle_close(front->reader);
}

/* The exit status; how a trap came about is shown. */
static int32_t
finish(struct shell *shell, const char *name, struct front *front)
{
	struct nb_process_info info = { .status = 125 };
	int64_t len = nb_object_info(front->process, NB_INFO_PROCESS, &info, sizeof info);

	if (len >= 0 && info.trap != NB_TRAP_NONE && !front->is_killed) {
		uint32_t text_len = launch_trap_text(front->process, name, output, sizeof output);

		shell_write(shell, output, text_len);
	}
	recover_input(front);
	for (uint32_t i = 1; i < 3; i++)
		launch_streams_close_near(&front->streams, i);
	(void)nb_handle_close(front->process);
	return info.status;
}

/* Says why a program did not start; true if there is something to say. */
static bool
complain(struct shell *shell, const char *name, enum nb_status error, struct text *reason)
{
	if (error && !reason->length)
		text_add(reason, nb_status_text(error));
	if (!reason->length)
		return false;
	shell_print(shell, name);
	shell_print(shell, ": ");
	shell_print(shell, reason->bytes);
	shell_print(shell, "\n");
	return true;
}

bool
shell_run(struct shell *shell, const struct words *words, int32_t *status)
{
	static struct front front;
	enum nb_status error = NB_OK;
	struct block block;
	struct text reason;
	uint32_t recipe_len;

	if (!load_recipe(shell, words->word[0], &recipe_len))
		return false;
	front = (struct front){ 0 };
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (!build_records(shell, words, recipe_len, &block))
		text_add(&reason, "the command line is too long");
	else
		error = start(shell, words->word[0], &block, &front, &reason);
	if (complain(shell, words->word[0], error, &reason)) {
		*status = 126;
		return true;
	}
	serve(shell, &front);
	*status = finish(shell, words->word[0], &front);
	return true;
}

/* Its standard input is a stream that nobody writes to; what it writes goes to the
 * console itself, of which it gets nothing else. */
static enum nb_status
start_behind(struct shell *shell, const char *name, const struct block *block, struct text *reason)
{
	struct nb_stream_ends input;
	uint32_t process = NB_HANDLE_NONE;
	int64_t result = nb_handle_duplicate(shell->output,
					     NB_RIGHT_WRITE | NB_RIGHT_WAIT | NB_RIGHT_INSPECT |
						     NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER);
	uint32_t console = (uint32_t)result;
	enum nb_status status;

	if (result < 0)
		return (enum nb_status) - result;
	result = nb_stream_create(&input, 1);
	status = (enum nb_status) - result;
	if (!status) {
		const uint32_t streams[3] = { input.reader, console, console };

		(void)nb_handle_close(input.writer);
		status = launch(shell, name, block, streams, &process, reason);
		(void)nb_handle_close(input.reader);
	}
	(void)nb_handle_close(console);
	if (!status)
		(void)nb_handle_close(process);
	return status;
}

bool
shell_run_behind(struct shell *shell, const struct words *words, int32_t *status)
{
	enum nb_status error = NB_OK;
	struct block block;
	struct text reason;
	uint32_t recipe_len;

	if (!load_recipe(shell, words->word[0], &recipe_len))
		return false;
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (!build_records(shell, words, recipe_len, &block))
		text_add(&reason, "the command line is too long");
	else
		error = start_behind(shell, words->word[0], &block, &reason);
	*status = complain(shell, words->word[0], error, &reason) ? 126 : 0;
	return true;
}

static void
list_one(struct shell *shell, const char *name)
{
	const struct nb_startup_record *record;
	char line_bytes[160];
	struct text line;
	uint32_t at = 0, len;

	if (!load_recipe(shell, name, &len))
		return;
	text_init(&line, line_bytes, sizeof line_bytes);
	text_add(&line, "  ");
	text_add(&line, name);
	while (line.length < 16)
		text_add(&line, " ");
	while ((record = nb_startup_next(recipe, len, &at))) {
		if (record->kind == STARTUP_ABOUT)
			text_add_bytes(&line, (const char *)(record + 1), record->length);
	}
	text_add(&line, "\n");
	shell_write(shell, line.bytes, line.length);
}

void
shell_list(struct shell *shell)
{
	static struct archive_entry found;
	struct archive_source source = disk_source(&shell->ramdisk);
	uint32_t prefix = text_length(PROGRAMS_DIR);
	uint64_t at = 0;

	while (archive_next(&source, &at, &found) == NB_OK) {
		if (found.type == ARCHIVE_FILE && found.path_len > prefix &&
		    bytes_equal(found.path, PROGRAMS_DIR, prefix))
			list_one(shell, found.path + prefix);
	}
}

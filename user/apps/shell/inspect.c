/*
 * The shell's commands that show what goes on: ps, top, kill, handles, trace.
 */
#include "user/apps/shell/shell.h"
#include "user/sdk/text.h"

#include "abi/trap.h"
#include "nebulet.h"

#define PROCESSES_MAX 256u
#define TOP_PERIOD_NS INT64_C(1000000000)
#define TRACE_NS      INT64_C(100000000)
#define KILLED_STATUS 137

static const char *const state_names[] = { "created", "running", "ending", "ended" };
static const char *const type_names[] = {
#define NB_VALUE(group, name, number, text) NAME_##group(number, text)
#define NAME_OBJECT(number, text)	    [number] = text,
#define NAME_INFO(number, text)
#define NAME_PROCESS(number, text)
#define NAME_THREAD(number, text)
#define NAME_MODULE(number, text)
#define NAME_CLOCK(number, text)
#define NAME_LOG(number, text)
#define NAME_SYSTEM(number, text)
#define NAME_TRACE(number, text)
#define NAME_POWER(number, text)
#define NAME_PRIORITY(number, text)
#define NAME_RESOURCE(number, text)
#define NAME_IRQ(number, text)
#include "abi/values.def"
#undef NB_VALUE
};

/* Names of the rights that a handle has. */
/* A letter for each right, in the order of their bits, and what they stand for. */
static const char right_letters[] = "rwxdtmsagi";
static const char right_names[] =
	"rwxdtmsagi: read write execute duplicate transfer map signal wait manage inspect\n";
enum {
#define NB_RIGHT(name, bit, text) RIGHTS_BEHIND_##name = bit + 1,
#include "abi/rights.def"
#undef NB_RIGHT
};
_Static_assert(sizeof right_letters - 1 == RIGHTS_BEHIND_INSPECT, "a letter for each right");

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct nb_process_entry entries[PROCESSES_MAX];
static uint64_t previous_ns[PROCESSES_MAX]; /* run time at the last look of top */
static uint64_t previous_ids[PROCESSES_MAX];
static char line_bytes[256];

/* All processes; how many. */
static uint32_t
collect(const struct shell *shell)
{
	uint64_t after = 0;
	uint32_t count = 0;

	while (count < PROCESSES_MAX &&
	       nb_system_process(shell->system, after, &entries[count]) == 0)
		after = entries[count++].id;
	return count;
}

static void
pad_to(struct text *text, uint32_t column)
{
	while (text->length < column)
		text_add(text, " ");
}

/* A number that ends before `column`. */
static void
add_right(struct text *text, uint64_t number, uint32_t column)
{
	char digits_bytes[24];
	struct text digits;

	text_init(&digits, digits_bytes, sizeof digits_bytes);
	text_add_number(&digits, (int64_t)number);
	if (column > digits.length)
		pad_to(text, column - digits.length);
	text_add(text, digits.bytes);
}

/* `share` is in tenths of a percent. */
static void
print_entry(struct shell *shell, const struct nb_process_entry *entry, uint64_t share)
{
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	add_right(&line, entry->id, 5);
	text_add(&line, "  ");
	text_add(&line, state_names[entry->state & 3]);
	add_right(&line, entry->threads, 18);
	add_right(&line, entry->handles, 27);
	add_right(&line, entry->gate_calls, 34);
	add_right(&line, entry->memory_bytes / 1024, 42);
	text_add(&line, "K");
	add_right(&line, entry->run_ns / 1000000, 50);
	text_add(&line, "ms");
	add_right(&line, share / 10, 55);
	text_add(&line, ".");
	text_add_number(&line, (int64_t)(share % 10));
	text_add(&line, "%");
	if (entry->processor_permille) {
		add_right(&line, entry->processor_permille / 10, 62);
		text_add(&line, ".");
		text_add_number(&line, (int64_t)(entry->processor_permille % 10));
		text_add(&line, "%");
	} else {
		pad_to(&line, 64);
		text_add(&line, "-");
	}
	text_add(&line, "  ");
	text_add_bytes(&line, (const char *)entry->name, entry->name_len & 63);
	text_add(&line, "\n");
	shell_write(shell, line.bytes, line.length);
}

static void
print_head(struct shell *shell)
{
	shell_print(shell,
		    "   ID  STATE   THR  HANDLES  GATES   MEMORY     TIME   CPU  LIMIT  NAME\n");
}

static void
print_trap(struct shell *shell, const struct nb_trap_entry *entry, uint64_t now)
{
	uint64_t ago_ms = now > entry->time_ns ? (now - entry->time_ns) / 1000000 : 0;
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	add_right(&line, entry->process, 6);
	add_right(&line, ago_ms / 1000, 15);
	text_add(&line, ".");
	text_add_number(&line, (int64_t)(ago_ms / 100 % 10));
	text_add(&line, "s ago  ");
	text_add_bytes(&line, (const char *)entry->name, entry->name_len & 63);
	text_add(&line, ": ");
	text_add(&line, nb_trap_text((enum nb_trap)entry->trap));
	text_add(&line, "\n");
	shell_write(shell, line.bytes, line.length);
}

static void
print_traps(struct shell *shell, uint64_t now)
{
	struct nb_trap_entry entry;

	if (nb_system_trap(shell->system, 0, &entry) < 0)
		return;
	shell_print(shell, "last traps:\n");
	do
		print_trap(shell, &entry, now);
	while (nb_system_trap(shell->system, entry.sequence, &entry) == 0);
}

void
shell_ps(struct shell *shell)
{
	uint64_t now = (uint64_t)nb_clock_get(NB_CLOCK_MONOTONIC);
	struct nb_system_info info = { 0 };
	uint32_t count = collect(shell);
	uint64_t up_ns;

	if (nb_system_info(NB_SYSTEM_INFO, &info, sizeof info) < 0)
		return;
	up_ns = now > info.boot_ns ? now - info.boot_ns : 1;
	print_head(shell);
	for (uint32_t i = 0; i < count; i++)
		print_entry(shell, &entries[i], entries[i].run_ns * 1000 / up_ns);
	print_traps(shell, now);
}

/* What the process had run when top looked before; 0 if it was not there. */
static uint64_t
run_before(uint64_t id, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (previous_ids[i] == id)
			return previous_ns[i];
	}
	return 0;
}

/* True when something was typed. */
static bool
wait_until(struct shell *shell, int64_t deadline_ns)
{
	return nb_object_wait_one(shell->input, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
				  deadline_ns) >= 0;
}

static void
show_top(struct shell *shell, uint32_t before, uint64_t passed_ns)
{
	struct nb_memory_info memory = { 0 };
	uint32_t count = collect(shell);
	struct text line;

	(void)nb_system_info(NB_SYSTEM_MEMORY, &memory, sizeof memory);
	text_init(&line, line_bytes, sizeof line_bytes);
	text_add_number(&line, (int64_t)(memory.free_bytes >> 20));
	text_add(&line, " of ");
	text_add_number(&line, (int64_t)(memory.total_bytes >> 20));
	text_add(&line, " MiB free; a key ends this\n");
	shell_write(shell, line.bytes, line.length);
	print_head(shell);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t ran = entries[i].run_ns - run_before(entries[i].id, before);

		print_entry(shell, &entries[i], passed_ns ? ran * 1000 / passed_ns : 0);
	}
	for (uint32_t i = 0; i < count; i++) {
		previous_ids[i] = entries[i].id;
		previous_ns[i] = entries[i].run_ns;
	}
}

void
shell_top(struct shell *shell)
{
	int64_t last = nb_clock_get(NB_CLOCK_MONOTONIC), now;
	uint32_t before = collect(shell);

	for (uint32_t i = 0; i < before; i++) {
		previous_ids[i] = entries[i].id;
		previous_ns[i] = entries[i].run_ns;
	}
	while (!wait_until(shell, last + TOP_PERIOD_NS)) {
		now = nb_clock_get(NB_CLOCK_MONOTONIC);
		show_top(shell, before, (uint64_t)(now - last));
		before = collect(shell);
		last = now;
	}
	/* The key has done its work. */
	(void)nb_stream_read(shell->input, line_bytes, 1);
}

/* The process that a word names by its id: its handle, or 0 with a message. */
static uint32_t
open_process(struct shell *shell, const char *word)
{
	uint64_t id = 0;
	int64_t handle = -1;

	for (uint32_t i = 0; word[i] >= '0' && word[i] <= '9' && i < 18; i++)
		id = id * 10 + (uint64_t)(word[i] - '0');
	if (id)
		handle = nb_system_open_process(shell->system, id);
	if (handle > 0)
		return (uint32_t)handle;
	shell_print(shell, word);
	shell_print(shell, ": there is no such process; `ps` lists them\n");
	return NB_HANDLE_NONE;
}

bool
shell_kill(struct shell *shell, const char *word)
{
	uint32_t process = open_process(shell, word);

	if (process == NB_HANDLE_NONE)
		return false;
	(void)nb_process_kill(process, KILLED_STATUS);
	(void)nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER);
	(void)nb_handle_close(process);
	return true;
}

static void
print_handle(struct shell *shell, const struct nb_handle_entry *entry)
{
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	add_right(&line, entry->handle, 10);
	add_right(&line, entry->id, 18);
	text_add(&line, "  ");
	for (uint32_t bit = 0; right_letters[bit]; bit++)
		text_add_bytes(&line, entry->rights >> bit & 1 ? &right_letters[bit] : "-", 1);
	text_add(&line, "  ");
	text_add(&line, entry->type < COUNT_OF(type_names) && type_names[entry->type]
				? type_names[entry->type]
				: "?");
	if (entry->name_len) {
		text_add(&line, " \"");
		text_add_bytes(&line, (const char *)entry->name, entry->name_len & 63);
		text_add(&line, "\"");
	}
	text_add(&line, "\n");
	shell_write(shell, line.bytes, line.length);
}

bool
shell_handles(struct shell *shell, const char *word)
{
	struct nb_handle_entry entry = { 0 };
	uint32_t process = open_process(shell, word);

	if (process == NB_HANDLE_NONE)
		return false;
	shell_print(shell, "    HANDLE  OBJECT  RIGHTS      WHAT IT IS\n");
	while (nb_process_handle(process, entry.handle, &entry) == 0)
		print_handle(shell, &entry);
	shell_print(shell, right_names);
	(void)nb_handle_close(process);
	return true;
}

/* ---- the event trace ---- */

static const char *const event_names[] = { "switch",	  "wake",	  "process start",
					   "process end", "thread start", "thread end",
					   "send",	  "receive",	  "timer" };
_Static_assert(COUNT_OF(event_names) == NB_TRACE_TIMER + 1, "names");

static void
print_record(struct shell *shell, const struct nb_trace_record *record, uint64_t start_ns)
{
	struct text line;

	text_init(&line, line_bytes, sizeof line_bytes);
	add_right(&line, (record->time_ns - start_ns) / 1000, 9);
	text_add(&line, " us");
	add_right(&line, record->process, 20);
	text_add(&line, "  ");
	text_add(&line, record->event < COUNT_OF(event_names) ? event_names[record->event] : "?");
	add_right(&line, record->detail, 48);
	add_right(&line, record->value, 62);
	text_add(&line, "\n");
	shell_write(shell, line.bytes, line.length);
}

void
shell_trace(struct shell *shell)
{
	static struct nb_trace_record records[NB_TRACE_RECORDS_MAX];
	int64_t start = nb_clock_get(NB_CLOCK_MONOTONIC), count;
	uint64_t sequence = 0;

	if (nb_trace_set(shell->system, (2u << NB_TRACE_TIMER) - 1) < 0)
		return;
	(void)nb_thread_sleep(start + TRACE_NS);
	(void)nb_trace_set(shell->system, 0);
	shell_print(shell, "     TIME         PROCESS  EVENT             DETAIL         VALUE\n");
	while ((count = nb_trace_read(shell->system, sequence, records, NB_TRACE_RECORDS_MAX)) >
	       0) {
		for (int64_t i = 0; i < count; i++) {
			sequence = records[i].sequence + 1;
			if (records[i].time_ns >= (uint64_t)start)
				print_record(shell, &records[i], (uint64_t)start);
		}
	}
}

/*
 * The runner's entry, its stack, and what the platform asks of a kernel.
 */
#include "tests/suite/suite.h"

#include "lib/string.h"

struct suite suite;

enum { STACK_BYTES = 2 << 20 };

/* ---- upcalls ---- */

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	enum nb_trap trap;

	if (!runtime_fault_resolve(kind, address, state, &suite.stack, &trap))
		return false;
	runtime_backtrace_capture(&suite.backtrace, &suite.head, state);
	guest_state_redirect_unwind(state, &suite.head, trap);
	return true;
}

/* Nothing interrupts the suite, and nothing is ever pending. */
void
kernel_guest_interrupted(struct guest_state *state)
{
	(void)state;
}

void
kernel_guest_pending(struct nb_thread_head *head)
{
	head->pending = 0;
}

/* ---- memory ---- */

static void *
chunk_get(void *context, size_t size)
{
	void *pages;

	(void)context;
	return port_pages_get(size, &pages) == NB_OK ? pages : NULL;
}

static void
chunk_put(void *context, void *chunk, size_t size)
{
	(void)context;
	port_pages_put(chunk, size);
}

enum nb_status
suite_init(void)
{
	suite.source = (struct arena_source){ chunk_get, chunk_put, NULL };
	compiler_options_init(&suite.options);
	enum nb_status status = port_stack_create(STACK_BYTES, &suite.stack);
	if (status == NB_OK)
		status = port_stack_commit(&suite.stack, suite.stack.limit);
	suite.head.stack_floor = suite.stack.limit + GUEST_KERNEL_HEADROOM;
	suite.head.stack_limit = suite.head.stack_floor;
	return status;
}

void
suite_exit(void)
{
	port_stack_destroy(&suite.stack);
}

/* ---- files ---- */

static bool
is_prefix(const char *filter, size_t len, struct archive_text name)
{
	return len <= name.len && memcmp(filter, name.bytes, len) == 0 &&
	       (len == name.len || name.bytes[len] == '/');
}

/* GROUP, GROUP/NAME or NAME. */
static bool
is_wanted(struct archive_text name, const char *const *filters, uint32_t count)
{
	uint16_t slash = 0;

	while (slash < name.len && name.bytes[slash] != '/')
		slash++;
	struct archive_text base = { name.bytes + slash + 1, (uint16_t)(name.len - slash - 1) };
	for (uint32_t i = 0; i < count; i++)
		if (is_prefix(filters[i], strlen(filters[i]), name) ||
		    archive_text_is(base, filters[i]))
			return true;
	return count == 0;
}

struct run {
	const uint8_t *archive;
	size_t len;
	const char *const *filters;
	uint32_t filter_count;
	struct guest_context caller;
};

static void
run_file(struct archive_cursor *cursor, const struct run *run)
{
	uint64_t passed = suite.passed, failed = suite.failed;

	suite.file = archive_text(cursor);
	suite.source_name = archive_text(cursor);
	if (!is_wanted(suite.file, run->filters, run->filter_count))
		return;
	script_run(cursor);
	if (suite.is_verbose)
		suite_print("%.*s: %llu passed, %llu failed\n", suite.file.len, suite.file.bytes,
			    (unsigned long long)(suite.passed - passed),
			    (unsigned long long)(suite.failed - failed));
}

static void
run_entry(void *argument)
{
	struct run *run = argument;
	struct archive_cursor cursor;
	uint32_t files = archive_open(&cursor, run->archive, run->len);

	for (uint32_t i = 0; i < files; i++) {
		struct archive_cursor file = archive_part(&cursor, archive_u32(&cursor));
		run_file(&file, run);
	}
	if (files == 0 || cursor.is_bad || suite.passed + suite.failed == 0) {
		suite.failed++;
		suite_print("the archive holds none of the files asked for\n");
	}
	suite_summary();
	guest_context_jump(&run->caller);
}

bool
suite_run(const uint8_t *archive, size_t len, const char *const *filters, uint32_t count)
{
	struct run run = {
		.archive = archive, .len = len, .filters = filters, .filter_count = count
	};
	struct guest_context runner;

	guest_context_init(&runner, &suite.stack, run_entry, &run);
	guest_context_switch(&run.caller, &runner);
	return suite.failed == 0;
}

/*
 * The runner's entry and the choice of files.
 */
#include "tests/suite/suite.h"

#include "lib/string.h"

struct suite suite;

enum { STACK_BYTES = 2 << 20 };

enum nb_status
suite_init(void)
{
	compiler_options_init(&suite.options);
	return guest_host_init(STACK_BYTES);
}

void
suite_exit(void)
{
	guest_host_exit();
}

bool
suite_parse_option(const char *option)
{
	struct archive_text word = { option, (uint16_t)strlen(option) };
	static const char passes[] = "--passes=";
	const char *bad;

	if (archive_text_is(word, "--verbose"))
		suite.is_verbose = true;
	else if (archive_text_is(word, "--check"))
		suite.options.check = true;
	else if (archive_text_is(word, "--cpu=baseline"))
		suite.options.cpu_features = 0;
	else if (word.len < sizeof(passes) - 1 || memcmp(option, passes, sizeof(passes) - 1) != 0)
		return false;
	else
		return compiler_options_set_passes(&suite.options, option + sizeof(passes) - 1,
						   &bad) == NB_OK;
	return true;
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
	/* The group under way and the counts at its start. */
	struct archive_text group;
	uint64_t passed, failed, excused;
};

static struct archive_text
group_of(struct archive_text name)
{
	uint16_t slash = 0;

	while (slash < name.len && name.bytes[slash] != '/')
		slash++;
	return (struct archive_text){ name.bytes, slash };
}

static void
print_counts(struct archive_text of, uint64_t passed, uint64_t failed, uint64_t excused)
{
	suite_print("%.*s: %llu passed, %llu failed, %llu not applicable\n", of.len, of.bytes,
		    (unsigned long long)passed, (unsigned long long)failed,
		    (unsigned long long)excused);
}

/* Files of a group follow each other. An empty text ends the last group. */
static void
enter_group(struct run *run, struct archive_text group)
{
	if (archive_text_equal(run->group, group))
		return;
	if (run->group.len)
		print_counts(run->group, suite.passed - run->passed, suite.failed - run->failed,
			     suite.excused - run->excused);
	run->group = group;
	run->passed = suite.passed;
	run->failed = suite.failed;
	run->excused = suite.excused;
}

static void
run_file(struct archive_cursor *cursor, struct run *run)
{
	uint64_t passed = suite.passed, failed = suite.failed, excused = suite.excused;

	suite.file = archive_text(cursor);
	suite.source_name = archive_text(cursor);
	suite.file_failures = 0;
	if (!is_wanted(suite.file, run->filters, run->filter_count))
		return;
	enter_group(run, group_of(suite.file));
	script_run(cursor);
	if (suite.is_verbose)
		print_counts(suite.file, suite.passed - passed, suite.failed - failed,
			     suite.excused - excused);
}

/* Reads the excuses, which stand before the files. */
static void
read_excuses(struct archive_cursor *cursor, uint8_t count)
{
	suite.excuse_count = count < SUITE_EXCUSES_MAX ? count : SUITE_EXCUSES_MAX;
	for (uint32_t i = 0; i < suite.excuse_count; i++)
		suite.excuses[i] = (struct suite_excuse){ archive_excuse(cursor), 0 };
	cursor->is_bad |= count > SUITE_EXCUSES_MAX;
}

static void
run_entry(void *argument)
{
	struct run *run = argument;
	struct archive_cursor cursor;
	uint8_t excuses = archive_open(&cursor, run->archive, run->len);

	read_excuses(&cursor, excuses);
	uint32_t files = archive_u32(&cursor);
	for (uint32_t i = 0; i < files && !cursor.is_bad; i++) {
		struct archive_cursor file = archive_part(&cursor, archive_u32(&cursor));
		run_file(&file, run);
	}
	enter_group(run, (struct archive_text){ 0 });
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

	guest_context_init(&runner, &guest_host.stack, run_entry, &run);
	guest_context_switch(&run.caller, &runner);
	return suite.failed == 0;
}

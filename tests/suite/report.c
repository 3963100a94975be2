/*
 * Counting and printing.
 */
#include "tests/suite/suite.h"

void
suite_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(suite.emit, suite.emit_context, format, args);
	va_end(args);
}

static void
print_failure(const char *format, va_list args)
{
	suite.failed++;
	suite.file_failures++;
	if (suite.file_failures > SUITE_FAILURES_SHOWN && !suite.is_verbose)
		return;
	if (suite.file_failures == SUITE_FAILURES_SHOWN && !suite.is_verbose) {
		suite_print("FAIL %.*s: ... (all of them: --verbose)\n", suite.file.len,
			    suite.file.bytes);
		return;
	}
	suite_print("FAIL %.*s %.*s:%u: %s: ", suite.file.len, suite.file.bytes,
		    suite.source_name.len, suite.source_name.bytes, suite.line,
		    archive_command_text(suite.command));
	format_to(suite.emit, suite.emit_context, format, args);
	suite_print("\n");
}

void
suite_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_failure(format, args);
	va_end(args);
}

void
suite_pass(void)
{
	if (suite.excuse)
		suite_fail("passes although not-applicable.txt says: %.*s",
			   suite.excuse->entry.reason.len, suite.excuse->entry.reason.bytes);
	else
		suite.passed++;
}

void
suite_blocked(enum archive_excuse_kind kind, const char *format, ...)
{
	va_list args;

	if (suite.excuse && suite.excuse->entry.kind == kind) {
		suite.excuse->count++;
		suite.excused++;
		return;
	}
	va_start(args, format);
	print_failure(format, args);
	va_end(args);
}

void
suite_summary(void)
{
	if (suite.excused)
		suite_print("%llu not applicable:\n", (unsigned long long)suite.excused);
	for (uint32_t i = 0; i < suite.excuse_count; i++) {
		const struct suite_excuse *excuse = &suite.excuses[i];
		if (excuse->count)
			suite_print("  %llu: %.*s\n", (unsigned long long)excuse->count,
				    excuse->entry.reason.len, excuse->entry.reason.bytes);
	}
	suite_print("%llu passed, %llu failed\n", (unsigned long long)suite.passed,
		    (unsigned long long)suite.failed);
}

/*
 * Counting and printing.
 */
#include "lib/string.h"
#include "tests/suite/suite.h"

void
suite_print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(suite.emit, suite.emit_context, format, args);
	va_end(args);
}

void
suite_pass(void)
{
	suite.passed++;
}

void
suite_fail(const char *format, ...)
{
	va_list args;

	/* What a module left out would have done to shared state is missing. */
	if (suite.unsupported && suite.has_gaps) {
		suite_not_applicable(suite.unsupported);
		return;
	}
	suite.failed++;
	suite_print("FAIL %.*s %.*s:%u: %s: ", suite.file.len, suite.file.bytes,
		    suite.source_name.len, suite.source_name.bytes, suite.line,
		    archive_command_text(suite.command));
	va_start(args, format);
	format_to(suite.emit, suite.emit_context, format, args);
	va_end(args);
	suite_print("\n");
}

void
suite_not_applicable(const char *reason)
{
	for (uint32_t i = 0; i < SUITE_REASONS_MAX; i++) {
		if (!suite.not_applicable[i].reason)
			suite.not_applicable[i].reason = reason;
		if (strlen(suite.not_applicable[i].reason) == strlen(reason) &&
		    memcmp(suite.not_applicable[i].reason, reason, strlen(reason)) == 0) {
			suite.not_applicable[i].count++;
			return;
		}
	}
}

void
suite_summary(void)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < SUITE_REASONS_MAX && suite.not_applicable[i].reason; i++)
		sum += suite.not_applicable[i].count;
	if (sum)
		suite_print("%llu not applicable:\n", (unsigned long long)sum);
	for (uint32_t i = 0; i < SUITE_REASONS_MAX && suite.not_applicable[i].reason; i++)
		suite_print("  %llu: %s\n", (unsigned long long)suite.not_applicable[i].count,
			    suite.not_applicable[i].reason);
	suite_print("%llu passed, %llu failed\n", (unsigned long long)suite.passed,
		    (unsigned long long)suite.failed);
}

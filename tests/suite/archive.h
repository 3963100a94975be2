/*
 * Reading the archive that pack.py writes, front to back.
 */
#ifndef TESTS_SUITE_ARCHIVE_H
#define TESTS_SUITE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reading past the end gives zeroes and sets is_bad. */
struct archive_cursor {
	const uint8_t *at;
	const uint8_t *end;
	bool is_bad;
};

struct archive_text {
	const char *bytes;
	uint16_t len;
};

enum archive_command {
	ARCHIVE_MODULE,
	ARCHIVE_MODULE_DEFINITION,
	ARCHIVE_MODULE_INSTANCE,
	ARCHIVE_REGISTER,
	ARCHIVE_ACTION,
	ARCHIVE_ASSERT_RETURN,
	ARCHIVE_ASSERT_TRAP,
	ARCHIVE_ASSERT_EXHAUSTION,
	ARCHIVE_ASSERT_EXCEPTION,
	ARCHIVE_ASSERT_INVALID,
	ARCHIVE_ASSERT_MALFORMED,
	ARCHIVE_ASSERT_UNLINKABLE,
	ARCHIVE_ASSERT_UNINSTANTIABLE,
	ARCHIVE_ASSERT_INVALID_CUSTOM,
	ARCHIVE_ASSERT_MALFORMED_CUSTOM,
	ARCHIVE_COMMAND_COUNT,
};

enum archive_type {
	ARCHIVE_I32,
	ARCHIVE_I64,
	ARCHIVE_F32,
	ARCHIVE_F64,
	ARCHIVE_V128,
	ARCHIVE_EXTERNREF,
	ARCHIVE_FUNCREF,
	ARCHIVE_ANYREF,
	ARCHIVE_EQREF,
	ARCHIVE_I31REF,
	ARCHIVE_STRUCTREF,
	ARCHIVE_ARRAYREF,
	ARCHIVE_EXNREF,
	ARCHIVE_NULLREF,
	ARCHIVE_NULLFUNCREF,
	ARCHIVE_NULLEXTERNREF,
	ARCHIVE_NULLEXNREF,
	ARCHIVE_REF,
	ARCHIVE_REFNULL,
	ARCHIVE_EITHER,
};

/* Why a command of the suite is not applicable; see not-applicable.txt. */
enum archive_excuse_kind {
	ARCHIVE_EXCUSE_TEXT,	/* its module is in the text format */
	ARCHIVE_EXCUSE_FEATURE, /* its module is refused for a feature */
	ARCHIVE_EXCUSE_AFTER,	/* needs an instance that was not applicable */
	ARCHIVE_EXCUSE_STALE,	/* calls wrong what is right by now */
	ARCHIVE_EXCUSE_CUSTOM,	/* judges the contents of a custom section */
};

struct archive_excuse {
	enum archive_excuse_kind kind;
	struct archive_text reason;
};

enum archive_how {
	ARCHIVE_BITS,
	ARCHIVE_NAN_CANONICAL,
	ARCHIVE_NAN_ARITHMETIC,
	ARCHIVE_NULL,
	ARCHIVE_ANY,
};

/* A number, NaN class or reference; the parts of vectors and choices follow
 * it in the cursor. */
struct archive_value {
	enum archive_type type;
	enum archive_how how;
	uint64_t bits;
};

enum archive_module_kind { ARCHIVE_BINARY, ARCHIVE_TEXT, ARCHIVE_NAMED };

struct archive_module {
	enum archive_module_kind kind;
	const uint8_t *bytes;
	uint32_t len;
};

struct archive_action {
	bool is_get;
	struct archive_text module;
	struct archive_text field;
	struct archive_cursor arguments; /* at the count of `values` */
};

/* The number of excuses, with the cursor at the first, behind which the u32
 * count of files and the files follow; is_bad if this is no archive. */
uint8_t archive_open(struct archive_cursor *cursor, const uint8_t *bytes, size_t len);

uint8_t archive_u8(struct archive_cursor *cursor);
uint32_t archive_u32(struct archive_cursor *cursor);
uint64_t archive_u64(struct archive_cursor *cursor);
struct archive_text archive_text(struct archive_cursor *cursor);
struct archive_excuse archive_excuse(struct archive_cursor *cursor);
struct archive_value archive_value(struct archive_cursor *cursor);
struct archive_module archive_module(struct archive_cursor *cursor);
struct archive_action archive_action(struct archive_cursor *cursor);

/* The next `len` bytes as a cursor of their own. */
struct archive_cursor archive_part(struct archive_cursor *cursor, uint32_t len);

/* Passes over what stands at the cursor. */
void archive_skip_values(struct archive_cursor *cursor);

bool archive_text_equal(struct archive_text a, struct archive_text b);
bool archive_text_is(struct archive_text text, const char *expected);

/* "assert_return", …; the word of the suite. */
const char *archive_command_text(enum archive_command command);

#endif

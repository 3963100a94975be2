/*
 * Values of the suite and values of the runtime.
 */
#ifndef TESTS_SUITE_VALUES_H
#define TESTS_SUITE_VALUES_H

#include "runtime/invoke.h"
#include "tests/suite/archive.h"

enum { VALUES_MAX = 64 };

/* An argument: reads it, with its lanes, from the cursor. */
struct runtime_value values_argument(struct archive_cursor *cursor);

/* Reads an expectation from the cursor and says whether `actual`, a value of
 * `type`, satisfies it. */
bool values_match(struct archive_cursor *cursor, enum wasm_valtype type,
		  const struct runtime_value *actual);

/* Writes "f32 0x7fc00000"-like text. */
void
values_format(enum wasm_valtype type, const struct runtime_value *value, char *out, size_t cap);
/* The same of the expectation that stands at `cursor`. */
void values_format_expected(struct archive_cursor cursor, char *out, size_t cap);

#endif

/*
 * Diagnostic: what was wrong with an input, and where.
 *
 * The caller provides the record; the first report wins, later ones are
 * dropped, so that the cause is kept and not its consequences.
 */
#ifndef LIB_DIAG_H
#define LIB_DIAG_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIAG_NO_OFFSET	 UINT64_MAX
#define DIAG_NO_FUNCTION UINT32_MAX

struct diag {
	enum nb_status status; /* NB_OK: nothing reported */
	uint64_t offset;       /* byte offset in the input, or DIAG_NO_OFFSET */
	uint32_t function_idx; /* in the module's function index space, or DIAG_NO_FUNCTION */
	const char *section;   /* static text such as "code", or NULL */
	char text[256];	       /* zero-terminated reason */
};

void diag_init(struct diag *diag);

/* Records status, offset and the formatted reason if nothing is recorded yet.
 * Returns `status` so that callers can `return diag_report(...)`. The format
 * language is that of lib/format.h. */
enum nb_status diag_report(struct diag *diag, enum nb_status status, uint64_t offset,
			   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Writes "function 3: offset 0x1f (code section): reason" style text into
 * out[0..cap), always terminated; returns its length. */
size_t diag_format(const struct diag *diag, char *out, size_t cap);

#endif

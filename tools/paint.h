/* Colours for text about code, on a terminal only. */
#ifndef TOOLS_PAINT_H
#define TOOLS_PAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum paint {
	PAINT_HEAD,  /* what a part of the text is about */
	PAINT_LABEL, /* a block, a jump's target */
	PAINT_NAME,  /* an operation, a mnemonic */
	PAINT_QUIET, /* places, bytes, notes */
	PAINT_COUNT,
};

/* Whether text to `out` is coloured: it is a terminal, TERM is not "dumb", and
 * NO_COLOR is not set. */
bool paint_wanted(FILE *out);

/* Writes text[0..len) in that colour if `is_colored`. */
void paint_put(FILE *out, bool is_colored, enum paint paint, const char *text, size_t len);

#endif

/*
 * A line reader for a raw terminal: collects bytes into a line, echoes, and
 * understands erasing, interrupting and the end of input.
 *
 *   Enter          the line is ready
 *   Backspace      erases the last character, Ctrl-W the last word, Ctrl-U all
 *   Ctrl-C         interrupt; the line is dropped
 *   Ctrl-D         end of input on an empty line; otherwise the line is ready as
 *                  it is, without a newline
 *
 * Other control bytes and escape sequences (arrows ...) are ignored. Pure: it
 * calls nothing but text.h, so that it is tested natively.
 */
#ifndef USER_LIBS_TERMINAL_LINE_H
#define USER_LIBS_TERMINAL_LINE_H

#include "user/sdk/text.h"

#include <stdbool.h>
#include <stdint.h>

#define LINE_MAX_BYTES 4096u

enum line_event { LINE_NONE, LINE_READY, LINE_INTERRUPT, LINE_END };

enum line_escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_SEQUENCE };

struct line {
	char bytes[LINE_MAX_BYTES]; /* with its newline when READY by Enter */
	uint32_t length;
	enum line_escape escape;
	bool is_taken; /* READY was reported: the next byte begins a new line */
};

void line_init(struct line *line);

/* Takes one byte and appends what the terminal should show to `echo`. When the
 * result is READY, bytes[0..length) is the line until the next call. */
enum line_event line_feed(struct line *line, uint8_t byte, struct text *echo);

#endif

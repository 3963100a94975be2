/* Line reading; see line.h. */
#include "user/libs/terminal/line.h"

#define CTRL(letter)   ((letter)&0x1f)
#define KEY_BACKSPACE  0x08
#define KEY_ESCAPE     0x1b
#define KEY_DELETE     0x7f
#define FIRST_PRINTING 0x20

void
line_init(struct line *line)
{
	line->length = 0;
	line->escape = ESCAPE_NONE;
	line->is_taken = false;
}

/* Whether the byte continues a UTF-8 character rather than beginning one. */
static bool
continues_character(char byte)
{
	return ((uint8_t)byte & 0xc0) == 0x80;
}

static void
erase_character(struct line *line, struct text *echo)
{
	while (line->length && continues_character(line->bytes[line->length - 1]))
		line->length--;
	if (line->length)
		line->length--;
	text_add(echo, "\b \b");
}

static void
erase_word(struct line *line, struct text *echo)
{
	while (line->length && line->bytes[line->length - 1] == ' ')
		erase_character(line, echo);
	while (line->length && line->bytes[line->length - 1] != ' ')
		erase_character(line, echo);
}

/* Swallows ESC [ ... final byte and ESC + one byte. */
static bool
in_escape(struct line *line, uint8_t byte)
{
	switch (line->escape) {
	case ESCAPE_NONE:
		if (byte != KEY_ESCAPE)
			return false;
		line->escape = ESCAPE_BEGUN;
		return true;
	case ESCAPE_BEGUN:
		line->escape = byte == '[' || byte == 'O' ? ESCAPE_SEQUENCE : ESCAPE_NONE;
		return true;
	case ESCAPE_SEQUENCE:
		if (byte >= 0x40 && byte <= 0x7e)
			line->escape = ESCAPE_NONE;
		return true;
	}
	return false;
}

static void
append(struct line *line, uint8_t byte, struct text *echo)
{
	char shown = (char)byte;

	/* Room is kept for the newline. */
	if (line->length >= LINE_MAX_BYTES - 1) {
		text_add(echo, "\a");
		return;
	}
	line->bytes[line->length++] = (char)byte;
	text_add_bytes(echo, &shown, 1);
}

static enum line_event
ready(struct line *line)
{
	line->is_taken = true;
	return LINE_READY;
}

enum line_event
line_feed(struct line *line, uint8_t byte, struct text *echo)
{
	if (line->is_taken) {
		line->length = 0;
		line->is_taken = false;
	}
	if (in_escape(line, byte))
		return LINE_NONE;
	switch (byte) {
	case '\r':
	case '\n':
		text_add(echo, "\n");
		line->bytes[line->length++] = '\n';
		return ready(line);
	case CTRL('C'):
		text_add(echo, "^C\n");
		line->length = 0;
		return LINE_INTERRUPT;
	case CTRL('D'):
		return line->length ? ready(line) : LINE_END;
	case KEY_BACKSPACE:
	case KEY_DELETE:
		if (line->length)
			erase_character(line, echo);
		return LINE_NONE;
	case CTRL('W'):
		erase_word(line, echo);
		return LINE_NONE;
	case CTRL('U'):
		while (line->length)
			erase_character(line, echo);
		return LINE_NONE;
	default:
		if (byte >= FIRST_PRINTING || byte == '\t')
			append(line, byte, echo);
		return LINE_NONE;
	}
}

/*
 * Text on a screen; see screen.h.
 *
 * Source: ECMA-48, Control Functions for Coded Character Sets, section 8.3.
 */
#include "user/drivers/vga/screen.h"

enum {
	GREY_ON_BLACK = 0x07,
	BRIGHT = 0x08,
	FOREGROUND = 0x07,
	BACKGROUND = 0x70,
	TAB_COLUMNS = 8,
	NUMBER_MOST = 9999,
};

/* Colours of SGR in the order of VGA. */
static const uint8_t colours[8] = { 0, 4, 2, 6, 1, 5, 3, 7 };

static void
clear(struct screen *screen, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		screen->cells[i] = (uint16_t)(' ' | screen->attribute << 8);
}

void
screen_init(struct screen *screen, volatile uint16_t *cells)
{
	*screen = (struct screen){ .cells = cells, .attribute = GREY_ON_BLACK, .number_count = 1 };
	clear(screen, 0, SCREEN_CELLS);
}

static void
next_row(struct screen *screen)
{
	screen->column = 0;
	if (++screen->row < SCREEN_ROWS)
		return;
	screen->row = SCREEN_ROWS - 1;
	for (uint32_t i = 0; i < SCREEN_CELLS - SCREEN_COLUMNS; i++)
		screen->cells[i] = screen->cells[i + SCREEN_COLUMNS];
	clear(screen, SCREEN_CELLS - SCREEN_COLUMNS, SCREEN_CELLS);
}

static void
show(struct screen *screen, uint8_t glyph)
{
	if (screen->column == SCREEN_COLUMNS)
		next_row(screen);
	screen->cells[screen->row * SCREEN_COLUMNS + screen->column++] =
		(uint16_t)(glyph | screen->attribute << 8);
}

/* ---- escape sequences ---- */

static uint32_t
number(const struct screen *screen, uint32_t index, uint32_t if_none)
{
	return index < screen->number_count && screen->numbers[index] ? screen->numbers[index]
								      : if_none;
}

/* CUP: the cursor to a row and column, counted from 1. */
static void
move_to(struct screen *screen)
{
	uint32_t row = number(screen, 0, 1), column = number(screen, 1, 1);

	screen->row = (row < SCREEN_ROWS ? row : SCREEN_ROWS) - 1;
	screen->column = (column < SCREEN_COLUMNS ? column : SCREEN_COLUMNS) - 1;
}

/* ED and EL: to the end, from the start, or all of what begins and ends there. */
static void
erase(struct screen *screen, uint32_t first, uint32_t end)
{
	uint32_t at = screen->row * SCREEN_COLUMNS + screen->column;

	switch (number(screen, 0, 0)) {
	case 0:
		clear(screen, at, end);
		break;
	case 1:
		clear(screen, first, at < end ? at + 1 : end);
		break;
	default:
		clear(screen, first, end);
		break;
	}
}

static void
set_colour(struct screen *screen, uint32_t code)
{
	uint8_t *attribute = &screen->attribute;

	if (code == 0)
		*attribute = GREY_ON_BLACK;
	else if (code == 1)
		*attribute |= BRIGHT;
	else if (code == 22)
		*attribute &= (uint8_t)~BRIGHT;
	else if (code >= 30 && code < 38)
		*attribute = (uint8_t)((*attribute & ~FOREGROUND) | colours[code - 30]);
	else if (code == 39)
		*attribute = (uint8_t)((*attribute & ~FOREGROUND) | (GREY_ON_BLACK & FOREGROUND));
	else if (code >= 40 && code < 48)
		*attribute = (uint8_t)((*attribute & ~BACKGROUND) | colours[code - 40] << 4);
	else if (code == 49)
		*attribute &= (uint8_t)~BACKGROUND;
}

static void
end_sequence(struct screen *screen, uint8_t final)
{
	uint32_t row = screen->row * SCREEN_COLUMNS;

	switch (final) {
	case 'H':
		move_to(screen);
		break;
	case 'J':
		erase(screen, 0, SCREEN_CELLS);
		break;
	case 'K':
		erase(screen, row, row + SCREEN_COLUMNS);
		break;
	case 'm':
		for (uint32_t i = 0; i < screen->number_count; i++)
			set_colour(screen, screen->numbers[i]);
		break;
	default:
		break;
	}
}

/* One byte of an escape sequence. */
static void
take_escape(struct screen *screen, uint8_t byte)
{
	uint32_t *last = &screen->numbers[screen->number_count - 1];

	if (screen->escape == SCREEN_ESCAPE) {
		screen->escape = byte == '[' ? SCREEN_SEQUENCE : SCREEN_PLAIN;
		screen->numbers[0] = 0;
		screen->number_count = 1;
	} else if (byte >= '0' && byte <= '9') {
		if (*last < NUMBER_MOST)
			*last = *last * 10 + byte - '0';
	} else if (byte == ';') {
		/* More numbers than we know what to do with share the last place. */
		if (screen->number_count < SCREEN_NUMBERS)
			last = &screen->numbers[screen->number_count++];
		*last = 0;
	} else if (byte >= 0x40) {
		screen->escape = SCREEN_PLAIN;
		end_sequence(screen, byte);
	}
}

/* ---- bytes ---- */

static void
take_control(struct screen *screen, uint8_t byte)
{
	switch (byte) {
	case '\n':
		next_row(screen);
		break;
	case '\r':
		screen->column = 0;
		break;
	case '\b':
		screen->column -= screen->column > 0;
		break;
	case '\t':
		do
			show(screen, ' ');
		while (screen->column % TAB_COLUMNS);
		break;
	case '\033':
		screen->escape = SCREEN_ESCAPE;
		break;
	default:
		break;
	}
}

/* A byte above 0x7f; a sequence that is none shows the square. */
static void
take_utf8(struct screen *screen, uint8_t byte)
{
	if ((byte & 0xc0) == 0x80 && screen->bytes_left) {
		screen->character = screen->character << 6 | (byte & 0x3f);
		if (--screen->bytes_left == 0)
			show(screen, screen_glyph(screen->character));
		return;
	}
	screen->bytes_left = 0;
	if ((byte & 0xe0) == 0xc0) {
		screen->bytes_left = 1;
		screen->character = byte & 0x1f;
	} else if ((byte & 0xf0) == 0xe0) {
		screen->bytes_left = 2;
		screen->character = byte & 0x0f;
	} else if ((byte & 0xf8) == 0xf0) {
		screen->bytes_left = 3;
		screen->character = byte & 0x07;
	} else {
		show(screen, screen_glyph(UINT32_MAX));
	}
}

void
screen_write(struct screen *screen, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint8_t byte = bytes[i];

		if (byte >= 0x80) {
			take_utf8(screen, byte);
			continue;
		}
		screen->bytes_left = 0;
		if (screen->escape != SCREEN_PLAIN)
			take_escape(screen, byte);
		else if (byte < ' ' || byte == 0x7f)
			take_control(screen, byte);
		else
			show(screen, byte);
	}
}

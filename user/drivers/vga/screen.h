/*
 * A screen of text: what terminals do with the bytes they are sent, as far as programs
 * need it, in cells as VGA's text mode has them.
 *
 *   main.c    the device and the service
 *   screen.c  bytes to cells
 *   glyphs.c  characters to the numbers of code page 437
 */
#ifndef USER_DRIVERS_VGA_SCREEN_H
#define USER_DRIVERS_VGA_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum { SCREEN_COLUMNS = 80, SCREEN_ROWS = 25, SCREEN_CELLS = SCREEN_COLUMNS * SCREEN_ROWS };

enum screen_escape { SCREEN_PLAIN, SCREEN_ESCAPE, SCREEN_SEQUENCE };

enum { SCREEN_NUMBERS = 4 };

struct screen {
	volatile uint16_t *cells; /* SCREEN_CELLS: glyph | attribute << 8, rows from the top */
	uint32_t column, row;	  /* of the cursor; column may be SCREEN_COLUMNS */
	uint8_t attribute;
	enum screen_escape escape;
	uint32_t numbers[SCREEN_NUMBERS]; /* of the escape sequence under way */
	uint32_t number_count;		  /* at least 1 */
	uint32_t character;		  /* of a UTF-8 sequence under way */
	uint32_t bytes_left;
};

/* Begins with an empty screen. */
void screen_init(struct screen *screen, volatile uint16_t *cells);

/* Shows bytes: UTF-8, line ends, backspace, tab, and of the escape sequences
 * (ECMA-48) CUP, ED, EL, and SGR's colours; others are swallowed. */
void screen_write(struct screen *screen, const uint8_t *bytes, uint32_t len);

/* The number of the glyph that shows a character; that of a square if there is none. */
uint8_t screen_glyph(uint32_t character);

#endif

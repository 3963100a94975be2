/*
 * The PS/2 keyboard.
 *
 *   main.c  the controller and the service
 *   keys.c  from scan codes to text
 */
#ifndef USER_DRIVERS_KEYBOARD_KEYBOARD_H
#define USER_DRIVERS_KEYBOARD_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

/* What is held down, and what has come of a longer code. */
struct keys {
	bool is_extended; /* 0xe0 came */
	uint8_t to_skip;  /* bytes of the Pause key that are still to come */
	bool left_shift, right_shift, left_control, right_control;
	bool has_capitals; /* Caps Lock */
};

enum { KEYS_TEXT_MAX = 4 };

/* Takes one byte of scan code set 1 and writes what it types, for a terminal, in the US
 * layout: returns the number of bytes in text[0..KEYS_TEXT_MAX), often 0. */
uint32_t keys_take(struct keys *keys, uint8_t code, char text[KEYS_TEXT_MAX]);

#endif

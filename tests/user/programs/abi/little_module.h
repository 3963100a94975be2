/*
 * A whole program of 2018, by hand: `main` prints "hello".
 */
#ifndef TESTS_USER_PROGRAMS_ABI_LITTLE_MODULE_H
#define TESTS_USER_PROGRAMS_ABI_LITTLE_MODULE_H

#include <stdint.h>

/* clang-format off */
static const uint8_t little_module[] = {
	0, 'a', 's', 'm', 1, 0, 0, 0,
	/* Types: [i32 i32] -> [], [] -> []. */
	1, 9, 2, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 0, 0,
	/* Import of abi.print, function, memory of one page, export of `main`. */
	2, 13, 1, 3, 'a', 'b', 'i', 5, 'p', 'r', 'i', 'n', 't', 0, 0,
	3, 2, 1, 1,
	5, 3, 1, 0, 1,
	7, 8, 1, 4, 'm', 'a', 'i', 'n', 0, 1,
	/* i32.const 8, i32.const 6, call print; the text is at 8. */
	10, 10, 1, 8, 0, 0x41, 8, 0x41, 6, 0x10, 0, 0x0b,
	11, 12, 1, 0, 0x41, 8, 0x0b, 6, 'h', 'e', 'l', 'l', 'o', '\n',
};
/* clang-format on */

#endif

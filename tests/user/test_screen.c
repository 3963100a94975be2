/*
 * What is typed on a PS/2 keyboard, and what a screen shows of text.
 */
#include "user/drivers/keyboard/keyboard.h"
#include "user/drivers/vga/screen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- keyboard ---- */

/* The text that scan codes type. */
static void
assert_typed(const uint8_t *codes, size_t count, const char *expected)
{
	struct keys keys = { 0 };
	char typed[64];
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += keys_take(&keys, codes[i], typed + len);
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(typed, expected, len);
}
#define ASSERT_TYPED(expected, ...)                          \
	do {                                                 \
		const uint8_t codes[] = { __VA_ARGS__ };     \
		assert_typed(codes, sizeof codes, expected); \
	} while (0)

static void
test_keys(void **state)
{
	(void)state;
	ASSERT_TYPED("a1 ", 0x1e, 0x9e, 0x02, 0x82, 0x39, 0xb9);
	ASSERT_TYPED("\r\b\t\033", 0x1c, 0x9c, 0x0e, 0x8e, 0x0f, 0x8f, 0x01, 0x81);
	/* Either shift, and both held with one let go. */
	ASSERT_TYPED("A!a", 0x2a, 0x1e, 0x02, 0xaa, 0x1e);
	ASSERT_TYPED("Bb", 0x2a, 0x36, 0xaa, 0x30, 0xb6, 0x30);
	/* Caps Lock is for letters only, and shift undoes it. */
	ASSERT_TYPED("A1aA\"", 0x3a, 0xba, 0x1e, 0x02, 0x2a, 0x1e, 0xaa, 0x1e, 0x36, 0x28);
	ASSERT_TYPED("a", 0x3a, 0xba, 0x3a, 0xba, 0x1e);
	/* Control; the right one is an extended key. */
	ASSERT_TYPED("\003c", 0x1d, 0x2e, 0x9d, 0x2e);
	ASSERT_TYPED("\004d", 0xe0, 0x1d, 0x20, 0xe0, 0x9d, 0x20);
	/* Arrows with the shifts that keyboards make up around them; Pause types nothing. */
	ASSERT_TYPED("\033[Ax", 0xe0, 0x2a, 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0xaa, 0x2d);
	ASSERT_TYPED("x", 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x2d);
	ASSERT_TYPED("7.-\r/", 0x47, 0x53, 0x4a, 0xe0, 0x1c, 0xe0, 0x35);
	ASSERT_TYPED("\033[3~", 0xe0, 0x53);
}

/* Any bytes: at most KEYS_TEXT_MAX come of each. */
static void
test_any_codes(void **state)
{
	struct keys keys = { 0 };
	char typed[KEYS_TEXT_MAX + 1];

	(void)state;
	srand(1);
	for (uint32_t i = 0; i < 1000000; i++) {
		typed[KEYS_TEXT_MAX] = 'x';
		assert_true(keys_take(&keys, (uint8_t)rand(), typed) <= KEYS_TEXT_MAX);
		assert_int_equal(typed[KEYS_TEXT_MAX], 'x');
	}
}

/* ---- screen ---- */

enum { MARGIN = 64, MARK = 0xdead };

static uint16_t memory[MARGIN + SCREEN_CELLS + MARGIN];
static uint16_t *const cells = memory + MARGIN;
static struct screen screen;

static void
show(const char *text)
{
	screen_write(&screen, (const uint8_t *)text, (uint32_t)strlen(text));
}

static void
begin(void)
{
	for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++)
		memory[i] = MARK;
	screen_init(&screen, cells);
}

static void
assert_row(uint32_t row, const char *expected)
{
	char shown[SCREEN_COLUMNS + 1] = { 0 };
	size_t len = SCREEN_COLUMNS;

	for (uint32_t i = 0; i < SCREEN_COLUMNS; i++)
		shown[i] = (char)cells[row * SCREEN_COLUMNS + i];
	while (len && shown[len - 1] == ' ')
		shown[--len] = 0;
	assert_string_equal(shown, expected);
}

static void
assert_margins(void)
{
	for (uint32_t i = 0; i < MARGIN; i++) {
		assert_int_equal(memory[i], MARK);
		assert_int_equal(memory[MARGIN + SCREEN_CELLS + i], MARK);
	}
}

static void
test_text(void **state)
{
	(void)state;
	begin();
	show("one\ntwo\r\nthree\rT\n\tx\bX\a");
	assert_row(0, "one");
	assert_row(1, "two");
	assert_row(2, "Three");
	assert_row(3, "        X");
	assert_int_equal(screen.row, 3);
	assert_int_equal(screen.column, 9);
	show("\n\b\b.");
	assert_row(4, ".");
	assert_margins();
}

static void
test_wrap_and_scroll(void **state)
{
	char line[SCREEN_COLUMNS + 1];

	(void)state;
	begin();
	memset(line, '-', SCREEN_COLUMNS);
	line[SCREEN_COLUMNS] = 0;
	show(line);
	/* A full row leaves no empty one behind it. */
	assert_int_equal(screen.row, 0);
	show("\nnext");
	assert_row(0, line);
	assert_row(1, "next");
	show("\n");
	show(line);
	show("+");
	assert_row(3, "+");
	for (uint32_t i = 0; i < SCREEN_ROWS; i++)
		show("\nlast");
	assert_row(0, "last");
	assert_row(SCREEN_ROWS - 1, "last");
	assert_margins();
}

static void
test_sequences(void **state)
{
	(void)state;
	begin();
	show("abcdef\033[1;3Hx\033[KY");
	assert_row(0, "abxY");
	show("\033[2;1Hdown\033[999;999H.\033[;H^");
	assert_row(1, "down");
	assert_row(0, "^bxY");
	assert_int_equal(cells[SCREEN_CELLS - 1] & 0xff, '.');
	show("\033[1;2H\033[1K");
	assert_row(0, "  xY");
	show("\033[2J");
	assert_row(1, "");
	show("\033[1;1H\033[1;31mr\033[44;22mb\033[39;49md\033[0mn");
	assert_int_equal(cells[0], 'r' | 0x0c00);
	assert_int_equal(cells[1], 'b' | 0x1400);
	assert_int_equal(cells[2], 'd' | 0x0700);
	assert_int_equal(cells[3], 'n' | 0x0700);
	/* What is not known is swallowed, however long. */
	show("\033[?25l\033[1;2;3;4;5;6;7z\033cend");
	assert_row(0, "rbdnend");
	show("\033[99999999999999999999H");
	assert_int_equal(screen.row, SCREEN_ROWS - 1);
	assert_margins();
}

static void
test_utf8(void **state)
{
	(void)state;
	begin();
	show("\xc3\xa4\xe2\x94\x80\xce\xb1\xf0\x9f\x98\x80\xff\xc3x\xe2\x94y");
	assert_int_equal(cells[0] & 0xff, 0x84); /* a with two dots */
	assert_int_equal(cells[1] & 0xff, 0xc4); /* a line */
	assert_int_equal(cells[2] & 0xff, 0xe0); /* alpha */
	assert_int_equal(cells[3] & 0xff, 0xfe); /* not in the code page */
	assert_int_equal(cells[4] & 0xff, 0xfe); /* never in UTF-8 */
	assert_int_equal(cells[5] & 0xff, 'x');	 /* cut off */
	assert_int_equal(cells[6] & 0xff, 'y');
}

/* Any bytes: nothing beside the cells is written. */
static void
test_any_bytes(void **state)
{
	static const char likely[] = "\033\033[[;0123456789HJKm\n\r\b\t";

	(void)state;
	begin();
	srand(2);
	for (uint32_t i = 0; i < 3000000; i++) {
		uint8_t byte = rand() % 2 ? (uint8_t)rand()
					  : (uint8_t)likely[(size_t)rand() % (sizeof likely - 1)];

		screen_write(&screen, &byte, 1);
		assert_true(screen.row < SCREEN_ROWS && screen.column <= SCREEN_COLUMNS);
	}
	assert_margins();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),	  cmocka_unit_test(test_any_codes),
		cmocka_unit_test(test_text),	  cmocka_unit_test(test_wrap_and_scroll),
		cmocka_unit_test(test_sequences), cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

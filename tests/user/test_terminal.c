/*
 * The line reader and the splitting of command lines.
 */
#include "user/libs/terminal/line.h"
#include "user/libs/terminal/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct line line;
static char echo_bytes[65536];
static struct text echo;

/* Feeds all of `keys`; the last event that is not NONE. */
static enum line_event
type(const char *keys)
{
	enum line_event last = LINE_NONE, event;

	text_init(&echo, echo_bytes, sizeof echo_bytes);
	for (; *keys; keys++) {
		event = line_feed(&line, (uint8_t)*keys, &echo);
		if (event != LINE_NONE)
			last = event;
	}
	return last;
}

static void
assert_line(const char *expected)
{
	assert_int_equal(line.length, strlen(expected));
	assert_memory_equal(line.bytes, expected, line.length);
}

static void
collects_and_echoes_lines(void **state)
{
	(void)state;
	line_init(&line);
	assert_int_equal(type("ab"), LINE_NONE);
	assert_int_equal(type("c\r"), LINE_READY);
	assert_line("abc\n");
	assert_string_equal(echo_bytes, "c\n");
	assert_int_equal(type("next\n"), LINE_READY);
	assert_line("next\n");
}

static void
erases(void **state)
{
	(void)state;
	line_init(&line);
	assert_int_equal(type("abc\x7f\x08x\n"), LINE_READY);
	assert_line("ax\n");
	assert_int_equal(type("\x7f\x7fgone\x15kept\n"), LINE_READY);
	assert_line("kept\n");
	assert_int_equal(type("one two  \x17three\n"), LINE_READY);
	assert_line("one three\n");
	/* a character of several bytes goes at once */
	assert_int_equal(type("a\xc3\xa4\xe2\x82\xac\x7f\x7f\n"), LINE_READY);
	assert_line("a\n");
}

static void
interrupts_and_ends(void **state)
{
	(void)state;
	line_init(&line);
	assert_int_equal(type("half\x03"), LINE_INTERRUPT);
	assert_string_equal(echo_bytes, "half^C\n");
	assert_int_equal(type("\x04"), LINE_END);
	assert_int_equal(type("part\x04"), LINE_READY);
	assert_line("part");
	assert_int_equal(type("\x04"), LINE_END);
}

static void
ignores_other_keys(void **state)
{
	(void)state;
	line_init(&line);
	assert_int_equal(type("a\x1b[Ab\x1b[1;5Cc\x1bOPd\x01\x1bxe\tf\n"), LINE_READY);
	assert_line("abcde\tf\n");
}

static void
refuses_what_does_not_fit(void **state)
{
	(void)state;
	line_init(&line);
	text_init(&echo, echo_bytes, sizeof echo_bytes);
	for (uint32_t i = 0; i < LINE_MAX_BYTES + 100; i++)
		assert_int_equal(line_feed(&line, 'x', &echo), LINE_NONE);
	assert_int_equal(line.length, LINE_MAX_BYTES - 1);
	assert_int_equal(echo_bytes[echo.length - 1], '\a');
	assert_int_equal(line_feed(&line, '\n', &echo), LINE_READY);
	assert_int_equal(line.length, LINE_MAX_BYTES);
}

/* Splits a copy of `text` and joins the words with '|'. */
static const char *
split(const char *text)
{
	static char copy[256], joined[512];
	struct words words;
	size_t at = 0;

	snprintf(copy, sizeof copy, "%s", text);
	joined[0] = 0;
	switch ((int)words_split(copy, (uint32_t)strlen(copy), &words)) {
	case NB_OK:
		break;
	case NB_INVALID_ARGUMENT:
		return "open quote";
	default:
		return "other error";
	}
	for (uint32_t i = 0; i < words.count; i++)
		at += (size_t)snprintf(joined + at, sizeof joined - at, "%s%s", i ? "|" : "",
				       words.word[i]);
	return joined;
}

static void
splits_words(void **state)
{
	(void)state;
	assert_string_equal(split(""), "");
	assert_string_equal(split("  \t\n"), "");
	assert_string_equal(split("a bc  d\n"), "a|bc|d");
	assert_string_equal(split("a 'b c' \"d  e\""), "a|b c|d  e");
	assert_string_equal(split("a'b'\"c\"d"), "abcd");
	assert_string_equal(split("'' \"\" x"), "||x");
	assert_string_equal(split("a\\ b \\'c \\\\"), "a b|'c|\\");
	assert_string_equal(split("\"a\\\"b\\n\" 'c\\d'"), "a\"b\\n|c\\d");
	assert_string_equal(split("python -c 'print(\"x y\")'"), "python|-c|print(\"x y\")");
	assert_string_equal(split("a 'b"), "open quote");
	assert_string_equal(split("end\\"), "end\\");
}

static void
refuses_too_many_words(void **state)
{
	char text[2 * WORDS_MAX + 3];
	struct words words;

	(void)state;
	for (uint32_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 ? ' ' : 'w';
	assert_int_equal(words_split(text, 2 * WORDS_MAX, &words), NB_OK);
	assert_int_equal(words.count, WORDS_MAX);
	for (uint32_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 ? ' ' : 'w';
	assert_int_equal(words_split(text, 2 * WORDS_MAX + 1, &words), NB_LIMIT_EXCEEDED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collects_and_echoes_lines), cmocka_unit_test(erases),
		cmocka_unit_test(interrupts_and_ends),	     cmocka_unit_test(ignores_other_keys),
		cmocka_unit_test(refuses_what_does_not_fit), cmocka_unit_test(splits_words),
		cmocka_unit_test(refuses_too_many_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

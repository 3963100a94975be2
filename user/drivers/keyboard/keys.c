/*
 * Scan code set 1, US layout.
 *
 * Source: Microsoft, Keyboard Scan Code Specification, revision 1.3a.
 */
#include "user/drivers/keyboard/keyboard.h"

#include <stddef.h>

enum {
	EXTENDED = 0xe0,
	PAUSE = 0xe1, /* two more bytes down, two more up */
	RELEASED = 0x80,
	LEFT_CONTROL = 0x1d,
	LEFT_SHIFT = 0x2a,
	RIGHT_SHIFT = 0x36,
	CAPITALS = 0x3a,
	CONTROL_MASK = 0x1f,
};

/* By scan code up to the space bar; 0: types nothing. */
static const char plain[] = "\0\033"
			    "1234567890-=\b\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033"
			      "!@#$%^&*()_+\b\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

/* The number pad, as if Num Lock were on: its keys from 0x47 on. */
static const char pad[] = "789-456+1230.";
enum { PAD_FIRST = 0x47, PAD_LAST = 0x53 };

/* Keys behind 0xe0, as a terminal sends them. */
struct sequence {
	uint8_t code;
	const char *text;
};

static const struct sequence sequences[] = {
	{ 0x1c, "\r" },	     { 0x35, "/" },	  { 0x48, "\033[A" },  { 0x50, "\033[B" },
	{ 0x4d, "\033[C" },  { 0x4b, "\033[D" },  { 0x47, "\033[H" },  { 0x4f, "\033[F" },
	{ 0x49, "\033[5~" }, { 0x51, "\033[6~" }, { 0x52, "\033[2~" }, { 0x53, "\033[3~" },
};

static uint32_t
copy(const char *from, char text[KEYS_TEXT_MAX])
{
	uint32_t len = 0;

	for (; from[len] && len < KEYS_TEXT_MAX; len++)
		text[len] = from[len];
	return len;
}

static uint32_t
take_extended(struct keys *keys, uint8_t code, char text[KEYS_TEXT_MAX])
{
	if ((code & ~RELEASED) == LEFT_CONTROL) {
		keys->right_control = !(code & RELEASED);
		return 0;
	}
	for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
		if (sequences[i].code == code)
			return copy(sequences[i].text, text);
	}
	return 0;
}

/* Keys that change what others type; false: it is none of them. */
static bool
take_modifier(struct keys *keys, uint8_t code)
{
	bool is_down = !(code & RELEASED);

	switch (code & ~RELEASED) {
	case LEFT_SHIFT:
		keys->left_shift = is_down;
		return true;
	case RIGHT_SHIFT:
		keys->right_shift = is_down;
		return true;
	case LEFT_CONTROL:
		keys->left_control = is_down;
		return true;
	case CAPITALS:
		keys->has_capitals ^= is_down;
		return true;
	default:
		return false;
	}
}

static bool
is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

uint32_t
keys_take(struct keys *keys, uint8_t code, char text[KEYS_TEXT_MAX])
{
	bool was_extended = keys->is_extended, is_shifted;
	char c = 0;

	keys->is_extended = false;
	if (keys->to_skip) {
		keys->to_skip--;
		return 0;
	}
	if (code == EXTENDED || code == PAUSE) {
		keys->is_extended = code == EXTENDED;
		keys->to_skip = code == PAUSE ? 2 : 0;
		return 0;
	}
	if (was_extended)
		return take_extended(keys, code, text);
	if (take_modifier(keys, code) || code & RELEASED)
		return 0;
	is_shifted = keys->left_shift || keys->right_shift;
	if (code >= PAD_FIRST && code <= PAD_LAST) {
		c = pad[code - PAD_FIRST];
	} else if (code < sizeof plain - 1) {
		c = plain[code];
		if (is_shifted != (keys->has_capitals && is_letter(c)))
			c = shifted[code];
	}
	if (!c)
		return 0;
	if ((keys->left_control || keys->right_control) && c >= '@')
		c &= CONTROL_MASK;
	text[0] = c;
	return 1;
}

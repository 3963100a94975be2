/*
 * Reading the archive. Its format is described in pack.py.
 */
#include "tests/suite/archive.h"

#include "lib/string.h"

struct archive_cursor
archive_part(struct archive_cursor *cursor, uint32_t len)
{
	struct archive_cursor part = { cursor->at, cursor->at, false };

	if (len > (size_t)(cursor->end - cursor->at)) {
		cursor->is_bad = true;
		cursor->at = cursor->end;
		return part;
	}
	cursor->at += len;
	part.end = cursor->at;
	return part;
}

static uint64_t
read_int(struct archive_cursor *cursor, uint32_t bytes)
{
	struct archive_cursor part = archive_part(cursor, bytes);
	uint64_t value = 0;

	for (uint32_t i = 0; part.at < part.end; i += 8)
		value |= (uint64_t)*part.at++ << i;
	return value;
}

uint8_t
archive_u8(struct archive_cursor *cursor)
{
	return (uint8_t)read_int(cursor, 1);
}

uint32_t
archive_u32(struct archive_cursor *cursor)
{
	return (uint32_t)read_int(cursor, 4);
}

uint64_t
archive_u64(struct archive_cursor *cursor)
{
	return read_int(cursor, 8);
}

struct archive_text
archive_text(struct archive_cursor *cursor)
{
	uint16_t len = (uint16_t)read_int(cursor, 2);
	struct archive_cursor part = archive_part(cursor, len);

	return (struct archive_text){ (const char *)part.at, (uint16_t)(part.end - part.at) };
}

uint8_t
archive_open(struct archive_cursor *cursor, const uint8_t *bytes, size_t len)
{
	static const char magic[8] = { 'N', 'B', 'S', 'U', 'I', 'T', 'E', '2' };

	*cursor = (struct archive_cursor){ bytes, bytes + len, false };
	struct archive_cursor head = archive_part(cursor, sizeof(magic));
	if (head.at == head.end || memcmp(head.at, magic, sizeof(magic)) != 0)
		cursor->is_bad = true;
	return cursor->is_bad ? 0 : archive_u8(cursor);
}

struct archive_excuse
archive_excuse(struct archive_cursor *cursor)
{
	struct archive_excuse excuse;

	excuse.kind = (enum archive_excuse_kind)archive_u8(cursor);
	excuse.reason = archive_text(cursor);
	return excuse;
}

struct archive_value
archive_value(struct archive_cursor *cursor)
{
	struct archive_value value;

	value.type = (enum archive_type)archive_u8(cursor);
	value.how = (enum archive_how)archive_u8(cursor);
	value.bits = archive_u64(cursor);
	return value;
}

/* Passes over what follows the head of a value that is no choice. */
static void
skip_lanes(struct archive_cursor *cursor, const struct archive_value *value)
{
	if (value->type != ARCHIVE_V128)
		return;
	for (uint8_t lanes = archive_u8(cursor); lanes > 0; lanes--)
		(void)archive_part(cursor, 9);
}

/* Choices do not nest. */
static void
skip_alternatives(struct archive_cursor *cursor)
{
	for (uint8_t n = archive_u8(cursor); n > 0; n--) {
		struct archive_value value = archive_value(cursor);
		skip_lanes(cursor, &value);
	}
}

void
archive_skip_values(struct archive_cursor *cursor)
{
	for (uint8_t n = archive_u8(cursor); n > 0; n--) {
		struct archive_value value = archive_value(cursor);
		if (value.type == ARCHIVE_EITHER)
			skip_alternatives(cursor);
		else
			skip_lanes(cursor, &value);
	}
}

struct archive_module
archive_module(struct archive_cursor *cursor)
{
	struct archive_module module;

	module.kind = (enum archive_module_kind)archive_u8(cursor);
	module.len = archive_u32(cursor);
	module.bytes = archive_part(cursor, module.len).at;
	return module;
}

struct archive_action
archive_action(struct archive_cursor *cursor)
{
	struct archive_action action;

	action.is_get = archive_u8(cursor) != 0;
	action.module = archive_text(cursor);
	action.field = archive_text(cursor);
	action.arguments = *cursor;
	archive_skip_values(cursor);
	return action;
}

bool
archive_text_equal(struct archive_text a, struct archive_text b)
{
	return a.len == b.len && memcmp(a.bytes, b.bytes, a.len) == 0;
}

bool
archive_text_is(struct archive_text text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.bytes, expected, text.len) == 0;
}

const char *
archive_command_text(enum archive_command command)
{
	static const char *const texts[ARCHIVE_COMMAND_COUNT] = {
		"module",
		"module definition",
		"module instance",
		"register",
		"action",
		"assert_return",
		"assert_trap",
		"assert_exhaustion",
		"assert_exception",
		"assert_invalid",
		"assert_malformed",
		"assert_unlinkable",
		"assert_uninstantiable",
		"assert_invalid_custom",
		"assert_malformed_custom",
	};
	return command < ARCHIVE_COMMAND_COUNT ? texts[command] : "unknown command";
}

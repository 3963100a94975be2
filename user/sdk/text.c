/* Text building; see text.h. */
#include "user/sdk/text.h"

#include "user/sdk/bytes.h"

void
text_init(struct text *text, char *bytes, uint32_t capacity)
{
	text->bytes = bytes;
	text->length = 0;
	text->capacity = capacity;
	bytes[0] = 0;
}

void
text_add_bytes(struct text *text, const char *bytes, uint32_t len)
{
	uint32_t room = text->capacity - 1 - text->length;

	if (len > room)
		len = room;
	bytes_copy(text->bytes + text->length, bytes, len);
	text->length += len;
	text->bytes[text->length] = 0;
}

void
text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, text_length(string));
}

void
text_add_number(struct text *text, int64_t number)
{
	char digits[20];
	uint32_t at = sizeof digits;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		text_add_bytes(text, "-", 1);
	text_add_bytes(text, digits + at, (uint32_t)sizeof digits - at);
}

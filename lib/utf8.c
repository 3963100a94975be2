/*
 * UTF-8 validation by the table of well-formed sequences (Unicode 3.9, D92).
 */
#include "lib/utf8.h"

#include "lib/string.h"

/* Bytes behind a lead byte, and the range of the first of them; the others
 * are 80..BF. count 0: not a lead byte. */
struct utf8_lead {
	uint8_t count;
	uint8_t low;
	uint8_t high;
};

static struct utf8_lead
utf8_lead(uint8_t byte)
{
	if (byte < 0xc2 || byte > 0xf4)
		return (struct utf8_lead){ 0, 0, 0 };
	if (byte < 0xe0)
		return (struct utf8_lead){ 1, 0x80, 0xbf };
	if (byte < 0xf0)
		return (struct utf8_lead){ 2, byte == 0xe0 ? 0xa0 : 0x80,
					   byte == 0xed ? 0x9f : 0xbf };
	return (struct utf8_lead){ 3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf };
}

bool
utf8_is_valid(const uint8_t *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		struct utf8_lead lead;
		uint64_t word;

		if (len - at >= sizeof(word)) {
			memcpy(&word, bytes + at, sizeof(word));
			if (!(word & UINT64_C(0x8080808080808080))) {
				at += sizeof(word);
				continue;
			}
		}
		if (bytes[at] < 0x80) {
			at++;
			continue;
		}
		lead = utf8_lead(bytes[at]);
		if (lead.count == 0 || len - at <= lead.count)
			return false;
		if (bytes[at + 1] < lead.low || bytes[at + 1] > lead.high)
			return false;
		for (size_t i = 2; i <= lead.count; i++) {
			if ((bytes[at + i] & 0xc0) != 0x80)
				return false;
		}
		at += lead.count + 1U;
	}
	return true;
}

bool
utf8_is_control(const uint8_t *bytes, size_t len)
{
	if (bytes[0] == 0xc2)
		return len > 1 && bytes[1] < 0xa0;
	return bytes[0] < 0x20 || bytes[0] == 0x7f;
}

/*
 * USTAR archives: blocks of 512 bytes; a header block, the contents padded to
 * whole blocks, and so on; two zero blocks end it.
 */
#include "kernel/init/ustar.h"

#include "lib/string.h"
#include "lib/ustar.h"

#include <stdbool.h>

/* Compares a field, zero-padded unless full, with text[0..len). */
static bool
field_is(const char *field, size_t cap, const char *text, size_t len)
{
	return len <= cap && memcmp(field, text, len) == 0 && (len == cap || field[len] == 0);
}

static bool
path_is(const struct ustar_header *header, const char *path)
{
	size_t len = strlen(path);
	size_t prefix_len = 0;

	while (prefix_len < sizeof header->prefix && header->prefix[prefix_len])
		prefix_len++;
	if (!prefix_len)
		return field_is(header->name, sizeof header->name, path, len);
	if (len <= prefix_len || path[prefix_len] != '/' ||
	    memcmp(header->prefix, path, prefix_len) != 0)
		return false;
	return field_is(header->name, sizeof header->name, path + prefix_len + 1,
			len - prefix_len - 1);
}

enum nb_status
ustar_find(const uint8_t *archive, size_t len, const char *path, struct ustar_file *out)
{
	size_t at = 0;

	while (len - at >= USTAR_BLOCK_BYTES) {
		const struct ustar_header *header = (const void *)(archive + at);
		uint64_t size;

		if (header->name[0] == 0)
			return NB_NOT_FOUND;
		at += USTAR_BLOCK_BYTES;
		if (!ustar_is_header(header) ||
		    !ustar_number(header->size, sizeof header->size, &size) || size > len - at)
			return NB_MALFORMED;
		if ((header->type == '0' || header->type == 0) && path_is(header, path)) {
			*out = (struct ustar_file){ archive + at, size };
			return NB_OK;
		}
		size = (size + USTAR_BLOCK_BYTES - 1) & ~(uint64_t)(USTAR_BLOCK_BYTES - 1);
		if (size > len - at)
			return NB_MALFORMED;
		at += size;
	}
	return NB_NOT_FOUND;
}

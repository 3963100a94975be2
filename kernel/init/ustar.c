/*
 * USTAR archives: blocks of 512 bytes; a header block, the contents padded to
 * whole blocks, and so on; two zero blocks end it.
 */
#include "kernel/init/ustar.h"

#include "lib/string.h"

#include <stdbool.h>

enum { BLOCK = 512, NAME_BYTES = 100, PREFIX_BYTES = 155 };

struct ustar_header {
	char name[NAME_BYTES];
	char mode[8], uid[8], gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[6];
	char version[2];
	char user[32], group[32];
	char device_major[8], device_minor[8];
	char prefix[PREFIX_BYTES];
	char padding[12];
};
_Static_assert(sizeof(struct ustar_header) == BLOCK, "layout");

/* An octal field that ends with a space or zero byte. */
static bool
octal(const char *field, size_t len, uint64_t *out)
{
	uint64_t value = 0;
	size_t i = 0;

	while (i < len && field[i] >= '0' && field[i] <= '7')
		value = value * 8 + (uint64_t)(field[i++] - '0');
	*out = value;
	return i > 0 && (i == len || field[i] == ' ' || field[i] == 0);
}

static bool
checksum_is_right(const struct ustar_header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	size_t field = offsetof(struct ustar_header, checksum);
	uint64_t sum = 0, wanted;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= field && i < field + 8 ? ' ' : bytes[i];
	return octal(header->checksum, sizeof header->checksum, &wanted) && sum == wanted;
}

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

	while (prefix_len < PREFIX_BYTES && header->prefix[prefix_len])
		prefix_len++;
	if (!prefix_len)
		return field_is(header->name, NAME_BYTES, path, len);
	if (len <= prefix_len || path[prefix_len] != '/' ||
	    memcmp(header->prefix, path, prefix_len) != 0)
		return false;
	return field_is(header->name, NAME_BYTES, path + prefix_len + 1, len - prefix_len - 1);
}

enum nb_status
ustar_find(const uint8_t *archive, size_t len, const char *path, struct ustar_file *out)
{
	size_t at = 0;

	while (len - at >= BLOCK) {
		const struct ustar_header *header = (const void *)(archive + at);
		uint64_t size;

		if (header->name[0] == 0)
			return NB_NOT_FOUND;
		at += BLOCK;
		if (memcmp(header->magic, "ustar", 5) != 0 || !checksum_is_right(header) ||
		    !octal(header->size, sizeof header->size, &size) || size > len - at)
			return NB_MALFORMED;
		if ((header->type == '0' || header->type == 0) && path_is(header, path)) {
			*out = (struct ustar_file){ archive + at, size };
			return NB_OK;
		}
		size = (size + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
		if (size > len - at)
			return NB_MALFORMED;
		at += size;
	}
	return NB_NOT_FOUND;
}

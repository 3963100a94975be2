/* USTAR reading; see archive.h. */
#include "user/libs/archive/archive.h"

#include "lib/ustar.h"
#include "user/sdk/bytes.h"

#include <stdbool.h>
#include <stddef.h>

static enum nb_status
read_exactly(const struct archive_source *source, uint64_t offset, void *buffer, uint32_t len)
{
	int64_t got = source->read(source->context, offset, buffer, len);

	if (got < 0)
		return (enum nb_status) - got;
	return got == len ? NB_OK : NB_MALFORMED;
}

static bool
is_zero(const struct ustar_header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;

	for (uint32_t i = 0; i < USTAR_BLOCK_BYTES; i++) {
		if (bytes[i])
			return false;
	}
	return true;
}

/* Cuts "./" in front and '/' at both ends; an empty path is the top itself. */
static void
normalize(char *path, uint32_t *len)
{
	uint32_t from = 0, to = *len;

	while (from < to &&
	       (path[from] == '/' || (path[from] == '.' && from + 1 < to && path[from + 1] == '/')))
		from += path[from] == '/' ? 1 : 2;
	while (to > from && path[to - 1] == '/')
		to--;
	if (to - from == 1 && path[from] == '.')
		from++;
	bytes_move(path, path + from, to - from);
	*len = to - from;
	path[*len] = 0;
}

/* What an extended header overrides. */
struct overrides {
	bool has_path, has_link, has_size;
	uint64_t size;
};

/* One "LENGTH KEY=VALUE\n" record at *at of the extended header's data. */
static enum nb_status
pax_record(const struct archive_source *source, uint64_t *at, uint64_t end,
	   struct archive_entry *out, struct overrides *over)
{
	char head[32];
	uint32_t want = end - *at < sizeof head ? (uint32_t)(end - *at) : (uint32_t)sizeof head;
	uint32_t i = 0, key, value, len = 0;
	enum nb_status status = read_exactly(source, *at, head, want);

	if (status)
		return status;
	for (; i < want && head[i] >= '0' && head[i] <= '9' && i < 8; i++)
		len = len * 10 + (uint32_t)(head[i] - '0');
	if (i == 0 || i >= want || head[i] != ' ' || len > end - *at)
		return NB_MALFORMED;
	key = ++i;
	while (i < want && head[i] != '=')
		i++;
	value = i + 1;
	/* Long keys are none of those that matter here. */
	if (i < want && value < len) {
		uint32_t value_len = len - value - 1;
		char *target = NULL;

		if (text_is(head + key, i - key, "path")) {
			target = out->path;
			out->path_len = value_len;
			over->has_path = true;
		} else if (text_is(head + key, i - key, "linkpath")) {
			target = out->link;
			out->link_len = value_len;
			over->has_link = true;
		} else if (text_is(head + key, i - key, "size")) {
			over->has_size = true;
			over->size = 0;
			for (uint32_t j = value; j < want && head[j] >= '0' && head[j] <= '9'; j++)
				over->size = over->size * 10 + (uint64_t)(head[j] - '0');
		}
		if (target) {
			if (value_len >= ARCHIVE_PATH_MAX)
				return NB_MALFORMED;
			status = read_exactly(source, *at + value, target, value_len);
			target[value_len] = 0;
		}
	} else if (len < 5) {
		return NB_MALFORMED;
	}
	*at += len;
	return status;
}

static enum nb_status
pax_records(const struct archive_source *source, uint64_t at, uint64_t size,
	    struct archive_entry *out, struct overrides *over)
{
	uint64_t end = at + size;

	while (at < end) {
		enum nb_status status = pax_record(source, &at, end, out, over);

		if (status)
			return status;
	}
	return NB_OK;
}

/* prefix "/" name, unless an extended header gave the path. */
static void
take_names(const struct ustar_header *header, const struct overrides *over,
	   struct archive_entry *out)
{
	uint32_t prefix = text_length_within(header->prefix, sizeof header->prefix);
	uint32_t name = text_length_within(header->name, sizeof header->name);

	if (!over->has_path) {
		out->path_len = 0;
		if (prefix) {
			bytes_copy(out->path, header->prefix, prefix);
			out->path[prefix] = '/';
			out->path_len = prefix + 1;
		}
		bytes_copy(out->path + out->path_len, header->name, name);
		out->path_len += name;
	}
	normalize(out->path, &out->path_len);
	if (!over->has_link) {
		out->link_len = text_length_within(header->link, sizeof header->link);
		bytes_copy(out->link, header->link, out->link_len);
		out->link[out->link_len] = 0;
	}
}

static bool
take_type(char type, struct archive_entry *out)
{
	switch (type) {
	case '0':
	case '7':
	case 0:
		out->type = ARCHIVE_FILE;
		return true;
	case '5':
		out->type = ARCHIVE_DIRECTORY;
		return true;
	case '2':
		out->type = ARCHIVE_SYMLINK;
		return true;
	default:
		return false;
	}
}

/* Reads and checks one header block; *size is that of its contents. */
static enum nb_status
read_header(const struct archive_source *source, uint64_t at, struct ustar_header *header,
	    uint64_t *size)
{
	enum nb_status status;

	if (at >= source->size || source->size - at < USTAR_BLOCK_BYTES)
		return NB_END_OF_FILE;
	status = read_exactly(source, at, header, USTAR_BLOCK_BYTES);
	if (status)
		return status;
	if (is_zero(header))
		return NB_END_OF_FILE;
	if (!ustar_is_header(header) || !ustar_number(header->size, sizeof header->size, size) ||
	    *size > source->size - at - USTAR_BLOCK_BYTES)
		return NB_MALFORMED;
	return NB_OK;
}

enum nb_status
archive_next(const struct archive_source *source, uint64_t *at, struct archive_entry *out)
{
	struct overrides over = { 0 };
	struct ustar_header header;
	uint64_t size;
	enum nb_status status;

	while (!(status = read_header(source, *at, &header, &size))) {
		uint64_t data = *at + USTAR_BLOCK_BYTES;
		bool extends = header.type == 'x';

		if (extends)
			status = pax_records(source, data, size, out, &over);
		else if (over.has_size)
			size = over.size;
		if (status || size > source->size - data)
			return status ? status : NB_MALFORMED;
		*at = data + ((size + USTAR_BLOCK_BYTES - 1) & ~(uint64_t)(USTAR_BLOCK_BYTES - 1));
		if (extends)
			continue;
		if (!take_type(header.type, out)) {
			over = (struct overrides){ 0 };
			continue;
		}
		take_names(&header, &over, out);
		out->size = out->type == ARCHIVE_FILE ? size : 0;
		out->data_offset = data;
		if (!ustar_number(header.mtime, sizeof header.mtime, &out->mtime_s))
			return NB_MALFORMED;
		return NB_OK;
	}
	return status;
}

enum nb_status
archive_find(const struct archive_source *source, const char *path, struct archive_entry *out)
{
	uint32_t len = text_length(path);
	uint64_t at = 0, start = 0, found = UINT64_MAX;
	enum nb_status status;

	while (!(status = archive_next(source, &at, out))) {
		if (out->type == ARCHIVE_FILE && out->path_len == len &&
		    bytes_equal(out->path, path, len))
			found = start;
		start = at;
	}
	if (status != NB_END_OF_FILE)
		return status;
	if (found == UINT64_MAX)
		return NB_NOT_FOUND;
	return archive_next(source, &found, out);
}

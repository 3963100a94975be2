/* Building startup blocks; see block.h. */
#include "user/libs/launch/block.h"

#include "user/sdk/bytes.h"

void
block_init(struct block *block, void *bytes, uint32_t capacity)
{
	*block = (struct block){ .bytes = bytes, .capacity = capacity };
}

/* Room for a record with `len` bytes of contents, zeroed; NULL when full. */
static uint8_t *
reserve(struct block *block, uint16_t kind, uint32_t len)
{
	struct nb_startup_record record = { .kind = kind, .length = len };
	uint64_t size = nb_startup_record_size(len);
	uint8_t *at = block->bytes + block->size;

	if (size > block->capacity - block->size) {
		block->is_full = true;
		return 0;
	}
	bytes_clear(at, (uint32_t)size);
	bytes_copy(at, &record, sizeof record);
	block->size += (uint32_t)size;
	return at + sizeof record;
}

void
block_add(struct block *block, uint16_t kind, const void *contents, uint32_t len)
{
	uint8_t *at = reserve(block, kind, len);

	if (at)
		bytes_copy(at, contents, len);
}

void
block_add_handle(struct block *block, const char *name, uint32_t handle)
{
	uint32_t len = text_length(name);
	uint8_t *at = reserve(block, NB_STARTUP_HANDLE, (uint32_t)sizeof handle + len);

	if (!at)
		return;
	bytes_copy(at, &handle, sizeof handle);
	bytes_copy(at + sizeof handle, name, len);
}

void
block_add_record(struct block *block, const struct nb_startup_record *record)
{
	block_add(block, record->kind, record + 1, record->length);
}

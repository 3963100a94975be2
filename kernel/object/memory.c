/*
 * Memory objects. One block of kernel pages each, charged to the creator.
 */
#include "kernel/object/memory.h"

#include "kernel/mm/account.h"
#include "kernel/object/resource.h"
#include "kernel/port/memory.h"

enum {
	/* Not MAP: the bytes need not be pages that a platform could map. */
	RIGHTS_VIEW = NB_RIGHT_READ | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
		      NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
};

static void
memory_destroy(struct object *object)
{
	struct memory *memory = memory_of(object);

	if (memory->resource) {
		resource_dma_give(memory->resource, memory->bytes, memory->size);
		object_put(&memory->resource->object);
	} else if (memory->owned_bytes) {
		port_shared_pages_put(memory->bytes, memory->owned_bytes);
		account_uncharge(object->account, ACCOUNT_MEMORY, memory->owned_bytes);
	}
	object_free(object);
}

const struct object_type memory_type = {
	.number = NB_OBJECT_MEMORY,
	.rights = RIGHTS_VIEW | NB_RIGHT_WRITE | NB_RIGHT_MAP,
	.destroy = memory_destroy,
};

enum nb_status
memory_create_view(struct account *account, const uint8_t *bytes, uint64_t size,
		   struct memory **out)
{
	struct memory *memory =
		memory_of(object_alloc(&memory_type, sizeof(struct memory), account));

	if (!memory)
		return NB_OUT_OF_MEMORY;
	memory->bytes = (uint8_t *)(uintptr_t)bytes;
	memory->size = size;
	*out = memory;
	return NB_OK;
}

enum nb_status
memory_create(struct account *account, uint64_t size, struct memory **out)
{
	size_t bytes = (size + PORT_PAGE_BYTES - 1) & ~(size_t)(PORT_PAGE_BYTES - 1);
	enum nb_status status;
	struct memory *memory;
	void *pages;

	if (size == 0 || size > MEMORY_SIZE_MAX)
		return NB_OUT_OF_RANGE;
	status = account_charge(account, ACCOUNT_MEMORY, bytes);
	if (status != NB_OK)
		return status;
	status = port_shared_pages_get(bytes, &pages);
	if (status == NB_OK) {
		status = memory_create_view(account, pages, bytes, &memory);
		if (status != NB_OK)
			port_shared_pages_put(pages, bytes);
	}
	if (status != NB_OK) {
		account_uncharge(account, ACCOUNT_MEMORY, bytes);
		return status;
	}
	memory->owned_bytes = bytes;
	*out = memory;
	return NB_OK;
}

enum nb_status
memory_create_device(struct account *account, const void *pages, uint64_t size, struct memory **out)
{
	enum nb_status status = memory_create_view(account, pages, size, out);

	if (status == NB_OK)
		(*out)->is_device = true;
	return status;
}

enum nb_status
memory_create_dma(struct account *account, struct resource *resource, uint64_t size,
		  struct memory **out, uint64_t *out_address)
{
	uint64_t bytes = (size + PORT_PAGE_BYTES - 1) & ~(uint64_t)(PORT_PAGE_BYTES - 1);
	enum nb_status status;
	uint8_t *pages;

	if (size == 0 || size > MEMORY_SIZE_MAX)
		return NB_OUT_OF_RANGE;
	status = resource_dma_take(resource, bytes, &pages, out_address);
	if (status != NB_OK)
		return status;
	status = memory_create_view(account, pages, bytes, out);
	if (status != NB_OK) {
		resource_dma_give(resource, pages, bytes);
		return status;
	}
	(*out)->resource = resource;
	object_get(&resource->object);
	return NB_OK;
}

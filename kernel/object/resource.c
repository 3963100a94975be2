/*
 * Resources.
 */
#include "kernel/object/resource.h"

#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/object/handle.h"
#include "kernel/object/process.h"
#include "kernel/port/device.h"
#include "kernel/port/memory.h"
#include "kernel/sys/log.h"
#include "lib/string.h"

enum { PORTS = 1 << 16 };

/* And those of which it was the last part, one after another: there may be more above
 * each other than the stack has room for. */
static void
resource_destroy(struct object *object)
{
	struct resource *resource = resource_of(object), *parent;

	do {
		ASSERT(resource->used == 0);
		if (resource->dma_bytes) {
			port_shared_pages_put(resource->dma_bytes, resource->count);
			account_uncharge(resource->object.account, ACCOUNT_MEMORY, resource->count);
		}
		parent = resource->parent;
		if (parent)
			resource_give(parent, resource->count);
		object_free(&resource->object);
		resource = parent;
	} while (resource && count_down(&resource->object.refs) == 0);
}

static enum nb_status
resource_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct resource *resource = resource_of(object);
	struct nb_resource_info info = {
		.kind = resource->kind,
		.first = resource->first,
		.count = resource->count,
	};

	if (topic != NB_INFO_RESOURCE)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&object->lock);
	info.used = resource->used;
	spinlock_unlock(&object->lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type resource_type = {
	.number = NB_OBJECT_RESOURCE,
	.rights = NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER |
		  NB_RIGHT_MAP | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT | NB_RIGHT_MANAGE |
		  NB_RIGHT_INSPECT,
	.destroy = resource_destroy,
	.info = resource_info,
};

static enum nb_status
resource_create(struct account *account, const struct nb_resource_info *part, struct resource **out)
{
	struct object *object = object_alloc(&resource_type, sizeof(struct resource), account);

	if (!object)
		return NB_OUT_OF_MEMORY;
	*out = resource_of(object);
	(*out)->kind = part->kind;
	(*out)->first = part->first;
	(*out)->count = part->count;
	return NB_OK;
}

enum nb_status
resource_create_root(struct account *account, struct resource **out)
{
	const struct nb_resource_info everything = { .kind = NB_RESOURCE_ROOT };

	return resource_create(account, &everything, out);
}

enum nb_status
resource_take(struct resource *resource, uint64_t bytes)
{
	enum nb_status status = NB_LIMIT_EXCEEDED;

	spinlock_lock(&resource->object.lock);
	if (bytes <= resource->count - resource->used) {
		resource->used += bytes;
		status = NB_OK;
	}
	spinlock_unlock(&resource->object.lock);
	return status;
}

void
resource_give(struct resource *resource, uint64_t bytes)
{
	spinlock_lock(&resource->object.lock);
	ASSERT(bytes <= resource->used);
	resource->used -= bytes;
	spinlock_unlock(&resource->object.lock);
}

/* ---- DMA pages ---- */

/* Has the pages ready. No lock is held. */
static enum nb_status
dma_prepare(struct resource *resource)
{
	struct object *object = &resource->object;
	enum nb_status status;
	uint64_t address;
	void *pages;

	if (__atomic_load_n(&resource->dma_bytes, __ATOMIC_ACQUIRE))
		return NB_OK;
	if (resource->count > RESOURCE_DMA_PAGES * (uint64_t)PORT_PAGE_BYTES)
		return NB_LIMIT_EXCEEDED;
	status = account_charge(object->account, ACCOUNT_MEMORY, resource->count);
	if (status != NB_OK)
		return status;
	status = port_shared_pages_get(resource->count, &pages);
	if (status == NB_OK) {
		bool is_first = false;

		if (port_device_address(pages, resource->count, &address)) {
			spinlock_lock(&object->lock);
			is_first = !resource->dma_bytes;
			if (is_first) {
				resource->dma_address = address;
				__atomic_store_n(&resource->dma_bytes, pages, __ATOMIC_RELEASE);
			}
			spinlock_unlock(&object->lock);
		}
		if (is_first)
			return NB_OK;
		port_shared_pages_put(pages, resource->count);
		status = resource->dma_bytes ? NB_OK : NB_OUT_OF_MEMORY;
	}
	account_uncharge(object->account, ACCOUNT_MEMORY, resource->count);
	return status;
}

static bool
dma_is_taken(const struct resource *resource, uint64_t page)
{
	return resource->dma_taken[page / 64] >> page % 64 & 1;
}

static void
dma_mark(struct resource *resource, uint64_t first, uint64_t pages, bool is_taken)
{
	for (uint64_t page = first; page < first + pages; page++) {
		uint64_t bit = 1ull << page % 64;

		ASSERT(dma_is_taken(resource, page) != is_taken);
		resource->dma_taken[page / 64] ^= bit;
	}
}

/* The first of `pages` free ones in a row, or all there are. */
static uint64_t
dma_find(const struct resource *resource, uint64_t pages)
{
	uint64_t all = resource->count / PORT_PAGE_BYTES, run = 0;

	for (uint64_t page = 0; page < all; page++) {
		run = dma_is_taken(resource, page) ? 0 : run + 1;
		if (run == pages)
			return page + 1 - pages;
	}
	return all;
}

enum nb_status
resource_dma_take(struct resource *resource, uint64_t bytes, uint8_t **out, uint64_t *out_address)
{
	uint64_t pages = bytes / PORT_PAGE_BYTES, first;
	enum nb_status status;

	if (resource->kind != NB_RESOURCE_DMA)
		return NB_WRONG_TYPE;
	status = dma_prepare(resource);
	if (status == NB_OK)
		status = resource_take(resource, bytes);
	if (status != NB_OK)
		return status;
	spinlock_lock(&resource->object.lock);
	first = dma_find(resource, pages);
	if (first * PORT_PAGE_BYTES < resource->count)
		dma_mark(resource, first, pages, true);
	else
		status = NB_LIMIT_EXCEEDED;
	spinlock_unlock(&resource->object.lock);
	if (status != NB_OK) {
		resource_give(resource, bytes);
		return status;
	}
	*out = resource->dma_bytes + first * PORT_PAGE_BYTES;
	*out_address = resource->dma_address + first * PORT_PAGE_BYTES;
	memset(*out, 0, bytes);
	return NB_OK;
}

void
resource_dma_give(struct resource *resource, uint8_t *at, uint64_t bytes)
{
	spinlock_lock(&resource->object.lock);
	dma_mark(resource, (uint64_t)(at - resource->dma_bytes) / PORT_PAGE_BYTES,
		 bytes / PORT_PAGE_BYTES, false);
	spinlock_unlock(&resource->object.lock);
	resource_give(resource, bytes);
}

/* ---- dividing ---- */

/* Whether the machine has such a range and the kernel can do without it. */
static enum nb_status
check_range(const struct nb_resource_info *part)
{
	const uint64_t pages = PORT_PAGE_BYTES - 1;

	if (part->count == 0 || part->count > UINT64_MAX - part->first)
		return NB_OUT_OF_RANGE;
	switch (part->kind) {
	case NB_RESOURCE_PORT:
		if (part->first + part->count > PORTS)
			return NB_OUT_OF_RANGE;
		return port_io_is_free((uint32_t)part->first, (uint32_t)part->count)
			       ? NB_OK
			       : NB_ACCESS_DENIED;
	case NB_RESOURCE_MMIO:
		if ((part->first | part->count) & pages)
			return NB_INVALID_ARGUMENT;
		return port_mmio_is_free(part->first, part->count) ? NB_OK : NB_ACCESS_DENIED;
	case NB_RESOURCE_IRQ:
		return part->first + part->count <= 2 * NB_IRQ_MESSAGE ? NB_OK : NB_OUT_OF_RANGE;
	case NB_RESOURCE_DMA:
		return part->first == 0 && !(part->count & pages) ? NB_OK : NB_INVALID_ARGUMENT;
	default:
		return NB_INVALID_ARGUMENT;
	}
}

static bool
is_part_of(const struct resource *whole, uint64_t first, uint64_t count)
{
	return first >= whole->first && count <= whole->count &&
	       first - whole->first <= whole->count - count;
}

enum nb_status
resource_divide(struct resource *parent, struct account *account,
		const struct nb_resource_info *part, struct resource **out)
{
	bool is_from_root = parent->kind == NB_RESOURCE_ROOT;
	bool takes = !is_from_root && part->kind == NB_RESOURCE_DMA;
	enum nb_status status = check_range(part);

	if (status != NB_OK)
		return status;
	if (!is_from_root && parent->kind != part->kind)
		return NB_INVALID_ARGUMENT;
	if (!is_from_root && !takes && !is_part_of(parent, part->first, part->count))
		return NB_OUT_OF_RANGE;
	if (takes)
		status = resource_take(parent, part->count);
	if (status != NB_OK)
		return status;
	status = resource_create(account, part, out);
	if (status == NB_OK && takes) {
		object_get(&parent->object);
		(*out)->parent = parent;
	} else if (takes) {
		resource_give(parent, part->count);
	}
	return status;
}

bool
process_has_resource(struct process *process, uint32_t kind, uint64_t first, uint64_t count,
		     uint32_t rights)
{
	struct handle_use use;
	uint32_t handle = 0;
	bool is_found = false;

	while (!is_found && handle_next(&process->handles, handle, &use, &handle) == NB_OK) {
		const struct resource *resource = resource_of(use.object);

		is_found = use.object->type == &resource_type && resource->kind == kind &&
			   (use.rights & rights) == rights && is_part_of(resource, first, count);
		object_put(use.object);
	}
	return is_found;
}

void
resource_note_grant(struct object *object, struct process *process)
{
	struct resource *resource = resource_of(object);
	char name[NB_NAME_MAX + 1];
	bool was_logged;

	if (object->type != &resource_type || resource->kind != NB_RESOURCE_DMA)
		return;
	spinlock_lock(&object->lock);
	was_logged = resource->is_logged;
	resource->is_logged = true;
	spinlock_unlock(&object->lock);
	if (was_logged)
		return;
	(void)object_name_get(&process->object, name, sizeof name);
	log_write(
		NB_LOG_WARN,
		"%s may use DMA: nothing confines its device, so it is trusted with all of memory",
		name);
}

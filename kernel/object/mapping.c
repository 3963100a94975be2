/*
 * Mapping memory objects into linear memories.
 *
 * A record is in the process's list from before its first page is mapped until
 * its last is unmapped; while pages come or go, in pieces, it is busy and
 * nobody else takes it.
 */
#include "kernel/object/mapping.h"

#include "kernel/mm/account.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "runtime/store.h"

enum {
	PIECE_BYTES = 4 << 20, /* mapped or unmapped at a time, between two looks at others */
	WASM_PAGE = 64 * 1024,
};

struct mapping {
	struct list_link link;		     /* in process->mappings */
	const struct nb_memory_desc *target; /* constant, as all of these: */
	struct memory *memory;		     /* owns a reference */
	struct mapping_request request;
	bool is_busy; /* under the process's lock */
};

static bool
covers(const struct mapping *mapping, uint64_t address)
{
	return address - mapping->target->base - mapping->request.at < mapping->request.len;
}

static bool
overlaps(const struct mapping *a, const struct mapping *b)
{
	return a->target->base == b->target->base &&
	       a->request.at < (uint64_t)b->request.at + b->request.len &&
	       b->request.at < (uint64_t)a->request.at + a->request.len;
}

/* Enters the record among the process's others, unless it overlaps one. */
static enum nb_status
enter(struct process *process, struct mapping *mapping)
{
	enum nb_status status = NB_OK;
	uint32_t count = 0;
	struct list_link *link;

	spinlock_lock(&process->lock);
	list_for_each(link, &process->mappings)
	{
		if (overlaps(mapping, list_entry(link, struct mapping, link)))
			status = NB_ALREADY_EXISTS;
		count++;
	}
	if (status == NB_OK && count >= MAPPINGS_MAX)
		status = NB_LIMIT_EXCEEDED;
	if (status == NB_OK)
		list_push_back(&process->mappings, &mapping->link);
	spinlock_unlock(&process->lock);
	return status;
}

/* Takes the record out of the list and ends it. */
static void
leave(struct process *process, struct mapping *mapping)
{
	spinlock_lock(&process->lock);
	list_remove(&mapping->link);
	spinlock_unlock(&process->lock);
	object_put(&mapping->memory->object);
	account_free(process->account, mapping, sizeof *mapping);
}

static void
set_idle(struct process *process, struct mapping *mapping)
{
	spinlock_lock(&process->lock);
	mapping->is_busy = false;
	spinlock_unlock(&process->lock);
}

/* Unmaps the first `len` bytes. */
static void
unmap_pages(const struct mapping *mapping, uint32_t len)
{
	uint64_t address = mapping->target->base + mapping->request.at;

	for (uint32_t done = 0; done < len; done += PIECE_BYTES) {
		if (done)
			sched_relax();
		port_slot_unmap(address + done,
				len - done < PIECE_BYTES ? len - done : PIECE_BYTES);
	}
}

static enum nb_status
map_pages(const struct mapping *mapping)
{
	const struct mapping_request *request = &mapping->request;
	const uint8_t *pages = mapping->memory->bytes + request->offset;
	uint64_t address = mapping->target->base + request->at;
	enum port_map_rights rights =
		request->flags & NB_MAP_WRITE ? PORT_MAP_WRITE : PORT_MAP_READ;

	if (mapping->memory->is_device)
		rights = request->flags & NB_MAP_WRITE ? PORT_MAP_DEVICE : PORT_MAP_DEVICE_READ;

	for (uint32_t done = 0; done < request->len; done += PIECE_BYTES) {
		uint32_t left = request->len - done;

		if (done)
			sched_relax();
		if (port_slot_map(address + done, pages + done,
				  left < PIECE_BYTES ? left : PIECE_BYTES, rights) != NB_OK) {
			unmap_pages(mapping, done);
			return NB_OUT_OF_MEMORY;
		}
	}
	return NB_OK;
}

/* Grows the memory by what the mapping needs; *out_at is where that begins. */
static enum nb_status
append(struct nb_memory_desc *target, uint32_t len, uint32_t *out_at)
{
	/* A memory that may have pages is a runtime_memory; others are stand-ins. */
	struct runtime_memory *memory = (struct runtime_memory *)(void *)target;
	int64_t old_pages = -1;

	_Static_assert(offsetof(struct runtime_memory, desc) == 0, "the description comes first");
	if (target->maximum)
		old_pages =
			runtime_memory_grow(memory, ((uint64_t)len + WASM_PAGE - 1) / WASM_PAGE);
	if (old_pages < 0 || (uint64_t)old_pages * WASM_PAGE + len > UINT32_MAX)
		return NB_LIMIT_EXCEEDED;
	*out_at = (uint32_t)((uint64_t)old_pages * WASM_PAGE);
	return NB_OK;
}

static enum nb_status
check_request(const struct nb_memory_desc *target, const struct memory *memory,
	      const struct mapping_request *request)
{
	uint64_t length = __atomic_load_n(&target->length, __ATOMIC_ACQUIRE);

	if (request->flags & ~(uint32_t)(NB_MAP_WRITE | NB_MAP_APPEND) || request->len == 0 ||
	    (request->offset | request->len) % PORT_PAGE_BYTES)
		return NB_INVALID_ARGUMENT;
	/* A view of a RAM disk that the loader put anywhere. */
	if ((uintptr_t)memory->bytes % PORT_PAGE_BYTES)
		return NB_NOT_SUPPORTED;
	if (request->offset > memory->size || request->len > memory->size - request->offset)
		return NB_OUT_OF_RANGE;
	if (request->flags & NB_MAP_APPEND)
		return NB_OK;
	if (request->at % PORT_PAGE_BYTES)
		return NB_INVALID_ARGUMENT;
	if (request->at > length || request->len > length - request->at)
		return NB_INVALID_ADDRESS;
	return NB_OK;
}

enum nb_status
mapping_create(struct process *process, struct nb_memory_desc *target, struct memory *memory,
	       const struct mapping_request *request, uint32_t *out_at)
{
	enum nb_status status = check_request(target, memory, request);
	struct mapping *mapping;

	if (status != NB_OK)
		return status;
	mapping = account_alloc(process->account, sizeof *mapping);
	if (!mapping)
		return NB_OUT_OF_MEMORY;
	list_init(&mapping->link);
	mapping->target = target;
	mapping->memory = memory;
	mapping->request = *request;
	mapping->is_busy = true;
	object_get(&memory->object);
	if (request->flags & NB_MAP_APPEND)
		status = append(target, request->len, &mapping->request.at);
	if (status == NB_OK)
		status = enter(process, mapping);
	if (status == NB_OK)
		status = map_pages(mapping);
	if (status != NB_OK) {
		leave(process, mapping);
		return status;
	}
	*out_at = mapping->request.at;
	set_idle(process, mapping);
	return NB_OK;
}

enum nb_status
mapping_remove(struct process *process, const struct nb_memory_desc *target, uint32_t at)
{
	struct mapping *found = NULL;
	struct list_link *link;
	enum nb_status status = NB_NOT_FOUND;

	spinlock_lock(&process->lock);
	list_for_each(link, &process->mappings)
	{
		struct mapping *mapping = list_entry(link, struct mapping, link);

		if (mapping->target->base == target->base && mapping->request.at == at)
			found = mapping;
	}
	if (found) {
		status = found->is_busy ? NB_BAD_STATE : NB_OK;
		found->is_busy = true;
	}
	spinlock_unlock(&process->lock);
	if (status != NB_OK)
		return status;
	unmap_pages(found, found->request.len);
	leave(process, found);
	return NB_OK;
}

enum nb_status
mapping_next(struct process *process, const struct nb_memory_desc *target, uint32_t from,
	     struct nb_mapping *out)
{
	const struct mapping *best = NULL;
	struct list_link *link;

	spinlock_lock(&process->lock);
	list_for_each(link, &process->mappings)
	{
		const struct mapping *mapping = list_entry(link, struct mapping, link);

		if (mapping->target->base == target->base &&
		    (uint64_t)mapping->request.at + mapping->request.len > from &&
		    (!best || mapping->request.at < best->request.at))
			best = mapping;
	}
	if (best)
		*out = (struct nb_mapping){
			.memory = best->memory->object.id,
			.offset = best->request.offset,
			.at = best->request.at,
			.len = best->request.len,
			.flags = best->request.flags & NB_MAP_WRITE,
		};
	spinlock_unlock(&process->lock);
	return best ? NB_OK : NB_NOT_FOUND;
}

uint64_t
mapping_home(struct process *process, uint64_t address, struct object **out_object)
{
	struct object *object = NULL;
	uint64_t home = address;
	struct list_link *link;

	if (out_object)
		*out_object = NULL;
	if (list_is_empty(&process->mappings))
		return address;
	spinlock_lock(&process->lock);
	list_for_each(link, &process->mappings)
	{
		const struct mapping *mapping = list_entry(link, struct mapping, link);
		const struct memory *memory = mapping->memory;

		if (mapping->is_busy || memory->is_device || !covers(mapping, address))
			continue;
		home = (uint64_t)(uintptr_t)memory->bytes + mapping->request.offset +
		       (address - mapping->target->base - mapping->request.at);
		object = &mapping->memory->object;
	}
	if (object && out_object) {
		object_get(object);
		*out_object = object;
	}
	spinlock_unlock(&process->lock);
	return home;
}

void
mapping_remove_all(struct process *process)
{
	struct list_link *link;

	while ((link = list_first(&process->mappings))) {
		struct mapping *mapping = list_entry(link, struct mapping, link);

		unmap_pages(mapping, mapping->request.len);
		leave(process, mapping);
	}
}

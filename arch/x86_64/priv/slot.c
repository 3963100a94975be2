/*
 * Memory slots: 6 GiB of addresses each, wide ones 18 GiB, pages on first touch.
 *
 * A slot's committed length is all that is kept of it; the page fault handler
 * compares against it. Slots are numbered along parts of the address space, so
 * many to a root entry that none crosses an entry. The rest behind an entry's
 * last slot is as good a guard as any: the first slot of a part has a root
 * entry without slots, or with such a rest, in front.
 *
 * A memory of LARGE_FROM bytes or more gets 2 MiB pages where a whole one is
 * committed and nothing is mapped yet, as long as a quarter of memory is free.
 * The last frames of all are not for memories, see frames_are_scarce.
 */
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/demand.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/pool.h"
#include "arch/x86_64/priv/range.h"
#include "arch/x86_64/priv/space.h"

#include "abi/code_contract.h"
#include "kernel/port/memory.h"

#define LARGE_FROM (64ull << 20)

/* What a pooled slot keeps of its pages, and its tables that no other one shares. */
enum { POOLED_PAGES = 4, POOLED_TABLES = 2 };

struct slot {
	uint32_t link; /* of the index pool, while not live */
	uint32_t is_live;
	uint64_t committed; /* bytes from the base; 0 unless live */
	const struct port_image *image;
	uint64_t reserved;
};

enum slot_kind { SLOT_PLAIN, SLOT_WIDE, SLOT_KIND_COUNT };

/* Root entries [first, first + roots). */
struct slot_part {
	uint32_t first, roots;
};

static const struct slot_shape {
	uint64_t bytes;
	uint32_t per_root;
	struct slot_part parts[2]; /* in order of slot numbers */
} shapes[SLOT_KIND_COUNT] = {
	[SLOT_PLAIN] = { NB_SLOT_BYTES,
			 MAP_SLOTS_PER_ROOT,
			 { { MAP_SLOT_LOW_FIRST, MAP_SLOT_LOW_ROOTS },
			   { MAP_SLOT_HIGH_FIRST, MAP_SLOT_HIGH_ROOTS } } },
	[SLOT_WIDE] = { NB_WIDE_SLOT_BYTES,
			MAP_WIDE_SLOTS_PER_ROOT,
			{ { MAP_WIDE_SLOT_FIRST, MAP_WIDE_SLOT_ROOTS }, { 0, 0 } } },
};

static struct index_pool pools[SLOT_KIND_COUNT] = {
	[SLOT_PLAIN] = { .lock = LOCK_INIT(LOCK_RANK_RECORDS),
			 .records = MAP_RECORDS_BASE,
			 .record_bytes = sizeof(struct slot),
			 .limit = MAP_SLOT_COUNT },
	[SLOT_WIDE] = { .lock = LOCK_INIT(LOCK_RANK_RECORDS),
			.records = MAP_RECORDS_BASE + (512ull << 20),
			.record_bytes = sizeof(struct slot),
			.limit = MAP_WIDE_SLOT_COUNT },
};

/* Small plain slots, not live. */
static struct pool pool = { .lock = LOCK_INIT(LOCK_RANK_RECORDS) };

/* A slot by its number; its base and its record, NULL if it never was live. */
struct slot_place {
	enum slot_kind kind;
	uint32_t number;
	uint64_t base;
	struct slot *slot;
};

static uint64_t
slot_base(enum slot_kind kind, uint32_t number)
{
	const struct slot_shape *shape = &shapes[kind];
	uint32_t entry = number / shape->per_root;

	entry += entry < shape->parts[0].roots ? shape->parts[0].first
					       : shape->parts[1].first - shape->parts[0].roots;
	return MAP_ROOT_ADDRESS((uint64_t)entry) + number % shape->per_root * shape->bytes;
}

/* False outside of all parts and in the rest behind an entry's last slot. */
static bool
slot_find(uint64_t address, struct slot_place *out)
{
	uint32_t entry = (uint32_t)(address >> MAP_ROOT_SHIFT) % 512;
	uint64_t within = address & ((1ull << MAP_ROOT_SHIFT) - 1);
	uint32_t before = 0; /* root entries of the parts passed */

	for (uint32_t i = 0; i < 2 * SLOT_KIND_COUNT; i++) {
		const struct slot_shape *shape = &shapes[i / 2];
		const struct slot_part *part = &shape->parts[i % 2];

		if (i % 2 == 0)
			before = 0;
		if (entry - part->first < part->roots && within / shape->bytes < shape->per_root) {
			out->kind = (enum slot_kind)(i / 2);
			out->number = (entry - part->first + before) * shape->per_root +
				      (uint32_t)(within / shape->bytes);
			out->base = slot_base(out->kind, out->number);
			out->slot = index_record(&pools[out->kind], out->number);
			return true;
		}
		before += part->roots;
	}
	return false;
}

enum nb_status
port_slot_reserve(uint64_t addressable, uint64_t *out_base)
{
	enum slot_kind kind = addressable > NB_SLOT_ADDRESSABLE ? SLOT_WIDE : SLOT_PLAIN;
	uint32_t number;
	struct slot *slot;
	enum nb_status status = index_take(&pools[kind], &number);

	if (status != NB_OK)
		return status;
	slot = index_record(&pools[kind], number);
	slot->is_live = 1;
	slot->image = NULL;
	*out_base = slot_base(kind, number);
	return NB_OK;
}

/* The live slot that starts at `base`. */
static struct slot_place
slot_at(uint64_t base)
{
	struct slot_place place = { 0 };

	check_that(slot_find(base, &place) && place.base == base);
	check_that(place.slot && place.slot->is_live);
	return place;
}

/* Takes a pooled slot, with no page where the committed part ends or the image is. */
static bool
take_pooled(uint64_t bytes, const struct port_image *image, uint64_t *out_base)
{
	struct pool_item item;
	struct slot *slot;
	uint64_t base;

	if (!pool_take(&pool, &item))
		return false;
	base = slot_base(SLOT_PLAIN, item.number);
	if (item.kept.end > base + bytes || (image && item.kept.end))
		space_discard(base, &item.kept);
	slot = index_record(&pools[SLOT_PLAIN], item.number);
	slot->is_live = 1;
	slot->image = image;
	__atomic_store_n(&slot->committed, bytes, __ATOMIC_RELEASE);
	index_note_live(&pools[SLOT_PLAIN], 1);
	*out_base = base;
	return true;
}

enum nb_status
port_slot_create(uint64_t addressable, uint64_t bytes, const struct port_image *image,
		 uint64_t *out_base)
{
	enum nb_status status;

	if (addressable <= NB_SLOT_ADDRESSABLE && take_pooled(bytes, image, out_base))
		return NB_OK;
	status = port_slot_reserve(addressable, out_base);
	if (status != NB_OK)
		return status;
	slot_at(*out_base).slot->image = image;
	return port_slot_commit(*out_base, 0, bytes);
}

enum nb_status
port_slot_commit(uint64_t base, uint64_t old_bytes, uint64_t new_bytes)
{
	struct slot_place place = slot_at(base);

	check_that(place.slot->committed == old_bytes);
	check_that(new_bytes >= old_bytes && new_bytes <= shapes[place.kind].bytes - NB_SLOT_GUARD);
	check_that(new_bytes % PORT_PAGE_BYTES == 0);
	__atomic_store_n(&place.slot->committed, new_bytes, __ATOMIC_RELEASE);
	return NB_OK;
}

void
port_slot_shrink(uint64_t base, uint64_t old_bytes, uint64_t new_bytes)
{
	struct slot_place place = slot_at(base);

	check_that(place.slot->committed == old_bytes);
	check_that(new_bytes <= old_bytes && new_bytes % SPACE_LARGE == 0);
	__atomic_store_n(&place.slot->committed, new_bytes, __ATOMIC_RELEASE);
	space_release(base + new_bytes, old_bytes - new_bytes);
}

/* False: it must be released. */
static bool
give_pooled(const struct slot_place *place, uint64_t bytes)
{
	struct pool_item item = { .number = place->number };

	if (place->kind != SLOT_PLAIN || bytes == 0 || bytes > SPACE_LARGE || frames_are_scarce())
		return false;
	if (!space_recycle(place->base, bytes, place->slot->image ? 0 : POOLED_PAGES, false,
			   POOLED_TABLES, &item.kept))
		return false;
	if (pool_give(&pool, &item)) {
		index_note_live(&pools[SLOT_PLAIN], -1);
		return true;
	}
	space_discard(place->base, &item.kept);
	return false;
}

void
port_slot_release(uint64_t base, uint64_t committed_bytes)
{
	struct slot_place place = slot_at(base);

	check_that(place.slot->committed == committed_bytes);
	__atomic_store_n(&place.slot->committed, 0, __ATOMIC_RELEASE);
	place.slot->is_live = 0;
	if (give_pooled(&place, committed_bytes))
		return;
	space_release(base, committed_bytes);
	index_give(&pools[place.kind], place.number);
}

/* Panics unless [address, address + size) is committed in some slot. */
static void
check_committed(uint64_t address, size_t size)
{
	struct slot_place place = { 0 };
	uint64_t distance;

	check_that(slot_find(address, &place) && place.slot && place.slot->is_live);
	check_that((address | size) % PORT_PAGE_BYTES == 0);
	distance = address - place.base;
	check_that(distance <= place.slot->committed && size <= place.slot->committed - distance);
}

/* Copies all of the image that is not there yet, so that what is taken away later leaves
 * zeroes. False without memory. */
static bool
image_settle(uint64_t address)
{
	struct slot_place place = { 0 };
	const struct port_image *image;
	uint64_t physical;

	check_that(slot_find(address, &place) && place.slot);
	image = place.slot->image;
	if (!image)
		return true;
	for (uint64_t at = 0; at < image->size; at += SPACE_PAGE) {
		uint64_t page = place.base + image->at + at;

		if (space_lookup(page, &physical))
			continue;
		if (!memory_has_frame_for_guest() ||
		    demand_map_copy(page, image->bytes + at) != DEMAND_SERVED)
			return false;
	}
	place.slot->image = NULL;
	return true;
}

enum nb_status
port_slot_map(uint64_t address, const void *pages, size_t size, enum port_map_rights rights)
{
	static const enum space_rights in_space[] = {
		[PORT_MAP_READ] = SPACE_READ,
		[PORT_MAP_WRITE] = SPACE_WRITE,
		[PORT_MAP_DEVICE_READ] = SPACE_DEVICE_READ,
		[PORT_MAP_DEVICE] = SPACE_DEVICE,
	};

	check_committed(address, size);
	if (!image_settle(address))
		return NB_OUT_OF_MEMORY;
	return space_lend(address, pages, size, in_space[rights]);
}

void
port_slot_unmap(uint64_t address, size_t size)
{
	check_committed(address, size);
	space_release(address, size);
}

bool
slots_drain(void)
{
	struct pool_item item;
	bool any = false;

	while (pool_take(&pool, &item)) {
		space_discard(slot_base(SLOT_PLAIN, item.number), &item.kept);
		index_note_live(&pools[SLOT_PLAIN], 1);
		index_give(&pools[SLOT_PLAIN], item.number);
		any = true;
	}
	return any;
}

bool
port_slot_contains(uint64_t address)
{
	struct slot_place place;

	return slot_find(address, &place) && place.slot;
}

bool
slot_covers(uint64_t address)
{
	return port_slot_contains(address);
}

/* Not where the image is. */
static bool
map_large(uint64_t base, uint64_t address, uint64_t committed, const struct port_image *image)
{
	uint64_t at = address & ~(SPACE_LARGE - 1);
	struct frame_totals totals;
	uint64_t frame;

	if (committed < LARGE_FROM || at + SPACE_LARGE > base + committed)
		return false;
	if (image && at < base + image->at + image->size && at + SPACE_LARGE > base + image->at)
		return false;
	totals = frames_totals();
	if (totals.free < totals.total / 4)
		return false;
	frame = frame_alloc(FRAME_ORDER_LARGE);
	if (frame == FRAME_NONE && memory_reclaim())
		frame = frame_alloc(FRAME_ORDER_LARGE);
	if (frame == FRAME_NONE)
		return false;
	frame_clear(frame, SPACE_LARGE);
	if (space_map(at, frame, SPACE_LARGE, SPACE_WRITE) != NB_OK) {
		/* Small pages are there already. */
		frame_free(frame, FRAME_ORDER_LARGE);
		return false;
	}
	return true;
}

enum demand
slot_demand(uint64_t address)
{
	struct slot_place place = { 0 };
	const struct port_image *image;
	uint64_t committed, at;

	check_that(slot_find(address, &place) && place.slot);
	committed = __atomic_load_n(&place.slot->committed, __ATOMIC_ACQUIRE);
	if (address - place.base >= committed)
		return DEMAND_REFUSED;
	if (map_large(place.base, address, committed, place.slot->image))
		return DEMAND_SERVED;
	if (!memory_has_frame_for_guest())
		return DEMAND_NO_MEMORY;
	at = (address - place.base) & ~(SPACE_PAGE - 1);
	image = place.slot->image;
	if (image && at - image->at < image->size)
		return demand_map_copy(address, image->bytes + (at - image->at));
	return demand_map_zeroed(address);
}

/* ---- images ---- */

enum nb_status
port_image_create(uint64_t at, uint64_t size, struct port_image *out)
{
	void *bytes;
	enum nb_status status = port_many_pages_get(size, &bytes);

	if (status == NB_OK)
		*out = (struct port_image){ .at = at, .size = size, .bytes = bytes };
	return status;
}

void
port_image_release(struct port_image *image)
{
	port_many_pages_put(image->bytes, image->size);
	*image = (struct port_image){ 0 };
}

uint64_t
slots_live(void)
{
	return pools[SLOT_PLAIN].live + pools[SLOT_WIDE].live;
}

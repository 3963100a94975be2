/*
 * Memory slots: 6 GiB of addresses each, pages on first touch.
 *
 * A slot's committed length is all that is kept of it; the page fault handler
 * compares against it. Slots are numbered along two parts of the address
 * space, 85 to a root entry, so that none crosses an entry.
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
#include "arch/x86_64/priv/range.h"
#include "arch/x86_64/priv/space.h"

#include "abi/code_contract.h"
#include "kernel/port/memory.h"

#define LARGE_FROM (64ull << 20)

struct slot {
	uint32_t link; /* of the index pool, while not live */
	uint32_t is_live;
	uint64_t committed; /* bytes from the base; 0 unless live */
};

static struct index_pool pool = {
	.lock = LOCK_INIT(LOCK_RANK_RECORDS),
	.records = MAP_RECORDS_BASE,
	.record_bytes = sizeof(struct slot),
	.limit = MAP_SLOT_COUNT,
};

static uint64_t
slot_base(uint32_t number)
{
	uint32_t entry = number / MAP_SLOTS_PER_ROOT;

	entry += entry < MAP_SLOT_LOW_ROOTS ? MAP_SLOT_LOW_FIRST
					    : MAP_SLOT_HIGH_FIRST - MAP_SLOT_LOW_ROOTS;
	return MAP_ROOT_ADDRESS((uint64_t)entry) + number % MAP_SLOTS_PER_ROOT * NB_SLOT_BYTES;
}

/* The number of the slot that holds `address`; false outside of both parts and
 * in the rest behind an entry's last slot. */
static bool
slot_number(uint64_t address, uint32_t *out)
{
	uint32_t entry = (uint32_t)(address >> MAP_ROOT_SHIFT) % 512;
	uint64_t within = (address & ((1ull << MAP_ROOT_SHIFT) - 1)) / NB_SLOT_BYTES;

	if (within >= MAP_SLOTS_PER_ROOT)
		return false;
	if (entry >= MAP_SLOT_LOW_FIRST && entry < MAP_SLOT_LOW_FIRST + MAP_SLOT_LOW_ROOTS)
		entry -= MAP_SLOT_LOW_FIRST;
	else if (entry >= MAP_SLOT_HIGH_FIRST && entry < MAP_SLOT_HIGH_FIRST + MAP_SLOT_HIGH_ROOTS)
		entry -= MAP_SLOT_HIGH_FIRST - MAP_SLOT_LOW_ROOTS;
	else
		return false;
	*out = entry * MAP_SLOTS_PER_ROOT + (uint32_t)within;
	return true;
}

static struct slot *
slot_at(uint64_t address)
{
	uint32_t number;

	return slot_number(address, &number) ? index_record(&pool, number) : NULL;
}

enum nb_status
port_slot_reserve(uint64_t *out_base)
{
	uint32_t number;
	struct slot *slot;
	enum nb_status status = index_take(&pool, &number);

	if (status != NB_OK)
		return status;
	slot = index_record(&pool, number);
	slot->is_live = 1;
	*out_base = slot_base(number);
	return NB_OK;
}

enum nb_status
port_slot_commit(uint64_t base, uint64_t old_bytes, uint64_t new_bytes)
{
	struct slot *slot = slot_at(base);

	check_that(slot && slot->is_live && slot->committed == old_bytes);
	check_that(new_bytes >= old_bytes && new_bytes <= NB_SLOT_ADDRESSABLE);
	check_that(new_bytes % PORT_PAGE_BYTES == 0);
	__atomic_store_n(&slot->committed, new_bytes, __ATOMIC_RELEASE);
	return NB_OK;
}

void
port_slot_release(uint64_t base, uint64_t committed_bytes)
{
	struct slot *slot = slot_at(base);
	uint32_t number;

	check_that(slot && slot->is_live && slot->committed == committed_bytes);
	check_that(slot_number(base, &number) && slot_base(number) == base);
	__atomic_store_n(&slot->committed, 0, __ATOMIC_RELEASE);
	slot->is_live = 0;
	space_release(base, committed_bytes);
	index_give(&pool, number);
}

bool
port_slot_contains(uint64_t address)
{
	return slot_at(address) != NULL;
}

bool
slot_covers(uint64_t address)
{
	return slot_at(address) != NULL;
}

static bool
map_large(uint64_t base, uint64_t address, uint64_t committed)
{
	uint64_t at = address & ~(SPACE_LARGE - 1);
	struct frame_totals totals;
	uint64_t frame;

	if (committed < LARGE_FROM || at + SPACE_LARGE > base + committed)
		return false;
	totals = frames_totals();
	if (totals.free < totals.total / 4)
		return false;
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
	const struct slot *slot = slot_at(address);
	uint64_t committed = __atomic_load_n(&slot->committed, __ATOMIC_ACQUIRE);
	uint32_t number = 0;
	uint64_t base;

	check_that(slot_number(address, &number));
	base = slot_base(number);
	if (address - base >= committed)
		return DEMAND_REFUSED;
	if (map_large(base, address, committed))
		return DEMAND_SERVED;
	if (frames_are_scarce())
		return DEMAND_NO_MEMORY;
	return demand_map_zeroed(address);
}

uint64_t
slots_live(void)
{
	return pool.live;
}

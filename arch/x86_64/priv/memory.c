/*
 * The memory port on pc: kernel pages, areas, code, totals, and the dispatch
 * of first touches.
 */
#include "arch/x86_64/priv/memory.h"

#include "abi/code_contract.h"
#include "arch/x86_64/priv/demand.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/range.h"
#include "arch/x86_64/priv/space.h"
#include "kernel/port/guest.h"
#include "kernel/port/memory.h"

enum {
	RUN_MOST = FRAME_BYTES << FRAME_ORDER_MOST,
	PIECE_BYTES = 256 * 1024, /* between two looks at who else wants to run */
	BREAKPOINT = 0xcc,
};

static struct range_region areas = RANGE_REGION(MAP_AREA_BASE, MAP_AREA_END);
static struct range_region code = RANGE_REGION(MAP_CODE_BASE, MAP_CODE_END);
static uint64_t areas_count;
static uint64_t code_bytes;

/* ---- first touches ---- */

enum demand
demand_map_zeroed(uint64_t address)
{
	uint64_t frame = frame_alloc_zeroed();
	enum nb_status status;

	if (frame == FRAME_NONE)
		return DEMAND_NO_MEMORY;
	status = space_map(address & ~(SPACE_PAGE - 1), frame, SPACE_PAGE, SPACE_WRITE);
	if (status != NB_OK)
		frame_free_zeroed(frame);
	return status == NB_OUT_OF_MEMORY ? DEMAND_NO_MEMORY : DEMAND_SERVED;
}

enum demand
demand_map_copy(uint64_t address, const void *from)
{
	uint64_t frame = frame_alloc(0);
	enum nb_status status;

	if (frame == FRAME_NONE)
		return DEMAND_NO_MEMORY;
	__builtin_memcpy(map_direct(frame), from, FRAME_BYTES);
	status = space_map(address & ~(SPACE_PAGE - 1), frame, SPACE_PAGE, SPACE_WRITE);
	if (status != NB_OK)
		frame_free(frame, 0);
	return status == NB_OUT_OF_MEMORY ? DEMAND_NO_MEMORY : DEMAND_SERVED;
}

enum demand
demand_page(uint64_t address, bool is_guests)
{
	if (slot_covers(address))
		return slot_demand(address);
	if (stack_covers(address))
		return stack_demand(address, is_guests);
	return DEMAND_REFUSED;
}

bool
memory_reclaim(void)
{
	bool had_slots = slots_drain();

	return stacks_drain() || had_slots;
}

bool
memory_has_frame_for_guest(void)
{
	return !frames_are_scarce() || (memory_reclaim() && !frames_are_scarce());
}

/* ---- ranges of pages ---- */

/* The next piece of `size` bytes of which some are done: others may run before it, unless
 * it is the first (there is nobody yet when the first small ranges are made). */
static size_t
next_piece(size_t done, size_t size)
{
	if (done)
		kernel_relax();
	return size - done < PIECE_BYTES ? size - done : PIECE_BYTES;
}

/* Unmaps `len` bytes of a range of `size`, and returns it. Gives way in between. */
static void
release_range(struct range_region *region, uint64_t address, size_t size, size_t len)
{
	for (size_t done = 0, piece; done < len; done += piece) {
		piece = next_piece(done, len);
		space_release(address + done, piece);
	}
	range_return(region, address, size);
}

/* Fresh pages of `fill` bytes in a new range. Gives way in between, and up if that is told. */
static enum nb_status
populate_range(struct range_region *region, size_t size, uint8_t fill, uint64_t *out)
{
	uint64_t address;
	enum nb_status status = range_reserve(region, size, &address);

	if (status != NB_OK)
		return status;
	for (size_t done = 0, piece; done < size; done += piece) {
		piece = next_piece(done, size);
		status = done && kernel_is_canceled()
				 ? NB_CANCELED
				 : space_populate(address + done, piece, SPACE_WRITE, fill);
		if (status != NB_OK) {
			release_range(region, address, size, done);
			return status;
		}
	}
	*out = address;
	return NB_OK;
}

/* ---- kernel pages ---- */

static bool
is_direct(const void *pages)
{
	uint64_t address = (uint64_t)(uintptr_t)pages;

	return address - MAP_DIRECT_BASE < MAP_DIRECT_BYTES;
}

/* In a row, at most RUN_MOST; FRAME_NONE: there are none. */
static uint64_t
take_run(size_t size)
{
	uint64_t frame;

	if (size == PORT_PAGE_BYTES) {
		frame = frame_alloc_zeroed();
		return frame == FRAME_NONE && memory_reclaim() ? frame_alloc_zeroed() : frame;
	}
	frame = frame_alloc_run(size / FRAME_BYTES);
	if (frame != FRAME_NONE)
		frame_clear(frame, size);
	return frame;
}

enum nb_status
port_pages_get(size_t size, void **out)
{
	uint64_t frame = FRAME_NONE, address;
	enum nb_status status;

	check_that(size > 0 && size % PORT_PAGE_BYTES == 0);
	if (size <= RUN_MOST)
		frame = take_run(size);
	if (frame != FRAME_NONE) {
		*out = map_direct(frame);
		return NB_OK;
	}
	if (size == PORT_PAGE_BYTES)
		return NB_OUT_OF_MEMORY;
	status = range_reserve(&areas, size, &address);
	if (status != NB_OK)
		return status;
	status = space_populate(address, size, SPACE_WRITE, 0);
	if (status != NB_OK)
		range_return(&areas, address, size);
	else
		*out = (void *)(uintptr_t)address;
	return status;
}

void
port_pages_put(void *pages, size_t size)
{
	uint64_t address = (uint64_t)(uintptr_t)pages;

	if (is_direct(pages)) {
		frame_free_run(map_direct_physical(pages), size / FRAME_BYTES);
		return;
	}
	space_release(address, size);
	range_return(&areas, address, size);
}

enum nb_status
port_many_pages_get(size_t size, void **out)
{
	enum nb_status status;
	uint64_t address;

	if (size <= PIECE_BYTES)
		return port_pages_get(size, out);
	if (size <= RUN_MOST) {
		uint64_t frame = take_run(size);

		if (frame != FRAME_NONE) {
			*out = map_direct(frame);
			return NB_OK;
		}
	}
	status = populate_range(&areas, size, 0, &address);
	if (status == NB_OK)
		*out = (void *)(uintptr_t)address;
	return status;
}

void
port_many_pages_put(void *pages, size_t size)
{
	if (is_direct(pages))
		port_pages_put(pages, size);
	else
		release_range(&areas, (uint64_t)(uintptr_t)pages, size, size);
}

enum nb_status
port_shared_pages_get(size_t size, void **out)
{
	return port_many_pages_get(size, out);
}

void
port_shared_pages_put(void *pages, size_t size)
{
	port_many_pages_put(pages, size);
}

bool
port_device_address(const void *pages, size_t size, uint64_t *out)
{
	(void)size;
	*out = map_direct_physical(pages);
	return is_direct(pages);
}

/* ---- areas ---- */

enum nb_status
port_area_reserve(size_t size, void **out)
{
	uint64_t address;
	enum nb_status status = range_reserve(&areas, size, &address);

	if (status != NB_OK)
		return status;
	__atomic_add_fetch(&areas_count, 1, __ATOMIC_RELAXED);
	*out = (void *)(uintptr_t)address;
	return NB_OK;
}

enum nb_status
port_area_commit(void *area, size_t offset, size_t size)
{
	return space_populate((uint64_t)(uintptr_t)area + offset, size, SPACE_WRITE, 0);
}

void
port_area_decommit(void *area, size_t offset, size_t size)
{
	space_release((uint64_t)(uintptr_t)area + offset, size);
}

void
port_area_release(void *area, size_t size)
{
	space_release((uint64_t)(uintptr_t)area, size);
	range_return(&areas, (uint64_t)(uintptr_t)area, size);
	__atomic_sub_fetch(&areas_count, 1, __ATOMIC_RELAXED);
}

/* ---- code ---- */

enum nb_status
port_code_reserve(size_t size, struct port_code *out)
{
	uint64_t address;
	/* What the owner leaves unwritten traps when executed. */
	enum nb_status status = populate_range(&code, size, BREAKPOINT, &address);

	if (status != NB_OK)
		return status;
	__atomic_add_fetch(&code_bytes, size, __ATOMIC_RELAXED);
	out->base = (uint8_t *)(uintptr_t)address;
	out->size = size;
	return NB_OK;
}

enum nb_status
port_code_seal(struct port_code *sealed)
{
	uint64_t address = (uint64_t)(uintptr_t)sealed->base;

	for (size_t done = 0, piece; done < sealed->size; done += piece) {
		piece = next_piece(done, sealed->size);
		space_protect(address + done, piece, SPACE_EXECUTE);
	}
	return NB_OK;
}

void
port_code_release(struct port_code *released)
{
	size_t size = released->size;

	release_range(&code, (uint64_t)(uintptr_t)released->base, size, size);
	__atomic_sub_fetch(&code_bytes, size, __ATOMIC_RELAXED);
	*released = (struct port_code){ NULL, 0 };
}

void
port_code_range(uint64_t *out_start, uint64_t *out_end)
{
	*out_start = MAP_CODE_BASE;
	*out_end = MAP_CODE_END;
}

/* ---- totals ---- */

void
port_memory_info(struct port_memory_info *out)
{
	struct frame_totals totals = frames_totals();

	*out = (struct port_memory_info){
		.total_pages = totals.total,
		.free_pages = totals.free,
		.slots_live = slots_live(),
		.stacks_live = stacks_live(),
		.areas_live = __atomic_load_n(&areas_count, __ATOMIC_RELAXED),
		.code_bytes_live = __atomic_load_n(&code_bytes, __ATOMIC_RELAXED),
	};
}

void
memory_init(void)
{
	uint64_t base, wide;
	struct port_stack stack;
	void *area;
	struct port_code piece;

	if (port_slot_create(NB_SLOT_ADDRESSABLE, PORT_PAGE_BYTES, NULL, &base) != NB_OK ||
	    port_slot_reserve(NB_WIDE_SLOT_ADDRESSABLE, &wide) != NB_OK ||
	    demand_map_zeroed(base) != DEMAND_SERVED ||
	    port_stack_create(PORT_PAGE_BYTES, &stack) != NB_OK ||
	    port_stack_commit(&stack, stack.limit) != NB_OK ||
	    port_area_reserve(PORT_PAGE_BYTES, &area) != NB_OK ||
	    port_code_reserve(PORT_PAGE_BYTES, &piece) != NB_OK)
		port_panic("no memory for the first records");
	port_slot_release(base, PORT_PAGE_BYTES);
	port_slot_release(wide, 0);
	port_stack_destroy(&stack);
	port_area_release(area, PORT_PAGE_BYTES);
	port_code_release(&piece);
}

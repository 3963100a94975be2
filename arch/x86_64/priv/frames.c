/*
 * The buddy allocator over physical memory; see frames.h.
 *
 * Invariants, under `lock`:
 *   - a block on free_lists[k] has records FREE/k at its head and BODY behind;
 *   - records of a chunk are valid once the chunk was opened, and buddies are
 *     always of one chunk, so no record of an unopened chunk is ever read
 *     except by a caller's wrong free;
 *   - lists_used has bit k set exactly when free_lists[k] is not empty.
 */
#include "arch/x86_64/priv/frames.h"

#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/memory_map.h"

enum frame_state { FRAME_RESERVED, FRAME_BODY, FRAME_FREE, FRAME_USED };

struct frame_record {
	uint8_t state; /* enum frame_state */
	uint8_t order; /* valid for FREE and USED */
	uint16_t counter;
};

/* Lies in the first frame of a free block. */
struct free_block {
	struct free_block *next;
	struct free_block **link; /* what points here */
};

/* Lies in a frame of the zeroed pool; the rest is zero. */
struct zeroed_frame {
	struct zeroed_frame *next;
};

/* What guests' memories leave to the kernel: a share of all frames, within bounds. */
enum { SCARCE_SHARE = 64, SCARCE_LEAST = 256, SCARCE_MOST = 4096 };

enum { CHUNK_SHIFT = FRAME_SHIFT + FRAME_ORDER_MOST, ZEROED_MOST = 256 };

static struct lock lock = LOCK_INIT(LOCK_RANK_FRAMES);
static struct frame_record *records; /* by frame number */
static struct frame_range ranges[FRAME_RANGES];
static size_t range_count;
static uint64_t next_chunk; /* number of the first chunk that was not opened */
static uint64_t end_frame;
static struct free_block *free_lists[FRAME_ORDER_MOST + 1];
static uint32_t lists_used;
static struct zeroed_frame *zeroed;
static size_t zeroed_count;
static uint64_t free_frames; /* in lists, pool and unopened chunks */
static uint64_t total_frames;
static uint64_t kept_frames;

static void
list_push(uint64_t number, unsigned order)
{
	struct free_block *block = map_direct(number << FRAME_SHIFT);

	block->next = free_lists[order];
	block->link = &free_lists[order];
	if (block->next)
		block->next->link = &block->next;
	free_lists[order] = block;
	lists_used |= 1u << order;
	records[number].state = FRAME_FREE;
	records[number].order = (uint8_t)order;
}

static void
list_remove(uint64_t number, unsigned order)
{
	struct free_block *block = map_direct(number << FRAME_SHIFT);

	*block->link = block->next;
	if (block->next)
		block->next->link = block->link;
	if (!free_lists[order])
		lists_used &= ~(1u << order);
	records[number].state = FRAME_BODY;
}

/* Pushes [first, end) of one chunk as aligned blocks. */
static void
push_range(uint64_t first, uint64_t end)
{
	while (first < end) {
		unsigned order = FRAME_ORDER_MOST;

		while (first & ((1ull << order) - 1) || first + (1ull << order) > end)
			order--;
		list_push(first, order);
		first += 1ull << order;
	}
}

/* Opens chunks until one had a usable frame; false when none is left. */
static bool
open_chunk(void)
{
	const uint64_t size = 1ull << FRAME_ORDER_MOST;
	bool found = false;

	while (!found && next_chunk * size < end_frame) {
		uint64_t first = next_chunk++ * size;
		uint64_t end = first + size;
		bool is_cleared = false;

		for (size_t i = 0; i < range_count; i++) {
			uint64_t from = ranges[i].start >> FRAME_SHIFT;
			uint64_t to = ranges[i].end >> FRAME_SHIFT;

			from = from > first ? from : first;
			to = to < end ? to : end;
			if (from >= to)
				continue;
			if (!is_cleared) {
				/* RESERVED everywhere; list_push marks heads. */
				__builtin_memset(&records[first], 0, size * sizeof *records);
				is_cleared = true;
			}
			for (uint64_t n = from; n < to; n++)
				records[n].state = FRAME_BODY;
			push_range(from, to);
			found = true;
		}
	}
	return found;
}

/* Cuts [start, start + bytes) off the front of a range. */
static uint64_t
take_records_room(size_t bytes, uint64_t below)
{
	for (size_t i = 0; i < range_count; i++) {
		uint64_t start = ranges[i].start;

		if (ranges[i].end - start >= bytes && start + bytes <= below) {
			ranges[i].start += bytes;
			return start;
		}
	}
	port_panic("no room for the records of physical memory");
}

void
frames_init(const struct frame_range *given, size_t count, uint64_t records_below)
{
	size_t bytes;

	check_that(count > 0 && count <= FRAME_RANGES);
	for (size_t i = 0; i < count; i++)
		ranges[i] = given[i];
	range_count = count;
	end_frame = ranges[count - 1].end >> FRAME_SHIFT;
	/* Whole chunks have records, usable or not. */
	bytes = (size_t)((end_frame + (1ull << FRAME_ORDER_MOST)) * sizeof *records);
	bytes = (bytes + FRAME_BYTES - 1) & ~(size_t)(FRAME_BYTES - 1);
	records = map_direct(take_records_room(bytes, records_below));
	for (size_t i = 0; i < count; i++)
		total_frames += (ranges[i].end - ranges[i].start) >> FRAME_SHIFT;
	free_frames = total_frames;
	next_chunk = ranges[0].start >> CHUNK_SHIFT;
}

static uint64_t
alloc_locked(unsigned order)
{
	uint32_t fit;
	unsigned found;
	uint64_t number;

	while (!(fit = lists_used >> order)) {
		if (!open_chunk())
			return FRAME_NONE;
	}
	found = order + (unsigned)__builtin_ctz(fit);
	number = map_direct_physical(free_lists[found]) >> FRAME_SHIFT;
	list_remove(number, found);
	while (found > order) {
		found--;
		list_push(number + (1ull << found), found);
	}
	records[number] = (struct frame_record){ .state = FRAME_USED, .order = (uint8_t)order };
	free_frames -= 1ull << order;
	return number;
}

static void
free_locked(uint64_t number, unsigned order)
{
	check_that(number < end_frame);
	check_that(records[number].state == FRAME_USED); /* else a second free */
	check_that(records[number].order == order);
	free_frames += 1ull << order;
	records[number].state = FRAME_BODY;
	while (order < FRAME_ORDER_MOST) {
		uint64_t buddy = number ^ 1ull << order;

		if (records[buddy].state != FRAME_FREE || records[buddy].order != order)
			break;
		list_remove(buddy, order);
		number &= ~(1ull << order);
		order++;
	}
	list_push(number, order);
}

/* Gives the pool's frames back to the lists, to serve larger blocks. */
static bool
drain_zeroed(void)
{
	bool any = zeroed != NULL;

	while (zeroed) {
		uint64_t number = map_direct_physical(zeroed) >> FRAME_SHIFT;

		zeroed = zeroed->next;
		free_frames--;
		records[number] = (struct frame_record){ .state = FRAME_USED, .order = 0 };
		free_locked(number, 0);
	}
	zeroed_count = 0;
	return any;
}

uint64_t
frame_alloc(unsigned order)
{
	uint64_t number;

	check_that(order <= FRAME_ORDER_MOST);
	lock_take(&lock);
	number = alloc_locked(order);
	if (number == FRAME_NONE && drain_zeroed())
		number = alloc_locked(order);
	lock_drop(&lock);
	return number == FRAME_NONE ? FRAME_NONE : number << FRAME_SHIFT;
}

void
frame_free(uint64_t frame, unsigned order)
{
	lock_take(&lock);
	free_locked(frame >> FRAME_SHIFT, order);
	lock_drop(&lock);
}

void
frame_split(uint64_t frame, unsigned order)
{
	uint64_t number = frame >> FRAME_SHIFT;

	lock_take(&lock);
	check_that(records[number].state == FRAME_USED && records[number].order == order);
	for (uint64_t i = 0; i < 1ull << order; i++)
		records[number + i] = (struct frame_record){ .state = FRAME_USED, .order = 0 };
	lock_drop(&lock);
}

uint64_t
frame_alloc_zeroed(void)
{
	struct zeroed_frame *taken;
	uint64_t frame;

	lock_take(&lock);
	taken = zeroed;
	if (taken) {
		frame = map_direct_physical(taken);
		zeroed = taken->next;
		zeroed_count--;
		free_frames--;
		taken->next = NULL;
		records[frame >> FRAME_SHIFT] = (struct frame_record){ .state = FRAME_USED };
		lock_drop(&lock);
		return frame;
	}
	lock_drop(&lock);
	frame = frame_alloc(0);
	if (frame != FRAME_NONE)
		frame_clear(frame, FRAME_BYTES);
	return frame;
}

void
frame_free_zeroed(uint64_t frame)
{
	struct zeroed_frame *given = map_direct(frame);
	struct frame_record *record = &records[frame >> FRAME_SHIFT];

	lock_take(&lock);
	if (zeroed_count == ZEROED_MOST) {
		free_locked(frame >> FRAME_SHIFT, 0);
	} else {
		check_that(record->state == FRAME_USED && record->order == 0);
		record->state = FRAME_RESERVED; /* a second free is caught */
		given->next = zeroed;
		zeroed = given;
		zeroed_count++;
		free_frames++;
	}
	lock_drop(&lock);
}

/* Marks blocks of a run, used or free, by the binary digits of its length;
 * `visit` gets each block from the front. */
typedef void run_visit(uint64_t number, unsigned order);

static void
visit_run(uint64_t number, size_t count, run_visit *visit)
{
	for (unsigned order = FRAME_ORDER_MOST + 1; order-- > 0;) {
		if (count >> order & 1) {
			visit(number, order);
			number += 1ull << order;
		}
	}
}

static void
mark_used(uint64_t number, unsigned order)
{
	records[number] = (struct frame_record){ .state = FRAME_USED, .order = (uint8_t)order };
}

uint64_t
frame_alloc_run(size_t count)
{
	unsigned order = 0;
	uint64_t number;

	check_that(count > 0 && count <= 1u << FRAME_ORDER_MOST);
	while ((size_t)1 << order < count)
		order++;
	if ((size_t)1 << order == count)
		return frame_alloc(order);
	lock_take(&lock);
	number = alloc_locked(order);
	if (number == FRAME_NONE && drain_zeroed())
		number = alloc_locked(order);
	if (number != FRAME_NONE) {
		records[number].state = FRAME_BODY;
		visit_run(number, count, mark_used);
		push_range(number + count, number + (1ull << order));
		free_frames += (1ull << order) - count;
	}
	lock_drop(&lock);
	return number == FRAME_NONE ? FRAME_NONE : number << FRAME_SHIFT;
}

void
frame_free_run(uint64_t frame, size_t count)
{
	lock_take(&lock);
	visit_run(frame >> FRAME_SHIFT, count, free_locked);
	lock_drop(&lock);
}

void
frame_clear(uint64_t frame, size_t bytes)
{
	__builtin_memset(map_direct(frame), 0, bytes);
}

uint16_t *
frame_counter(uint64_t frame)
{
	return &records[frame >> FRAME_SHIFT].counter;
}

void
frames_note_kept(int64_t change)
{
	lock_take(&lock);
	kept_frames += (uint64_t)change;
	lock_drop(&lock);
}

bool
frames_are_scarce(void)
{
	uint64_t kept = total_frames / SCARCE_SHARE;

	kept = kept > SCARCE_MOST ? SCARCE_MOST : kept;
	kept = kept < SCARCE_LEAST ? SCARCE_LEAST : kept;
	return __atomic_load_n(&free_frames, __ATOMIC_RELAXED) <= kept;
}

struct frame_totals
frames_totals(void)
{
	struct frame_totals totals;

	lock_take(&lock);
	totals.total = total_frames;
	totals.free = free_frames + kept_frames;
	lock_drop(&lock);
	return totals;
}

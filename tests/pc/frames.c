/*
 * The physical allocator: blocks are disjoint, aligned, come back, and run out
 * without harm.
 */
#include "tests/pc/selftest.h"

#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "lib/string.h"

enum { BLOCKS = 200 };

static uint64_t random_state = 1;

static uint32_t
random_below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

static void
write_mark(uint64_t frame, unsigned order, uint64_t mark)
{
	uint64_t *words = map_direct(frame);

	words[0] = mark;
	words[((size_t)FRAME_BYTES << order) / 8 - 1] = mark;
}

static bool
has_mark(uint64_t frame, unsigned order, uint64_t mark)
{
	const uint64_t *words = map_direct(frame);

	return words[0] == mark && words[((size_t)FRAME_BYTES << order) / 8 - 1] == mark;
}

static void
blocks_are_disjoint(void)
{
	static uint64_t frames[BLOCKS];
	static unsigned orders[BLOCKS];

	for (uint32_t i = 0; i < BLOCKS; i++)
		frames[i] = FRAME_NONE;
	for (uint32_t round = 0; round < 20 * BLOCKS; round++) {
		uint32_t i = random_below(BLOCKS);

		if (frames[i] != FRAME_NONE) {
			EXPECT(has_mark(frames[i], orders[i], i + 1));
			frame_free(frames[i], orders[i]);
			frames[i] = FRAME_NONE;
		} else {
			orders[i] = random_below(FRAME_ORDER_MOST - 3);
			frames[i] = frame_alloc(orders[i]);
			EXPECT(frames[i] != FRAME_NONE);
			EXPECT(frames[i] % ((uint64_t)FRAME_BYTES << orders[i]) == 0);
			write_mark(frames[i], orders[i], i + 1);
		}
	}
	for (uint32_t i = 0; i < BLOCKS; i++) {
		if (frames[i] != FRAME_NONE) {
			EXPECT(has_mark(frames[i], orders[i], i + 1));
			frame_free(frames[i], orders[i]);
		}
	}
}

static void
runs_give_back_their_tail(void)
{
	for (uint32_t count = 1; count <= 1u << FRAME_ORDER_MOST; count = count * 2 + 1) {
		struct port_memory_info before = memory_now();
		uint64_t frame = frame_alloc_run(count);

		EXPECT(frame != FRAME_NONE);
		EXPECT(before.free_pages - memory_now().free_pages == count);
		frame_free_run(frame, count);
		EXPECT(memory_is_same(&before));
	}
}

static bool
is_zero(uint64_t frame)
{
	const uint64_t *words = map_direct(frame);

	for (size_t i = 0; i < FRAME_BYTES / 8; i++) {
		if (words[i])
			return false;
	}
	return true;
}

static void
zeroed_frames_are_zero(void)
{
	uint64_t frames[32];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 32; i++) {
			frames[i] = frame_alloc_zeroed();
			EXPECT(frames[i] != FRAME_NONE && is_zero(frames[i]));
		}
		for (int i = 0; i < 32; i++) {
			if (i % 2) {
				frame_free_zeroed(frames[i]);
			} else {
				memset(map_direct(frames[i]), 0xee, FRAME_BYTES);
				frame_free(frames[i], 0);
			}
		}
	}
}

/* Takes everything there is, largest blocks first, chained through themselves,
 * and gives it back. */
static void
exhaustion_is_harmless(void)
{
	uint64_t chains[FRAME_ORDER_MOST + 1];
	uint64_t taken = 0;
	uint64_t expected = memory_now().free_pages;

	if (!memory_is_small())
		return;
	for (unsigned order = FRAME_ORDER_MOST + 1; order-- > 0;) {
		uint64_t frame;

		chains[order] = FRAME_NONE;
		while ((frame = frame_alloc(order)) != FRAME_NONE) {
			*(uint64_t *)map_direct(frame) = chains[order];
			chains[order] = frame;
			taken += 1ull << order;
		}
	}
	/* Pages that keep records count as free and cannot be taken. */
	EXPECT(taken <= expected && expected - taken < 32);
	EXPECT(frame_alloc_zeroed() == FRAME_NONE);
	EXPECT(frame_alloc_run(3) == FRAME_NONE);
	for (unsigned order = 0; order <= FRAME_ORDER_MOST; order++) {
		while (chains[order] != FRAME_NONE) {
			uint64_t frame = chains[order];

			chains[order] = *(uint64_t *)map_direct(frame);
			frame_free(frame, order);
		}
	}
}

const struct selftest frame_tests[] = {
	{ "frames: blocks are disjoint", blocks_are_disjoint },
	{ "frames: runs give back their tail", runs_give_back_their_tail },
	{ "frames: zeroed frames are zero", zeroed_frames_are_zero },
	{ "frames: exhaustion is harmless", exhaustion_is_harmless },
	{ NULL, NULL },
};

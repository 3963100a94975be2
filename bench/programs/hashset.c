/* Hashing and memory: a set of numbers with open addressing, filled, asked and emptied. */
#include "bench.h"

enum { SLOTS = 1 << 16, COUNT = 25000 };

static uint64_t slots[SLOTS];

static uint32_t
slot_of(uint64_t key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdu;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53u;
	key ^= key >> 33;
	return (uint32_t)key & (SLOTS - 1);
}

static bool
add(uint64_t key)
{
	uint32_t at = slot_of(key);

	for (; slots[at]; at = (at + 1) & (SLOTS - 1)) {
		if (slots[at] == key)
			return false;
	}
	slots[at] = key;
	return true;
}

static bool
has(uint64_t key)
{
	uint32_t at = slot_of(key);

	while (slots[at] && slots[at] != key)
		at = (at + 1) & (SLOTS - 1);
	return slots[at];
}

static void
bench_round(void)
{
	uint64_t seed = 3, added = 0, found = 0;

	memset(slots, 0, sizeof slots);
	for (int i = 0; i < COUNT; i++)
		added += add(bench_random(&seed) % (COUNT * 4) + 1);
	for (uint64_t i = 1; i < COUNT * 4; i++)
		found += has(i);
	bench_put_integer("added", added);
	bench_put_integer("found", found);
}

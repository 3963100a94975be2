/*
 * Random bytes: ChaCha20 with fast key erasure. A few blocks at a time are made, whose
 * first bytes are the generator's next key; the others are given out, each once, and are
 * zeroed then. So what was given out cannot be computed from what is kept. Who wants much
 * gets a stream with a key of its own.
 */
#include "kernel/sys/random.h"

#include "kernel/port/cpu.h"
#include "kernel/sched/lock.h"
#include "lib/string.h"

#include <stdbool.h>

enum {
	KEY_BYTES = 32,
	BLOCK_BYTES = 64,
	POOL_BYTES = 4 * BLOCK_BYTES,
	RESEED_REFILLS = 16 * 1024,
};

static struct {
	struct spinlock lock;
	/* Under the lock: */
	uint32_t key[KEY_BYTES / 4];
	uint32_t refills_left; /* until it is seeded again */
	uint8_t pool[POOL_BYTES];
	uint32_t pool_left; /* bytes at its end that nobody has got */
} generator = { .lock = SPINLOCK_INIT(LOCK_RANK_HEAP) };

static uint32_t
rotate(uint32_t value, int bits)
{
	return value << bits | value >> (32 - bits);
}

static void
quarter_round(uint32_t state[16], int a, int b, int c, int d)
{
	state[a] += state[b];
	state[d] = rotate(state[d] ^ state[a], 16);
	state[c] += state[d];
	state[b] = rotate(state[b] ^ state[c], 12);
	state[a] += state[b];
	state[d] = rotate(state[d] ^ state[a], 8);
	state[c] += state[d];
	state[b] = rotate(state[b] ^ state[c], 7);
}

void
random_chacha20_block(const uint32_t key[8], uint64_t counter, uint8_t out[64])
{
	uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };
	uint32_t state[16];

	memcpy(&start[4], key, KEY_BYTES);
	start[12] = (uint32_t)counter;
	start[13] = (uint32_t)(counter >> 32);
	memcpy(state, start, sizeof state);
	for (int round = 0; round < 10; round++) {
		quarter_round(state, 0, 4, 8, 12);
		quarter_round(state, 1, 5, 9, 13);
		quarter_round(state, 2, 6, 10, 14);
		quarter_round(state, 3, 7, 11, 15);
		quarter_round(state, 0, 5, 10, 15);
		quarter_round(state, 1, 6, 11, 12);
		quarter_round(state, 2, 7, 8, 13);
		quarter_round(state, 3, 4, 9, 14);
	}
	for (int i = 0; i < 16; i++)
		state[i] += start[i];
	memcpy(out, state, sizeof state);
}

static void
refill_locked(void)
{
	if (generator.refills_left == 0) {
		uint32_t seed[KEY_BYTES / 4];

		port_entropy(seed, sizeof seed);
		for (int i = 0; i < KEY_BYTES / 4; i++)
			generator.key[i] ^= seed[i];
		generator.refills_left = RESEED_REFILLS;
	}
	generator.refills_left--;
	for (uint32_t i = 0; i < POOL_BYTES / BLOCK_BYTES; i++)
		random_chacha20_block(generator.key, i, generator.pool + i * BLOCK_BYTES);
	memcpy(generator.key, generator.pool, KEY_BYTES);
	memset(generator.pool, 0, KEY_BYTES);
	generator.pool_left = POOL_BYTES - KEY_BYTES;
}

/* At most BLOCK_BYTES. */
static void
take(uint8_t *out, size_t len)
{
	spinlock_lock(&generator.lock);
	while (len) {
		size_t piece = len < generator.pool_left ? len : generator.pool_left;
		uint8_t *from = generator.pool + POOL_BYTES - generator.pool_left;

		memcpy(out, from, piece);
		memset(from, 0, piece);
		generator.pool_left -= (uint32_t)piece;
		out += piece;
		len -= piece;
		if (len)
			refill_locked();
	}
	spinlock_unlock(&generator.lock);
}

void
random_bytes(void *out, size_t len)
{
	uint32_t key[KEY_BYTES / 4];
	uint8_t block[BLOCK_BYTES];
	uint64_t counter = 0;
	uint8_t *at = out;

	if (len <= BLOCK_BYTES) {
		take(out, len);
		return;
	}
	take((uint8_t *)key, sizeof key);
	while (len) {
		size_t piece = len < BLOCK_BYTES ? len : BLOCK_BYTES;

		random_chacha20_block(key, counter++, block);
		memcpy(at, block, piece);
		at += piece;
		len -= piece;
	}
}

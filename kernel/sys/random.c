/*
 * Random bytes: ChaCha20 with fast key erasure. Each call takes one block as
 * its own stream key and the generator's next key, so what was given out
 * cannot be computed from what is kept.
 */
#include "kernel/sys/random.h"

#include "kernel/port/cpu.h"
#include "kernel/sched/lock.h"
#include "lib/string.h"

#include <stdbool.h>

enum {
	KEY_BYTES = 32,
	BLOCK_BYTES = 64,
	RESEED_CALLS = 64 * 1024,
};

static struct {
	struct spinlock lock;
	/* Under the lock: */
	uint32_t key[KEY_BYTES / 4];
	uint32_t calls_left; /* until it is seeded again */
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

/* Hands out a fresh key and replaces the generator's own. */
static void
take_key(uint32_t out[8])
{
	uint8_t block[BLOCK_BYTES];

	spinlock_lock(&generator.lock);
	if (generator.calls_left == 0) {
		uint32_t seed[KEY_BYTES / 4];

		port_entropy(seed, sizeof seed);
		for (int i = 0; i < KEY_BYTES / 4; i++)
			generator.key[i] ^= seed[i];
		generator.calls_left = RESEED_CALLS;
	}
	generator.calls_left--;
	random_chacha20_block(generator.key, 0, block);
	memcpy(generator.key, block, KEY_BYTES);
	memcpy(out, block + KEY_BYTES, KEY_BYTES);
	spinlock_unlock(&generator.lock);
}

void
random_bytes(void *out, size_t len)
{
	uint32_t key[KEY_BYTES / 4];
	uint8_t block[BLOCK_BYTES];
	uint64_t counter = 0;
	uint8_t *at = out;

	take_key(key);
	while (len) {
		size_t piece = len < BLOCK_BYTES ? len : BLOCK_BYTES;

		random_chacha20_block(key, counter++, block);
		memcpy(at, block, piece);
		at += piece;
		len -= piece;
	}
}

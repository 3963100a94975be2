/*
 * Entropy for seeding: the processor's generator where it has one, always
 * mixed with the jitter of the time stamp counter, so that neither alone is
 * trusted. The core's generator does the stretching.
 *
 * Source: Intel Digital Random Number Generator guide, section 5.2 (retries).
 */
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/processor.h"
#include "kernel/port/cpu.h"
#include "lib/string.h"

enum { RETRIES = 10, JITTER_ROUNDS = 64 };

static bool
hardware_word(uint64_t *out)
{
	const struct processor_features *f = &processor_features;
	bool is_good = false;

	for (int i = 0; i < RETRIES && !is_good && f->rdseed; i++)
		__asm__ volatile("rdseed %0" : "=r"(*out), "=@ccc"(is_good));
	for (int i = 0; i < RETRIES && !is_good && f->rdrand; i++)
		__asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(is_good));
	return is_good;
}

/* The finaliser of MurmurHash3: every bit of the input reaches every other. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
	x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
	return x ^ x >> 33;
}

/* Folds in how long reads of the counter and of memory took; many rounds only
 * where nothing better is there. */
static uint64_t
jitter_word(uint64_t state, int rounds)
{
	static volatile uint64_t touched[64];

	for (int i = 0; i < rounds; i++) {
		uint64_t now = cpu_read_tsc();

		touched[state % 64] += now;
		state = mix(state + now);
	}
	return state;
}

void
port_entropy(void *out, size_t len)
{
	uint8_t *bytes = out;
	uint64_t state = 0;

	while (len > 0) {
		uint64_t word = 0;
		bool is_good = hardware_word(&word);
		size_t run = len < sizeof word ? len : sizeof word;

		state = jitter_word(state, is_good ? 1 : JITTER_ROUNDS);
		word ^= state;
		memcpy(bytes, &word, run);
		bytes += run;
		len -= run;
	}
}

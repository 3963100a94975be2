/*
 * A node of a random graph of gates. Startup: activations, a seed, whether it calls
 * (1) or only serves (0), an event. Both gates use the two gates of each of up to
 * three peers, at random, down to a depth; sometimes they trap, exit, yield or wait.
 * Exits with the number of a line where something was wrong, else with 0.
 */
#include "guest.h"

#ifndef GATE_ROOT
#define PEER(name) __attribute__((import_module("peer"), import_name(#name)))
PEER(plain0) int64_t plain0(uint32_t seed, int64_t depth);
PEER(plain1) int64_t plain1(uint32_t seed, int64_t depth);
PEER(plain2) int64_t plain2(uint32_t seed, int64_t depth);
PEER(rich0) int64_t rich0(uint32_t seed, uint32_t handle, void *bytes, uint32_t len);
PEER(rich1) int64_t rich1(uint32_t seed, uint32_t handle, void *bytes, uint32_t len);
PEER(rich2) int64_t rich2(uint32_t seed, uint32_t handle, void *bytes, uint32_t len);
#endif

enum { STACK_BYTES = 8192 };
static _Alignas(16) uint8_t stacks[2][3 * STACK_BYTES];
static uint32_t event;

static uint32_t
next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Results that are nobody's fault here. */
static int
is_fate(int64_t result)
{
	return result == ERR(PEER_CLOSED) || result == ERR(PEER_FAULTED) ||
	       result == ERR(TIMED_OUT) || result == ERR(CANCELED);
}

#ifndef GATE_ROOT
static void
call_plain(uint32_t *seed, int64_t depth)
{
	uint32_t given = next(seed) | 1;
	int64_t result;

	switch (next(seed) % 3) {
	case 0:
		result = plain0(given, depth);
		break;
	case 1:
		result = plain1(given, depth);
		break;
	default:
		result = plain2(given, depth);
		break;
	}
	EXPECT(result == given + depth || is_fate(result));
}

static void
call_rich(uint32_t *seed)
{
	uint8_t bytes[64];
	int64_t handle = nb_handle_duplicate(event, NB_RIGHTS_SAME), result;
	uint32_t given = next(seed) | 1;

	EXPECT(handle > 0);
	for (uint32_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i + given);
	switch (next(seed) % 3) {
	case 0:
		result = rich0(given, (uint32_t)handle, bytes, sizeof bytes);
		break;
	case 1:
		result = rich1(given, (uint32_t)handle, bytes, sizeof bytes);
		break;
	default:
		result = rich2(given, (uint32_t)handle, bytes, sizeof bytes);
		break;
	}
	EXPECT(result > 0 || is_fate(result));
	for (uint32_t i = 0; i < sizeof bytes && result > 0; i++)
		EXPECT(bytes[i] == (uint8_t)(i + given + 1));
	/* Here again, or never left, or lost with who had it. */
	if (result > 0)
		EXPECT(nb_handle_close((uint32_t)result) == 0);
	else
		(void)nb_handle_close((uint32_t)handle);
}
#endif

static void
suffer(uint32_t *seed)
{
	switch (next(seed) % 1024) {
#ifndef GATE_ROOT
	case 0:
		__builtin_trap();
	case 1:
		nb_process_exit(0);
#endif
	case 2 ... 40:
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + next(seed) % 200000);
		break;
	case 41:
		for (uint32_t i = next(seed) % 100000; i; i--)
			__asm__ volatile("");
		break;
	default:
		if (next(seed) % 8 == 0)
			nb_thread_yield();
	}
}

static int64_t
plain(uint32_t seed, int64_t depth)
{
	uint32_t own = seed;

	suffer(&own);
#ifndef GATE_ROOT
	if (depth > 0)
		call_plain(&own, depth - 1);
	if (depth > 0 && next(&own) % 4 == 0)
		call_rich(&own);
#endif
	return seed + depth;
}

static int64_t
rich(uint32_t seed, uint32_t handle, uint32_t slot, uint32_t len)
{
	uint8_t bytes[64];
	int64_t result;

	EXPECT(len == sizeof bytes);
	result = nb_lend_read(slot, 0, bytes, len);
	if (result)
		return result;
	suffer(&seed);
	for (uint32_t i = 0; i < len; i++)
		bytes[i]++;
	result = nb_lend_write(slot, 0, bytes, len);
	EXPECT(result == 0 || is_fate(result));
	if (result) {
		(void)nb_handle_close(handle);
		return result;
	}
	result = nb_gate_reply_handle(handle);
	EXPECT(result > 0 || is_fate(result));
	if (result < 0)
		(void)nb_handle_close(handle);
	return result;
}

void
_start(void)
{
	struct nb_gate_stacks where[2] = { { (uint32_t)(uintptr_t)stacks[0], STACK_BYTES },
					   { (uint32_t)(uintptr_t)stacks[1], STACK_BYTES } };
	uint32_t activations = guest_handle(0), seed = guest_handle(1);

	event = guest_handle(3);
	EXPECT(nb_gate_create((uint32_t)(uintptr_t)plain, "iI>I", 4, activations,
			      activations ? &where[0] : 0) > 0);
	EXPECT(nb_gate_create((uint32_t)(uintptr_t)rich, "ihb>I", 5, activations,
			      activations ? &where[1] : 0) > 0);
#ifndef GATE_ROOT
	for (uint32_t i = 0; guest_handle(2) && i < 400; i++) {
		int64_t soon = nb_clock_get(NB_CLOCK_MONOTONIC) + next(&seed) % 300000;

		EXPECT(nb_gate_deadline(next(&seed) % 8 ? INT64_MAX : soon) == 0);
		call_plain(&seed, next(&seed) % 4);
		if (next(&seed) % 2)
			call_rich(&seed);
	}
#else
	(void)seed;
#endif
	if (!activations)
		(void)nb_gate_serve(INT64_MAX);
	else
		(void)nb_object_wait_one(event, NB_SIGNAL_USER_7, INT64_MAX);
	nb_process_exit(0);
}

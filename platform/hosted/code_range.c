/*
 * The range of published code on the hosted platform: address space reserved
 * once, given out in granules by first fit.
 */
#include "kernel/port/memory.h"
#include "platform/hosted/account.h"
#include "platform/hosted/hosted.h"

#include <pthread.h>
#include <sys/mman.h>

#define RANGE_BYTES   (4ull << 30)
#define GRANULE_BYTES (64ull << 10)
enum { GRANULES = RANGE_BYTES / GRANULE_BYTES, GRANULES_PER_WORD = 64 };

static pthread_mutex_t range_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t range_start; /* 0: not reserved yet; never changes afterwards */
static uint64_t granule_used[GRANULES / GRANULES_PER_WORD]; /* bit set, under the lock */

static bool
granule_is_used(uint64_t i)
{
	return granule_used[i / GRANULES_PER_WORD] >> i % GRANULES_PER_WORD & 1;
}

static void
granules_flip(uint64_t first, uint64_t count)
{
	for (uint64_t i = first; i < first + count; i++)
		granule_used[i / GRANULES_PER_WORD] ^= 1ull << i % GRANULES_PER_WORD;
}

static uint64_t
granules_of(size_t size)
{
	return (size + GRANULE_BYTES - 1) / GRANULE_BYTES;
}

/* The first of `count` free granules in a row, marked used; GRANULES: none. */
static uint64_t
granules_take_locked(uint64_t count)
{
	uint64_t run = 0;

	for (uint64_t i = 0; i < GRANULES; i++) {
		run = granule_is_used(i) ? 0 : run + 1;
		if (run == count) {
			granules_flip(i + 1 - count, count);
			return i + 1 - count;
		}
	}
	return GRANULES;
}

static enum nb_status
range_take_locked(size_t size, uint8_t **out)
{
	if (!range_start)
		__atomic_store_n(&range_start, (uint64_t)(uintptr_t)hosted_reserve(RANGE_BYTES),
				 __ATOMIC_RELEASE);
	uint64_t start = range_start;
	if (!start || size > RANGE_BYTES)
		return NB_OUT_OF_MEMORY;
	uint64_t first = granules_take_locked(granules_of(size));
	if (first == GRANULES)
		return NB_OUT_OF_MEMORY;
	uint8_t *base = (uint8_t *)(uintptr_t)(start + first * GRANULE_BYTES);
	if (mprotect(base, size, PROT_READ | PROT_WRITE) != 0) {
		granules_flip(first, granules_of(size));
		return NB_OUT_OF_MEMORY;
	}
	*out = base;
	return NB_OK;
}

enum nb_status
port_code_reserve(size_t size, struct port_code *out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	pthread_mutex_lock(&range_lock);
	status = range_take_locked(size, &out->base);
	pthread_mutex_unlock(&range_lock);
	if (status != NB_OK) {
		hosted_account_give(size);
		return status;
	}
	out->size = size;
	hosted_account_code((int64_t)size);
	return NB_OK;
}

enum nb_status
port_code_seal(struct port_code *code)
{
	if (mprotect(code->base, code->size, PROT_READ | PROT_EXEC) != 0)
		return NB_OUT_OF_MEMORY;
	return NB_OK;
}

void
port_code_release(struct port_code *code)
{
	hosted_decommit(code->base, code->size);
	pthread_mutex_lock(&range_lock);
	granules_flip(((uint64_t)(uintptr_t)code->base - range_start) / GRANULE_BYTES,
		      granules_of(code->size));
	pthread_mutex_unlock(&range_lock);
	hosted_account_give(code->size);
	hosted_account_code(-(int64_t)code->size);
}

void
port_code_range(uint64_t *out_start, uint64_t *out_end)
{
	uint64_t start = __atomic_load_n(&range_start, __ATOMIC_ACQUIRE);

	*out_start = start;
	*out_end = start ? start + RANGE_BYTES : 0;
}

bool
hosted_pc_is_guest(uint64_t pc)
{
	uint64_t start = __atomic_load_n(&range_start, __ATOMIC_ACQUIRE);

	return start && pc - start < RANGE_BYTES;
}

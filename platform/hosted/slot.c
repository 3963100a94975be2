/*
 * Memory slots of the hosted platform.
 *
 * Address space is reserved in regions: one leading guard and then slots side
 * by side, so that each slot's tail is the guard in front of the next. Regions
 * stay for the life of the process; a slot's pages go back to the host when it
 * is released. Regions are only ever appended, with region_count published
 * last, so that fault handlers may read the list without the lock.
 */
#include "abi/code_contract.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"
#include "platform/hosted/account.h"

#include <pthread.h>
#include <sys/mman.h>

enum { SLOTS_PER_REGION = 64, WIDE_SLOTS_PER_REGION = 21, REGIONS_MAX = 256 };
#define REGION_BYTES (NB_SLOT_GUARD + SLOTS_PER_REGION * NB_SLOT_BYTES)
_Static_assert(WIDE_SLOTS_PER_REGION *NB_WIDE_SLOT_BYTES <= SLOTS_PER_REGION * NB_SLOT_BYTES,
	       "regions have one size");

struct region {
	uint64_t start;	     /* of the leading guard */
	uint64_t slot_bytes; /* NB_SLOT_BYTES or NB_WIDE_SLOT_BYTES */
	uint64_t free_mask;  /* bit k: slot k is free; under the lock */
};

static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region regions[REGIONS_MAX];
static uint32_t region_count; /* read without the lock, too */

static struct region *
region_with_free_slot_locked(uint64_t slot_bytes)
{
	uint32_t count = __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++)
		if (regions[i].free_mask && regions[i].slot_bytes == slot_bytes)
			return &regions[i];
	if (count == REGIONS_MAX)
		return NULL;
	void *at = hosted_reserve(REGION_BYTES);
	if (!at)
		return NULL;
	regions[count] = (struct region){
		.start = (uint64_t)(uintptr_t)at,
		.slot_bytes = slot_bytes,
		.free_mask = slot_bytes == NB_SLOT_BYTES ? UINT64_MAX
							 : (1ull << WIDE_SLOTS_PER_REGION) - 1,
	};
	__atomic_store_n(&region_count, count + 1, __ATOMIC_RELEASE);
	return &regions[count];
}

enum nb_status
port_slot_reserve(uint64_t addressable, uint64_t *out_base)
{
	enum nb_status status = hosted_account_take(0);
	if (status != NB_OK)
		return status;
	pthread_mutex_lock(&region_lock);
	struct region *region = region_with_free_slot_locked(addressable + NB_SLOT_GUARD);
	if (region) {
		uint32_t slot = (uint32_t)__builtin_ctzll(region->free_mask);
		region->free_mask &= region->free_mask - 1;
		*out_base = region->start + NB_SLOT_GUARD + slot * region->slot_bytes;
		hosted_account_live(HOSTED_SLOT, 1);
	}
	pthread_mutex_unlock(&region_lock);
	return region ? NB_OK : NB_OUT_OF_MEMORY;
}

enum nb_status
port_slot_commit(uint64_t base, uint64_t old_bytes, uint64_t new_bytes)
{
	if (new_bytes == old_bytes)
		return NB_OK;
	enum nb_status status = hosted_account_take(new_bytes - old_bytes);
	if (status != NB_OK)
		return status;
	if (mprotect((void *)(uintptr_t)(base + old_bytes), new_bytes - old_bytes,
		     PROT_READ | PROT_WRITE) != 0) {
		hosted_account_give(new_bytes - old_bytes);
		return NB_OUT_OF_MEMORY;
	}
	return NB_OK;
}

void
port_slot_shrink(uint64_t base, uint64_t old_bytes, uint64_t new_bytes)
{
	hosted_decommit((void *)(uintptr_t)(base + new_bytes), old_bytes - new_bytes);
	hosted_account_give(old_bytes - new_bytes);
}

void
port_slot_release(uint64_t base, uint64_t committed_bytes)
{
	hosted_decommit((void *)(uintptr_t)base, committed_bytes);
	hosted_account_give(committed_bytes);
	hosted_account_live(HOSTED_SLOT, -1);
	pthread_mutex_lock(&region_lock);
	uint32_t count = __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t distance = base - regions[i].start - NB_SLOT_GUARD;
		if (distance < REGION_BYTES - NB_SLOT_GUARD)
			regions[i].free_mask |= 1ull << distance / regions[i].slot_bytes;
	}
	pthread_mutex_unlock(&region_lock);
}

/* Zero pages, as after a commit. */
static void
make_fresh(uint64_t address, size_t size)
{
	if (mmap((void *)(uintptr_t)address, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		port_panic("the host refuses to renew pages");
}

enum nb_status
port_slot_map(uint64_t address, const void *pages, size_t size, enum port_map_rights rights)
{
	void *at = (void *)(uintptr_t)address;
	enum nb_status status = hosted_account_take(0);

	if (status != NB_OK)
		return status;
	/* Nothing of the old length: a second mapping of a shared one. */
	if (mremap((void *)(uintptr_t)pages, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at ||
	    mprotect(at, size, rights == PORT_MAP_READ ? PROT_READ : PROT_READ | PROT_WRITE) != 0) {
		make_fresh(address, size);
		return NB_OUT_OF_MEMORY;
	}
	return NB_OK;
}

void
port_slot_unmap(uint64_t address, size_t size)
{
	make_fresh(address, size);
}

bool
port_slot_contains(uint64_t address)
{
	uint32_t count = __atomic_load_n(&region_count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++)
		if (address - regions[i].start < REGION_BYTES)
			return true;
	return false;
}

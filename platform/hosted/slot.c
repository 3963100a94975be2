/*
 * Memory slots of the hosted platform, and images that they are filled from.
 *
 * Address space is reserved in regions: one leading guard and then slots side
 * by side, so that each slot's tail is the guard in front of the next. Regions
 * stay for the life of the process. Regions are only ever appended, with
 * region_count published last, so that fault handlers may read the list without
 * the lock.
 *
 * Asking the host for anything costs more than all the rest of making a process.
 * So the last POOL_MOST small slots that were released are kept as they are, each
 * accessible as far as it was and with its image mapped; pages that were written are
 * made what they were, and only a slot of the same extent and image is made of one.
 */
#include "abi/code_contract.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"
#include "platform/hosted/account.h"

#include <immintrin.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
	SLOTS_PER_REGION = 64,
	WIDE_SLOTS_PER_REGION = 21,
	REGIONS_MAX = 256,
	POOL_MOST = 64,
	POOL_BYTES_MOST = 256 * 1024, /* of a slot that is kept */
	LARGE_PAGES_LEAST = 64 << 20, /* of a slot that asks for them, as on pc */
};
#define REGION_BYTES (NB_SLOT_GUARD + SLOTS_PER_REGION * NB_SLOT_BYTES)
_Static_assert(WIDE_SLOTS_PER_REGION *NB_WIDE_SLOT_BYTES <= SLOTS_PER_REGION * NB_SLOT_BYTES,
	       "regions have one size");

struct region {
	uint64_t start;	     /* of the leading guard */
	uint64_t slot_bytes; /* NB_SLOT_BYTES or NB_WIDE_SLOT_BYTES */
	uint64_t free_mask;  /* bit k: slot k is free; under the lock */
	const struct port_image *images[SLOTS_PER_REGION]; /* the user's */
};

/* A slot that is nobody's. */
struct pooled {
	uint64_t base, slot_bytes;
	uint64_t bytes; /* accessible, and what its image says */
	const struct port_image *image;
};

static pthread_mutex_t region_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region regions[REGIONS_MAX];
static uint32_t region_count;	      /* read without the lock, too */
static struct pooled pool[POOL_MOST]; /* under the lock; the oldest first */
static uint32_t pool_count;

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

/* The region of a slot, and its number there. */
static struct region *
region_of_locked(uint64_t base, uint32_t *out_slot)
{
	uint32_t i = 0;

	while (base - regions[i].start - NB_SLOT_GUARD >= REGION_BYTES - NB_SLOT_GUARD)
		i++;
	*out_slot = (uint32_t)((base - regions[i].start - NB_SLOT_GUARD) / regions[i].slot_bytes);
	return &regions[i];
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

/* ---- the pool ---- */

static void
pool_remove_locked(uint32_t i)
{
	pool_count--;
	memmove(&pool[i], &pool[i + 1], (pool_count - i) * sizeof pool[0]);
}

/* The newest that fits, because its pages are in the caches. */
static bool
pool_take_locked(const struct pooled *wanted, uint64_t *out_base)
{
	for (uint32_t i = pool_count; i-- > 0;) {
		if (pool[i].bytes != wanted->bytes || pool[i].image != wanted->image ||
		    pool[i].slot_bytes != wanted->slot_bytes)
			continue;
		*out_base = pool[i].base;
		pool_remove_locked(i);
		return true;
	}
	return false;
}

/* Gives a slot that nobody has back to its region. */
static void
slot_close_locked(const struct pooled *slot)
{
	uint32_t number;
	struct region *region = region_of_locked(slot->base, &number);

	hosted_decommit((void *)(uintptr_t)slot->base, slot->bytes);
	region->images[number] = NULL;
	region->free_mask |= 1ull << number;
}

static void
pool_give_locked(const struct pooled *slot)
{
	if (slot->bytes == 0 || slot->bytes > POOL_BYTES_MOST) {
		slot_close_locked(slot);
		return;
	}
	if (pool_count == POOL_MOST) {
		slot_close_locked(&pool[0]);
		pool_remove_locked(0);
	}
	pool[pool_count++] = *slot;
}

static const struct port_image *
image_of_locked(uint64_t base)
{
	uint32_t number;

	return region_of_locked(base, &number)->images[number];
}

#define ZERO_PAGE_LOOP(vector, or, zero)                                 \
	const vector *at = (const vector *)(const void *)page;           \
	vector a = zero(), b = a, c = a, d = a;                          \
	for (uint32_t i = 0; i < PORT_PAGE_BYTES / sizeof *at; i += 4) { \
		a = or (a, at[i]);                                       \
		b = or (b, at[i + 1]);                                   \
		c = or (c, at[i + 2]);                                   \
		d = or (d, at[i + 3]);                                   \
	}                                                                \
	a = or (or (a, b), or (c, d))

__attribute__((target("avx2"))) static bool
is_zero_page_wide(const uint8_t *page)
{
	ZERO_PAGE_LOOP(__m256i, _mm256_or_si256, _mm256_setzero_si256);
	return _mm256_testz_si256(a, a);
}

static bool
is_zero_page(const uint8_t *page)
{
	ZERO_PAGE_LOOP(__m128i, _mm_or_si128, _mm_setzero_si128);
	return _mm_movemask_epi8(_mm_cmpeq_epi8(a, _mm_setzero_si128())) == 0xffff;
}

/* Makes what a user has written what it was before. */
static void
clean(uint64_t base, uint64_t bytes, const struct port_image *image)
{
	bool (*is_zero)(const uint8_t *page) =
		__builtin_cpu_supports("avx2") ? is_zero_page_wide : is_zero_page;

	for (uint64_t at = 0; at < bytes; at += PORT_PAGE_BYTES) {
		uint8_t *page = (uint8_t *)(uintptr_t)(base + at);
		bool is_in_image = image && at - image->at < image->size;

		if (is_in_image &&
		    memcmp(page, image->bytes + (at - image->at), PORT_PAGE_BYTES) != 0)
			memcpy(page, image->bytes + (at - image->at), PORT_PAGE_BYTES);
		else if (!is_in_image && !is_zero(page))
			memset(page, 0, PORT_PAGE_BYTES);
	}
}

/* Lets the pages of `image` be seen in a slot, which is as long. */
static enum nb_status
image_map(uint64_t base, const struct port_image *image)
{
	void *at = (void *)(uintptr_t)(base + image->at);

	if (mmap(at, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, (int)image->file,
		 0) == MAP_FAILED)
		return NB_OUT_OF_MEMORY;
	pthread_mutex_lock(&region_lock);
	uint32_t number;
	struct region *region = region_of_locked(base, &number);
	region->images[number] = image;
	pthread_mutex_unlock(&region_lock);
	return NB_OK;
}

enum nb_status
port_slot_create(uint64_t addressable, uint64_t bytes, const struct port_image *image,
		 uint64_t *out_base)
{
	const struct pooled wanted = { 0, addressable + NB_SLOT_GUARD, bytes, image };
	enum nb_status status = hosted_account_take(bytes);
	if (status != NB_OK)
		return status;
	pthread_mutex_lock(&region_lock);
	bool is_there = pool_take_locked(&wanted, out_base);
	pthread_mutex_unlock(&region_lock);
	if (is_there) {
		hosted_account_live(HOSTED_SLOT, 1);
		return NB_OK;
	}
	hosted_account_give(bytes);
	status = port_slot_reserve(addressable, out_base);
	if (status != NB_OK)
		return status;
	status = port_slot_commit(*out_base, 0, bytes);
	if (status != NB_OK) {
		port_slot_release(*out_base, 0);
		return status;
	}
	status = image ? image_map(*out_base, image) : NB_OK;
	if (status != NB_OK)
		port_slot_release(*out_base, bytes);
	return status;
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
	/* The host may have none: then small ones do. */
	if (new_bytes >= LARGE_PAGES_LEAST)
		(void)madvise((void *)(uintptr_t)base, new_bytes, MADV_HUGEPAGE);
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
	struct pooled slot = { .base = base, .bytes = committed_bytes };
	uint32_t number;

	pthread_mutex_lock(&region_lock);
	slot.image = image_of_locked(base);
	slot.slot_bytes = region_of_locked(base, &number)->slot_bytes;
	pthread_mutex_unlock(&region_lock);
	if (committed_bytes <= POOL_BYTES_MOST)
		clean(base, committed_bytes, slot.image);
	hosted_account_give(committed_bytes);
	hosted_account_live(HOSTED_SLOT, -1);
	pthread_mutex_lock(&region_lock);
	pool_give_locked(&slot);
	pthread_mutex_unlock(&region_lock);
}

/* ---- images ---- */

enum nb_status
port_image_create(uint64_t at, uint64_t size, struct port_image *out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	int file = memfd_create("nebulet-image", MFD_CLOEXEC);
	void *bytes = MAP_FAILED;
	if (file >= 0 && ftruncate(file, (off_t)size) == 0)
		bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (bytes == MAP_FAILED) {
		if (file >= 0)
			(void)close(file);
		hosted_account_give(size);
		return NB_OUT_OF_MEMORY;
	}
	*out = (struct port_image){ at, size, bytes, file };
	return NB_OK;
}

void
port_image_release(struct port_image *image)
{
	pthread_mutex_lock(&region_lock);
	for (uint32_t i = pool_count; i-- > 0;) {
		if (pool[i].image == image) {
			slot_close_locked(&pool[i]);
			pool_remove_locked(i);
		}
	}
	pthread_mutex_unlock(&region_lock);
	hosted_unmap(image->bytes, image->size);
	(void)close((int)image->file);
	hosted_account_give(image->size);
	*image = (struct port_image){ 0 };
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
	bool may_write = rights == PORT_MAP_WRITE || rights == PORT_MAP_DEVICE;
	enum nb_status status = hosted_account_take(0);

	if (status != NB_OK)
		return status;
	/* Nothing of the old length: a second mapping of a shared one. */
	if (mremap((void *)(uintptr_t)pages, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at ||
	    mprotect(at, size, may_write ? PROT_READ | PROT_WRITE : PROT_READ) != 0) {
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

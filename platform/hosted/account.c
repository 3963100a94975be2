/*
 * Accounting of hosted memory, and the mmap calls that cannot be mistaken.
 *
 * Every page that any port_* function has given out is counted here, so that a
 * leak check sees one balance and tests can make any request fail.
 */
#include "platform/hosted/account.h"

#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	uint64_t total_pages; /* 0: not asked the host yet */
	uint64_t used_pages;
	uint64_t requests_until_failure; /* UINT64_MAX: no failure */
	uint64_t live[HOSTED_KIND_COUNT];
	uint64_t code_bytes;
} account = { .lock = PTHREAD_MUTEX_INITIALIZER, .requests_until_failure = UINT64_MAX };

static void
account_lock(void)
{
	pthread_mutex_lock(&account.lock);
	if (!account.total_pages)
		account.total_pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
}

static void
account_unlock(void)
{
	pthread_mutex_unlock(&account.lock);
}

void
hosted_memory_limit_set(uint64_t pages)
{
	account_lock();
	account.total_pages = pages ? pages : 1;
	account_unlock();
}

void
hosted_memory_fail_after(uint64_t count)
{
	account_lock();
	account.requests_until_failure = count;
	account_unlock();
}

enum nb_status
hosted_account_take(size_t size)
{
	uint64_t pages = size / PORT_PAGE_BYTES;
	enum nb_status status = NB_OK;

	account_lock();
	if (account.requests_until_failure == 0 || account.used_pages + pages > account.total_pages)
		status = NB_OUT_OF_MEMORY;
	else
		account.used_pages += pages;
	if (account.requests_until_failure != UINT64_MAX && account.requests_until_failure > 0)
		account.requests_until_failure--;
	account_unlock();
	return status;
}

void
hosted_account_give(size_t size)
{
	account_lock();
	account.used_pages -= size / PORT_PAGE_BYTES;
	account_unlock();
}

void
hosted_account_live(enum hosted_kind kind, int change)
{
	account_lock();
	account.live[kind] += (uint64_t)(int64_t)change;
	account_unlock();
}

void
hosted_account_code(int64_t change)
{
	account_lock();
	account.code_bytes += (uint64_t)change;
	account_unlock();
}

void
port_memory_info(struct port_memory_info *out)
{
	account_lock();
	*out = (struct port_memory_info){
		.total_pages = account.total_pages,
		.free_pages = account.used_pages < account.total_pages
				      ? account.total_pages - account.used_pages
				      : 0,
		.slots_live = account.live[HOSTED_SLOT],
		.stacks_live = account.live[HOSTED_STACK],
		.areas_live = account.live[HOSTED_AREA],
		.code_bytes_live = account.code_bytes,
	};
	account_unlock();
}

void *
hosted_reserve(size_t size)
{
	void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

void
hosted_decommit(void *at, size_t size)
{
	if (size &&
	    mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		 0) == MAP_FAILED)
		port_panic("the host refuses to take memory back");
}

void
hosted_unmap(void *at, size_t size)
{
	if (munmap(at, size) != 0)
		port_panic("the host refuses to take address space back");
}

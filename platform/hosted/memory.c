/*
 * Kernel pages and areas of the hosted platform: one mmap each. Slots are in
 * slot.c, stacks in stack.c, code in code_range.c.
 */
#include "kernel/port/memory.h"

#include "platform/hosted/account.h"

#include <string.h>
#include <sys/mman.h>

static enum nb_status
make_accessible(void *at, size_t size)
{
	if (size && mprotect(at, size, PROT_READ | PROT_WRITE) != 0)
		return NB_OUT_OF_MEMORY;
	return NB_OK;
}

enum nb_status
port_pages_get(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		hosted_account_give(size);
		return NB_OUT_OF_MEMORY;
	}
	*out = pages;
	return NB_OK;
}

void
port_pages_put(void *pages, size_t size)
{
	hosted_unmap(pages, size);
	hosted_account_give(size);
}

/* The host does what there is to do, and lets others run as it likes. */
enum nb_status
port_many_pages_get(size_t size, void **out)
{
	return port_pages_get(size, out);
}

void
port_many_pages_put(void *pages, size_t size)
{
	port_pages_put(pages, size);
}

/* The made-up devices of tests see memory as it is. */
bool
port_device_address(const void *pages, size_t size, uint64_t *out)
{
	(void)size;
	*out = (uint64_t)(uintptr_t)pages;
	return true;
}

/* Shared with the host's eyes, so that mremap gives the same pages a second
 * address. */
enum nb_status
port_shared_pages_get(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED) {
		hosted_account_give(size);
		return NB_OUT_OF_MEMORY;
	}
	*out = pages;
	return NB_OK;
}

void
port_shared_pages_put(void *pages, size_t size)
{
	port_pages_put(pages, size);
}

/* In the page before an area: no page of one is committed twice, so a count
 * is all that the accounting needs. */
struct area_head {
	size_t committed_bytes;
};

static struct area_head *
area_head(void *area)
{
	return (struct area_head *)(void *)((uint8_t *)area - PORT_PAGE_BYTES);
}

enum nb_status
port_area_reserve(size_t size, void **out)
{
	enum nb_status status = hosted_account_take(0);
	if (status != NB_OK)
		return status;
	uint8_t *at = hosted_reserve(size + PORT_PAGE_BYTES);
	if (!at)
		return NB_OUT_OF_MEMORY;
	status = make_accessible(at, PORT_PAGE_BYTES);
	if (status != NB_OK) {
		hosted_unmap(at, size + PORT_PAGE_BYTES);
		return status;
	}
	hosted_account_live(HOSTED_AREA, 1);
	*out = at + PORT_PAGE_BYTES;
	return NB_OK;
}

enum nb_status
port_area_commit(void *area, size_t offset, size_t size)
{
	enum nb_status status = hosted_account_take(size);
	if (status != NB_OK)
		return status;
	status = make_accessible((uint8_t *)area + offset, size);
	if (status != NB_OK) {
		hosted_account_give(size);
		return status;
	}
	area_head(area)->committed_bytes += size;
	return NB_OK;
}

void
port_area_decommit(void *area, size_t offset, size_t size)
{
	hosted_decommit((uint8_t *)area + offset, size);
	hosted_account_give(size);
	area_head(area)->committed_bytes -= size;
}

void
port_area_release(void *area, size_t size)
{
	hosted_account_give(area_head(area)->committed_bytes);
	hosted_account_live(HOSTED_AREA, -1);
	hosted_unmap(area_head(area), size + PORT_PAGE_BYTES);
}

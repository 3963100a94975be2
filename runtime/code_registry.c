/*
 * A radix tree over the range of published code: root → leaf → module, one
 * entry a page.
 *
 * Fault handlers read it without a lock. That is sound because a reader only
 * asks about code that some thread executes or will return to: such a module
 * was entered before its first instruction ran and is not left before its last
 * frame is gone, so the root entry, the leaf and the leaf's entry for it do not
 * change meanwhile. Other entries may change beside it; words are atomic.
 */
#include "runtime/code_registry.h"

#include "lib/string.h"

#include <stdatomic.h>

enum {
	LEAF_PAGES = PORT_PAGE_BYTES / sizeof(void *),
	ROOT_ENTRIES = 4096, /* with 2 MiB each: 8 GiB of code */
};

struct leaf {
	_Atomic(const struct code_module *) pages[LEAF_PAGES];
};
_Static_assert(sizeof(struct leaf) == PORT_PAGE_BYTES, "a leaf is a page");

static struct {
	_Atomic(struct leaf *) leaf;
	uint32_t entries; /* in use; writers only */
} root[ROOT_ENTRIES];

static uint64_t
range_start(void)
{
	uint64_t start, end;

	port_code_range(&start, &end);
	return start;
}

/* The first page's number within the range, and one past the last's. */
static void
module_pages(const struct code_module *module, uint64_t *out_first, uint64_t *out_end)
{
	uint64_t offset = (uint64_t)(uintptr_t)module->code.base - range_start();

	*out_first = offset / PORT_PAGE_BYTES;
	*out_end = *out_first + module->code.size / PORT_PAGE_BYTES;
}

static enum nb_status
page_set(uint64_t page, const struct code_module *module)
{
	uint64_t i = page / LEAF_PAGES;
	struct leaf *leaf;

	if (i >= ROOT_ENTRIES)
		return NB_OUT_OF_MEMORY;
	leaf = atomic_load_explicit(&root[i].leaf, memory_order_relaxed);
	if (!leaf) {
		void *pages;
		enum nb_status status = port_pages_get(sizeof(struct leaf), &pages);
		if (status != NB_OK)
			return status;
		leaf = pages;
		atomic_store_explicit(&root[i].leaf, leaf, memory_order_release);
	}
	root[i].entries++;
	atomic_store_explicit(&leaf->pages[page % LEAF_PAGES], module, memory_order_release);
	return NB_OK;
}

static void
page_clear(uint64_t page)
{
	uint64_t i = page / LEAF_PAGES;
	struct leaf *leaf = atomic_load_explicit(&root[i].leaf, memory_order_relaxed);

	atomic_store_explicit(&leaf->pages[page % LEAF_PAGES], NULL, memory_order_release);
	if (--root[i].entries > 0)
		return;
	atomic_store_explicit(&root[i].leaf, NULL, memory_order_release);
	port_pages_put(leaf, sizeof(*leaf));
}

enum nb_status
code_registry_enter(const struct code_module *module)
{
	uint64_t first, end;

	module_pages(module, &first, &end);
	for (uint64_t page = first; page < end; page++) {
		enum nb_status status = page_set(page, module);
		if (status == NB_OK)
			continue;
		while (page-- > first)
			page_clear(page);
		return status;
	}
	return NB_OK;
}

void
code_registry_leave(const struct code_module *module)
{
	uint64_t first, end;

	module_pages(module, &first, &end);
	for (uint64_t page = first; page < end; page++)
		page_clear(page);
}

const struct code_module *
code_module_find(uint64_t pc)
{
	uint64_t page = (pc - range_start()) / PORT_PAGE_BYTES;
	struct leaf *leaf;

	if (page / LEAF_PAGES >= ROOT_ENTRIES)
		return NULL;
	leaf = atomic_load_explicit(&root[page / LEAF_PAGES].leaf, memory_order_acquire);
	if (!leaf)
		return NULL;
	return atomic_load_explicit(&leaf->pages[page % LEAF_PAGES], memory_order_acquire);
}

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

enum {
	LEAF_PAGES = PORT_PAGE_BYTES / sizeof(void *),
	ROOT_ENTRIES = 4096, /* with 2 MiB each: 8 GiB of code */
};

struct leaf {
	const struct code_module *pages[LEAF_PAGES];
};
_Static_assert(sizeof(struct leaf) == PORT_PAGE_BYTES, "a leaf is a page");

static struct {
	struct leaf *leaf;
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
	leaf = __atomic_load_n(&root[i].leaf, __ATOMIC_RELAXED);
	if (!leaf) {
		void *pages;
		enum nb_status status = port_pages_get(sizeof(struct leaf), &pages);
		if (status != NB_OK)
			return status;
		leaf = pages;
		__atomic_store_n(&root[i].leaf, leaf, __ATOMIC_RELEASE);
	}
	root[i].entries++;
	__atomic_store_n(&leaf->pages[page % LEAF_PAGES], module, __ATOMIC_RELEASE);
	return NB_OK;
}

static void
page_clear(uint64_t page)
{
	uint64_t i = page / LEAF_PAGES;
	struct leaf *leaf = __atomic_load_n(&root[i].leaf, __ATOMIC_RELAXED);

	__atomic_store_n(&leaf->pages[page % LEAF_PAGES], NULL, __ATOMIC_RELEASE);
	if (--root[i].entries > 0)
		return;
	__atomic_store_n(&root[i].leaf, NULL, __ATOMIC_RELEASE);
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
	leaf = __atomic_load_n(&root[page / LEAF_PAGES].leaf, __ATOMIC_ACQUIRE);
	if (!leaf)
		return NULL;
	return __atomic_load_n(&leaf->pages[page % LEAF_PAGES], __ATOMIC_ACQUIRE);
}

/*
 * Page tables of the kernel's address space; see space.h.
 *
 * Four levels of 512 entries: level 3 is the root, level 0 holds 4 KiB pages;
 * level 1 entries may be 2 MiB pages and level 2 entries 1 GiB pages (the
 * direct map only). A table below the root counts its entries in its frame's
 * counter and is freed at zero. Freed tables are all zero again.
 *
 * Translations are flushed before a frame is freed. `struct doomed` gathers
 * the frames until then, linked through themselves.
 */
#include "arch/x86_64/priv/space.h"

#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"

enum {
	ENTRY_PRESENT = 1 << 0,
	ENTRY_WRITE = 1 << 1,
	ENTRY_UNCACHED = 3 << 3,
	ENTRY_ACCESSED_DIRTY = 3 << 5,
	ENTRY_LARGE = 1 << 7,
	ENTRY_GLOBAL = 1 << 8,
	ENTRY_LENT = 1 << 9, /* ours: the frame is not freed with the entry */
	ROOT_LEVEL = 3,
	ENTRIES = 512,
	FLUSH_SINGLY_MOST = 16,
};
#define ENTRY_NO_EXECUTE (1ull << 63)
#define ENTRY_FRAME	 0x000ffffffffff000ull
#define GIB		 (1ull << 30)

static struct lock lock = LOCK_INIT(LOCK_RANK_SPACE);
static uint64_t *root;
static uint64_t next_window = MAP_WINDOW_BASE;

/* Frames that wait for a flush. */
struct doomed_frame {
	struct doomed_frame *next;
	uint64_t order;
};
struct doomed {
	struct doomed_frame *frames;
	struct doomed_frame *tables; /* zero but for this node */
	bool has_cached;	     /* entries that the processor may have cached */
};

static uint64_t
entry_bits(enum space_rights rights)
{
	const uint64_t common = ENTRY_PRESENT | ENTRY_ACCESSED_DIRTY;

	switch (rights) {
	case SPACE_READ:
		return common | ENTRY_NO_EXECUTE;
	case SPACE_WRITE:
		return common | ENTRY_NO_EXECUTE | ENTRY_WRITE;
	case SPACE_EXECUTE:
		return common;
	case SPACE_DEVICE:
		return common | ENTRY_NO_EXECUTE | ENTRY_WRITE | ENTRY_UNCACHED;
	case SPACE_DEVICE_READ:
		return common | ENTRY_NO_EXECUTE | ENTRY_UNCACHED;
	}
	return 0;
}

static unsigned
index_at(uint64_t address, int level)
{
	return (unsigned)(address >> (12 + 9 * level)) % ENTRIES;
}

static uint64_t *
table_of(uint64_t entry)
{
	return map_direct(entry & ENTRY_FRAME);
}

static uint16_t *
counter_of(const uint64_t *table)
{
	return frame_counter(map_direct_physical(table));
}

/* Sets an empty entry and counts it. */
static void
entry_set(uint64_t *table, unsigned index, uint64_t value)
{
	check_that(table[index] == 0);
	table[index] = value;
	if (table != root)
		++*counter_of(table);
}

/* The table of `level` that covers `address`, made with those above it if need
 * be; NULL when no frame is free or a large page lies there. */
static uint64_t *
walk_create(uint64_t address, int level)
{
	uint64_t *table = root;

	for (int at = ROOT_LEVEL; at > level; at--) {
		unsigned index = index_at(address, at);

		if (!table[index]) {
			uint64_t frame = frame_alloc_zeroed();

			if (frame == FRAME_NONE)
				return NULL;
			entry_set(table, index, frame | ENTRY_PRESENT | ENTRY_WRITE);
		} else if (table[index] & ENTRY_LARGE) {
			return NULL;
		}
		table = table_of(table[index]);
	}
	return table;
}

/* Frees tables on the way to `address` that have no entries: the upper part of
 * a walk_create that failed. Nothing can have been cached of them. */
static void
walk_trim(uint64_t address)
{
	uint64_t *tables[ROOT_LEVEL + 1] = { [ROOT_LEVEL] = root };
	int level = ROOT_LEVEL;

	while (level > 0) {
		uint64_t entry = tables[level][index_at(address, level)];

		if (!entry || entry & ENTRY_LARGE)
			break;
		tables[--level] = table_of(entry);
	}
	for (; level < ROOT_LEVEL && *counter_of(tables[level]) == 0; level++) {
		tables[level + 1][index_at(address, level + 1)] = 0;
		if (level + 1 < ROOT_LEVEL)
			--*counter_of(tables[level + 1]);
		frame_free_zeroed(map_direct_physical(tables[level]));
	}
}

static enum nb_status
map_locked(uint64_t address, uint64_t frame, uint64_t size, uint64_t bits)
{
	int level = size == SPACE_LARGE ? 1 : 0;
	uint64_t *table = walk_create(address, level);
	unsigned index = index_at(address, level);

	if (!table) {
		walk_trim(address);
		return NB_OUT_OF_MEMORY;
	}
	if (table[index])
		return NB_ALREADY_EXISTS;
	entry_set(table, index, frame | bits | (level ? (uint64_t)ENTRY_LARGE : 0));
	return NB_OK;
}

enum nb_status
space_map(uint64_t address, uint64_t frame, uint64_t size, enum space_rights rights)
{
	enum nb_status status;

	lock_take(&lock);
	status = map_locked(address, frame, size, entry_bits(rights));
	lock_drop(&lock);
	return status;
}

enum nb_status
space_populate(uint64_t address, size_t len, enum space_rights rights, uint8_t fill)
{
	for (size_t at = 0; at < len; at += SPACE_PAGE) {
		uint64_t frame = fill ? frame_alloc(0) : frame_alloc_zeroed();
		enum nb_status status = NB_OUT_OF_MEMORY;

		if (frame != FRAME_NONE) {
			if (fill)
				__builtin_memset(map_direct(frame), fill, SPACE_PAGE);
			status = space_map(address + at, frame, SPACE_PAGE, rights);
			if (status != NB_OK)
				frame_free(frame, 0);
		}
		if (status != NB_OK) {
			space_release(address, at);
			return status;
		}
	}
	return NB_OK;
}

/* Forgets cached translations of a range on every processor. */
static void
flush(uint64_t address, uint64_t len)
{
	if (len > FLUSH_SINGLY_MOST * SPACE_PAGE) {
		cpu_write_cr3(cpu_read_cr3());
		return;
	}
	for (uint64_t at = 0; at < len; at += SPACE_PAGE)
		cpu_invalidate_page(address + at);
}

static void
doom(struct doomed_frame **list, uint64_t frame, unsigned order)
{
	struct doomed_frame *node = map_direct(frame);

	node->next = *list;
	node->order = order;
	*list = node;
}

/* What a page table entry that goes or is replaced leaves behind. */
static void
doom_page(uint64_t entry, struct doomed *doomed)
{
	if (!(entry & ENTRY_LENT))
		doom(&doomed->frames, entry & ENTRY_FRAME, 0);
	doomed->has_cached = true;
}

static void
free_doomed(struct doomed *doomed)
{
	while (doomed->frames) {
		struct doomed_frame *node = doomed->frames;

		doomed->frames = node->next;
		frame_free(map_direct_physical(node), (unsigned)node->order);
	}
	while (doomed->tables) {
		struct doomed_frame *node = doomed->tables;

		doomed->tables = node->next;
		*node = (struct doomed_frame){ NULL, 0 };
		frame_free_zeroed(map_direct_physical(node));
	}
}

/* Empties `entry_index` of tables[level], and tables that this empties. */
static void
entry_clear(uint64_t *tables[ROOT_LEVEL + 1], uint64_t address, int level, struct doomed *doomed)
{
	tables[level][index_at(address, level)] = 0;
	while (level < ROOT_LEVEL && --*counter_of(tables[level]) == 0) {
		doom(&doomed->tables, map_direct_physical(tables[level]), 0);
		level++;
		tables[level][index_at(address, level)] = 0;
	}
}

/* Removes what is mapped from `address` to at most `end` or the next 2 MiB
 * boundary; returns where to go on, which is far behind when upper tables are
 * absent. */
static uint64_t
release_step(uint64_t address, uint64_t end, struct doomed *doomed)
{
	uint64_t *tables[ROOT_LEVEL + 1] = { [ROOT_LEVEL] = root };
	uint64_t stop = (address | (SPACE_LARGE - 1)) + 1;

	for (int level = ROOT_LEVEL; level > 0; level--) {
		uint64_t span = 1ull << (12 + 9 * level);
		uint64_t entry = tables[level][index_at(address, level)];

		if (!entry)
			return (address | (span - 1)) + 1;
		if (entry & ENTRY_LARGE) {
			check_that(level == 1 && address % span == 0 && end - address >= span);
			entry_clear(tables, address, level, doomed);
			doom(&doomed->frames, entry & ENTRY_FRAME & ~(span - 1), FRAME_ORDER_LARGE);
			doomed->has_cached = true;
			return address + span;
		}
		tables[level - 1] = table_of(entry);
	}
	if (stop > end || stop == 0)
		stop = end;
	for (; address < stop; address += SPACE_PAGE) {
		uint64_t entry = tables[0][index_at(address, 0)];

		if (!entry)
			continue;
		doom_page(entry, doomed);
		entry_clear(tables, address, 0, doomed);
		if (*counter_of(tables[0]) == 0)
			break;
	}
	return stop;
}

void
space_release(uint64_t address, size_t len)
{
	uint64_t end = address + len;

	while (address < end) {
		struct doomed doomed = { NULL, NULL, false };
		uint64_t from = address;

		lock_take(&lock);
		address = release_step(address, end, &doomed);
		if (doomed.has_cached)
			flush(from, (address < end ? address : end) - from);
		lock_drop(&lock);
		free_doomed(&doomed);
	}
}

/* ---- recycling ---- */

/* In a table's counter: it is never freed. */
enum { COUNTER_PINNED = 1 << 15 };

static void
pin(const uint64_t *table)
{
	uint16_t *counter = counter_of(table);

	if (table == root || *counter & COUNTER_PINNED)
		return;
	*counter |= COUNTER_PINNED;
	frames_note_kept(1);
}

/* A page of the range that is being recycled: zeroed, or doomed. */
static void
recycle_page(uint64_t *table, uint64_t address, bool is_kept, struct doomed *doomed,
	     struct space_kept *out)
{
	unsigned index = index_at(address, 0);

	if (!is_kept || table[index] & ENTRY_LENT) {
		doom_page(table[index], doomed);
		table[index] = 0;
		--*counter_of(table);
		return;
	}
	frame_clear(table[index] & ENTRY_FRAME, FRAME_BYTES);
	out->frames++;
	if (address < out->start)
		out->start = address;
	if (address + SPACE_PAGE > out->end)
		out->end = address + SPACE_PAGE;
}

/* As space_recycle; out->frames is the level below which tables stay, and counted with them. */
static bool
recycle_locked(uint64_t address, size_t len, size_t keep, bool from_top, struct doomed *doomed,
	       struct space_kept *out)
{
	uint64_t *table = root;
	size_t pages = len / SPACE_PAGE, left;
	int shared_level = (int)out->frames;

	for (int level = ROOT_LEVEL; level > 0; level--) {
		uint64_t entry = table[index_at(address, level)];

		if (!entry || entry & ENTRY_LARGE)
			return false;
		if (level >= shared_level)
			pin(table);
		table = table_of(entry);
	}
	left = *counter_of(table);
	for (size_t i = 0; i < pages && left; i++) {
		uint64_t at = address + (from_top ? pages - 1 - i : i) * SPACE_PAGE;

		if (!table[index_at(at, 0)])
			continue;
		left--;
		recycle_page(table, at, keep > 0, doomed, out);
		keep -= keep > 0;
	}
	return true;
}

bool
space_recycle(uint64_t address, size_t len, size_t keep, bool from_top, int shared_level,
	      struct space_kept *out)
{
	struct doomed doomed = { NULL, NULL, false };
	bool is_done;

	lock_take(&lock);
	*out = (struct space_kept){ (uint32_t)shared_level, UINT64_MAX, 0 };
	is_done = recycle_locked(address, len, keep, from_top, &doomed, out);
	if (doomed.has_cached)
		flush(address, len);
	lock_drop(&lock);
	free_doomed(&doomed);
	if (!is_done)
		space_release(address, len);
	return is_done;
}

void
space_discard(uint64_t address, const struct space_kept *kept)
{
	if (kept->end)
		space_release(kept->start, kept->end - kept->start);
	lock_take(&lock);
	walk_trim(address);
	/* Tables may be cached, too. */
	cpu_invalidate_page(address);
	lock_drop(&lock);
}

/* The entry that maps `address` and its level, or NULL. */
static uint64_t *
find_entry(uint64_t address, int *out_level)
{
	uint64_t *table = root;

	for (int level = ROOT_LEVEL; level >= 0; level--) {
		uint64_t *entry = &table[index_at(address, level)];

		if (!*entry)
			return NULL;
		if (level == 0 || *entry & ENTRY_LARGE) {
			*out_level = level;
			return entry;
		}
		table = table_of(*entry);
	}
	return NULL;
}

void
space_protect(uint64_t address, size_t len, enum space_rights rights)
{
	uint64_t bits = entry_bits(rights);
	uint64_t at = address;

	lock_take(&lock);
	while (at < address + len) {
		int level = 0;
		uint64_t *entry = find_entry(at, &level);

		if (entry)
			*entry =
				(*entry & ENTRY_FRAME) | bits | (level ? (uint64_t)ENTRY_LARGE : 0);
		at = (at | ((1ull << (12 + 9 * level)) - 1)) + 1;
	}
	flush(address, len);
	lock_drop(&lock);
}

/* ---- lent pages ---- */

/* Makes 512 small pages of the large one that maps `address`, if there is one.
 * False when no frame is free for their table. */
static bool
split_large(uint64_t address)
{
	int level = 0;
	uint64_t *entry = find_entry(address, &level);
	uint64_t large, frame;
	uint64_t *table;

	if (!entry || level != 1)
		return true;
	frame = frame_alloc_zeroed();
	if (frame == FRAME_NONE)
		return false;
	large = *entry & ENTRY_FRAME & ~(SPACE_LARGE - 1);
	table = map_direct(frame);
	for (unsigned i = 0; i < ENTRIES; i++)
		table[i] = (large + i * SPACE_PAGE) | (*entry & ~(ENTRY_FRAME | ENTRY_LARGE));
	*counter_of(table) = ENTRIES;
	frame_split(large, FRAME_ORDER_LARGE);
	*entry = frame | ENTRY_PRESENT | ENTRY_WRITE;
	flush(address & ~(SPACE_LARGE - 1), SPACE_LARGE);
	return true;
}

/* Makes the table of pages for `address` and lets it live without entries. Not of the last
 * frames: it is a guest that wants it. */
static bool
pin_table(uint64_t address)
{
	uint64_t *table = NULL;

	if (frames_are_scarce())
		return false;
	lock_take(&lock);
	if (split_large(address)) {
		table = walk_create(address, 0);
		if (table)
			++*counter_of(table);
		else
			walk_trim(address);
	}
	lock_drop(&lock);
	return table != NULL;
}

static void
unpin_table_locked(uint64_t address)
{
	--*counter_of(walk_create(address, 0));
	walk_trim(address);
}

/* The end of the 2 MiB around `address`, or `end`. */
static uint64_t
next_table(uint64_t address, uint64_t end)
{
	uint64_t next = (address | (SPACE_LARGE - 1)) + 1;

	return next - 1 < end - 1 ? next : end;
}

/* The entry of [address, end), all in one table, which is pinned. */
static void
lend_in_table(uint64_t address, uint64_t end, const uint8_t *pages, uint64_t bits)
{
	struct doomed doomed = { NULL, NULL, false };
	uint64_t from = address;
	uint64_t *table;

	lock_take(&lock);
	table = walk_create(address, 0);
	for (; address < end; address += SPACE_PAGE, pages += SPACE_PAGE) {
		uint64_t *entry = &table[index_at(address, 0)];
		uint64_t frame = 0;

		check_that(space_lookup((uint64_t)(uintptr_t)pages, &frame));
		if (*entry)
			doom_page(*entry, &doomed);
		else
			++*counter_of(table);
		*entry = frame | bits | ENTRY_LENT;
	}
	unpin_table_locked(from);
	if (doomed.has_cached)
		flush(from, end - from);
	lock_drop(&lock);
	free_doomed(&doomed);
}

enum nb_status
space_lend(uint64_t address, const void *pages, size_t len, enum space_rights rights)
{
	const uint8_t *source = pages;
	uint64_t end = address + len;

	for (uint64_t at = address; at < end; at = next_table(at, end)) {
		if (pin_table(at))
			continue;
		lock_take(&lock);
		for (uint64_t undo = address; undo < at; undo = next_table(undo, end))
			unpin_table_locked(undo);
		lock_drop(&lock);
		return NB_OUT_OF_MEMORY;
	}
	for (uint64_t at = address; at < end;) {
		uint64_t next = next_table(at, end);

		lend_in_table(at, next, source + (at - address), entry_bits(rights));
		at = next;
	}
	return NB_OK;
}

bool
space_lookup(uint64_t address, uint64_t *out_physical)
{
	int level = 0;
	const uint64_t *entry;
	uint64_t span;

	/* A panic may have come from within: no lock, only reads. */
	if (!root || (int64_t)(address << 16) >> 16 != (int64_t)address)
		return false;
	entry = find_entry(address, &level);
	if (!entry)
		return false;
	span = 1ull << (12 + 9 * level);
	*out_physical = (*entry & ENTRY_FRAME & ~(span - 1)) | (address & (span - 1));
	return true;
}

/* Reserves window addresses congruent to `physical` modulo 2 MiB. */
static uint64_t
reserve_window(uint64_t physical, uint64_t len)
{
	uint64_t base = next_window + (physical & (SPACE_LARGE - 1));

	check_that(len < MAP_WINDOW_END - base);
	next_window = (base + len + SPACE_LARGE - 1) & ~(SPACE_LARGE - 1);
	return base;
}

static void *
map_window(uint64_t physical, size_t len, enum space_rights rights)
{
	uint64_t offset = physical & (SPACE_PAGE - 1);
	uint64_t at = physical - offset;
	uint64_t end = (physical + len + SPACE_PAGE - 1) & ~(SPACE_PAGE - 1);
	uint64_t base;
	uint64_t address;

	lock_take(&lock);
	base = reserve_window(at, end - at);
	address = base;
	while (at < end) {
		bool is_large = at % SPACE_LARGE == 0 && end - at >= SPACE_LARGE;
		uint64_t size = is_large ? SPACE_LARGE : SPACE_PAGE;

		if (map_locked(address, at, size, entry_bits(rights) | ENTRY_GLOBAL) != NB_OK) {
			lock_drop(&lock);
			return NULL;
		}
		at += size;
		address += size;
	}
	lock_drop(&lock);
	return (void *)(uintptr_t)(base + offset);
}

volatile void *
space_map_device(uint64_t physical, size_t len)
{
	return map_window(physical, len, SPACE_DEVICE);
}

const void *
space_map_window(uint64_t physical, size_t len)
{
	return map_window(physical, len, SPACE_READ);
}

/* ---- boot ---- */

static void
map_at_boot(uint64_t address, uint64_t frame, uint64_t size, uint64_t bits)
{
	if (map_locked(address, frame, size, bits | ENTRY_GLOBAL) != NB_OK)
		port_panic("no memory for the first page tables");
}

static void
map_image(const struct space_image *image)
{
	for (uint64_t at = image->start; at < image->end; at += SPACE_PAGE) {
		enum space_rights rights = SPACE_READ;

		if (at == image->guard)
			continue;
		if (at < image->text_end)
			rights = SPACE_EXECUTE;
		else if (at >= image->data_start && at < image->data_end)
			rights = SPACE_WRITE;
		map_at_boot(at, image->physical + (at - image->start), SPACE_PAGE,
			    entry_bits(rights));
	}
}

/* The direct map in the largest pages that do not touch the image: its frames
 * have no second, writable address. */
static void
map_all_memory(const struct space_image *image, uint64_t top)
{
	const uint64_t hole = image->physical;
	const uint64_t hole_end = image->physical + (image->end - image->start);
	const uint64_t bits = entry_bits(SPACE_WRITE);
	uint64_t at = 0;

	while (at < top) {
		uint64_t size = SPACE_PAGE;

		if (at % GIB == 0 && processor_features.pages_1g &&
		    (at >= hole_end || at + GIB <= hole)) {
			uint64_t address = MAP_DIRECT_BASE + at;
			uint64_t *table = walk_create(address, 2);

			check_that(table != NULL);
			entry_set(table, index_at(address, 2),
				  at | bits | ENTRY_LARGE | ENTRY_GLOBAL);
			at += GIB;
			continue;
		}
		if (at % SPACE_LARGE == 0 && (at >= hole_end || at + SPACE_LARGE <= hole))
			size = SPACE_LARGE;
		if (at < hole || at >= hole_end)
			map_at_boot(MAP_DIRECT_BASE + at, at, size, bits);
		at += size;
	}
}

void
space_init(const struct space_image *image, uint64_t top)
{
	uint64_t frame = frame_alloc_zeroed();

	check_that(frame != FRAME_NONE);
	lock_take(&lock);
	root = map_direct(frame);
	map_image(image);
	map_all_memory(image, (top + GIB - 1) & ~(GIB - 1));
	lock_drop(&lock);
	cpu_write_cr3(frame);
}

/*
 * Kernel pages, areas, slots and stacks, and copies to and from guest memory,
 * from the kernel's side.
 */
#include "tests/pc/selftest.h"

#include "abi/code_contract.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"
#include "arch/x86_64/priv/space.h"
#include "lib/string.h"

#define MIB (1ull << 20)

static bool
all_bytes(const void *start, size_t len, uint8_t wanted)
{
	const uint8_t *at = start;

	for (size_t i = 0; i < len; i++) {
		if (at[i] != wanted)
			return false;
	}
	return true;
}

static void
kernel_pages_are_zero(void)
{
	static const size_t sizes[] = { 4096, 5 * 4096, 1 * MIB, 4 * MIB, 9 * MIB + 4096 };

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			void *pages;

			EXPECT(port_pages_get(sizes[i], &pages) == NB_OK);
			EXPECT(all_bytes(pages, sizes[i], 0));
			memset(pages, 0x5a, sizes[i]);
			port_pages_put(pages, sizes[i]);
		}
	}
}

static void
areas_stay_in_place(void)
{
	void *area;
	void *other;
	uint64_t physical;

	EXPECT(port_area_reserve(1ull << 33, &area) == NB_OK);
	EXPECT(port_area_reserve(4096, &other) == NB_OK);
	EXPECT(port_area_commit(area, 0, 8192) == NB_OK);
	EXPECT(port_area_commit(area, 1ull << 32, 4096) == NB_OK);
	EXPECT(all_bytes(area, 8192, 0));
	memset(area, 1, 8192);
	EXPECT(all_bytes((uint8_t *)area + (1ull << 32), 4096, 0));
	EXPECT(!space_lookup((uint64_t)(uintptr_t)area + 8192, &physical));
	EXPECT(!memory_is_small() || port_area_commit(area, 8192, 1ull << 31) == NB_OUT_OF_MEMORY);
	EXPECT(!space_lookup((uint64_t)(uintptr_t)area + 8192, &physical));
	EXPECT(all_bytes(area, 8192, 1));
	port_area_release(area, 1ull << 33);
	port_area_release(other, 4096);
}

static void
slots_keep_their_distance(void)
{
	enum { COUNT = 300 };
	static uint64_t bases[COUNT];

	for (int i = 0; i < COUNT; i++) {
		EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &bases[i]) == NB_OK);
		EXPECT(port_slot_commit(bases[i], 0, 65536) == NB_OK);
		EXPECT(port_slot_contains(bases[i]));
		EXPECT(port_slot_contains(bases[i] + NB_SLOT_BYTES - 1));
		for (int j = 0; j < i; j++) {
			uint64_t distance = bases[i] - bases[j];

			EXPECT(distance >= NB_SLOT_BYTES && -distance >= NB_SLOT_BYTES);
		}
		*(volatile uint8_t *)(uintptr_t)(bases[i] + 65535) = 1;
	}
	EXPECT(!port_slot_contains(0));
	EXPECT(!port_slot_contains((uint64_t)(uintptr_t)bases));
	for (int i = 0; i < COUNT; i++)
		port_slot_release(bases[i], 65536);
}

/* Wide slots among others: their own addresses, bytes wherever they are
 * touched, up to the last. */
static void
wide_slots_reach_far(void)
{
	enum { COUNT = 60 };
	const uint64_t size = NB_WIDE_SLOT_ADDRESSABLE;
	static uint64_t bases[COUNT];

	for (int i = 0; i < COUNT; i++) {
		EXPECT(port_slot_reserve(i % 2 ? NB_SLOT_ADDRESSABLE : size, &bases[i]) == NB_OK);
		for (int j = 0; j < i; j++) {
			uint64_t first = i % 2 ? NB_SLOT_BYTES : NB_WIDE_SLOT_BYTES;
			uint64_t second = j % 2 ? NB_SLOT_BYTES : NB_WIDE_SLOT_BYTES;

			EXPECT(bases[j] - bases[i] >= first && bases[i] - bases[j] >= second);
		}
	}
	for (int i = 0; i < COUNT; i += 2) {
		uint64_t base = bases[i];

		EXPECT(port_slot_commit(base, 0, 65536) == NB_OK);
		EXPECT(port_slot_commit(base, 65536, size) == NB_OK);
		EXPECT(port_slot_contains(base) && port_slot_contains(base + size));
		EXPECT(port_slot_contains(base + NB_WIDE_SLOT_BYTES - 1));
		*(volatile uint64_t *)(uintptr_t)(base + size - 8) = base;
		*(volatile uint64_t *)(uintptr_t)(base + (4ull << 30)) = base + 1;
		EXPECT(*(volatile uint64_t *)(uintptr_t)(base + size - 16) == 0);
		EXPECT(*(volatile uint64_t *)(uintptr_t)(base + (4ull << 30) - 8) == 0);
	}
	for (int i = 0; i < COUNT; i++) {
		uint64_t base = bases[i];

		if (i % 2 == 0) {
			EXPECT(*(volatile uint64_t *)(uintptr_t)(base + size - 8) == base);
			EXPECT(*(volatile uint64_t *)(uintptr_t)(base + (4ull << 30)) == base + 1);
		}
		port_slot_release(base, i % 2 ? 0 : size);
	}
}

static void
slots_forget(void)
{
	for (int round = 0; round < 3; round++) {
		uint64_t base;

		EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
		EXPECT(port_slot_commit(base, 0, 65536) == NB_OK);
		EXPECT(all_bytes((void *)(uintptr_t)base, 65536, 0));
		memset((void *)(uintptr_t)base, 0xaa, 65536);
		EXPECT(port_slot_commit(base, 65536, 3 * 65536) == NB_OK);
		EXPECT(all_bytes((void *)(uintptr_t)base, 65536, 0xaa));
		EXPECT(all_bytes((void *)(uintptr_t)(base + 65536), 65536, 0));
		port_slot_release(base, 3 * 65536);
	}
}

/* A large memory gets large pages where they fit, small ones at its end. */
static void
slots_use_large_pages(void)
{
	const uint64_t size = 64 * MIB + 65536;
	struct port_memory_info before;
	uint64_t base;

	if (memory_now().free_pages < 128 * MIB / 4096)
		return;
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
	EXPECT(port_slot_commit(base, 0, size) == NB_OK);
	before = memory_now();
	*(volatile uint8_t *)(uintptr_t)(base + 5 * MIB) = 1;
	EXPECT(before.free_pages - memory_now().free_pages >= 512);
	EXPECT(all_bytes((void *)(uintptr_t)(base + 4 * MIB), 1 * MIB, 0));
	before = memory_now();
	*(volatile uint8_t *)(uintptr_t)(base + size - 1) = 1;
	EXPECT(before.free_pages - memory_now().free_pages <= 2);
	port_slot_release(base, size);
}

static void
stacks_are_committed_on_demand(void)
{
	struct port_stack stack;
	struct port_stack other;
	struct port_memory_info before;
	uint64_t physical;

	EXPECT(port_stack_create(MIB, &stack) == NB_OK);
	EXPECT(port_stack_create(64 * 1024, &other) == NB_OK);
	EXPECT(stack.top - stack.limit == MIB && stack.limit - stack.guard >= MIB);
	EXPECT(stack.top % 16 == 0);
	EXPECT(stack.top <= other.guard || other.top <= stack.guard);
	before = memory_now();
	*(volatile uint64_t *)(uintptr_t)(stack.limit) = 1;
	EXPECT(before.free_pages - memory_now().free_pages <= 4);
	EXPECT(port_stack_commit(&stack, stack.top - 5 * 4096) == NB_OK);
	for (uint64_t at = stack.top - 5 * 4096; at < stack.top; at += 4096)
		EXPECT(space_lookup(at, &physical));
	EXPECT(!space_lookup(stack.top - 6 * 4096, &physical));
	EXPECT(port_stack_create(64 * MIB, &other) == NB_INVALID_ARGUMENT);
	port_stack_destroy(&stack);
	port_stack_destroy(&other);
}

static void
copies_are_exact(void)
{
	static uint8_t source[8192], target[8192];
	static const size_t lengths[] = {
		0, 1, 7, 8, 9, 15, 63, 64, 65, 100, 2047, 2048, 2055, 4096
	};
	uint64_t base;

	for (size_t i = 0; i < sizeof source; i++)
		source[i] = (uint8_t)(i * 7 + (i >> 8));
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
	EXPECT(port_slot_commit(base, 0, 2 * 65536) == NB_OK);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		size_t len = lengths[i];
		uint8_t *guest = (uint8_t *)(uintptr_t)(base + 65536 - 100);

		EXPECT(port_guest_fill(base + 65536 - 101, 0xee, len + 2) == NB_OK);
		EXPECT(port_guest_write(base + 65536 - 100, source + 1, len) == NB_OK);
		EXPECT(memcmp(guest, source + 1, len) == 0 && guest[-1] == 0xee);
		EXPECT(guest[len] == 0xee);
		memset(target, 0, sizeof target);
		EXPECT(port_guest_read(target + 3, base + 65536 - 100, len) == NB_OK);
		EXPECT(memcmp(target + 3, source + 1, len) == 0 && target[3 + len] == 0);
		/* Overlapping both ways. */
		for (int shift = -33; shift <= 33; shift += 11) {
			EXPECT(port_guest_write(base + 100, source, 8192) == NB_OK);
			EXPECT(port_guest_copy(base + 200 + (uint64_t)(int64_t)shift, base + 200,
					       len) == NB_OK);
			EXPECT(memcmp((void *)(uintptr_t)(base + 200 + (uint64_t)(int64_t)shift),
				      source + 100, len) == 0);
		}
	}
	port_slot_release(base, 2 * 65536);
}

/* With every frame taken, a copy to an untouched page is an error. */
static void
copies_report_exhaustion(void)
{
	static uint8_t bytes[8192];
	uint64_t base;
	uint64_t chain = FRAME_NONE;
	uint64_t frame;

	if (!memory_is_small())
		return;
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
	EXPECT(port_slot_commit(base, 0, 65536) == NB_OK);
	*(volatile uint8_t *)(uintptr_t)base = 1;
	while ((frame = frame_alloc(0)) != FRAME_NONE) {
		*(uint64_t *)map_direct(frame) = chain;
		chain = frame;
	}
	EXPECT(port_guest_write(base, bytes, 4096) == NB_OK);
	EXPECT(port_guest_write(base, bytes, 8192) == NB_OUT_OF_MEMORY);
	EXPECT(port_guest_read(bytes, base + 4096, 8) == NB_OUT_OF_MEMORY);
	EXPECT(port_guest_fill(base + 4096, 1, 60000) == NB_OUT_OF_MEMORY);
	EXPECT(port_guest_copy(base + 20000, base, 64) == NB_OUT_OF_MEMORY);
	EXPECT(port_guest_copy(base, base + 20000, 64) == NB_OUT_OF_MEMORY);
	while (chain != FRAME_NONE) {
		frame = chain;
		chain = *(uint64_t *)map_direct(frame);
		frame_free(frame, 0);
	}
	EXPECT(port_guest_write(base, bytes, 8192) == NB_OK);
	port_slot_release(base, 65536);
}

/* Pages of an object in two slots, over small, large and absent ones. */
static void
slots_show_lent_pages(void)
{
	enum { OBJECT_BYTES = 3 * 4096 };
	const uint64_t length = 80 * MIB, edge = 4 * MIB - 4096;
	struct port_memory_info before, after;
	uint64_t first, second, physical;
	volatile uint8_t *a, *b;
	uint8_t byte = 1;
	void *pages;

	port_memory_info(&before);
	EXPECT(port_shared_pages_get(OBJECT_BYTES, &pages) == NB_OK);
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &first) == NB_OK);
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &second) == NB_OK);
	EXPECT(port_slot_commit(first, 0, length) == NB_OK);
	EXPECT(port_slot_commit(second, 0, 65536) == NB_OK);
	a = (volatile uint8_t *)(uintptr_t)first;
	b = (volatile uint8_t *)(uintptr_t)second;
	/* Two large pages; the object lies across their common edge. */
	a[edge - 1] = 11;
	a[edge] = 12;
	a[edge + OBJECT_BYTES] = 13;
	EXPECT(port_slot_map(first + edge, pages, OBJECT_BYTES, PORT_MAP_WRITE) == NB_OK);
	EXPECT(a[edge - 1] == 11 && a[edge] == 0 && a[edge + OBJECT_BYTES] == 13);
	b[4096] = 14;
	EXPECT(port_slot_map(second + 4096, pages, OBJECT_BYTES, PORT_MAP_READ) == NB_OK);
	EXPECT(b[4096] == 0);
	a[edge + 4096] = 15;
	EXPECT(b[2 * 4096] == 15 && ((uint8_t *)pages)[4096] == 15);
	/* The kernel does not write where the guest must not. */
	EXPECT(port_guest_write(second + 4096, &byte, 1) == NB_INVALID_ADDRESS);
	EXPECT(port_guest_fill(second, 1, 8192) == NB_INVALID_ADDRESS);
	EXPECT(port_guest_copy(second + 4096, first, 64) == NB_INVALID_ADDRESS);
	EXPECT(port_guest_read(&byte, second + 2 * 4096, 1) == NB_OK && byte == 15);
	/* Half of it goes; zero pages come back, the object stays. */
	port_slot_unmap(first + edge, 4096);
	EXPECT(!space_lookup(first + edge, &physical));
	EXPECT(a[edge] == 0 && a[edge + 4096] == 15);
	port_slot_unmap(first + edge + 4096, OBJECT_BYTES - 4096);
	EXPECT(a[edge + 4096] == 0 && b[2 * 4096] == 15);
	/* Released with pages lent, which a slot's owner never does: they stay the object's. */
	port_slot_release(first, length);
	port_slot_release(second, 65536);
	EXPECT(((uint8_t *)pages)[4096] == 15);
	port_shared_pages_put(pages, OBJECT_BYTES);
	port_memory_info(&after);
	EXPECT(after.free_pages == before.free_pages && after.slots_live == before.slots_live);
}

/* Lending takes tables first: without memory nothing has changed. */
static void
lending_reports_exhaustion(void)
{
	uint64_t base, chain = FRAME_NONE, frame;
	void *pages;

	if (!memory_is_small())
		return;
	EXPECT(port_shared_pages_get(8192, &pages) == NB_OK);
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
	EXPECT(port_slot_commit(base, 0, 8 * MIB) == NB_OK);
	*(volatile uint8_t *)(uintptr_t)(base + 2 * MIB - 4096) = 5;
	while ((frame = frame_alloc(0)) != FRAME_NONE) {
		*(uint64_t *)map_direct(frame) = chain;
		chain = frame;
	}
	EXPECT(port_slot_map(base + 2 * MIB - 4096, pages, 8192, PORT_MAP_WRITE) ==
	       NB_OUT_OF_MEMORY);
	EXPECT(*(volatile uint8_t *)(uintptr_t)(base + 2 * MIB - 4096) == 5);
	while (chain != FRAME_NONE) {
		frame = chain;
		chain = *(uint64_t *)map_direct(frame);
		frame_free(frame, 0);
	}
	EXPECT(port_slot_map(base + 2 * MIB - 4096, pages, 8192, PORT_MAP_WRITE) == NB_OK);
	EXPECT(*(volatile uint8_t *)(uintptr_t)(base + 2 * MIB - 4096) == 0);
	port_slot_unmap(base + 2 * MIB - 4096, 8192);
	port_slot_release(base, 8 * MIB);
	port_shared_pages_put(pages, 8192);
}

/* A pooled slot has pages of its last user, but nothing that was in them, and none
 * beyond the length that the next one asks for. */
static void
pooled_slots_forget(void)
{
	uint64_t base, before = 0, physical;

	for (uint64_t round = 0; round < 4; round++) {
		uint64_t size = round % 2 ? 65536 : 131072;

		EXPECT(port_slot_create(NB_SLOT_ADDRESSABLE, size, NULL, &base) == NB_OK);
		EXPECT(round == 0 || base == before);
		before = base;
		EXPECT(!space_lookup(base + size, &physical));
		EXPECT(!space_lookup(base + 2 * size - 4096, &physical));
		EXPECT(all_bytes((void *)(uintptr_t)base, size, 0));
		__builtin_memset((void *)(uintptr_t)base, 0x5a, size);
		port_slot_release(base, size);
	}
	/* Only its last page is touched, and would be beyond the end of the next. */
	EXPECT(port_slot_create(NB_SLOT_ADDRESSABLE, 131072, NULL, &base) == NB_OK);
	*(volatile uint8_t *)(uintptr_t)(base + 131071) = 1;
	port_slot_release(base, 131072);
	EXPECT(port_slot_create(NB_SLOT_ADDRESSABLE, 65536, NULL, &base) == NB_OK);
	EXPECT(!space_lookup(base + 131071, &physical));
	port_slot_release(base, 65536);
	EXPECT(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base) == NB_OK);
	EXPECT(!space_lookup(base, &physical));
	port_slot_release(base, 0);
}

static void
pooled_stacks_forget(void)
{
	const size_t size = 4 * MIB;
	struct port_stack stack;

	for (int round = 0; round < 3; round++) {
		EXPECT(port_stack_create(size, &stack) == NB_OK);
		EXPECT(all_bytes((void *)(uintptr_t)(stack.top - 65536), 65536, 0));
		EXPECT(all_bytes((void *)(uintptr_t)stack.limit, 65536, 0));
		__builtin_memset((void *)(uintptr_t)(stack.top - 65536), 0x5a, 65536);
		__builtin_memset((void *)(uintptr_t)stack.limit, 0x5a, 65536);
		port_stack_destroy(&stack);
	}
	/* One that is shorter than the pages that are kept. */
	EXPECT(port_stack_create(4096, &stack) == NB_OK);
	EXPECT(all_bytes((void *)(uintptr_t)stack.limit, 4096, 0));
	port_stack_destroy(&stack);
}

/* Pages of an image are copied when they are touched; nobody sees another's. */
static void
images_are_copied(void)
{
	const uint64_t at = 2 * 4096, size = 3 * 4096;
	struct port_image image;
	uint64_t bases[2], physical;

	EXPECT(port_image_create(at, size, &image) == NB_OK);
	__builtin_memset(image.bytes, 0x11, size);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 2; i++) {
			EXPECT(port_slot_create(NB_SLOT_ADDRESSABLE, 65536, &image, &bases[i]) ==
			       NB_OK);
			EXPECT(!space_lookup(bases[i] + at, &physical));
			EXPECT(all_bytes((void *)(uintptr_t)bases[i], at, 0));
			EXPECT(all_bytes((void *)(uintptr_t)(bases[i] + at), size, 0x11));
			EXPECT(all_bytes((void *)(uintptr_t)(bases[i] + at + size),
					 65536 - at - size, 0));
			__builtin_memset((void *)(uintptr_t)(bases[i] + at + 4000), 0x22, 200);
		}
		for (int i = 0; i < 2; i++)
			port_slot_release(bases[i], 65536);
	}
	EXPECT(all_bytes(image.bytes, size, 0x11));
	/* Where something was lent there are zeroes afterwards, not the image. */
	EXPECT(port_slot_create(NB_SLOT_ADDRESSABLE, 65536, &image, &bases[0]) == NB_OK);
	EXPECT(port_slot_map(bases[0] + at, image.bytes, 4096, PORT_MAP_READ) == NB_OK);
	port_slot_unmap(bases[0] + at, 4096);
	EXPECT(all_bytes((void *)(uintptr_t)(bases[0] + at), 4096, 0));
	EXPECT(all_bytes((void *)(uintptr_t)(bases[0] + at + 4096), 4096, 0x11));
	port_slot_release(bases[0], 65536);
	port_image_release(&image);
}

/* ---- giving way ---- */

static struct {
	uint64_t last_ns, longest_ns;
	uint32_t count;
} relaxed;

static void
note_relax(void)
{
	uint64_t now_ns = port_time_monotonic_ns();

	if (now_ns - relaxed.last_ns > relaxed.longest_ns)
		relaxed.longest_ns = now_ns - relaxed.last_ns;
	relaxed.last_ns = now_ns;
	relaxed.count++;
}

static void
expect_way(bool is_begun, size_t size)
{
	if (!is_begun) {
		note_relax();
		EXPECT(relaxed.count >= size / MIB);
		/* Where time is told by instructions. */
		EXPECT(!argument("icount=", 0) || relaxed.longest_ns < 1000000);
	}
	relaxed.count = 0;
	relaxed.longest_ns = 0;
	relaxed.last_ns = port_time_monotonic_ns();
}

/* Long work on pages lets others run at least once a millisecond. */
static void
long_work_gives_way(void)
{
	const size_t size = 24 * MIB;
	struct port_image image;
	struct port_code code;
	void *pages;

	upcalls.on_relax = note_relax;
	expect_way(true, 0);
	EXPECT(port_many_pages_get(size, &pages) == NB_OK);
	expect_way(false, size);
	EXPECT(all_bytes(pages, size, 0));
	memset(pages, 0x5a, size);
	expect_way(true, 0);
	port_many_pages_put(pages, size);
	expect_way(false, size);
	EXPECT(port_shared_pages_get(size, &pages) == NB_OK);
	expect_way(false, size);
	port_shared_pages_put(pages, size);
	expect_way(false, size);
	EXPECT(port_code_reserve(size, &code) == NB_OK);
	expect_way(false, size);
	EXPECT(port_code_seal(&code) == NB_OK);
	expect_way(false, size);
	port_code_release(&code);
	expect_way(false, size);
	EXPECT(port_image_create(0, size, &image) == NB_OK);
	expect_way(false, size);
	port_image_release(&image);
	expect_way(false, size);
	upcalls.on_relax = NULL;
}

static void
protections_are_on(void)
{
	const struct processor_features *f = &processor_features;
	uint64_t cr4 = cpu_read_cr4();

	EXPECT(cpu_read_cr0() & CR0_WP);
	EXPECT(cpu_read_msr(MSR_EFER) & 1 << 11); /* NXE */
	EXPECT(!f->smep || cr4 & CR4_SMEP);
	EXPECT(!f->smap || cr4 & CR4_SMAP);
	EXPECT(!f->umip || cr4 & CR4_UMIP);
	EXPECT(!(cr4 & 1 << 12)); /* LA57 */
	EXPECT(!argument("smap=", 0) || f->smap);
}

const struct selftest space_tests[] = {
	{ "space: protections are on", protections_are_on },
	{ "space: kernel pages are zero", kernel_pages_are_zero },
	{ "space: areas stay in place", areas_stay_in_place },
	{ "space: slots keep their distance", slots_keep_their_distance },
	{ "space: wide slots reach far", wide_slots_reach_far },
	{ "space: slots forget", slots_forget },
	{ "space: slots use large pages", slots_use_large_pages },
	{ "space: stacks are committed on demand", stacks_are_committed_on_demand },
	{ "space: copies are exact", copies_are_exact },
	{ "space: copies report exhaustion", copies_report_exhaustion },
	{ "space: slots show lent pages", slots_show_lent_pages },
	{ "space: lending reports exhaustion", lending_reports_exhaustion },
	{ "space: pooled slots forget", pooled_slots_forget },
	{ "space: pooled stacks forget", pooled_stacks_forget },
	{ "space: images are copied", images_are_copied },
	{ "space: long work gives way", long_work_gives_way },
	{ NULL, NULL },
};

/*
 * Memory of the hosted platform: what is accessible, what is zero, what comes
 * back.
 */
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"

#include "kernel/port/memory.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct port_memory_info before;

static int
setup(void **state)
{
	(void)state;
	port_memory_info(&before);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	struct port_memory_info after;

	port_memory_info(&after);
	return memcmp(&before, &after, sizeof(after)) == 0 ? 0 : -1;
}

static sigjmp_buf fault_jump;

static void
on_fault(int number)
{
	(void)number;
	siglongjmp(fault_jump, 1);
}

enum access { ACCESS_READ, ACCESS_WRITE };

/* Whether the byte at `address` can be read, or written with its own value. */
static __attribute__((no_sanitize("address"))) bool
is_accessible(uint64_t address, enum access access)
{
	struct sigaction action = { .sa_handler = on_fault }, old_segv, old_bus;
	volatile uint8_t *byte = (volatile uint8_t *)(uintptr_t)address;
	bool result = false;

	sigaction(SIGSEGV, &action, &old_segv);
	sigaction(SIGBUS, &action, &old_bus);
	if (sigsetjmp(fault_jump, 1) == 0) {
		uint8_t value = *byte;
		if (access == ACCESS_WRITE)
			*byte = value;
		result = true;
	}
	sigaction(SIGSEGV, &old_segv, NULL);
	sigaction(SIGBUS, &old_bus, NULL);
	return result;
}

static void
slots_are_bounded_by_guards(void **state)
{
	(void)state;
	uint64_t base;

	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base), NB_OK);
	assert_false(is_accessible(base, ACCESS_READ));
	assert_int_equal(port_slot_commit(base, 0, 65536), NB_OK);
	assert_int_equal(port_slot_commit(base, 65536, 3 * 65536), NB_OK);
	assert_true(is_accessible(base, ACCESS_WRITE));
	assert_true(is_accessible(base + 3 * 65536 - 1, ACCESS_WRITE));
	static const uint64_t outside[] = { 3 * 65536, NB_SLOT_ADDRESSABLE - 1, NB_SLOT_ADDRESSABLE,
					    NB_SLOT_BYTES - 1 };
	for (int i = 0; i < 4; i++) {
		assert_false(is_accessible(base + outside[i], ACCESS_READ));
		assert_true(port_slot_contains(base + outside[i]));
	}
	uint64_t front = NB_SLOT_BYTES - NB_SLOT_ADDRESSABLE;
	assert_false(is_accessible(base - 1, ACCESS_READ));
	assert_false(is_accessible(base - front, ACCESS_READ));
	assert_true(port_slot_contains(base - 1));
	assert_false(port_slot_contains((uint64_t)(uintptr_t)&base));
	port_slot_release(base, 3 * 65536);
}

static void
released_slots_keep_nothing(void **state)
{
	(void)state;
	uint64_t bases[200];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 200; i++) {
			assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &bases[i]), NB_OK);
			assert_int_equal(port_slot_commit(bases[i], 0, 65536), NB_OK);
			uint64_t *words = (uint64_t *)(uintptr_t)bases[i];
			for (int k = 0; k < 65536 / 8; k += 512) {
				assert_int_equal(words[k], 0);
				words[k] = UINT64_MAX;
			}
			for (int k = 0; k < i; k++)
				assert_int_not_equal(bases[k], bases[i]);
		}
		for (int i = 0; i < 200; i++)
			port_slot_release(bases[i], 65536);
	}
}

static void
code_is_writable_or_executable(void **state)
{
	(void)state;
	struct port_code code, other;
	uint64_t start, end;

	assert_int_equal(port_code_reserve(3 * 4096, &code), NB_OK);
	assert_int_equal(port_code_reserve(4096, &other), NB_OK);
	port_code_range(&start, &end);
	uint64_t at = (uint64_t)(uintptr_t)code.base;
	assert_true(at >= start && at + code.size <= end);
	assert_true(other.base >= code.base + code.size || other.base + 4096 <= code.base);
	static const uint8_t return_42[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
	memcpy(code.base, return_42, sizeof(return_42));
	assert_int_equal(port_code_seal(&code), NB_OK);
	assert_false(is_accessible(at, ACCESS_WRITE));
	assert_true(is_accessible(at, ACCESS_READ));
	int (*function)(void);
	memcpy(&function, &code.base, sizeof(function));
	assert_int_equal(function(), 42);
	assert_true(hosted_pc_is_guest(at + code.size - 1));
	assert_false(hosted_pc_is_guest((uint64_t)(uintptr_t)code_is_writable_or_executable));
	port_code_release(&code);
	assert_false(is_accessible(at, ACCESS_READ));
	port_code_release(&other);
}

static void
code_space_is_reused(void **state)
{
	(void)state;
	struct port_code codes[3], again;

	for (int i = 0; i < 3; i++)
		assert_int_equal(port_code_reserve(100 * 4096, &codes[i]), NB_OK);
	uint8_t *middle = codes[1].base;
	memset(middle, 0x90, 4096);
	port_code_release(&codes[1]);
	assert_int_equal(port_code_reserve(100 * 4096, &again), NB_OK);
	assert_ptr_equal(again.base, middle);
	assert_int_equal(again.base[0], 0);
	assert_int_equal(port_code_reserve((size_t)8 << 30, &codes[1]), NB_OUT_OF_MEMORY);
	port_code_release(&codes[0]);
	port_code_release(&codes[2]);
	port_code_release(&again);
}

static void
stacks_have_guards(void **state)
{
	(void)state;
	struct port_stack stack;

	assert_int_equal(port_stack_create(65536, &stack), NB_OK);
	assert_int_equal(stack.top - stack.limit, 65536);
	assert_true(stack.limit - stack.guard >= 1 << 20);
	assert_int_equal(stack.top % 16, 0);
	assert_true(is_accessible(stack.top - 1, ACCESS_WRITE));
	assert_false(is_accessible(stack.limit - 1, ACCESS_READ));
	assert_false(is_accessible(stack.guard, ACCESS_READ));
	assert_int_equal(port_stack_commit(&stack, stack.limit), NB_OK);
	assert_true(is_accessible(stack.limit, ACCESS_WRITE));
	assert_false(is_accessible(stack.limit - 1, ACCESS_READ));
	port_stack_destroy(&stack);
}

/* With the fault handlers of the platform a stack grows as it is touched, to its limit; a
 * smaller one in its place does not. */
static void
stacks_grow_on_touch(void **state)
{
	(void)state;
	struct port_stack stack;

	hosted_fault_handlers_install();
	assert_int_equal(port_stack_create(4 << 20, &stack), NB_OK);
	for (uint64_t at = stack.top - 8; at > stack.limit; at -= 100 * 1000) {
		uint64_t *word = (uint64_t *)(uintptr_t)(at & ~7ull);

		assert_int_equal(*word, 0);
		*word = at;
	}
	*(volatile uint64_t *)(uintptr_t)stack.limit = 1;
	assert_false(is_accessible(stack.limit - 1, ACCESS_READ));
	port_stack_destroy(&stack);
	assert_int_equal(port_stack_create(8192, &stack), NB_OK);
	assert_true(is_accessible(stack.limit, ACCESS_WRITE));
	assert_false(is_accessible(stack.limit - 1, ACCESS_READ));
	for (uint64_t at = stack.limit; at < stack.top; at++)
		assert_int_equal(*(uint8_t *)(uintptr_t)at, 0);
	port_stack_destroy(&stack);
}

static void
areas_commit_piece_by_piece(void **state)
{
	(void)state;
	void *area;
	struct port_memory_info one, two;

	assert_int_equal(port_area_reserve(1 << 30, &area), NB_OK);
	uint64_t at = (uint64_t)(uintptr_t)area;
	assert_false(is_accessible(at, ACCESS_READ));
	port_memory_info(&one);
	assert_int_equal(port_area_commit(area, 0, 4096), NB_OK);
	assert_int_equal(port_area_commit(area, 4096, 8192), NB_OK);
	port_memory_info(&two);
	assert_int_equal(one.free_pages - two.free_pages, 3);
	assert_true(is_accessible(at + 3 * 4096 - 1, ACCESS_WRITE));
	assert_false(is_accessible(at + 3 * 4096, ACCESS_READ));
	port_area_release(area, 1 << 30);
}

static void
the_limit_is_an_error_for_everything(void **state)
{
	(void)state;
	struct port_memory_info info;
	struct port_stack stack;
	struct port_code code;
	void *pages, *area, *more;
	uint64_t base;

	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base), NB_OK);
	assert_int_equal(port_area_reserve(1 << 20, &area), NB_OK);
	port_memory_info(&info);
	hosted_memory_limit_set(info.total_pages - info.free_pages + 10);
	assert_int_equal(port_pages_get(11 * 4096, &pages), NB_OUT_OF_MEMORY);
	assert_int_equal(port_stack_create(11 * 4096, &stack), NB_OUT_OF_MEMORY);
	assert_int_equal(port_code_reserve(11 * 4096, &code), NB_OUT_OF_MEMORY);
	assert_int_equal(port_area_commit(area, 0, 11 * 4096), NB_OUT_OF_MEMORY);
	assert_int_equal(port_slot_commit(base, 0, 65536), NB_OUT_OF_MEMORY);
	assert_int_equal(port_pages_get(10 * 4096, &pages), NB_OK);
	assert_int_equal(port_pages_get(4096, &more), NB_OUT_OF_MEMORY);
	port_pages_put(pages, 10 * 4096);
	hosted_memory_limit_set(info.total_pages);
	port_area_release(area, 1 << 20);
	port_slot_release(base, 0);
}

/* Whoever gets a slot that others have had finds what a new one holds. */
static void
pooled_slots_are_as_new(void **state)
{
	(void)state;
	const uint64_t size = 128 * 1024;
	uint64_t first = 0, base;

	for (int round = 0; round < 5; round++) {
		assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, size, NULL, &base), NB_OK);
		if (round)
			assert_int_equal(base, first);
		first = base;
		uint8_t *bytes = (uint8_t *)(uintptr_t)base;
		for (uint64_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		assert_false(is_accessible(base + size, ACCESS_READ));
		bytes[0] = bytes[4095] = bytes[70000] = bytes[size - 1] = (uint8_t)(round + 1);
		port_slot_release(base, size);
	}
	/* Another size is another kind. */
	assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, 65536, NULL, &base), NB_OK);
	assert_int_not_equal(base, first);
	assert_false(is_accessible(base + 65536, ACCESS_READ));
	port_slot_release(base, 65536);
	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &base), NB_OK);
	assert_false(is_accessible(base, ACCESS_READ));
	port_slot_release(base, 0);
}

/* A free slot may stay accessible, but it holds nothing, an object that was mapped
 * there is not to be seen, and it is out of reach of all others: no address that code of a
 * live slot can form is accessible but its own bytes. */
static void
free_slots_are_empty_and_out_of_reach(void **state)
{
	enum { COUNT = 70, KEPT = 64, SIZE = 65536 };
	const uint64_t reach = NB_SLOT_BYTES, step = NB_SLOT_BYTES / 3072;
	uint64_t bases[COUNT], live;
	uint32_t closed = 0, open = 0;
	uint8_t *object;
	void *pages;

	(void)state;
	assert_int_equal(port_shared_pages_get(4096, &pages), NB_OK);
	object = pages;
	object[5] = 77;
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, SIZE, NULL, &bases[i]),
				 NB_OK);
		memset((void *)(uintptr_t)bases[i], 0xee, SIZE);
		assert_int_equal(port_slot_map(bases[i] + 8192, object, 4096, PORT_MAP_WRITE),
				 NB_OK);
		assert_int_equal(((uint8_t *)(uintptr_t)bases[i])[8197], 77);
	}
	for (int i = 0; i < COUNT; i++) {
		port_slot_unmap(bases[i] + 8192, 4096);
		port_slot_release(bases[i], SIZE);
	}
	for (int i = 0; i < COUNT; i++) {
		if (!is_accessible(bases[i], ACCESS_READ)) {
			closed++;
			continue;
		}
		open++;
		for (uint64_t k = 0; k < SIZE; k += 8)
			assert_int_equal(*(const uint64_t *)(uintptr_t)(bases[i] + k), 0);
		((uint8_t *)(uintptr_t)bases[i])[8197] = 1;
		assert_int_equal(object[5], 77);
		((uint8_t *)(uintptr_t)bases[i])[8197] = 0;
	}
	assert_int_equal(open, KEPT);
	assert_int_equal(closed, COUNT - KEPT);
	/* One of another size, which comes between free ones. */
	assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, 2 * SIZE, NULL, &live), NB_OK);
	for (uint64_t at = 2 * SIZE; at < reach; at += step)
		assert_false(is_accessible(live + at, ACCESS_READ));
	assert_false(is_accessible(live + reach - 1, ACCESS_READ));
	for (uint64_t at = 1; at <= NB_SLOT_GUARD; at += step)
		assert_false(is_accessible(live - at, ACCESS_READ));
	port_slot_release(live, 2 * SIZE);
	port_shared_pages_put(pages, 4096);
}

enum { IMAGE_AT = 8192, IMAGE_BYTES = 3 * 4096 };

static uint8_t
image_byte(const struct port_image *image, uint64_t at)
{
	return at - image->at < image->size ? image->bytes[at - image->at] : 0;
}

static void
check_image(uint64_t base, const struct port_image *image)
{
	for (uint64_t at = 0; at < 65536; at++)
		assert_int_equal(((uint8_t *)(uintptr_t)base)[at], image_byte(image, at));
}

/* What users of an image write is seen by nobody else, then or later. */
static void
images_are_private(void **state)
{
	(void)state;
	struct port_image images[2];
	uint64_t bases[4];

	for (int i = 0; i < 2; i++) {
		assert_int_equal(port_image_create(IMAGE_AT, IMAGE_BYTES, &images[i]), NB_OK);
		for (uint64_t k = 0; k < IMAGE_BYTES; k++) {
			assert_int_equal(images[i].bytes[k], 0);
			images[i].bytes[k] = (uint8_t)(k * 7 + k / 251 + (uint64_t)i);
		}
	}
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 4; i++) {
			assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, 65536,
							  &images[i % 2], &bases[i]),
					 NB_OK);
			check_image(bases[i], &images[i % 2]);
			memset((void *)(uintptr_t)(bases[i] + IMAGE_AT + 100), 0xee, 5000);
			memset((void *)(uintptr_t)(bases[i] + 60000), 0xdd, 100);
		}
		for (int i = 0; i < 4; i++)
			port_slot_release(bases[i], 65536);
	}
	assert_int_equal(port_slot_create(NB_SLOT_ADDRESSABLE, 65536, NULL, &bases[0]), NB_OK);
	for (uint64_t at = 0; at < 65536; at++)
		assert_int_equal(((uint8_t *)(uintptr_t)bases[0])[at], 0);
	port_slot_release(bases[0], 65536);
	for (int i = 0; i < 2; i++)
		port_image_release(&images[i]);
}

static void
pooled_stacks_are_zero(void **state)
{
	(void)state;
	const size_t size = 256 * 1024;
	struct port_stack stack;

	for (int round = 0; round < 4; round++) {
		assert_int_equal(port_stack_create(size, &stack), NB_OK);
		assert_int_equal(stack.top - stack.limit, size);
		assert_int_equal(port_stack_commit(&stack, stack.limit), NB_OK);
		uint8_t *bytes = (uint8_t *)(uintptr_t)stack.limit;
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0);
		memset(bytes, 0xaa, size);
		port_stack_destroy(&stack);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(slots_are_bounded_by_guards),
		TEST(released_slots_keep_nothing),
		TEST(code_is_writable_or_executable),
		TEST(code_space_is_reused),
		TEST(stacks_have_guards),
		TEST(stacks_grow_on_touch),
		TEST(areas_commit_piece_by_piece),
		TEST(the_limit_is_an_error_for_everything),
		TEST(pooled_slots_are_as_new),
		TEST(free_slots_are_empty_and_out_of_reach),
		TEST(images_are_private),
		TEST(pooled_stacks_are_zero),
	};
	return cmocka_run_group_tests_name("hosted memory", tests, NULL, NULL);
}

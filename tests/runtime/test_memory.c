/*
 * Linear memories of all kinds, used by compiled code: where accesses end, at
 * every width, index and static offset; memories beyond 4 GiB; what is refused.
 *
 * Each module has a function for each pattern and static offset. A model says
 * what it must do with a given index; the memory itself is read and written
 * directly, too.
 */
#include "tests/random.h"
#include "tests/runtime/support.h"

#include "kernel/port/cpu.h"
#include "runtime/builtin.h"
#include "tests/wasm/module_builder.h"

enum { PAGE = 65536 };
#define GIB (1ull << 30)

/* ---- modules ---- */

/* (index, i64 value) -> i64, of one access. */
enum pattern {
	LOAD8,
	LOAD16,
	LOAD32,
	LOAD64,
	LOAD_V128, /* its upper half */
	STORE8,
	STORE16,
	STORE32,
	STORE64,
	STORE_V128, /* the value in both halves */
	STORE_CONST,
	MODIFY,	      /* load, add the value, store */
	COMPARE,      /* the byte against the value's low byte, unsigned less */
	COMPARE_F64,  /* f64 equality with the value's bits */
	CONVERT,      /* f64 of the i32, as bits */
	ATOMIC_ADD,   /* 32 bits */
	ATOMIC_AND,   /* 64 bits, by a loop */
	ATOMIC_STORE, /* 16 bits */
	ATOMIC_SWAP,  /* compare with 0, 64 bits */
	PATTERN_COUNT,
};

static uint32_t
width_of(enum pattern pattern)
{
	static const uint8_t widths[PATTERN_COUNT] = {
		[LOAD8] = 1,	  [LOAD16] = 2,	      [LOAD32] = 4,	 [LOAD64] = 8,
		[LOAD_V128] = 16, [STORE8] = 1,	      [STORE16] = 2,	 [STORE32] = 4,
		[STORE64] = 8,	  [STORE_V128] = 16,  [STORE_CONST] = 4, [MODIFY] = 8,
		[COMPARE] = 1,	  [COMPARE_F64] = 8,  [CONVERT] = 4,	 [ATOMIC_ADD] = 4,
		[ATOMIC_AND] = 8, [ATOMIC_STORE] = 2, [ATOMIC_SWAP] = 8,
	};

	return widths[pattern];
}

static bool
is_atomic(enum pattern pattern)
{
	return pattern >= ATOMIC_ADD;
}

struct shape {
	bool is_64, is_shared;
	uint32_t memory;  /* 0 or 1 */
	bool is_extended; /* the index is an i32 made an i64 */
	bool is_constant; /* the index is written into the code */
};

static void
put_u64(struct buffer *b, uint64_t value)
{
	while (value >= 0x80) {
		put(b, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put(b, (uint8_t)value);
}

static void
put_s64(struct buffer *b, int64_t value)
{
	while (value < -64 || value > 63) {
		put(b, (uint8_t)(value | 0x80));
		value >>= 7;
	}
	put(b, (uint8_t)(value & 0x7f));
}

static void
put_index(struct buffer *b, const struct shape *shape, uint64_t constant)
{
	if (shape->is_constant) {
		put(b, shape->is_64 ? 0x42 : 0x41);
		put_s64(b, shape->is_64 ? (int64_t)constant : (int32_t)constant);
		return;
	}
	put(b, 0x20, 0);
	if (shape->is_extended)
		put(b, 0xa7, 0xad);
}

static void
put_memarg(struct buffer *b, const struct shape *shape, uint32_t bytes, uint64_t offset)
{
	uint8_t align = (uint8_t)__builtin_ctz(bytes);

	if (shape->memory)
		put(b, align | 0x40, (uint8_t)shape->memory);
	else
		put(b, align);
	put_u64(b, offset);
}

#define VALUE(b) put((b), 0x20, 1)

static void
put_body(struct buffer *b, enum pattern pattern, const struct shape *shape, uint64_t offset,
	 uint64_t index)
{
	uint32_t bytes = width_of(pattern);

	put(b, 0); /* no locals */
	put_index(b, shape, index);
	switch (pattern) {
	case LOAD8:
	case LOAD16:
	case LOAD32:
	case LOAD64:
		put(b, ((const uint8_t[]){ 0x31, 0x33, 0x35, 0x29 })[pattern - LOAD8]);
		put_memarg(b, shape, bytes, offset);
		break;
	case LOAD_V128:
		put(b, 0xfd, 0x00);
		put_memarg(b, shape, bytes, offset);
		put(b, 0xfd, 0x1d, 1);
		break;
	case STORE8:
	case STORE16:
	case STORE32:
	case STORE64:
		VALUE(b);
		put(b, ((const uint8_t[]){ 0x3c, 0x3d, 0x3e, 0x37 })[pattern - STORE8]);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		break;
	case STORE_V128:
		VALUE(b);
		put(b, 0xfd, 0x12, 0xfd, 0x0b);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		break;
	case STORE_CONST:
		put(b, 0x41, 42, 0x36);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		break;
	case MODIFY:
		put_index(b, shape, index);
		put(b, 0x29);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		put(b, 0x7c, 0x37);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		break;
	case COMPARE:
		put(b, 0x2d);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		put(b, 0xa7, 0x41, 0xff, 0x01, 0x71, 0x49, 0xad);
		break;
	case COMPARE_F64:
		put(b, 0x2b);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		put(b, 0xbf, 0x61, 0xad);
		break;
	case CONVERT:
		put(b, 0x28);
		put_memarg(b, shape, bytes, offset);
		put(b, 0xb7, 0xbd);
		break;
	case ATOMIC_ADD:
		VALUE(b);
		put(b, 0xfe, 0x24);
		put_memarg(b, shape, bytes, offset);
		break;
	case ATOMIC_AND:
		VALUE(b);
		put(b, 0xfe, 0x2d);
		put_memarg(b, shape, bytes, offset);
		break;
	case ATOMIC_STORE:
		VALUE(b);
		put(b, 0xfe, 0x1c);
		put_memarg(b, shape, bytes, offset);
		VALUE(b);
		break;
	case ATOMIC_SWAP:
		put(b, 0x42, 0);
		VALUE(b);
		put(b, 0xfe, 0x49);
		put_memarg(b, shape, bytes, offset);
		break;
	case PATTERN_COUNT:
		break;
	}
	put(b, 0x0b);
}

static void
put_limits(struct buffer *b, const struct shape *shape, uint64_t min, uint64_t max)
{
	put(b, (uint8_t)(1 | (shape->is_shared ? 2 : 0) | (shape->is_64 ? 4 : 0)));
	put_u64(b, min);
	put_u64(b, max);
}

/* A module with `count` functions; function k is pattern k % PATTERN_COUNT at
 * offsets[k / PATTERN_COUNT]. The memory it uses has `max` pages at most. */
static struct instance *
make_module(const struct shape *shape, uint64_t max, const uint64_t *offsets, uint32_t count,
	    uint64_t index)
{
	struct buffer module = { 0 }, section = { 0 }, body = { 0 };
	struct instance *instance = NULL;

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 2, shape->is_64 ? 0x7e : 0x7f, 0x7e, 1,
			  0x7e);
	put_u32(&section, count * PATTERN_COUNT);
	for (uint32_t i = 0; i < count * PATTERN_COUNT; i++)
		put(&section, 0);
	put_section(&module, SECTION_FUNCTION, &section);
	put(&section, (uint8_t)(shape->memory + 1));
	if (shape->memory)
		put(&section, 0, 1);
	put_limits(&section, shape, 1, max);
	put_section(&module, SECTION_MEMORY, &section);
	put_u32(&section, count * PATTERN_COUNT);
	for (uint32_t i = 0; i < count * PATTERN_COUNT; i++) {
		put_body(&body, i % PATTERN_COUNT, shape, offsets[i / PATTERN_COUNT], index);
		put_sized(&section, &body);
	}
	put_section(&module, SECTION_CODE, &section);
	instance = test_instance_of("m", module.bytes, module.len);
	buffer_free(&module);
	return instance;
}

/* ---- the model ---- */

static uint64_t
read_bytes(const uint8_t *at, uint32_t bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes < 8 ? bytes : 8);
	return value;
}

static uint64_t
bits_of(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, 8);
	return bits;
}

static double
double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, 8);
	return value;
}

/* What the pattern does at `at`, and gives. */
static uint64_t
model(enum pattern pattern, uint8_t *at, uint64_t value)
{
	uint64_t old = read_bytes(at, width_of(pattern)), new_value = old;

	switch (pattern) {
	case LOAD8:
	case LOAD16:
	case LOAD32:
	case LOAD64:
		return old;
	case LOAD_V128:
		return read_bytes(at + 8, 8);
	case STORE8:
	case STORE16:
	case STORE32:
	case STORE64:
	case ATOMIC_STORE:
		memcpy(at, &value, width_of(pattern));
		return value;
	case STORE_V128:
		memcpy(at, &value, 8);
		memcpy(at + 8, &value, 8);
		return value;
	case STORE_CONST:
		new_value = 42;
		memcpy(at, &new_value, 4);
		return value;
	case MODIFY:
		new_value = old + value;
		memcpy(at, &new_value, 8);
		return value;
	case COMPARE:
		return old < (value & 0xff);
	case COMPARE_F64:
		return double_of(old) == double_of(value);
	case CONVERT:
		return bits_of((int32_t)old);
	case ATOMIC_ADD:
		new_value = old + value;
		memcpy(at, &new_value, 4);
		return old;
	case ATOMIC_AND:
		new_value = old & value;
		memcpy(at, &new_value, 8);
		return old;
	case ATOMIC_SWAP:
		if (old == 0)
			memcpy(at, &value, 8);
		return old;
	case PATTERN_COUNT:
		break;
	}
	return 0;
}

/* Whether index + offset, without wrapping, is a place for the access. */
static enum nb_trap
expected_trap(enum pattern pattern, uint64_t length, uint64_t index, uint64_t offset)
{
	unsigned __int128 at = (unsigned __int128)index + offset;

	if (is_atomic(pattern) && at % width_of(pattern) != 0)
		return NB_TRAP_UNALIGNED_ATOMIC;
	return at + width_of(pattern) > length ? NB_TRAP_MEMORY_OUT_OF_BOUNDS : NB_TRAP_NONE;
}

static uint64_t random_state = 1;

static void
check_access(const struct instance *instance, const struct shape *shape, uint32_t function,
	     uint64_t index, uint64_t offset)
{
	enum pattern pattern = function % PATTERN_COUNT;
	const struct runtime_memory *memory = instance->memories[shape->memory];
	uint64_t value = random_next(&random_state);
	struct runtime_value in[2] = { { { index, 0 } }, { { value, 0 } } };
	struct runtime_value out[8] = { { { 0, 0 } } };
	uint8_t before[32] = { 0 }, after[32] = { 0 }, wanted[32] = { 0 };
	uint64_t result = 0;

	if (!shape->is_64 || shape->is_extended)
		index = (uint32_t)index;
	enum nb_trap want = expected_trap(pattern, memory->desc.length, index, offset);
	uint8_t *at = (uint8_t *)(uintptr_t)(memory->desc.base + index + offset);
	if (want == NB_TRAP_NONE) {
		uint64_t filling[2] = { random_next(&random_state), random_next(&random_state) };
		/* Swaps and equalities that happen, too. */
		if (random_next(&random_state) % 2 && width_of(pattern) == 8)
			filling[0] = pattern == COMPARE_F64 ? value : 0;
		memcpy(at, filling, width_of(pattern));
		memcpy(before, at, width_of(pattern));
		memcpy(wanted, before, sizeof(wanted));
		result = model(pattern, wanted, value);
	}
	enum nb_trap got = test_invoke(instance_function(instance, function), in, out);
	if (got == want && want == NB_TRAP_NONE)
		memcpy(after, at, width_of(pattern));
	if (got != want ||
	    (want == NB_TRAP_NONE &&
	     (out[0].bits[0] != result || memcmp(after, wanted, width_of(pattern)) != 0)))
		fail_msg("pattern %d, memory %u (%d bits), index %llx + %llx of %llx: %s instead "
			 "of %s, result %llx instead of %llx",
			 pattern, shape->memory, shape->is_64 ? 64 : 32, (unsigned long long)index,
			 (unsigned long long)offset, (unsigned long long)memory->desc.length,
			 nb_trap_text(got), nb_trap_text(want), (unsigned long long)out[0].bits[0],
			 (unsigned long long)result);
}

/* ---- limits ---- */

static const uint64_t offsets_32[] = {
	0,	    1,		8,	    PAGE - 16,	PAGE - 1,   PAGE,	0x7ffeffff,
	0x7fff0000, 0x7fff0001, 0x80000000, 0xffff0000, 0xfffffff0, 0xffffffff,
};
static const uint64_t offsets_64[] = {
	0,
	1,
	8,
	PAGE - 16,
	PAGE,
	0x7fff0000,
	0x7fff0001,
	0xffffffff,
	1ull << 32,
	(1ull << 32) + 8,
	16 * GIB - 1,
	16 * GIB,
	1ull << 63,
	UINT64_MAX - PAGE,
	UINT64_MAX - 15,
	UINT64_MAX,
};

enum { AROUND = 20 };

/* Indices at both ends of everything. */
static void
check_limits(const struct instance *instance, const struct shape *shape, uint32_t function,
	     uint64_t offset)
{
	uint64_t length = instance->memories[shape->memory]->desc.length;
	const uint64_t edges[] = {
		0,	 length,   length - offset, PAGE,	1ull << 31, 0x7fff0000, 1ull << 32,
		6 * GIB, 16 * GIB, 18 * GIB,	    1ull << 63, 0 - offset, length / 2,
	};

	for (uint32_t e = 0; e < sizeof(edges) / sizeof(*edges); e++)
		for (uint64_t i = 0; i < AROUND; i++)
			check_access(instance, shape, function, edges[e] + i - AROUND + 3, offset);
	for (uint32_t i = 0; i < 8; i++)
		check_access(instance, shape, function,
			     random_next(&random_state) >> random_next(&random_state) % 60, offset);
}

static void
check_shape(const struct shape *shape, uint64_t max, uint64_t grow)
{
	const uint64_t *offsets = shape->is_64 ? offsets_64 : offsets_32;
	uint32_t count = shape->is_64 ? sizeof(offsets_64) / 8 : sizeof(offsets_32) / 8;
	struct instance *instance = make_module(shape, max, offsets, count, 0);

	assert_int_equal(runtime_memory_grow(instance->memories[shape->memory], grow), 1);
	for (uint32_t f = 0; f < count * PATTERN_COUNT; f++)
		check_limits(instance, shape, f, offsets[f / PATTERN_COUNT]);
}

static void
accesses_end_with_32_bit_memories(void **state)
{
	(void)state;
	check_shape(&(struct shape){ .memory = 0 }, 4, 0);
	check_shape(&(struct shape){ .memory = 1, .is_shared = true }, 4, 1);
}

static void
accesses_end_with_64_bit_memories(void **state)
{
	(void)state;
	check_shape(&(struct shape){ .is_64 = true }, 4, 2);
	check_shape(&(struct shape){ .is_64 = true, .memory = 1 }, 1 << 20, 0);
	check_shape(&(struct shape){ .is_64 = true, .is_extended = true }, 4, 1);
}

static void
accesses_end_with_memories_beyond_4_gib(void **state)
{
	(void)state;
	check_shape(&(struct shape){ .is_64 = true }, 1 << 20, 65536);
	check_shape(&(struct shape){ .is_64 = true, .memory = 1 }, 1 << 20, 65537);
	check_shape(&(struct shape){ .is_64 = true, .is_extended = true, .memory = 1 }, 1 << 20,
		    65540);
}

static void
accesses_end_with_memories_of_4_gib(void **state)
{
	(void)state;
	check_shape(&(struct shape){ .memory = 0 }, 65536, 65535);
	check_shape(&(struct shape){ .memory = 1 }, 65536, 65535);
	check_shape(&(struct shape){ .is_64 = true, .memory = 1 }, 65536, 65535);
}

static void
constant_addresses_are_no_different(void **state)
{
	(void)state;
	static const uint64_t indices[] = {
		0, 16, PAGE - 8, PAGE, 0x7fff0000, 0xffffffff, 1ull << 32, UINT64_MAX - 7,
	};

	for (uint32_t i = 0; i < sizeof(indices) / sizeof(*indices); i++)
		for (uint32_t kind = 0; kind < 4; kind++) {
			struct shape shape = { .is_64 = kind & 1,
					       .memory = kind >> 1,
					       .is_constant = true };
			const uint64_t *offsets = shape.is_64 ? offsets_64 : offsets_32;
			uint32_t count =
				shape.is_64 ? sizeof(offsets_64) / 8 : sizeof(offsets_32) / 8;
			struct instance *instance =
				make_module(&shape, 4, offsets, count, indices[i]);

			for (uint32_t f = 0; f < count * PATTERN_COUNT; f++)
				check_access(instance, &shape, f, indices[i],
					     offsets[f / PATTERN_COUNT]);
			store_destroy(&t.store);
			code_module_release(&t.modules[--t.module_count]);
			store_init(&t.store, &page_source, 64 << 20, &t.store.account);
			store_set_thread(&t.store, &t.head);
		}
}

/* ---- slots ---- */

static void
wide_memories_have_their_maximum(void **state)
{
	(void)state;
	struct wasm_memory_type type = { { .min = 0, .is_64 = true } };
	struct runtime_memory *memory = NULL;
	struct port_memory_info before, after;

	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_OK);
	assert_int_equal(memory->bound, 16 * GIB);
	assert_int_equal(runtime_memory_grow(memory, 16 * GIB / PAGE + 1), -1);
	assert_int_equal(runtime_memory_grow(memory, UINT64_MAX), -1);
	type.limits.has_max = true;
	type.limits.max = 65536;
	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_OK);
	assert_int_equal(memory->bound, 4 * GIB);
	type.limits.max = 65537;
	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_OK);
	assert_int_equal(memory->bound, 16 * GIB);

	/* What cannot be is refused before anything is taken. */
	port_memory_info(&before);
	type.limits.max = 1ull << 48;
	for (uint64_t min = 16 * GIB / PAGE + 1; min <= 1ull << 48; min *= 2) {
		type.limits.min = min;
		assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_LIMIT_EXCEEDED);
	}
	t.charge_limit = t.charged + 4 * GIB;
	type.limits.min = 65537;
	assert_int_equal(store_memory_create(&t.store, &type, &memory), NB_LIMIT_EXCEEDED);
	t.charge_limit = UINT64_MAX;
	port_memory_info(&after);
	assert_int_equal(before.slots_live, after.slots_live);
	assert_int_equal(before.free_pages, after.free_pages);
}

static void
many_wide_slots_come_and_go(void **state)
{
	(void)state;
	enum { COUNT = 50 };
	uint64_t bases[COUNT];

	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			uint64_t size = i % 3 ? NB_WIDE_SLOT_ADDRESSABLE : NB_SLOT_ADDRESSABLE;

			assert_int_equal(port_slot_reserve(size, &bases[i]), NB_OK);
			assert_int_equal(port_slot_commit(bases[i], 0, PAGE), NB_OK);
			*(volatile uint8_t *)(uintptr_t)bases[i] = (uint8_t)i;
			assert_true(port_slot_contains(bases[i] - 1));
			assert_true(port_slot_contains(bases[i] + size + NB_SLOT_GUARD - 1));
			for (uint32_t k = 0; k < i; k++)
				assert_true(bases[k] - bases[i] >= size + NB_SLOT_GUARD ||
					    bases[i] - bases[k] >= NB_SLOT_BYTES);
		}
		for (uint32_t i = 0; i < COUNT; i++) {
			assert_int_equal(*(volatile uint8_t *)(uintptr_t)bases[i], i);
			port_slot_release(bases[i], PAGE);
		}
	}
}

static void
tables_of_64_bits_have_limits(void **state)
{
	(void)state;
	struct wasm_table_type type = { WASM_FUNCREF, { .min = 3, .is_64 = true } };
	struct runtime_table *table = NULL;
	uint32_t got;

	assert_int_equal(store_table_create(&t.store, &type, &table), NB_OK);
	assert_false(runtime_table_get(table, 1ull << 32, &got));
	assert_int_equal(runtime_table_grow(table, UINT64_MAX, 0), -1);
	assert_int_equal(runtime_table_grow(table, 1ull << 32, 0), -1);
	assert_int_equal(runtime_table_grow(table, 2, 0), 3);
	type.limits.has_max = true;
	type.limits.max = UINT64_MAX;
	assert_int_equal(store_table_create(&t.store, &type, &table), NB_OK);
	type.limits.min = UINT64_MAX;
	assert_int_equal(store_table_create(&t.store, &type, &table), NB_LIMIT_EXCEEDED);
}

/* ---- waiting ---- */

static void
waits_end_by_their_timeout(void **state)
{
	(void)state;
	struct shape shape = { .is_shared = true };
	const uint64_t offset = 0;
	struct instance *instance = make_module(&shape, 4, &offset, 1, 0);
	uint64_t start = port_time_monotonic_ns();

	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, 8, 1, 1000000, 4), 1);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, 8, 0, 0, 8), 2);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, 8, 0, 5000000, 4), 2);
	assert_true(port_time_monotonic_ns() - start >= 5000000);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, 4, 0, 0, 8),
			 -NB_TRAP_UNALIGNED_ATOMIC);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, PAGE, 0, 0, 8),
			 -NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 1, 0, 0, 0, 8),
			 -NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(runtime_builtin_MEMORY_NOTIFY(instance->vmctx, 0, PAGE - 4, 9), 0);
	assert_int_equal(runtime_builtin_MEMORY_NOTIFY(instance->vmctx, 0, 2, 9),
			 -NB_TRAP_UNALIGNED_ATOMIC);
	assert_int_equal(runtime_builtin_MEMORY_NOTIFY(instance->vmctx, 0, UINT64_MAX - 3, 9),
			 -NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	shape.is_shared = false;
	instance = make_module(&shape, 4, &offset, 1, 0);
	assert_int_equal(runtime_builtin_MEMORY_WAIT(instance->vmctx, 0, 8, 0, 0, 8),
			 -NB_TRAP_EXPECTED_SHARED_MEMORY);
	assert_int_equal(runtime_builtin_MEMORY_NOTIFY(instance->vmctx, 0, 8, 9), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(accesses_end_with_32_bit_memories),
		CASE(accesses_end_with_64_bit_memories),
		CASE(accesses_end_with_memories_beyond_4_gib),
		CASE(accesses_end_with_memories_of_4_gib),
		CASE(constant_addresses_are_no_different),
		CASE(wide_memories_have_their_maximum),
		CASE(many_wide_slots_come_and_go),
		CASE(tables_of_64_bits_have_limits),
		CASE(waits_end_by_their_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

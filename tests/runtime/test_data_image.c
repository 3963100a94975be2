/*
 * Data images: which modules get one, and that instances with one cannot be told from
 * instances that copied.
 */
#include "tests/runtime/support.h"

enum { MOST = 40000 };

/* A module under construction. */
static struct {
	uint8_t bytes[MOST];
	uint32_t len;
} m;

static void
put(uint8_t byte)
{
	assert_true(m.len < MOST);
	m.bytes[m.len++] = byte;
}

/* Always five bytes, so that lengths can be filled in later. */
static void
put_wide(uint32_t at, uint32_t value)
{
	for (int i = 0; i < 5; i++)
		m.bytes[at + (uint32_t)i] = (uint8_t)((value >> 7 * i & 0x7f) | (i < 4 ? 0x80 : 0));
}

static uint32_t
put_u32(uint32_t value)
{
	uint32_t at = m.len;

	for (int i = 0; i < 5; i++)
		put(0);
	put_wide(at, value);
	return at;
}

static void
put_s32(int32_t value)
{
	for (int i = 0; i < 5; i++, value >>= 7)
		put((uint8_t)((value & 0x7f) | (i < 4 ? 0x80 : 0)));
}

static uint32_t
section_begin(uint8_t id)
{
	put(id);
	return put_u32(0);
}

static void
section_end(uint32_t at)
{
	put_wide(at, m.len - at - 5);
}

struct segment {
	bool is_passive;
	int32_t to;
	uint32_t len;
	uint8_t seed;
};

/* One memory of `pages`, a table of 4 with an element segment at `elem_to` unless that
 * is negative, and data. */
static void
build(uint32_t pages, int32_t elem_to, const struct segment *segments, uint32_t count)
{
	static const uint8_t magic[] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	uint32_t at;

	m.len = 0;
	for (size_t i = 0; i < sizeof magic; i++)
		put(magic[i]);
	at = section_begin(4);
	put(1), put(0x70), put(0), put(4);
	section_end(at);
	at = section_begin(5);
	put(1), put(0), put_u32(pages);
	section_end(at);
	if (elem_to >= 0) {
		/* Two null references. */
		at = section_begin(9);
		put(1), put(4), put(0x41), put_s32(elem_to), put(0x0b);
		put(2), put(0xd0), put(0x70), put(0x0b), put(0xd0), put(0x70), put(0x0b);
		section_end(at);
	}
	at = section_begin(11);
	put_u32(count);
	for (uint32_t i = 0; i < count; i++) {
		put(segments[i].is_passive ? 1 : 0);
		if (!segments[i].is_passive)
			put(0x41), put_s32(segments[i].to), put(0x0b);
		put_u32(segments[i].len);
		for (uint32_t k = 0; k < segments[i].len; k++)
			put((uint8_t)(segments[i].seed + k * 3));
	}
	section_end(at);
}

static struct instance *
instantiate(struct code_module *module, enum nb_trap *out_trap)
{
	struct instance *instance;

	assert_int_equal(test_create(module, &instance), NB_OK);
	*out_trap = instance_initialize(instance);
	return instance;
}

static const uint8_t *
memory_of(const struct instance *instance)
{
	return (const uint8_t *)(uintptr_t)instance->vmctx->memory->base;
}

static struct code_module *
publish(void)
{
	struct code_module *module = NULL;

	assert_int_equal(test_publish("data", m.bytes, m.len, &module), NB_OK);
	return module;
}

/* Instances of the built module with and without its image hold the same. */
static void
check_same(uint32_t pages, uint64_t wanted_at, uint64_t wanted_size)
{
	struct code_module *module = publish();
	uint64_t at, size;
	enum nb_trap trap;
	struct instance *copied = instantiate(module, &trap), *mapped;

	assert_int_equal(trap, NB_TRAP_NONE);
	assert_true(code_module_data_extent(module, &at, &size));
	assert_int_equal(at, wanted_at);
	assert_int_equal(size, wanted_size);
	assert_int_equal(code_module_make_data(module, at, size), NB_OK);
	for (int round = 0; round < 2; round++) {
		mapped = instantiate(module, &trap);
		assert_int_equal(trap, NB_TRAP_NONE);
		assert_memory_equal(memory_of(mapped), memory_of(copied), pages * 65536ull);
		assert_int_equal(mapped->dropped_datas[0], copied->dropped_datas[0]);
		/* Nobody else sees this. */
		memset((void *)(uintptr_t)(memory_of(mapped) + at), 0xee, 3000);
	}
}

static void
mapped_data_is_like_copied_data(void **state)
{
	const struct segment segments[] = {
		{ .to = 9000, .len = 5000, .seed = 1 },
		{ .to = 12000, .len = 4000, .seed = 77 }, /* over the end of the first */
		{ .is_passive = true, .len = 10, .seed = 5 },
		{ .to = 131072, .len = 0 },
		{ .to = 30000, .len = 1, .seed = 9 },
	};

	(void)state;
	build(2, 2, segments, 5);
	check_same(2, 8192, 32768 - 8192);
	/* Up to the very end. */
	build(1, -1, (const struct segment[]){ { .to = 65536 - 5000, .len = 5000 } }, 1);
	check_same(1, 65536 - 8192, 8192);
}

static void
refuse(void)
{
	uint64_t at, size;

	assert_false(code_module_data_extent(publish(), &at, &size));
}

/* What may trap, or is too thin, is copied. */
static void
other_modules_have_no_image(void **state)
{
	const struct segment fits = { .to = 0, .len = 8000 };
	struct segment pair[2] = { fits, { .to = 65536 - 99, .len = 100 } };
	struct code_module *module;
	struct instance *instance;
	enum nb_trap trap;

	(void)state;
	build(1, 3, &fits, 1);
	refuse();
	build(1, -1, pair, 2);
	refuse();
	module = publish();
	instance = instantiate(module, &trap);
	assert_int_equal(trap, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	assert_int_equal(memory_of(instance)[1], 3);
	pair[1] = (struct segment){ .to = -1, .len = 1 };
	build(1, -1, pair, 2);
	refuse();
	build(1, -1, (const struct segment[]){ { .to = 0, .len = 0 } }, 1);
	refuse();
	pair[1] = (struct segment){ .to = 60 * 65536, .len = 1 };
	build(64, -1, pair, 2);
	refuse();
	build(0, -1, &fits, 1);
	refuse();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
		TEST(mapped_data_is_like_copied_data),
		TEST(other_modules_have_no_image),
	};
	return cmocka_run_group_tests_name("data images", tests, NULL, NULL);
}

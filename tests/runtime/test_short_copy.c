/*
 * memory.copy and memory.fill in compiled code, of lengths around those that are done in
 * line: what they write, that source and target may overlap, and that an operation that
 * traps has written nothing; also at the ends of a memory of 4 GiB, where sums of address
 * and length do not fit 32 bits.
 */
#include "tests/runtime/support.h"

#include "runtime/builtin.h"
#include "tests/wasm/module_builder.h"

enum {
	PAGE = 65536,
	LENGTHS = 70,	/* constant ones, from 0 */
	WINDOW = 256,	/* bytes looked at on each side */
	COPY_CONST = 2, /* functions: copy, fill, copies and fills of constant length */
	FILL_CONST = COPY_CONST + LENGTHS,
	FUNCTIONS = FILL_CONST + LENGTHS,
};

static void
put_body(struct buffer *b, uint32_t function)
{
	bool is_copy = function == 0 || (function >= COPY_CONST && function < FILL_CONST);

	put(b, 0, 0x20, 0, 0x20, 1);
	if (function < COPY_CONST) {
		put(b, 0x20, 2);
	} else {
		/* A number below 128, signed: its sign is in the second byte. */
		put(b, 0x41, (uint8_t)((function - COPY_CONST) % LENGTHS | 0x80), 0);
	}
	put(b, 0xfc, is_copy ? 0x0a : 0x0b, 0);
	if (is_copy)
		put(b, 0);
	put(b, 0x0b);
}

static struct instance *
make_module(uint32_t pages)
{
	struct buffer module = { 0 }, section = { 0 }, body = { 0 };
	struct code_module *published = NULL;
	struct instance *instance = NULL;

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0);
	put_u32(&section, FUNCTIONS);
	for (uint32_t i = 0; i < FUNCTIONS; i++)
		put(&section, 0);
	put_section(&module, SECTION_FUNCTION, &section);
	put(&section, 1, 0);
	put_u32(&section, pages);
	put_section(&module, SECTION_MEMORY, &section);
	put_u32(&section, FUNCTIONS);
	for (uint32_t i = 0; i < FUNCTIONS; i++) {
		put_body(&body, i);
		put_sized(&section, &body);
	}
	put_section(&module, SECTION_CODE, &section);
	if (test_publish("m", module.bytes, module.len, &published) != NB_OK)
		fail_msg("%s", t.diag.text);
	assert_int_equal(test_create(published, &instance), NB_OK);
	buffer_free(&module);
	return instance;
}

/* --- the model ------------------------------------------------------------- */

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint32_t
random_bits(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33);
}

/* The bytes within WINDOW of an address that exist. */
struct window {
	uint8_t *at;
	uint32_t len;
	uint8_t before[2 * WINDOW];
};

static void
open_window(const struct instance *instance, uint64_t address, struct window *out)
{
	const struct runtime_memory *memory = instance->memories[0];
	uint64_t from = address > WINDOW ? address - WINDOW : 0;
	uint64_t to = address + WINDOW;

	if (to > memory->desc.length)
		to = memory->desc.length;
	out->at = (uint8_t *)(uintptr_t)(memory->desc.base + from);
	out->len = from < to ? (uint32_t)(to - from) : 0;
	for (uint32_t i = 0; i < out->len; i++)
		out->at[i] = (uint8_t)random_bits();
}

static void
check(const struct instance *instance, uint32_t function, uint32_t to, uint32_t from, uint32_t len)
{
	bool is_copy = function == 0 || (function >= COPY_CONST && function < FILL_CONST);
	const struct runtime_memory *memory = instance->memories[0];
	uint8_t *base = (uint8_t *)(uintptr_t)memory->desc.base;
	struct runtime_value in[3] = { { { to, 0 } }, { { from, 0 } }, { { len, 0 } } };
	struct runtime_value out[1];
	enum nb_trap want = NB_TRAP_NONE;
	uint8_t moved[WINDOW];
	struct window window;

	if (is_copy)
		open_window(instance, from, &window);
	open_window(instance, to, &window);
	if ((uint64_t)to + len > memory->desc.length ||
	    (is_copy && (uint64_t)from + len > memory->desc.length))
		want = NB_TRAP_MEMORY_OUT_OF_BOUNDS;
	else if (is_copy)
		memcpy(moved, base + from, len);
	else
		memset(moved, (int)(from & 0xff), len);
	memcpy(window.before, window.at, window.len);
	if (want == NB_TRAP_NONE)
		memcpy(window.before + (base + to - window.at), moved, len);
	enum nb_trap got = test_invoke(instance_function(instance, function), in, out);
	if (got != want || memcmp(window.before, window.at, window.len) != 0)
		fail_msg("function %u (%x, %x, %u) of %llx bytes: %s instead of %s, or other bytes",
			 function, to, from, len, (unsigned long long)memory->desc.length,
			 nb_trap_text(got), nb_trap_text(want));
}

/* An operation of this length in both forms. */
static void
check_forms(const struct instance *instance, uint32_t to, uint32_t from, uint32_t len)
{
	check(instance, 0, to, from, len);
	check(instance, 1, to, from, len);
	if (len >= LENGTHS)
		return;
	check(instance, COPY_CONST + len, to, from, len);
	check(instance, FILL_CONST + len, to, from, len);
}

static void
check_module(uint32_t pages)
{
	struct instance *instance = make_module(pages);
	uint64_t length = (uint64_t)pages * PAGE;
	const uint32_t ends[] = { (uint32_t)length, 0x80000000, 0 };

	for (uint32_t len = 0; len < 80; len++) {
		for (int32_t apart = -40; apart <= 40; apart += 1 + (int32_t)(len % 3))
			check_forms(instance, 1000, (uint32_t)(1000 + apart), len);
		for (uint32_t e = 0; e < sizeof(ends) / sizeof(*ends); e++)
			for (int32_t by = -3; by <= 3; by++) {
				uint32_t edge = ends[e] + (uint32_t)by;

				check_forms(instance, edge - len, 2000, len);
				check_forms(instance, 2000, edge - len, len);
				check_forms(instance, edge - len, edge - len + 5, len);
				check_forms(instance, edge - len / 2, edge - len, len);
				check_forms(instance, edge, edge - len, len);
			}
	}
}

static void
short_operations_write_what_they_should(void **state)
{
	(void)state;
	check_module(1);
}

static void
short_operations_at_the_end_of_all_addresses(void **state)
{
	(void)state;
	check_module(65536);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(short_operations_write_what_they_should, test_setup,
						test_teardown),
		cmocka_unit_test_setup_teardown(short_operations_at_the_end_of_all_addresses,
						test_setup, test_teardown),
	};

	return cmocka_run_group_tests_name("short_copy", tests, NULL, NULL);
}

/*
 * memory.copy and memory.fill in compiled code, of lengths around those that are done in
 * line and those at which the trusted routines change their ways: what they write, that source and target may overlap, and that an operation that
 * traps has written nothing; also at the ends of a memory of 4 GiB, where sums of address
 * and length do not fit 32 bits.
 */
#include "tests/random.h"
#include "tests/runtime/support.h"

#include "runtime/builtin.h"
#include "tests/wasm/module_builder.h"

enum {
	PAGE = 65536,
	LENGTHS = 70,	/* constant ones, from 0 */
	LONGEST = 5000, /* of those from an argument */
	WINDOW = 6000,	/* bytes looked at on each side, at most */
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
	instance = test_instance_of("m", module.bytes, module.len);
	buffer_free(&module);
	return instance;
}

/* --- the model ------------------------------------------------------------- */

static uint64_t random_state = 1;

/* The bytes within some 100 around an operand that exist. */
struct window {
	uint8_t *at;
	uint32_t len;
	uint8_t before[2 * WINDOW];
};

static void
open_window(const struct instance *instance, uint64_t address, uint32_t len, struct window *out)
{
	const struct runtime_memory *memory = instance->memories[0];
	uint64_t from = address > len + 100 ? address - len - 100 : 0;
	uint64_t to = address + len + 100;

	if (to > memory->desc.length)
		to = memory->desc.length;
	out->at = (uint8_t *)(uintptr_t)(memory->desc.base + from);
	out->len = from < to ? (uint32_t)(to - from) : 0;
	for (uint32_t i = 0; i < out->len; i++)
		out->at[i] = (uint8_t)random_next(&random_state);
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
	static uint8_t moved[LONGEST];
	static struct window window;

	if (is_copy)
		open_window(instance, from, len, &window);
	open_window(instance, to, len, &window);
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
long_operations_write_what_they_should(void **state)
{
	(void)state;
	static const uint32_t lengths[] = { 80,	  95,	96,   97,   127,  128,	129,  200,    255,
					    1000, 2047, 2048, 2049, 2055, 2064, 4095, LONGEST };
	static const uint32_t distances[] = { 1,  7,  8,  9,  15,  16,	 17,
					      31, 63, 64, 65, 100, 2000, 6000 };
	struct instance *instance = make_module(1);

	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		uint32_t len = lengths[i];

		for (uint32_t d = 0; d < sizeof(distances) / sizeof(*distances); d++) {
			uint32_t apart = distances[d];

			check_forms(instance, 20000, 20000 + apart, len);
			check_forms(instance, 20000 + apart, 20000, len);
		}
		for (uint32_t by = 0; by < 3; by++) {
			check_forms(instance, PAGE - len - 1 + by, 9, len);
			check_forms(instance, 9, PAGE - len - 1 + by, len);
		}
	}
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
		cmocka_unit_test_setup_teardown(long_operations_write_what_they_should, test_setup,
						test_teardown),
		cmocka_unit_test_setup_teardown(short_operations_at_the_end_of_all_addresses,
						test_setup, test_teardown),
	};

	return cmocka_run_group_tests_name("short_copy", tests, NULL, NULL);
}

/*
 * Vector code that the official suite hardly varies, run and compared with plain
 * C: shuffles of every kind of pattern, with registers, memory operands at odd
 * addresses, zeros, and users that want only a part; on the least and on the
 * present processor.
 */
#include "tests/random.h"
#include "tests/runtime/support.h"

#include "kernel/port/cpu.h"
#include "tests/wasm/module_builder.h"

enum {
	PATTERNS = 220, /* shuffles in a function */
	ROUNDS = 24,	/* modules for each processor */
	INPUTS_AT = 1,	/* vectors, 16 bytes each */
	RESULTS_AT = 32768,
	INPUT_BYTES = 32 * PATTERNS,
};

/* What becomes of the shuffled vector. */
enum use { USE_ALL, USE_LOW_DWORD, USE_HIGH_QWORD, USE_ADD, USE_SHIFT, USE_COUNT };

struct shuffle {
	uint8_t pattern[16];
	bool second_is_zero, first_is_zero;
	uint8_t use;
};

static uint64_t random_state = 1;

/* --- patterns --------------------------------------------------------------- */

/* Lanes of 1 << k bytes, lane i from lanes[i] of 2 * (16 >> k). */
static void
set_lanes(uint8_t pattern[16], uint32_t k, const uint8_t *lanes)
{
	for (uint32_t i = 0; i < 16; i++)
		pattern[i] = (uint8_t)((uint32_t)lanes[i >> k] << k | (i & ((1u << k) - 1)));
}

static void
random_pattern(struct shuffle *shuffle)
{
	uint8_t lanes[16];
	uint32_t k = random_below(&random_state, 4), count = 16u >> k;
	uint32_t kind = random_below(&random_state, 7), n = random_below(&random_state, 2 * count);
	uint32_t sides = 1 + random_below(&random_state, 2);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t lane = random_below(&random_state, sides * count);
		if (kind == 1) /* interleaved */
			lane = i / 2 + (i % 2 ? count : 0) + n / count * count / 2;
		else if (kind == 2) /* a run across both */
			lane = i + n;
		else if (kind == 3) /* each where it was */
			lane = i + random_below(&random_state, 2) * count;
		else if (kind == 4) /* the same lane */
			lane = n;
		else if (kind == 5) /* lanes and zeros in turn */
			lane = i % (2u << n % 2) ? count + i : i / (2u << n % 2);
		else if (kind == 6 && random_below(&random_state, 4)) /* one stranger */
			lane = i;
		lanes[i] = (uint8_t)(lane % (2 * count));
	}
	set_lanes(shuffle->pattern, k, lanes);
	shuffle->second_is_zero = random_below(&random_state, 4) == 0;
	shuffle->first_is_zero = !shuffle->second_is_zero && random_below(&random_state, 8) == 0;
	shuffle->use =
		(uint8_t)(random_below(&random_state, 2) ? USE_ALL
							 : random_below(&random_state, USE_COUNT));
}

/* --- code ------------------------------------------------------------------- */

static void
put_vector_input(struct buffer *code, uint32_t at, bool is_zero)
{
	if (is_zero) {
		put(code, 0xfd, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
		return;
	}
	put(code, 0x41, 0, 0xfd, 0, 0);
	put_u32(code, at);
}

/* Stores what the use makes of shuffle `number`. */
static void
put_shuffle(struct buffer *code, const struct shuffle *shuffle, uint32_t number, bool shares)
{
	uint32_t at = INPUTS_AT + (shares ? 0 : 32 * number);

	put(code, 0x41, 0);
	put_vector_input(code, at, shuffle->first_is_zero);
	put_vector_input(code, at + 16, shuffle->second_is_zero);
	put(code, 0xfd, 13);
	put_bytes(code, shuffle->pattern, 16);
	switch ((enum use)shuffle->use) {
	case USE_LOW_DWORD:
		put(code, 0xfd, 27, 0, 0x36, 0); /* i32x4.extract_lane 0, i32.store */
		break;
	case USE_HIGH_QWORD:
		put(code, 0xfd, 29, 1, 0x37, 0); /* i64x2.extract_lane 1, i64.store */
		break;
	case USE_ADD:
		put_vector_input(code, at, false);
		put(code, 0xfd, 0xae, 1, 0xfd, 11, 0); /* i32x4.add, v128.store */
		break;
	case USE_SHIFT: /* i64x2.shl by 40, then the bytes of lane 1 */
		put(code, 0x41, 40, 0xfd, 0xcb, 1, 0xfd, 29, 1, 0x37, 0);
		break;
	case USE_ALL:
	case USE_COUNT:
		put(code, 0xfd, 11, 0);
		break;
	}
	put_u32(code, RESULTS_AT + 16 * number);
}

/* A module with memory "m" and function "f" of these instructions, which are
 * freed. */
static struct buffer
module_of_code(struct buffer *instructions)
{
	struct buffer module = { 0 }, code = { 0 }, body = { 0 };

	put_header(&module);
	put_section_bytes(&module, SECTION_TYPE, 1, 0x60, 0, 0);
	put_section_bytes(&module, SECTION_FUNCTION, 1, 0);
	put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_EXPORT, 2, 1, 'f', 0, 0, 1, 'm', 2, 0);
	put(&body, 0);
	put_bytes(&body, instructions->bytes, instructions->len);
	put(&body, 0x0b);
	put(&code, 1);
	put_sized(&code, &body);
	put_section(&module, SECTION_CODE, &code);
	buffer_free(instructions);
	return module;
}

static struct buffer
module_of_shuffles(const struct shuffle shuffles[PATTERNS], bool shares)
{
	struct buffer code = { 0 };

	for (uint32_t i = 0; i < PATTERNS; i++)
		put_shuffle(&code, &shuffles[i], i, shares);
	return module_of_code(&code);
}

/* --- what it must give ------------------------------------------------------ */

static void
expect(const struct shuffle *shuffle, const uint8_t *inputs, uint8_t result[16])
{
	uint8_t both[32], shuffled[16];
	uint32_t words[4], addends[4];
	uint64_t qwords[2];

	memcpy(both, inputs, 32);
	if (shuffle->first_is_zero)
		memset(both, 0, 16);
	if (shuffle->second_is_zero)
		memset(both + 16, 0, 16);
	for (uint32_t i = 0; i < 16; i++)
		shuffled[i] = both[shuffle->pattern[i]];
	memset(result, 0, 16);
	memcpy(words, shuffled, 16);
	memcpy(qwords, shuffled, 16);
	memcpy(addends, inputs, 16);
	switch ((enum use)shuffle->use) {
	case USE_LOW_DWORD:
		memcpy(result, shuffled, 4);
		break;
	case USE_HIGH_QWORD:
		memcpy(result, shuffled + 8, 8);
		break;
	case USE_ADD:
		for (uint32_t i = 0; i < 4; i++)
			words[i] += addends[i];
		memcpy(result, words, 16);
		break;
	case USE_SHIFT:
		qwords[1] <<= 40;
		memcpy(result, &qwords[1], 8);
		break;
	case USE_ALL:
	case USE_COUNT:
		memcpy(result, shuffled, 16);
		break;
	}
}

static void
fail_at(const struct shuffle *shuffle, uint32_t features, bool shares, const uint8_t *found)
{
	char pattern[3 * 16 + 1] = "", bytes[3 * 16 + 1] = "";

	for (uint32_t i = 0; i < 16; i++) {
		snprintf(pattern + 3 * i, 4, "%2u ", shuffle->pattern[i] & 31u);
		snprintf(bytes + 3 * i, 4, "%02x ", found[i]);
	}
	fail_msg("features 0x%x shares %d: shuffle %s zero %d %d use %u gives %s", features, shares,
		 pattern, shuffle->first_is_zero, shuffle->second_is_zero, shuffle->use, bytes);
}

/* Instantiates what module_of_code has made, for a processor; its memory. The bytes
 * must live until test_end. */
static uint8_t *
start(const struct buffer *bytes, uint32_t features, struct instance **out)
{
	struct runtime_extern memory;

	t.cpu_features = features;
	*out = test_instance_of("vectors", bytes->bytes, bytes->len);
	assert_true(instance_export(*out, "m", 1, &memory));
	return (uint8_t *)(uintptr_t)memory.memory->desc.base;
}

static void
run_round(uint32_t features, bool shares)
{
	static struct shuffle shuffles[PATTERNS];
	struct instance *instance;
	uint64_t none;

	test_begin();
	for (uint32_t i = 0; i < PATTERNS; i++)
		random_pattern(&shuffles[i]);
	struct buffer bytes = module_of_shuffles(shuffles, shares);
	uint8_t *base = start(&bytes, features, &instance);
	for (uint32_t i = 0; i < INPUT_BYTES; i++)
		base[INPUTS_AT + i] = (uint8_t)random_below(&random_state, 256);
	assert_int_equal(test_call(instance, "f", 0, 0, &none), NB_TRAP_NONE);
	for (uint32_t i = 0; i < PATTERNS; i++) {
		uint8_t wanted[16];
		expect(&shuffles[i], base + INPUTS_AT + (shares ? 0 : 32 * i), wanted);
		if (memcmp(wanted, base + RESULTS_AT + 16 * i, 16) != 0)
			fail_at(&shuffles[i], features, shares, base + RESULTS_AT + 16 * i);
	}
	test_end();
	buffer_free(&bytes);
}

static void
test_shuffles_on_the_least_processor(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		run_round(0, i % 2);
}

static void
test_shuffles_on_this_processor(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < ROUNDS; i++)
		run_round(port_cpu_features(), i % 2);
}

/* --- minima and maxima of constants ------------------------------------------- */

enum { FLOATS = 16, BOUND_RESULTS = 2 * 2 * FLOATS * FLOATS };

/* Of each width: zeros, ones, smallest, largest, infinities, quiet and signaling NaNs. */
static const uint64_t floats[2][FLOATS] = {
	{ 0, 0x80000000, 0x3f800000, 0xbf800000, 1, 0x80000001, 0x7f7fffff, 0xff7fffff, 0x7f800000,
	  0xff800000, 0x7fc00000, 0xffc00000, 0x7fa00000, 0xffa12345, 0x7fc12345, 0x40000000 },
	{ 0, 1ull << 63, 0x3ffull << 52, 0xbffull << 52, 1, 1ull << 63 | 1, 0x7fefffffffffffff,
	  0xffefffffffffffff, 0x7ffull << 52, 0xfffull << 52, 0x7ff8ull << 48, 0xfff8ull << 48,
	  0x7ff4ull << 48, 0xfff4000012345678, 0x7ff8000012345678, 1ull << 62 },
};

/* Whether `found` may be the minimum or maximum: NaNs only canonical give the
 * canonical one, others any quiet one; -0 is less than +0. */
static bool
is_right(bool is_double, bool is_max, uint64_t a, uint64_t c, uint64_t found)
{
	uint64_t sign = is_double ? 1ull << 63 : 1ull << 31;
	uint64_t infinity = is_double ? 0x7ffull << 52 : 0x7f800000;
	uint64_t quiet = infinity | (is_double ? 1ull << 51 : 1ull << 22);
	bool a_is_nan = (a & ~sign) > infinity, c_is_nan = (c & ~sign) > infinity;
	int64_t a_rank = a & sign ? -(int64_t)(a & ~sign) - 1 : (int64_t)a;
	int64_t c_rank = c & sign ? -(int64_t)(c & ~sign) - 1 : (int64_t)c;

	if (a_is_nan || c_is_nan) {
		bool is_canonical =
			(!a_is_nan || (a & ~sign) == quiet) && (!c_is_nan || (c & ~sign) == quiet);
		return is_canonical ? (found & ~sign) == quiet : (found & quiet) == quiet;
	}
	return found == ((is_max ? a_rank > c_rank : a_rank < c_rank) ? a : c);
}

static void
put_float_constant(struct buffer *code, bool is_double, uint64_t bits)
{
	uint64_t lanes[2] = { is_double ? bits : bits << 32 | bits,
			      is_double ? bits : bits << 32 | bits };

	put(code, 0xfd, 12);
	put_bytes(code, lanes, 16);
}

/* Results in order: maximum or minimum, constant first or second, constant, value. */
static void
check_bounds(uint32_t features, bool is_double)
{
	static const uint8_t opcodes[2][2] = { { 0xe8, 0xe9 }, { 0xf4, 0xf5 } };
	uint32_t bytes = is_double ? 8 : 4, lanes = 16 / bytes;
	struct buffer code = { 0 };
	struct instance *instance;
	uint64_t none;

	test_begin();
	for (uint32_t i = 0; i < BOUND_RESULTS; i += lanes) {
		uint64_t constant = floats[is_double][i / FLOATS % FLOATS];
		bool is_first = i / FLOATS / FLOATS % 2;
		put(&code, 0x41, 0);
		if (is_first)
			put_float_constant(&code, is_double, constant);
		put(&code, 0x41, 0, 0xfd, 0, 0);
		put_u32(&code, INPUTS_AT + i % FLOATS * bytes);
		if (!is_first)
			put_float_constant(&code, is_double, constant);
		put(&code, 0xfd, opcodes[is_double][i / FLOATS / FLOATS / 2], 1, 0xfd, 11, 0);
		put_u32(&code, RESULTS_AT + i * bytes);
	}
	struct buffer module = module_of_code(&code);
	uint8_t *base = start(&module, features, &instance);
	for (uint32_t i = 0; i < FLOATS; i++)
		memcpy(base + INPUTS_AT + i * bytes, &floats[is_double][i], bytes);
	assert_int_equal(test_call(instance, "f", 0, 0, &none), NB_TRAP_NONE);
	for (uint32_t i = 0; i < BOUND_RESULTS; i++) {
		uint64_t found = 0, a = floats[is_double][i % FLOATS];
		uint64_t c = floats[is_double][i / FLOATS % FLOATS];
		bool is_max = i / FLOATS / FLOATS / 2;
		memcpy(&found, base + RESULTS_AT + i * bytes, bytes);
		if (!is_right(is_double, is_max, a, c, found))
			fail_msg("%s of %llx and constant %llx gives %llx", is_max ? "max" : "min",
				 (unsigned long long)a, (unsigned long long)c,
				 (unsigned long long)found);
	}
	test_end();
	buffer_free(&module);
}

static void
test_bounds_by_constants(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 4; i++)
		check_bounds(i & 1 ? port_cpu_features() : 0, i >> 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shuffles_on_the_least_processor),
		cmocka_unit_test(test_shuffles_on_this_processor),
		cmocka_unit_test(test_bounds_by_constants),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

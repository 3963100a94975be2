/*
 * Random functions through the register allocator: every allocation passes the
 * symbolic checker and an execution beside the SSA form; and the checker finds
 * what is broken on purpose whenever execution shows the breakage.
 */
#include "compiler/x64/ra_state.h"
#include "tests/compiler/x64/ra_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint64_t
iterations(uint64_t normal)
{
	const char *count = getenv("RA_ITERATIONS");

	if (count != NULL)
		return strtoull(count, NULL, 10);
	return getenv("NEBULET_LONG") != NULL ? normal * 10 : normal;
}

static uint64_t
first_seed(void)
{
	const char *seed = getenv("RA_SEED");

	return seed == NULL ? 1 : strtoull(seed, NULL, 10);
}

static uint32_t
size_of(uint64_t seed)
{
	return seed % 10 == 9 ? 1500 : (uint32_t)(seed * 7919 % 180) + 3;
}

static void
report(const char *what, uint64_t seed, const char *reason)
{
	print_error("%s: %s (repeat with RA_SEED=%llu RA_ITERATIONS=1)\n", what, reason,
		    (unsigned long long)seed);
}

static void
print_text(void *context, const char *bytes, size_t len)
{
	(void)context;
	fwrite(bytes, 1, len, stderr);
}

static bool
is_allocation_right(const struct ra_function *fn, const struct ra_result *result,
		    struct arena *scratch, uint64_t seed)
{
	char reason[200] = "";

	if (ra_check(fn, result, scratch, reason, sizeof(reason)) != NB_OK) {
		report("checker", seed, reason);
		if (getenv("RA_DUMP") != NULL)
			ra_dump(fn, result, print_text, NULL);
		return false;
	}
	for (uint64_t run = 0; run < 3; run++) {
		if (!program_execute(fn, result, seed + run, 2000)) {
			report("execution", seed, "wrong value read");
			return false;
		}
	}
	return true;
}

static void
test_random_functions(void **state)
{
	uint64_t end = first_seed() + iterations(1500);

	(void)state;
	for (uint64_t seed = first_seed(); seed < end; seed++) {
		struct arena out, scratch;
		struct ra_result result;
		struct program p;
		const struct ra_function *fn = program_random_function(&p, seed, size_of(seed));
		enum nb_status status;

		arena_init(&out, &program_source, SIZE_MAX);
		arena_init(&scratch, &program_source, SIZE_MAX);
		status = ra_allocate(fn, &out, &scratch, &result);
		if (status != NB_OK)
			report("ra_allocate", seed, nb_status_text(status));
		assert_int_equal(status, NB_OK);
		assert_true(is_allocation_right(fn, &result, &scratch, seed));
		arena_reset(&out);
		arena_reset(&scratch);
		program_free(&p);
	}
}

/* Breaks one thing about the allocation. */
static void
mutate(struct program *chooser, const struct ra_function *fn, struct ra_result *result)
{
	uint32_t kind = program_random(chooser, 5);
	struct ra_place *place;
	struct ra_move *move;

	if (kind >= 2 && result->move_count == 0)
		kind = 0;
	if (kind < 2 && fn->operand_count == 0)
		return;
	place = &result->places[program_random(chooser, fn->operand_count + (kind >= 2))];
	switch (kind) {
	case 0:
	case 1:
		if (place->kind == RA_PLACE_SLOT)
			place->slot = program_random(chooser, result->slot_count);
		else
			place->reg = (uint16_t)program_random(chooser, 6);
		return;
	case 2:
		move = &result->moves[program_random(chooser, result->move_count)];
		memmove(move, move + 1,
			(size_t)(result->moves + result->move_count - move - 1) * sizeof(*move));
		result->move_count--;
		return;
	case 3:
		move = &result->moves[program_random(chooser, result->move_count)];
		if (move->to.kind == RA_PLACE_SLOT)
			move->to.slot = program_random(chooser, result->slot_count);
		else
			move->to.reg = (uint16_t)program_random(chooser, 6);
		return;
	default:
		move = &result->moves[program_random(chooser, result->move_count)];
		if (move->from.kind == RA_PLACE_SLOT)
			move->from.slot = program_random(chooser, result->slot_count);
		else if (move->from.kind == RA_PLACE_REG)
			move->from.reg = (uint16_t)program_random(chooser, 6);
		return;
	}
}

static void
test_mutations_are_found(void **state)
{
	uint64_t end = first_seed() + iterations(400);
	uint32_t wrong = 0, refused = 0;

	(void)state;
	for (uint64_t seed = first_seed(); seed < end; seed++) {
		struct program p, chooser = { .seed = seed * 77 + 5 };
		const struct ra_function *fn =
			program_random_function(&p, seed, (uint32_t)(seed * 7919 % 150) + 3);

		for (uint32_t k = 0; k < 10; k++) {
			struct arena out, scratch;
			struct ra_result result;
			char reason[200];
			bool is_right = true, is_accepted;

			arena_init(&out, &program_source, SIZE_MAX);
			arena_init(&scratch, &program_source, SIZE_MAX);
			assert_int_equal(ra_allocate(fn, &out, &scratch, &result), NB_OK);
			mutate(&chooser, fn, &result);
			for (uint64_t run = 0; run < 4 && is_right; run++)
				is_right = program_execute(fn, &result, seed + run, 2000);
			is_accepted =
				ra_check(fn, &result, &scratch, reason, sizeof(reason)) == NB_OK;
			wrong += !is_right;
			refused += !is_accepted;
			if (!is_right && is_accepted)
				report("mutation", seed, "accepted though it computes wrongly");
			assert_true(is_right || !is_accepted);
			arena_reset(&out);
			arena_reset(&scratch);
		}
		program_free(&p);
	}
	/* Most mutations must do harm, or the test tests nothing. */
	if (getenv("RA_ITERATIONS") == NULL) {
		assert_true(wrong > 1000);
		assert_true(refused >= wrong);
	}
}

static void
test_exhaustion_is_an_error(void **state)
{
	(void)state;
	for (uint64_t seed = 9; seed < 60; seed += 10) {
		struct program p;
		const struct ra_function *fn = program_random_function(&p, seed, 600);
		uint32_t failures = 0;

		for (size_t limit = 4096; limit < 1 << 22;
		     limit += limit / 8 / 4096 * 4096 + 4096) {
			struct arena out, scratch;
			struct ra_result result;
			enum nb_status status;

			arena_init(&out, &program_source, limit);
			arena_init(&scratch, &program_source, limit);
			status = ra_allocate(fn, &out, &scratch, &result);
			assert_true(status == NB_OK || status == NB_OUT_OF_MEMORY);
			failures += status != NB_OK;
			arena_reset(&out);
			arena_reset(&scratch);
		}
		assert_true(failures > 2);
		program_free(&p);
	}
}

/* --- filling ----------------------------------------------------------------------- */

/* The steps of ra_allocate without ra_fill. */
static enum nb_status
allocate_unfilled(const struct ra_function *fn, struct arena *out, struct arena *scratch,
		  struct ra_result *result)
{
	enum nb_status (*const steps[])(struct ra *) = {
		ra_prepare, ra_live_build, ra_join, ra_assign_all, ra_slot_assign, ra_resolve
	};
	struct ra ra = { .fn = fn, .scratch = scratch, .out = out, .result = result };
	enum nb_status status = NB_OK;

	*result = (struct ra_result){ 0 };
	ra.is_exchanged = arena_new_array(scratch, uint8_t, fn->inst_count);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && status == NB_OK; i++)
		status = steps[i](&ra);
	return status;
}

/* How often memory is read, per call of the function. */
static double
count_reads(const struct ra_function *fn, const struct ra_result *result)
{
	double sum = 0;
	uint32_t move = 0;

	for (uint32_t b = 0; b < fn->block_count; b++) {
		const struct ra_block *block = &fn->blocks[b];

		for (;
		     move < result->move_count && result->moves[move].before_inst < block->end_inst;
		     move++)
			if (result->moves[move].from.kind == RA_PLACE_SLOT)
				sum += (double)block->frequency;
		for (uint32_t i = block->first_inst; i < block->end_inst; i++)
			for (uint32_t k = 0; k < fn->insts[i].operand_count; k++)
				if (result->places[fn->insts[i].first_operand + k].kind ==
				    RA_PLACE_SLOT)
					sum += (double)block->frequency;
	}
	return sum;
}

/* Values that stay in registers that have become free are read from memory less often. */
static void
test_filling_saves_reads(void **state)
{
	uint64_t first = first_seed(), count = iterations(200);
	double with = 0, without = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + count; seed++) {
		struct arena out, scratch;
		struct ra_result filled, unfilled;
		struct program p;
		const struct ra_function *fn = program_random_function(&p, seed, 400);

		arena_init(&out, &program_source, SIZE_MAX);
		arena_init(&scratch, &program_source, SIZE_MAX);
		assert_int_equal(ra_allocate(fn, &out, &scratch, &filled), NB_OK);
		assert_int_equal(allocate_unfilled(fn, &out, &scratch, &unfilled), NB_OK);
		assert_true(count_reads(fn, &filled) <= count_reads(fn, &unfilled));
		with += count_reads(fn, &filled);
		without += count_reads(fn, &unfilled);
		arena_reset(&out);
		arena_reset(&scratch);
		program_free(&p);
	}
	print_message("reads: %.0f, without filling %.0f\n", with, without);
	assert_true(with < without);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_functions),
		cmocka_unit_test(test_mutations_are_found),
		cmocka_unit_test(test_exhaustion_is_an_error),
		cmocka_unit_test(test_filling_saves_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Register allocation of small functions: what code quality promises (copies
 * that vanish, values in the right registers, stores and loads outside loops)
 * and what the checker refuses.
 */
#include "tests/compiler/x64/ra_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { CALL_CLOBBERS = PROGRAM_GPRS & ~PROGRAM_PRESERVED };

struct fixture {
	struct program p;
	struct arena out, scratch;
	struct ra_result result;
	const struct ra_function *fn;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	program_init(&f->p);
	program_block(&f->p);
	arena_init(&f->out, &program_source, SIZE_MAX);
	arena_init(&f->scratch, &program_source, SIZE_MAX);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	program_free(&f->p);
	arena_reset(&f->out);
	arena_reset(&f->scratch);
	free(f);
	return 0;
}

static void
allocate(struct fixture *f)
{
	char reason[200] = "";

	f->fn = program_finish(&f->p);
	assert_int_equal(ra_allocate(f->fn, &f->out, &f->scratch, &f->result), NB_OK);
	if (ra_check(f->fn, &f->result, &f->scratch, reason, sizeof(reason)) != NB_OK)
		fail_msg("%s", reason);
	for (uint64_t seed = 0; seed < 8; seed++)
		assert_true(program_execute(f->fn, &f->result, seed, 500));
}

static struct ra_place
place_of(const struct fixture *f, uint32_t inst, uint32_t operand)
{
	return f->result.places[f->fn->insts[inst].first_operand + operand];
}

/* Moves that stand in a block, of all kinds. */
static uint32_t
moves_in(const struct fixture *f, uint32_t block)
{
	const struct ra_block *b = &f->fn->blocks[block];
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->result.move_count; i++)
		count += f->result.moves[i].before_inst >= b->first_inst &&
			 f->result.moves[i].before_inst < b->end_inst;
	return count;
}

static void
call(struct program *p, uint32_t argument)
{
	program_inst(p, 0, CALL_CLOBBERS, PROGRAM_XMMS);
	if (argument != UINT32_MAX)
		program_use_fixed(p, argument, RSI);
}

static void
use(struct program *p, uint32_t vreg)
{
	program_inst(p, 0, 0, 0);
	program_use(p, vreg);
}

static void
jump_to(struct program *p, uint32_t block)
{
	program_jump(p);
	program_edge(p, p->blocks_count - 1, block);
}

/* Opens a loop of one block, entered from the current one. */
static uint32_t
enter_loop(struct program *p)
{
	uint32_t header = p->blocks_count;

	jump_to(p, header);
	p->loop_header = header;
	p->loop_depth = 1;
	p->frequency = 10;
	program_block(p);
	return header;
}

/* The block at hand jumps back or leaves; the last block is opened behind. */
static void
close_loop(struct program *p, uint32_t header, uint32_t condition)
{
	uint32_t last = p->blocks_count - 1;

	use(p, condition);
	program_edge(p, last, program_block(p));
	jump_to(p, header);
	p->loop_header = UINT32_MAX;
	p->loop_depth = 0;
	p->frequency = 1;
	program_edge(p, last, program_block(p));
}

static void
test_arguments_stay_in_place(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t a, b, sum;

	program_inst(p, 0, 0, 0);
	a = program_def_fixed(p, RSI);
	b = program_def_fixed(p, RDX);
	program_inst(p, 0, 0, 0);
	sum = program_def(p, RA_GPR);
	program_use(p, a);
	program_use(p, b);
	program_inst(p, 0, 0, 0);
	program_use_fixed(p, sum, RCX);
	program_use_fixed(p, a, RSI);
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.move_count, 0);
	assert_int_equal(f->result.slot_count, 0);
	assert_int_equal(place_of(f, 1, 0).reg, RCX);
}

static void
test_loop_counter_is_joined(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t start = program_new_value(p, RA_GPR), header, i, next;

	i = program_vreg(p, RA_GPR, 1);
	program_push(program_last_block(p), args, start);
	header = enter_loop(p);
	program_push(program_last_block(p), params, i);
	program_inst(p, 0, 0, 0);
	next = program_vreg(p, RA_GPR, 1);
	program_operand(p, next, RA_DEF, RA_REUSE, RA_LATE, 1);
	program_use(p, i);
	close_loop(p, header, next);
	program_push(&p->blocks[2], args, next);
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.move_count, 0);
}

static void
test_value_across_hot_calls_is_preserved(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t value = program_new_value(p, RA_GPR), header;

	header = enter_loop(p);
	call(p, value);
	close_loop(p, header, value);
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.slot_count, 0);
	assert_int_equal(place_of(f, 0, 0).kind, RA_PLACE_REG);
	assert_true((PROGRAM_PRESERVED >> place_of(f, 0, 0).reg & 1) != 0);
	assert_true((f->result.used[RA_GPR] & PROGRAM_PRESERVED) != 0);
}

static void
test_cold_use_opens_no_preserved_register(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t value = program_new_value(p, RA_GPR);

	/* One store and one load in a branch taken once in a hundred times cost less than
	 * saving a register always. */
	use(p, value);
	p->frequency = 0.01f;
	program_edge(p, 0, program_block(p));
	call(p, UINT32_MAX);
	use(p, value);
	program_jump(p);
	p->frequency = 0.99f;
	program_edge(p, 0, program_block(p));
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.used[RA_GPR] & PROGRAM_PRESERVED & ~CALL_CLOBBERS, 0);
	assert_int_equal(f->result.slot_count, 1);
	assert_int_equal(f->result.spill_count, 1);
	assert_int_equal(moves_in(f, 0), 0);
	assert_int_equal(moves_in(f, 2), 0);
}

/* A use, a call that runs in a fifth of cases, and two uses; what is behind the first use
 * runs `often` times a call. */
static void
rare_call_program(struct program *p, float often)
{
	uint32_t value = program_new_value(p, RA_GPR);

	p->preserved = 0;
	use(p, value);
	p->frequency = 0.2f * often;
	program_edge(p, 0, program_block(p));
	program_inst(p, 0, PROGRAM_GPRS, PROGRAM_XMMS);
	program_jump(p);
	p->frequency = 0.8f * often;
	program_edge(p, 0, program_block(p));
	program_jump(p);
	p->frequency = often;
	program_edge(p, 1, program_block(p));
	program_edge(p, 2, 3);
	use(p, value);
	use(p, value);
	program_jump(p);
}

/* A value in a register that a rare call destroys stays in it on the way past the call. */
static void
test_rare_call_costs_others_nothing(void **state)
{
	struct fixture *f = *state;

	rare_call_program(&f->p, 2.0f);
	allocate(f);
	assert_int_equal(f->result.spill_count, 1);
	assert_int_equal(f->result.reload_count, 1);
	assert_int_equal(moves_in(f, 0), 0);
	assert_int_equal(moves_in(f, 2), 0);
	assert_int_equal(moves_in(f, 3), 0);
}

/* Unless it is used too rarely to be worth moves on two edges. */
static void
test_rare_use_is_loaded_behind_the_call(void **state)
{
	struct fixture *f = *state;

	rare_call_program(&f->p, 1.0f);
	allocate(f);
	assert_int_equal(f->result.spill_count, 1);
	assert_int_equal(moves_in(f, 1), 0);
	assert_int_equal(moves_in(f, 2), 0);
	assert_int_equal(moves_in(f, 3), 1);
}

static void
test_operands_are_exchanged(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t stays = program_new_value(p, RA_GPR), ends = program_new_value(p, RA_GPR), def;

	program_inst(p, RA_INST_COMMUTE, 0, 0);
	def = program_vreg(p, RA_GPR, 1);
	program_operand(p, def, RA_DEF, RA_REUSE, RA_LATE, 1);
	program_use(p, stays);
	program_operand(p, ends, RA_USE, RA_ANY, RA_EARLY, 0);
	use(p, def);
	use(p, stays);
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.move_count, 0);
	assert_int_equal(place_of(f, 2, 0).reg, place_of(f, 2, 2).reg);
	assert_int_equal(ra_inst_source(&f->result.places[f->fn->insts[2].first_operand]), 1);
}

static void
test_constants_are_repeated(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t constant;

	program_inst(p, RA_INST_REMAT, 0, 0);
	constant = program_def(p, RA_GPR);
	for (uint32_t k = 0; k < 3; k++) {
		call(p, constant);
		use(p, constant);
	}
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.slot_count, 0);
	assert_int_equal(f->result.spill_count, 0);
	for (uint32_t i = 0; i < f->result.move_count; i++)
		if (f->result.moves[i].to.reg == RSI)
			assert_int_equal(f->result.moves[i].remat_inst, 0);
}

static void
test_unneeded_constant_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t constant;

	program_inst(p, RA_INST_REMAT, 0, 0);
	constant = program_def(p, RA_GPR);
	call(p, constant);
	program_jump(p);
	allocate(f);
	assert_int_equal(place_of(f, 0, 0).kind, RA_PLACE_NONE);
	assert_int_equal(f->result.move_count, 1);
}

/* Many values live through a loop that does not use them must not take the
 * registers of those that it uses. */
static void
test_loop_gets_the_registers(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t outer[14], inner[10], header;

	for (uint32_t k = 0; k < 14; k++)
		outer[k] = program_new_value(p, RA_GPR);
	for (uint32_t k = 0; k < 10; k++)
		inner[k] = program_new_value(p, RA_GPR);
	header = enter_loop(p);
	for (uint32_t k = 0; k < 10; k++)
		use(p, inner[k]);
	close_loop(p, header, inner[0]);
	for (uint32_t k = 0; k < 14; k++)
		use(p, outer[k]);
	for (uint32_t k = 0; k < 10; k++)
		use(p, inner[k]);
	program_jump(p);
	allocate(f);
	assert_int_equal(moves_in(f, 1), 0);
	assert_int_equal(moves_in(f, 2), 0);
	/* Each is stored at most once. */
	assert_in_range(f->result.spill_count, 1, 24);
}

/* Also not if they are used so much before the loop that they outweigh its own values. */
static void
test_loop_takes_registers_from_what_is_used_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t outer[12], inner[2], header;

	p->frequency = 3;
	jump_to(p, p->blocks_count);
	program_block(p);
	for (uint32_t k = 0; k < 12; k++)
		outer[k] = program_new_value(p, RA_GPR);
	for (uint32_t round = 0; round < 20; round++)
		for (uint32_t k = 0; k < 12; k++)
			use(p, outer[k]);
	p->frequency = 1;
	jump_to(p, p->blocks_count);
	program_block(p);
	for (uint32_t k = 0; k < 2; k++)
		inner[k] = program_new_value(p, RA_GPR);
	header = enter_loop(p);
	for (uint32_t k = 0; k < 200; k++) {
		program_inst(p, 0, 0, 0);
		if (k % 100 == 50) {
			use(p, inner[0]);
			use(p, inner[1]);
		}
	}
	close_loop(p, header, inner[0]);
	for (uint32_t k = 0; k < 12; k++)
		use(p, outer[k]);
	program_jump(p);
	allocate(f);
	assert_int_equal(moves_in(f, header), 0);
	assert_int_equal(moves_in(f, header + 1), 0);
}

static void
test_slots_are_shared(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;

	p->preserved = 0;
	for (uint32_t round = 0; round < 50; round++) {
		uint32_t value = program_new_value(p, RA_GPR);

		program_inst(p, 0, PROGRAM_GPRS, PROGRAM_XMMS);
		use(p, value);
	}
	program_jump(p);
	allocate(f);
	assert_int_equal(f->result.slot_count, 1);
}

/* A loop that rotates its parameters needs a cycle of moves. */
static void
rotate(struct fixture *f, enum ra_class class_, uint32_t width, uint32_t count)
{
	struct program *p = &f->p;
	uint32_t params[32], header, counter = program_new_value(p, RA_GPR);

	for (uint32_t k = 0; k < count; k++) {
		program_inst(p, 0, 0, 0);
		params[k] = program_vreg(p, class_, width);
		program_operand(p, params[k], RA_DEF, RA_REG, RA_LATE, 0);
		program_push(program_last_block(p), args, params[k]);
	}
	for (uint32_t k = 0; k < count; k++)
		params[k] = program_vreg(p, class_, width);
	header = enter_loop(p);
	for (uint32_t k = 0; k < count; k++)
		program_push(program_last_block(p), params, params[k]);
	for (uint32_t k = 0; k < count; k++)
		use(p, params[k]);
	close_loop(p, header, counter);
	for (uint32_t k = 0; k < count; k++)
		program_push(&p->blocks[2], args, params[(k + 1) % count]);
	use(p, params[0]);
	program_jump(p);
	allocate(f);
}

static void
test_cycle_in_registers(void **state)
{
	struct fixture *f = *state;

	rotate(f, RA_GPR, 1, 3);
	assert_int_equal(moves_in(f, 2), 4);
	assert_int_equal(f->result.slot_count, 0);
}

static void
test_cycle_through_slots(void **state)
{
	rotate(*state, RA_GPR, 1, 30);
}

static void
test_cycle_of_vectors_through_slots(void **state)
{
	struct fixture *f = *state;

	rotate(f, RA_XMM, 2, 30);
	for (uint32_t i = 0; i < f->result.move_count; i++)
		assert_int_equal(f->result.moves[i].slots,
				 f->fn->vreg_slots[f->result.moves[i].vreg]);
}

static void
test_use_without_definition_is_refused(void **state)
{
	struct fixture *f = *state;

	use(&f->p, program_vreg(&f->p, RA_GPR, 1));
	program_jump(&f->p);
	f->fn = program_finish(&f->p);
	assert_int_equal(ra_allocate(f->fn, &f->out, &f->scratch, &f->result), NB_INTERNAL);
}

static void
test_too_many_registers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t values[13];

	for (uint32_t k = 0; k < 13; k++)
		values[k] = program_new_value(p, RA_GPR);
	program_inst(p, 0, 0, 0);
	for (uint32_t k = 0; k < 13; k++)
		program_use(p, values[k]);
	program_jump(p);
	f->fn = program_finish(p);
	assert_int_equal(ra_allocate(f->fn, &f->out, &f->scratch, &f->result), NB_INTERNAL);
}

static void
test_as_many_registers_as_there_are(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t values[12];

	for (uint32_t k = 0; k < 12; k++)
		values[k] = program_new_value(p, RA_GPR);
	call(p, values[0]);
	program_inst(p, 0, 0, 0);
	for (uint32_t k = 0; k < 12; k++)
		program_use(p, values[k]);
	program_jump(p);
	allocate(f);
}

/* Refusals of the checker, each by an allocation with one thing wrong. */
static void
refuse(struct fixture *f, const char *why)
{
	char reason[200] = "";

	assert_int_equal(ra_check(f->fn, &f->result, &f->scratch, reason, sizeof(reason)),
			 NB_INTERNAL);
	if (strstr(reason, why) == NULL)
		fail_msg("expected \"%s\", not \"%s\"", why, reason);
}

static void
test_checker_refusals(void **state)
{
	struct fixture *f = *state;
	struct program *p = &f->p;
	uint32_t value, other;
	struct ra_place saved;

	p->preserved = 0;
	value = program_new_value(p, RA_GPR); /* 0 */
	other = program_new_value(p, RA_GPR); /* 1 */
	program_inst(p, 0, 0, 0);	      /* 2 */
	program_operand(p, program_vreg(p, RA_GPR, 1), RA_DEF, RA_REG, RA_EARLY, 0);
	program_use(p, value);
	program_inst(p, 0, PROGRAM_GPRS, PROGRAM_XMMS); /* 3 */
	program_use_fixed(p, value, RSI);
	use(p, value);			      /* 4 */
	use(p, other);			      /* 5 */
	use(p, program_new_value(p, RA_XMM)); /* 6, 7 */
	program_jump(p);
	allocate(f);

	saved = place_of(f, 1, 0);
	f->result.places[f->fn->insts[1].first_operand] = place_of(f, 0, 0);
	refuse(f, "overwritten");
	f->result.places[f->fn->insts[1].first_operand] = saved;

	saved = place_of(f, 3, 0);
	f->result.places[f->fn->insts[3].first_operand].reg = RDX;
	refuse(f, "constraint broken");
	f->result.places[f->fn->insts[3].first_operand] = saved;

	saved = place_of(f, 2, 0);
	f->result.places[f->fn->insts[2].first_operand] = place_of(f, 2, 1);
	refuse(f, "operands collide");
	f->result.places[f->fn->insts[2].first_operand] = saved;

	saved = place_of(f, 4, 0);
	f->result.places[f->fn->insts[4].first_operand].reg = 4;
	refuse(f, "constraint broken");
	f->result.places[f->fn->insts[4].first_operand] = saved;

	f->result.used[RA_XMM] = 0;
	refuse(f, "unlisted register");
	f->result.used[RA_XMM] = PROGRAM_XMMS;

	f->result.used[RA_GPR] = 0;
	refuse(f, "impossible move");
	f->result.used[RA_GPR] = PROGRAM_GPRS;

	assert_true(f->result.reload_count > 0);
	f->result.slot_count = 0;
	refuse(f, "impossible move");
	f->result.slot_count = 8;
	for (uint32_t i = 0; i < f->result.move_count; i++)
		if (f->result.moves[i].from.kind == RA_PLACE_SLOT)
			f->result.moves[i].from.slot = 7;
	refuse(f, "never defined");
	for (uint32_t i = 0; i < f->result.move_count; i++)
		f->result.moves[i].before_inst = 3;
	refuse(f, "clobbered");
}

static void
append_text(void *context, const char *bytes, size_t len)
{
	char *text = context;

	strncat(text, bytes, len);
}

static void
test_dump(void **state)
{
	struct fixture *f = *state;
	char text[1000] = "";
	uint32_t value = program_new_value(&f->p, RA_GPR);

	call(&f->p, value);
	jump_to(&f->p, 1);
	program_block(&f->p);
	program_jump(&f->p);
	allocate(f);
	ra_dump(f->fn, &f->result, append_text, text);
	assert_string_equal(text, "block 0  depth 0 frequency 1000/1000\n"
				  "     0 v0:r6 =\n"
				  "     1 = fixed:v0(6):r6  clobbers 7c7 7fff\n"
				  "     2 = -> 1\n"
				  "block 1 from 0  depth 0 frequency 1000/1000\n"
				  "     3 =\n"
				  "0 slots, 0 moves, 0 to and 0 from slots, 0 splits\n");
}

int
main(void)
{
#define RA_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		RA_TEST(test_arguments_stay_in_place),
		RA_TEST(test_loop_counter_is_joined),
		RA_TEST(test_value_across_hot_calls_is_preserved),
		RA_TEST(test_cold_use_opens_no_preserved_register),
		RA_TEST(test_rare_call_costs_others_nothing),
		RA_TEST(test_rare_use_is_loaded_behind_the_call),
		RA_TEST(test_operands_are_exchanged),
		RA_TEST(test_constants_are_repeated),
		RA_TEST(test_unneeded_constant_is_not_made),
		RA_TEST(test_loop_gets_the_registers),
		RA_TEST(test_loop_takes_registers_from_what_is_used_elsewhere),
		RA_TEST(test_slots_are_shared),
		RA_TEST(test_cycle_in_registers),
		RA_TEST(test_cycle_through_slots),
		RA_TEST(test_cycle_of_vectors_through_slots),
		RA_TEST(test_use_without_definition_is_refused),
		RA_TEST(test_too_many_registers_are_refused),
		RA_TEST(test_as_many_registers_as_there_are),
		RA_TEST(test_checker_refusals),
		RA_TEST(test_dump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

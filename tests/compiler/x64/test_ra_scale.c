/*
 * Shapes that make careless register allocators quadratic. Each must finish in
 * time near linear in its size: the time of a quarter of the size is measured
 * too, and the whole may take at most GROWTH_MAX times as long.
 */
#include "tests/compiler/x64/ra_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

enum { GROWTH_MAX = 12 };

typedef void build_shape(struct program *p, uint32_t size);

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Allocates a shape of `size`; returns the CPU time. Small ones are checked. */
static double
allocate(build_shape *build, uint32_t size, bool is_checked)
{
	struct program p;
	struct arena out, scratch;
	struct ra_result result;
	const struct ra_function *fn;
	char reason[200] = "";
	double start;

	program_init(&p);
	build(&p, size);
	fn = program_finish(&p);
	arena_init(&out, &program_source, SIZE_MAX);
	arena_init(&scratch, &program_source, SIZE_MAX);
	start = seconds();
	assert_int_equal(ra_allocate(fn, &out, &scratch, &result), NB_OK);
	start = seconds() - start;
	if (is_checked && ra_check(fn, &result, &scratch, reason, sizeof(reason)) != NB_OK) {
		print_error("%s\n", reason);
		fail();
	}
	arena_reset(&out);
	arena_reset(&scratch);
	program_free(&p);
	return start;
}

static void
run_shape(const char *name, build_shape *build, uint32_t size)
{
	double small, large;

	if (getenv("NEBULET_LONG") == NULL)
		size /= 10;
	allocate(build, size / 400 + 3, true);
	small = allocate(build, size / 4, false);
	large = allocate(build, size, false);
	print_message("%-28s size %7u: %.3f s, a quarter of it %.3f s\n", name, size, large, small);
	assert_true(large < GROWTH_MAX * small + 0.1);
}

static void
jump_to(struct program *p, uint32_t block)
{
	program_jump(p);
	program_edge(p, p->blocks_count - 1, block);
}

/* Straight code with much pressure and calls. */
static void
build_straight(struct program *p, uint32_t size)
{
	p->seed = 12345;
	p->scope_window = 40;
	program_block(p);
	p->budget = size;
	program_random_code(p, size);
	program_jump(p);
}

/* Values all defined at the top and used at the bottom of a chain of blocks. */
static void
build_live_through(struct program *p, uint32_t size)
{
	uint32_t values = size / 2, blocks = size / 2;

	program_block(p);
	for (uint32_t k = 0; k < values; k++)
		program_new_value(p, k % 5 == 0 ? RA_XMM : RA_GPR);
	for (uint32_t b = 0; b < blocks; b++) {
		jump_to(p, p->blocks_count);
		program_block(p);
		program_inst(p, 0, 0, 0);
		program_use(p, b % values);
	}
	for (uint32_t k = 0; k < values; k++) {
		program_inst(p, 0, 0, 0);
		program_use(p, k);
	}
	program_jump(p);
}

/* The same around a loop whose blocks each use one value. */
static void
build_live_around(struct program *p, uint32_t size)
{
	uint32_t values = size / 2, blocks = size / 2, header;

	program_block(p);
	for (uint32_t k = 0; k < values; k++)
		program_new_value(p, RA_GPR);
	header = p->blocks_count;
	jump_to(p, header);
	p->loop_header = header;
	p->loop_depth = 1;
	p->frequency = 8;
	for (uint32_t b = 0; b < blocks; b++) {
		program_block(p);
		program_inst(p, 0, 0, 0);
		program_use(p, b * 7919 % values);
		if (b + 1 < blocks)
			jump_to(p, p->blocks_count);
	}
	program_branch(p);
	p->loop_header = UINT32_MAX;
	p->loop_depth = 0;
	p->frequency = 1;
	program_edge(p, p->blocks_count - 1, p->blocks_count);
	program_edge(p, p->blocks_count - 1, p->blocks_count + 1);
	/* The latch belongs to the loop. */
	p->loop_header = header;
	p->loop_depth = 1;
	program_block(p);
	jump_to(p, header);
	p->loop_header = UINT32_MAX;
	p->loop_depth = 0;
	program_block(p);
	for (uint32_t k = 0; k < values; k++) {
		program_inst(p, 0, 0, 0);
		program_use(p, k);
	}
	program_jump(p);
}

/* One block with `size` successors that all use what was defined before and
 * meet again, passing a parameter. */
static void
build_switch(struct program *p, uint32_t size)
{
	uint32_t from, param = program_vreg(p, RA_GPR, 1), value;

	program_block(p);
	for (uint32_t k = 0; k < 20; k++)
		program_push(p, scope, program_new_value(p, RA_GPR));
	value = p->scope[0];
	program_inst(p, 0, 0, 0);
	program_use(p, value);
	from = p->blocks_count - 1;
	for (uint32_t k = 0; k < size; k++) {
		program_edge(p, from, program_block(p));
		program_inst(p, 0, 0, 0);
		program_use(p, p->scope[k % 20]);
		program_use(p, p->scope[k % 17]);
		program_push(program_last_block(p), args, p->scope[k % 13]);
		jump_to(p, from + 1 + size);
	}
	program_block(p);
	program_push(program_last_block(p), params, param);
	program_inst(p, 0, 0, 0);
	program_use(p, param);
	program_jump(p);
}

/* Loops in loops, each with a counter, and values used at the bottom. */
static void
build_nest(struct program *p, uint32_t size)
{
	uint32_t *headers = malloc(size * sizeof(*headers));
	uint32_t *params = malloc(size * sizeof(*params));

	program_block(p);
	for (uint32_t k = 0; k < 30; k++)
		program_push(p, scope, program_new_value(p, RA_GPR));
	for (uint32_t d = 0; d < size; d++) {
		program_push(program_last_block(p), args, p->scope[d % 30]);
		jump_to(p, p->blocks_count);
		headers[d] = p->blocks_count;
		p->loop_header = headers[d];
		p->loop_depth++;
		p->frequency = p->frequency < 1e6f ? p->frequency * 8 : p->frequency;
		program_block(p);
		params[d] = program_vreg(p, RA_GPR, 1);
		program_push(program_last_block(p), params, params[d]);
		program_inst(p, 0, 0, 0);
		program_use(p, p->scope[d * 7 % 30]);
	}
	for (uint32_t d = size; d-- > 0;) {
		program_inst(p, 0, 0, 0);
		program_use(p, params[d]);
		program_edge(p, p->blocks_count - 1, p->blocks_count);
		program_edge(p, p->blocks_count - 1, p->blocks_count + 1);
		program_block(p);
		program_push(program_last_block(p), args, params[d]);
		jump_to(p, headers[d]);
		p->loop_depth--;
		p->loop_header = d == 0 ? UINT32_MAX : headers[d - 1];
		program_block(p);
	}
	program_jump(p);
	free(headers);
	free(params);
}

/* A parameter that very many jumps go to, each with another argument. */
static void
build_join(struct program *p, uint32_t size)
{
	uint32_t params[8], merge = 2 * size + 1, cold;

	for (uint32_t k = 0; k < 8; k++)
		params[k] = program_vreg(p, RA_GPR, 1);
	program_block(p);
	program_push(p, scope, program_new_value(p, RA_GPR));
	for (uint32_t b = 0; b < size; b++) {
		uint32_t value = program_new_value(p, RA_GPR);

		program_inst(p, 0, 0, 0);
		program_use(p, value);
		program_edge(p, p->blocks_count - 1, p->blocks_count);
		program_edge(p, p->blocks_count - 1, p->blocks_count + 1);
		cold = program_block(p);
		for (uint32_t k = 0; k < 8; k++)
			program_push(&p->blocks[cold], args, k == b % 8 ? value : p->scope[0]);
		jump_to(p, merge);
		program_block(p);
	}
	for (uint32_t k = 0; k < 8; k++)
		program_push(program_last_block(p), args, p->scope[0]);
	jump_to(p, merge);
	program_block(p);
	for (uint32_t k = 0; k < 8; k++) {
		program_push(program_last_block(p), params, params[k]);
		program_inst(p, 0, 0, 0);
		program_use(p, params[k]);
	}
	program_jump(p);
}

/* Small loops one after another under values that live across all. */
static void
build_siblings(struct program *p, uint32_t size)
{
	program_block(p);
	for (uint32_t k = 0; k < 200; k++)
		program_push(p, scope, program_new_value(p, RA_GPR));
	for (uint32_t b = 0; b < size; b++) {
		jump_to(p, p->blocks_count);
		p->loop_header = p->blocks_count;
		p->loop_depth = 1;
		program_block(p);
		program_inst(p, 0, 0, 0);
		program_use(p, p->scope[b % 200]);
		program_use(p, p->scope[b * 31 % 200]);
		program_inst(p, 0, 0, 0);
		program_use(p, p->scope[b * 17 % 200]);
		program_edge(p, p->blocks_count - 1, p->blocks_count);
		program_edge(p, p->blocks_count - 1, p->blocks_count + 1);
		program_block(p);
		jump_to(p, p->loop_header);
		p->loop_depth = 0;
		p->loop_header = UINT32_MAX;
		program_block(p);
	}
	program_jump(p);
}

static void
test_shapes(void **state)
{
	(void)state;
	run_shape("straight code", build_straight, 1000000);
	run_shape("live through blocks", build_live_through, 200000);
	run_shape("live around a loop", build_live_around, 200000);
	run_shape("wide switch", build_switch, 100000);
	run_shape("loop nest", build_nest, 4000);
	run_shape("many jumps to a block", build_join, 100000);
	run_shape("successive loops", build_siblings, 100000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_shapes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}

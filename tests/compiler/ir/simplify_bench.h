/*
 * What the tests of simplification share: a function of parameters and no blocks, random choices,
 * and the program's arguments. One program includes this once.
 */
#ifndef TESTS_COMPILER_IR_SIMPLIFY_BENCH_H
#define TESTS_COMPILER_IR_SIMPLIFY_BENCH_H

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"
#include "tests/random.h"
#include "tests/wasm/host_arena.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct bench {
	struct host_arena host;
	struct ir_function fn;
	uint64_t random;
};

static uint64_t seed = 1;
static uint32_t rounds;

static inline uint32_t
below(struct bench *b, uint32_t limit)
{
	return random_below(&b->random, limit);
}

/* Begins a function with parameters of these types, which are its values from 1 on. */
static inline void
start(struct bench *b, const enum ir_type *params, uint32_t count)
{
	host_arena_init(&b->host, 1 << 24);
	b->fn = (struct ir_function){ .arena = &b->host.arena };
	assert_int_equal(ir_function_init(&b->fn, 64), NB_OK);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t param = ir_new_inst(&b->fn, IR_PARAM, params[i]);

		b->fn.insts[param].imm = i;
	}
}

static inline void
finish(struct bench *b)
{
	arena_reset(&b->host.arena);
	assert_int_equal(b->host.chunks, 0);
}

static inline uint32_t
add_inst(struct bench *b, const struct ir_inst *inst)
{
	uint32_t value = ir_new_inst(&b->fn, inst->op, inst->type);

	b->fn.insts[value] = *inst;
	b->fn.insts[value].block = IR_NONE;
	return value;
}

/* [SEED [ROUNDS]] */
static inline void
take_arguments(int argc, char **argv, uint32_t default_rounds)
{
	rounds = default_rounds;
	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		rounds = (uint32_t)strtoul(argv[2], NULL, 0);
	printf("seed %" PRIu64 ", %u rounds\n", seed, rounds);
}

#endif

/*
 * For tests of the register allocator: builds functions, by hand or at random,
 * and executes an allocated function beside its SSA form.
 *
 * The random functions are structured (sequences, branches, switches, loops),
 * so that their blocks come out in reverse post order with contiguous loops.
 */
#ifndef TESTS_COMPILER_X64_RA_PROGRAM_H
#define TESTS_COMPILER_X64_RA_PROGRAM_H

#include "compiler/x64/ra.h"
#include "lib/arena.h"
#include "tests/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PROGRAM_GPRS = 0xffff & ~(1 << 4 | 1 << 11 | 1 << 14 | 1 << 15),
	PROGRAM_PRESERVED = 1 << 3 | 1 << 5 | 1 << 12 | 1 << 13,
	PROGRAM_XMMS = 0x7fff,
	RAX = 0,
	RCX = 1,
	RDX = 2,
	RBX = 3,
	RBP = 5,
	RSI = 6,
	RDI = 7,
};

/* A growing array `name` of `type` with its `name##_count`. */
#define PROGRAM_VECTOR(type, name) \
	type *name;                \
	uint32_t name##_count, name##_cap

#define program_push(owner, name, ...)                                                         \
	do {                                                                                   \
		if ((owner)->name##_count == (owner)->name##_cap) {                            \
			(owner)->name##_cap = (owner)->name##_cap * 2 + 16;                    \
			(owner)->name = realloc((owner)->name,                                 \
						(owner)->name##_cap * sizeof(*(owner)->name)); \
		}                                                                              \
		(owner)->name[(owner)->name##_count++] = __VA_ARGS__;                          \
	} while (0)

struct program_block {
	struct ra_block block;
	PROGRAM_VECTOR(uint32_t, params);
	PROGRAM_VECTOR(uint32_t, args);
	PROGRAM_VECTOR(uint32_t, succs);
	PROGRAM_VECTOR(uint32_t, preds);
};

struct program {
	PROGRAM_VECTOR(struct ra_inst, insts);
	PROGRAM_VECTOR(struct ra_operand, operands);
	PROGRAM_VECTOR(struct program_block, blocks);
	PROGRAM_VECTOR(uint8_t, classes);
	PROGRAM_VECTOR(uint8_t, widths);
	PROGRAM_VECTOR(uint32_t, scope); /* values that dominate the current point */
	PROGRAM_VECTOR(uint32_t, lists);
	PROGRAM_VECTOR(struct ra_block, flat);
	uint32_t loop_header, loop_depth;
	float frequency;
	uint64_t seed;
	int64_t budget;	       /* instructions still to be made */
	uint32_t scope_window; /* uses mostly pick among so many recent values */
	uint32_t call_rate;    /* per mille */
	uint16_t gprs, xmms, preserved;
	struct ra_function function;
};

/* --- memory -------------------------------------------------------------------- */

static inline void *
program_chunk_get(void *context, size_t size)
{
	void *chunk = aligned_alloc(4096, size);

	(void)context;
	return chunk == NULL ? NULL : memset(chunk, 0, size);
}

static inline void
program_chunk_put(void *context, void *chunk, size_t size)
{
	(void)context;
	(void)size;
	free(chunk);
}

static const struct arena_source program_source = { program_chunk_get, program_chunk_put, NULL };

static inline void
program_free(struct program *p)
{
	for (uint32_t b = 0; b < p->blocks_count; b++) {
		free(p->blocks[b].params);
		free(p->blocks[b].args);
		free(p->blocks[b].succs);
		free(p->blocks[b].preds);
	}
	free(p->insts);
	free(p->operands);
	free(p->blocks);
	free(p->classes);
	free(p->widths);
	free(p->scope);
	free(p->lists);
	free(p->flat);
	*p = (struct program){ 0 };
}

/* --- building -------------------------------------------------------------------- */

static inline void
program_init(struct program *p)
{
	*p = (struct program){ .loop_header = UINT32_MAX,
			       .frequency = 1.0f,
			       .gprs = PROGRAM_GPRS,
			       .xmms = PROGRAM_XMMS,
			       .preserved = PROGRAM_PRESERVED,
			       .scope_window = 16,
			       .call_rate = 30 };
}

static inline uint32_t
program_vreg(struct program *p, enum ra_class class_, uint32_t width)
{
	program_push(p, classes, (uint8_t)class_);
	program_push(p, widths, (uint8_t)width);
	return p->classes_count - 1;
}

static inline uint32_t
program_block(struct program *p)
{
	struct program_block b = { .block = { .first_inst = p->insts_count,
					      .loop_depth = p->loop_depth,
					      .loop_header = p->loop_header,
					      .frequency = p->frequency } };

	program_push(p, blocks, b);
	return p->blocks_count - 1;
}

static inline struct program_block *
program_last_block(struct program *p)
{
	return &p->blocks[p->blocks_count - 1];
}

static inline void
program_inst(struct program *p, uint16_t flags, uint16_t clobber_gprs, uint16_t clobber_xmms)
{
	program_push(p, insts,
		     (struct ra_inst){ .first_operand = p->operands_count,
				       .flags = flags,
				       .clobbers = { clobber_gprs, clobber_xmms } });
	program_last_block(p)->block.end_inst = p->insts_count;
}

static inline void
program_operand(struct program *p, uint32_t vreg, enum ra_role role, enum ra_constraint constraint,
		enum ra_time time, uint32_t detail)
{
	program_push(p, operands,
		     (struct ra_operand){ .vreg = vreg,
					  .constraint = (uint8_t)constraint,
					  .role = (uint8_t)role,
					  .time = (uint8_t)time,
					  .detail = (uint8_t)detail });
	p->insts[p->insts_count - 1].operand_count++;
}

static inline void
program_use(struct program *p, uint32_t vreg)
{
	program_operand(p, vreg, RA_USE, RA_REG, RA_EARLY, 0);
}

static inline void
program_use_fixed(struct program *p, uint32_t vreg, uint32_t reg)
{
	program_operand(p, vreg, RA_USE, RA_FIXED, RA_EARLY, reg);
}

static inline uint32_t
program_def(struct program *p, enum ra_class class_)
{
	uint32_t vreg = program_vreg(p, class_, 1);

	program_operand(p, vreg, RA_DEF, RA_REG, RA_LATE, 0);
	return vreg;
}

static inline uint32_t
program_def_fixed(struct program *p, uint32_t reg)
{
	uint32_t vreg = program_vreg(p, RA_GPR, 1);

	program_operand(p, vreg, RA_DEF, RA_FIXED, RA_LATE, reg);
	return vreg;
}

/* A definition by an instruction without other operands. */
static inline uint32_t
program_new_value(struct program *p, enum ra_class class_)
{
	program_inst(p, 0, 0, 0);
	return program_def(p, class_);
}

static inline void
program_edge(struct program *p, uint32_t from, uint32_t to)
{
	program_push(&p->blocks[from], succs, to);
}

/* Lays the function out as ra.h wants it. */
static inline const struct ra_function *
program_finish(struct program *p)
{
	for (uint32_t b = 0; b < p->blocks_count; b++) {
		struct program_block *block = &p->blocks[b];

		for (uint32_t k = 0; k < block->succs_count; k++)
			program_push(&p->blocks[block->succs[k]], preds, b);
	}
	for (uint32_t b = 0; b < p->blocks_count; b++) {
		struct program_block *pb = &p->blocks[b];
		struct ra_block block = pb->block;

		block.first_param = p->lists_count;
		block.param_count = pb->params_count;
		for (uint32_t k = 0; k < pb->params_count; k++)
			program_push(p, lists, pb->params[k]);
		block.first_succ = p->lists_count;
		block.succ_count = pb->succs_count;
		for (uint32_t k = 0; k < pb->succs_count; k++)
			program_push(p, lists, pb->succs[k]);
		block.first_pred = p->lists_count;
		block.pred_count = pb->preds_count;
		for (uint32_t k = 0; k < pb->preds_count; k++)
			program_push(p, lists, pb->preds[k]);
		block.first_arg = p->lists_count;
		for (uint32_t k = 0; k < pb->args_count; k++)
			program_push(p, lists, pb->args[k]);
		program_push(p, flat, block);
	}
	p->function = (struct ra_function){
		.insts = p->insts,
		.inst_count = p->insts_count,
		.operands = p->operands,
		.operand_count = p->operands_count,
		.blocks = p->flat,
		.block_count = p->blocks_count,
		.block_lists = p->lists,
		.vreg_class = p->classes,
		.vreg_slots = p->widths,
		.vreg_count = p->classes_count,
		.allocatable = { p->gprs, p->xmms },
		.preserved = { (uint16_t)(p->preserved & p->gprs), 0 },
	};
	return &p->function;
}

/* --- random functions -------------------------------------------------------------- */

static inline uint32_t
program_random(struct program *p, uint32_t below)
{
	return random_below(&p->seed, below);
}

/* A value in scope of the class and width; mostly a recent one. Defines one if
 * there is none. */
static inline uint32_t
program_pick(struct program *p, enum ra_class class_, uint32_t width)
{
	uint32_t vreg;

	for (uint32_t tries = 0; tries < 24 && p->scope_count != 0; tries++) {
		uint32_t window = p->scope_count;

		if (window > p->scope_window && program_random(p, 5) != 0)
			window = p->scope_window;
		vreg = p->scope[p->scope_count - 1 - program_random(p, window)];
		if (p->classes[vreg] == class_ && p->widths[vreg] == width)
			return vreg;
	}
	program_inst(p, 0, 0, 0);
	vreg = program_vreg(p, class_, width);
	program_operand(p, vreg, RA_DEF, RA_REG, RA_LATE, 0);
	program_push(p, scope, vreg);
	return vreg;
}

static inline void
program_pick_kind(struct program *p, enum ra_class *class_, uint32_t *width)
{
	uint32_t kind = program_random(p, 10);

	*class_ = kind < 7 ? RA_GPR : RA_XMM;
	*width = kind == 9 ? 2 : 1;
}

/* A plain, two-address or move-like operation. */
static inline void
program_random_op(struct program *p)
{
	uint32_t uses[3], use_count = program_random(p, 4), width, def_width;
	uint32_t shape = program_random(p, 8);
	bool has_any = program_random(p, 3) == 0;
	enum ra_class class_, def_class;
	uint16_t flags = 0;
	uint32_t def;

	program_pick_kind(p, &class_, &width);
	def_class = class_;
	def_width = width;
	if (shape >= 2 && shape <= 4)
		use_count = shape == 2 ? 2 : use_count < 1 ? 1 : use_count;
	if (shape == 5)
		use_count = 1;
	if (shape == 6)
		use_count = 0;
	if (shape == 7)
		program_pick_kind(p, &def_class, &def_width);
	for (uint32_t k = 0; k < use_count; k++)
		uses[k] = program_pick(p, class_, width);
	if (shape == 2)
		flags = RA_INST_COMMUTE;
	else if (shape == 4)
		flags = RA_INST_SAME;
	else if (shape == 5)
		flags = RA_INST_MOVE;
	else if (shape == 6)
		flags = RA_INST_REMAT;
	program_inst(p, flags, 0, 0);
	def = program_vreg(p, def_class, def_width);
	if (shape == 2 || shape == 3)
		program_operand(p, def, RA_DEF, RA_REUSE, RA_LATE, 1);
	else
		program_operand(p, def, RA_DEF, shape == 1 && !has_any ? RA_ANY : RA_REG,
				shape == 7 ? RA_EARLY : RA_LATE, 0);
	for (uint32_t k = 0; k < use_count; k++) {
		bool is_any = has_any && k + 1 == use_count && (k > 0 || shape == 0);

		program_operand(p, uses[k], RA_USE, is_any ? RA_ANY : RA_REG,
				shape == 0 && program_random(p, 6) == 0 ? RA_LATE : RA_EARLY, 0);
	}
	if (program_random(p, 4) != 0)
		program_push(p, scope, def);
}

/* result = value shifted by rcx */
static inline void
program_random_shift(struct program *p)
{
	uint32_t value = program_pick(p, RA_GPR, 1), amount = program_pick(p, RA_GPR, 1);
	uint32_t def;

	program_inst(p, 0, 0, 0);
	def = program_vreg(p, RA_GPR, 1);
	program_operand(p, def, RA_DEF, RA_REUSE, RA_LATE, 1);
	program_use(p, value);
	program_use_fixed(p, amount, RCX);
	program_push(p, scope, def);
}

/* rax, rdx = rax / late use */
static inline void
program_random_divide(struct program *p)
{
	uint32_t value = program_pick(p, RA_GPR, 1), by = program_pick(p, RA_GPR, 1);
	bool has_remainder = program_random(p, 2) != 0;

	program_inst(p, 0, has_remainder ? 0 : 1 << RDX, 0);
	program_push(p, scope, program_def_fixed(p, RAX));
	if (has_remainder)
		program_push(p, scope, program_def_fixed(p, RDX));
	program_use_fixed(p, value, RAX);
	program_operand(p, by, RA_USE, program_random(p, 2) != 0 ? RA_REG : RA_ANY, RA_LATE, 0);
}

static inline void
program_random_call(struct program *p)
{
	static const uint8_t order[] = { RSI, RDX, RCX, RDI };
	uint32_t arg_count = program_random(p, 4), xmm_count = program_random(p, 3);
	uint32_t args[4], xmms[4], target = UINT32_MAX;
	uint16_t clobbers = (uint16_t)(p->gprs & ~p->preserved);

	for (uint32_t k = 0; k < arg_count; k++)
		args[k] = program_pick(p, RA_GPR, 1);
	for (uint32_t k = 0; k < xmm_count; k++)
		xmms[k] = program_pick(p, RA_XMM, 1 + program_random(p, 2));
	if (program_random(p, 3) == 0)
		target = program_pick(p, RA_GPR, 1);
	program_inst(p, 0, clobbers, p->xmms);
	if (program_random(p, 3) != 0)
		program_push(p, scope, program_def_fixed(p, RAX));
	if (program_random(p, 4) == 0)
		program_push(p, scope, program_def_fixed(p, RDX));
	for (uint32_t k = 0; k < arg_count; k++)
		program_use_fixed(p, args[k], order[k]);
	for (uint32_t k = 0; k < xmm_count; k++)
		program_use_fixed(p, xmms[k], k);
	if (target != UINT32_MAX)
		program_operand(p, target, RA_USE, program_random(p, 2) != 0 ? RA_REG : RA_ANY,
				RA_EARLY, 0);
}

/* Uses a value and a scratch register, defines nothing. */
static inline void
program_random_effect(struct program *p)
{
	uint32_t value = program_pick(p, RA_GPR, 1);
	bool has_scratch = program_random(p, 2) != 0;

	program_inst(p, 0, 0, 0);
	if (has_scratch)
		program_operand(p, program_vreg(p, RA_GPR, 1), RA_DEF, RA_REG, RA_EARLY, 0);
	program_use(p, value);
}

static inline void
program_random_code(struct program *p, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t kind = program_random(p, 1000);

		p->budget--;
		if (kind < p->call_rate)
			program_random_call(p);
		else if (kind < p->call_rate + 40)
			program_random_shift(p);
		else if (kind < p->call_rate + 70)
			program_random_divide(p);
		else if (kind < p->call_rate + 150)
			program_random_effect(p);
		else
			program_random_op(p);
	}
}

static inline void
program_jump(struct program *p)
{
	program_inst(p, 0, 0, 0);
}

static inline void
program_branch(struct program *p)
{
	uint32_t value = program_pick(p, RA_GPR, 1);
	bool is_any = program_random(p, 3) == 0;

	program_inst(p, 0, 0, 0);
	program_operand(p, value, RA_USE, is_any ? RA_ANY : RA_REG, RA_EARLY, 0);
}

/* Passes a value for each parameter of `like` from the current block. */
static inline void
program_pick_args(struct program *p, const uint32_t *like, uint32_t count, uint32_t *args)
{
	for (uint32_t k = 0; k < count; k++)
		args[k] = program_pick(p, p->classes[like[k]], p->widths[like[k]]);
}

enum { PROGRAM_PARAMS_MAX = 5, PROGRAM_ARMS_MAX = 6 };

static inline void program_random_region(struct program *p, uint32_t depth);

/* Ends the current block with a jump to a block that is made later. */
static inline uint32_t
program_leave(struct program *p, const uint32_t *params, uint32_t count)
{
	uint32_t args[PROGRAM_PARAMS_MAX];

	program_pick_args(p, params, count, args);
	program_jump(p);
	for (uint32_t k = 0; k < count; k++)
		program_push(program_last_block(p), args, args[k]);
	return p->blocks_count - 1;
}

static inline uint32_t
program_make_params(struct program *p, uint32_t *params)
{
	uint32_t count = program_random(p, PROGRAM_PARAMS_MAX + 1);

	for (uint32_t k = 0; k < count; k++) {
		enum ra_class class_;
		uint32_t width;

		program_pick_kind(p, &class_, &width);
		params[k] = program_vreg(p, class_, width);
	}
	return count;
}

static inline void
program_enter(struct program *p, const uint32_t *params, uint32_t count)
{
	program_block(p);
	for (uint32_t k = 0; k < count; k++) {
		program_push(program_last_block(p), params, params[k]);
		program_push(p, scope, params[k]);
	}
}

static inline void
program_random_switch(struct program *p, uint32_t depth)
{
	uint32_t params[PROGRAM_PARAMS_MAX], ends[PROGRAM_ARMS_MAX], from, scope, merge;
	uint32_t arms = 2 + (program_random(p, 3) == 0 ? program_random(p, 5) : 0);
	uint32_t count = program_make_params(p, params);
	float frequency = p->frequency;

	program_branch(p);
	from = p->blocks_count - 1;
	scope = p->scope_count;
	for (uint32_t k = 0; k < arms; k++) {
		p->frequency = frequency / (float)arms * (program_random(p, 4) == 0 ? 0.1f : 1.0f);
		program_edge(p, from, program_block(p));
		program_random_region(p, depth + 1);
		ends[k] = program_leave(p, params, count);
		p->scope_count = scope;
	}
	p->frequency = frequency;
	program_enter(p, params, count);
	merge = p->blocks_count - 1;
	for (uint32_t k = 0; k < arms; k++)
		program_edge(p, ends[k], merge);
}

static inline void
program_random_loop(struct program *p, uint32_t depth)
{
	uint32_t params[PROGRAM_PARAMS_MAX], count = program_make_params(p, params);
	uint32_t before = program_leave(p, params, count), outer = p->loop_header;
	uint32_t header = p->blocks_count, exit_from, latch, scope;
	float frequency = p->frequency;

	p->loop_header = header;
	p->loop_depth++;
	p->frequency *= 8;
	program_enter(p, params, count);
	program_edge(p, before, header);
	program_random_region(p, depth + 1);
	program_branch(p);
	exit_from = p->blocks_count - 1;
	scope = p->scope_count;
	program_edge(p, exit_from, program_block(p));
	program_random_region(p, depth + 1);
	latch = program_leave(p, params, count);
	program_edge(p, latch, header);
	p->scope_count = scope;
	p->loop_header = outer;
	p->loop_depth--;
	p->frequency = frequency;
	program_edge(p, exit_from, program_block(p));
}

static inline void
program_random_region(struct program *p, uint32_t depth)
{
	do {
		program_random_code(p, program_random(p, 8));
		if (p->budget <= 0 || depth > 6)
			break;
		switch (program_random(p, 5)) {
		case 0:
		case 1:
			program_random_switch(p, depth);
			break;
		case 2:
			program_random_loop(p, depth);
			break;
		default:
			break;
		}
	} while (p->budget > 0 && (depth == 0 || program_random(p, 3) != 0));
}

/* A random function of about `size` instructions. */
static inline const struct ra_function *
program_random_function(struct program *p, uint64_t seed, uint32_t size)
{
	static const uint8_t order[] = { RSI, RDX, RCX, RDI };
	uint32_t count;

	program_init(p);
	p->seed = seed;
	p->budget = size;
	p->scope_window = 4 + program_random(p, 40);
	p->call_rate = program_random(p, 3) == 0 ? 0 : program_random(p, 120);
	if (program_random(p, 3) == 0) {
		p->gprs = 1 << RAX | 1 << RCX | 1 << RDX | 1 << RSI | 1 << RDI | 1 << RBX;
		p->xmms = 0x1f;
	}
	program_block(p);
	count = program_random(p, 5);
	program_inst(p, 0, 0, 0);
	for (uint32_t k = 0; k < count; k++)
		program_push(p, scope, program_def_fixed(p, order[k]));
	program_random_region(p, 0);
	count = p->scope_count == 0 ? 0 : 1 + program_random(p, 2);
	if (count != 0) {
		uint32_t value = program_pick(p, RA_GPR, 1);

		program_inst(p, 0, 0, 0);
		program_use_fixed(p, value, RAX);
	} else {
		program_inst(p, 0, 0, 0);
	}
	return program_finish(p);
}

/* --- execution ------------------------------------------------------------------------ */

struct program_machine {
	uint64_t regs[32];
	uint64_t *slots;
	uint64_t *values; /* of virtual registers */
};

static inline uint64_t
program_hash(uint64_t a, uint64_t b)
{
	uint64_t x = a * UINT64_C(0x9e3779b97f4a7c15) + b;

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return x ^ x >> 32;
}

static inline void
program_write(struct program_machine *m, struct ra_place place, uint64_t value, uint32_t width)
{
	if (place.kind == RA_PLACE_REG) {
		m->regs[place.class_ * 16 + place.reg] = value;
	} else if (place.kind == RA_PLACE_SLOT) {
		m->slots[place.slot] = value;
		if (width == 2)
			m->slots[place.slot + 1] = value + 1;
	}
}

static inline uint64_t
program_read(const struct program_machine *m, struct ra_place place, uint32_t width)
{
	if (place.kind == RA_PLACE_REG)
		return m->regs[place.class_ * 16 + place.reg];
	if (place.kind != RA_PLACE_SLOT)
		return 0;
	if (width == 2 && m->slots[place.slot + 1] != m->slots[place.slot] + 1)
		return ~UINT64_C(0);
	return m->slots[place.slot];
}

static inline uint64_t
program_result(const struct ra_function *fn, uint32_t inst, uint32_t vreg, uint64_t step)
{
	return program_hash(vreg, (fn->insts[inst].flags & RA_INST_REMAT) != 0 ? 7 : step + 1000);
}

/* Executes instruction `i`; false if it reads a wrong value anywhere. */
static inline bool
program_step(const struct ra_function *fn, const struct ra_result *result,
	     struct program_machine *m, uint32_t i, uint64_t step)
{
	const struct ra_inst *inst = &fn->insts[i];
	const struct ra_operand *operands = &fn->operands[inst->first_operand];
	const struct ra_place *places = &result->places[inst->first_operand];

	for (uint32_t k = 0; k < inst->operand_count; k++) {
		uint32_t vreg = operands[k].vreg;

		if (operands[k].role == RA_USE &&
		    program_read(m, places[k], fn->vreg_slots[vreg]) != m->values[vreg])
			return false;
	}
	for (uint32_t flat = 0; flat < 32; flat++)
		if ((inst->clobbers[flat / 16] >> flat % 16 & 1) != 0)
			m->regs[flat] = program_hash(flat, step ^ 0x5555);
	for (uint32_t k = 0; k < inst->operand_count; k++) {
		uint32_t vreg = operands[k].vreg;

		if (operands[k].role == RA_USE)
			continue;
		if ((inst->flags & RA_INST_MOVE) != 0)
			m->values[vreg] = m->values[operands[1].vreg];
		else
			m->values[vreg] = program_result(fn, i, vreg, step);
		program_write(m, places[k], m->values[vreg], fn->vreg_slots[vreg]);
	}
	return true;
}

static inline void
program_move(const struct ra_function *fn, struct program_machine *m, const struct ra_move *move)
{
	uint64_t value;

	if (move->remat_inst != UINT32_MAX) {
		const struct ra_inst *inst = &fn->insts[move->remat_inst];
		uint32_t vreg = fn->operands[inst->first_operand].vreg;

		value = program_result(fn, move->remat_inst, vreg, 0);
	} else {
		value = program_read(m, move->from, move->slots);
	}
	program_write(m, move->to, value, move->slots);
}

static inline void
program_pass(const struct ra_function *fn, struct program_machine *m, const struct ra_block *from,
	     const struct ra_block *to)
{
	uint64_t *values = malloc((to->param_count + 1) * sizeof(*values));

	for (uint32_t k = 0; k < to->param_count; k++)
		values[k] = m->values[fn->block_lists[from->first_arg + k]];
	for (uint32_t k = 0; k < to->param_count; k++)
		m->values[fn->block_lists[to->first_param + k]] = values[k];
	free(values);
}

/* Runs the allocated function along random paths for at most `steps`
 * instructions; false if an instruction reads a wrong value. */
static inline bool
program_execute(const struct ra_function *fn, const struct ra_result *result, uint64_t seed,
		uint64_t steps)
{
	struct program chooser = { .seed = seed * 2 + 1 };
	struct program_machine m = { .slots = calloc(result->slot_count + 4, 8),
				     .values = calloc(fn->vreg_count + 1, 8) };
	uint32_t block = 0;
	bool is_right = true;

	for (uint64_t step = 0; step < steps && is_right;) {
		const struct ra_block *b = &fn->blocks[block];
		uint32_t low = 0, high = result->move_count, next;

		while (low < high) {
			uint32_t middle = (low + high) / 2;

			if (result->moves[middle].before_inst < b->first_inst)
				low = middle + 1;
			else
				high = middle;
		}
		for (uint32_t i = b->first_inst; i < b->end_inst && is_right; i++, step++) {
			for (; low < result->move_count && result->moves[low].before_inst == i;
			     low++)
				program_move(fn, &m, &result->moves[low]);
			is_right = program_step(fn, result, &m, i, step);
		}
		if (b->succ_count == 0)
			break;
		next = fn->block_lists[b->first_succ + program_random(&chooser, b->succ_count)];
		program_pass(fn, &m, b, &fn->blocks[next]);
		block = next;
	}
	free(m.slots);
	free(m.values);
	return is_right;
}

#endif

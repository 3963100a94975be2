/*
 * The canonical form of shuffles, and shuffles of shuffles.
 *
 * Canonical, so that equal ones look equal and machine instructions are easily
 * recognised:
 *   - no identity;
 *   - only one argument used: both are it, and no index is above 15;
 *   - a constant is the second argument; of the zero constant byte i of the
 *     result takes byte i;
 *   - else the first index used is one of the first argument: p[0] < 16.
 */
#include "compiler/ir/simplify_vector.h"

#include "lib/string.h"

uint32_t
ir_become_shuffle(struct ir_function *fn, struct ir_inst *inst, uint32_t a, uint32_t b,
		  const struct ir_v128 *pattern)
{
	inst->op = IR_SHUFFLE;
	inst->imm = fn->insts[ir_const_v128(fn, pattern)].imm;
	inst->args[0] = a;
	inst->args[1] = b;
	inst->args[2] = IR_NONE;
	return IR_AGAIN;
}

static bool
is_zero(const struct ir_function *fn, uint32_t value)
{
	static const struct ir_v128 zero;
	struct ir_v128 bits;

	return ir_vector_const(fn, value, &bits) && memcmp(&bits, &zero, sizeof(bits)) == 0;
}

static void
swap(struct ir_inst *inst, struct ir_v128 *p)
{
	uint32_t first = inst->args[0];

	inst->args[0] = inst->args[1];
	inst->args[1] = first;
	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		p->bytes[i] ^= 16;
}

/* Which arguments are used: bit 0 the first, bit 1 the second. */
static uint32_t
used_args(const struct ir_v128 *p)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		used |= p->bytes[i] < 16 ? 1 : 2;
	return used;
}

static void
canonicalise(const struct ir_function *fn, struct ir_inst *inst, struct ir_v128 *p)
{
	bool is_first_const = fn->insts[inst->args[0]].op == IR_CONST;
	bool is_second_const = fn->insts[inst->args[1]].op == IR_CONST;

	if (inst->args[0] == inst->args[1] || used_args(p) == 1) {
		inst->args[1] = inst->args[0];
		for (uint32_t i = 0; i < sizeof(p->bytes); i++)
			p->bytes[i] &= 15;
		return;
	}
	if (used_args(p) == 2) {
		inst->args[0] = inst->args[1];
		for (uint32_t i = 0; i < sizeof(p->bytes); i++)
			p->bytes[i] &= 15;
		return;
	}
	if (is_first_const || (!is_second_const && p->bytes[0] >= 16))
		swap(inst, p);
	if (!is_zero(fn, inst->args[1]))
		return;
	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		if (p->bytes[i] >= 16)
			p->bytes[i] = (uint8_t)(16 + i);
}

static bool
is_identity(const struct ir_v128 *p)
{
	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		if (p->bytes[i] != i)
			return false;
	return true;
}

/* A shuffle of one shuffle: of what that one takes, if that is not more than
 * one value where there was one. */
static uint32_t
compose(struct ir_function *fn, struct ir_inst *inst, const struct ir_v128 *p)
{
	const struct ir_inst *inner = &fn->insts[inst->args[0]];
	const uint8_t *q;
	struct ir_v128 both;
	bool is_single;

	if (inst->args[0] != inst->args[1] || inner->op != IR_SHUFFLE)
		return IR_UNCHANGED;
	q = ir_shuffle_pattern(fn, inner);
	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		both.bytes[i] = q[p->bytes[i]];
	is_single = inner->args[0] == inner->args[1] || used_args(&both) != 3 ||
		    is_zero(fn, inner->args[1]);
	if (!is_single)
		return IR_UNCHANGED;
	return ir_become_shuffle(fn, inst, inner->args[0], inner->args[1], &both);
}

/* Whole lanes of a splat are the splat. */
static bool
is_of_splat(const struct ir_function *fn, uint32_t value, const struct ir_v128 *p)
{
	const struct ir_inst *inst = &fn->insts[value];
	uint32_t mask = (1u << ir_shape_width(ir_vector_info(inst)->shape)) - 1;

	for (uint32_t i = 0; i < sizeof(p->bytes); i++)
		if ((p->bytes[i] & mask) != (i & mask))
			return false;
	return inst->op == IR_SPLAT;
}

uint32_t
ir_simplify_shuffle(struct ir_function *fn, struct ir_inst *inst)
{
	struct ir_v128 old = fn->vectors[inst->imm];
	struct ir_v128 p = old;
	uint32_t first = inst->args[0], second = inst->args[1];
	bool is_single;

	canonicalise(fn, inst, &p);
	is_single = inst->args[0] == inst->args[1];
	if (is_identity(&p) || (is_single && is_of_splat(fn, inst->args[0], &p)))
		return inst->args[0];
	if (memcmp(&p, &old, sizeof(p)) != 0 || inst->args[0] != first || inst->args[1] != second)
		return ir_become_shuffle(fn, inst, inst->args[0], inst->args[1], &p);
	return compose(fn, inst, &p);
}

uint32_t
ir_extract_shuffled(struct ir_function *fn, struct ir_inst *inst)
{
	uint32_t bytes = 1u << ir_shape_width(ir_vector_info(inst)->shape);
	const struct ir_inst *shuffle = &fn->insts[inst->args[0]];
	const uint8_t *p = ir_shuffle_pattern(fn, shuffle) + ir_vector_lane(inst) * bytes;
	uint32_t lane = (p[0] & 15) / bytes;

	for (uint32_t i = 0; i < bytes; i++)
		if (p[i] != p[0] + i || (p[i] - i) % bytes)
			return IR_UNCHANGED;
	inst->imm = ir_vector_op(inst) | (uint64_t)lane << 16;
	inst->args[0] = shuffle->args[p[0] >= 16];
	return IR_AGAIN;
}

/*
 * Constants in registers.
 *
 * A constant that is no immediate operand is loaded where it is used. One that costs
 * more than a short instruction, used in a loop, is loaded before the loop instead, at
 * the end of the block that dominates its header: once for all uses. The allocator may
 * still repeat the load anywhere (RA_INST_REMAT), so where registers are short nothing
 * is lost.
 *
 * Selection goes backward, so the uses come before the block in which the constant is
 * made; until then it waits in the block's list.
 */
#include "compiler/x64/select.h"

enum { LOOP_CONSTS_MOST = 4096 }; /* per function */

/* Whether all bytes of a constant are `byte`. */
static bool
is_uniform(const struct selector *s, const struct ir_inst *constant, uint8_t byte)
{
	if (constant->type != IR_V128)
		return byte == 0 && constant->imm == 0;
	const uint8_t *bytes = ir_const_vector(s->ir, constant)->bytes;
	for (uint32_t i = 0; i < sizeof(struct ir_v128); i++)
		if (bytes[i] != byte)
			return false;
	return true;
}

/* The instruction that loads a constant. */
static void
materialize(struct selector *s, uint32_t value, uint32_t vreg)
{
	const struct ir_inst *constant = select_inst(s, value);
	if (ir_type_is_int(constant->type)) {
		bool is_64 = constant->type == IR_I64;
		struct x64_inst *inst =
			select_emit(s, X64_CONST, is_64 ? NB_FORM_MOV64_IMM : NB_FORM_MOV32_IMM);
		inst->imm = (int64_t)constant->imm;
		inst->reg = select_op_def(s, vreg);
	} else if (is_uniform(s, constant, 0)) {
		struct x64_inst *inst = select_emit(s, X64_FCONST, NB_FORM_XORPS);
		inst->flags = X64_ZERO;
		inst->reg = select_op_def(s, vreg);
	} else if (is_uniform(s, constant, 0xff)) {
		struct x64_inst *inst = select_emit(s, X64_FCONST, NB_FORM_PCMPEQD);
		inst->flags = X64_ONES;
		inst->reg = select_op_def(s, vreg);
	} else {
		int32_t at = (int32_t)select_pool_const(s, value);
		struct x64_inst *inst =
			select_emit(s, X64_FCONST, select_load_form(constant->type));
		inst->base = X64_BASE_POOL;
		inst->disp = at;
		inst->reg = select_op_def(s, vreg);
	}
	select_flag(s, RA_INST_REMAT);
}

/* Whether the load of a constant is worth a register: 10 bytes, or a memory access. */
static bool
is_dear(const struct selector *s, uint32_t value)
{
	const struct ir_inst *constant = select_inst(s, value);

	if (ir_type_is_int(constant->type))
		return constant->type == IR_I64 &&
		       (int64_t)constant->imm != (int32_t)constant->imm &&
		       constant->imm > UINT32_MAX;
	return !is_uniform(s, constant, 0) && !is_uniform(s, constant, 0xff);
}

/* The block before the outermost loop around the root in which the constant is better
 * made; IR_NONE if there is no loop, or the root runs rarely in it. */
static uint32_t
block_before(const struct selector *s)
{
	const struct ir_block *blocks = s->ir->blocks;
	const struct ir_block *here = &blocks[select_inst(s, s->root)->block];
	uint32_t best = IR_NONE;

	for (uint32_t loop = here->loop_header; loop != IR_NONE; loop = blocks[loop].outer_loop) {
		uint32_t before = blocks[loop].idom;

		if (before == IR_NONE || 2 * blocks[before].frequency > here->frequency)
			break;
		best = before;
	}
	return best;
}

uint32_t
select_const_make(struct selector *s, uint32_t value)
{
	uint32_t vreg = select_vreg_new(s, select_inst(s, value)->type);

	materialize(s, value, vreg);
	return vreg;
}

/* Enters the constant into the list of `block`; false without room. */
static bool
add_loop_const(struct selector *s, uint32_t value, uint32_t block)
{
	uint32_t at = s->loop_const_count;

	if (at == s->loop_const_cap) {
		uint32_t cap = at ? at * 2 : 16;
		void *grown = at < LOOP_CONSTS_MOST
				      ? arena_grow_array(s->arena, s->loop_consts, at, cap,
							 sizeof(*s->loop_consts), 8)
				      : NULL;

		if (!grown)
			return false;
		s->loop_consts = grown;
		s->loop_const_cap = cap;
	}
	s->loop_consts[at] = (struct select_loop_const){
		.value = value,
		.vreg = select_vreg_new(s, select_inst(s, value)->type),
		.block = block,
		.next = s->first_const[block],
	};
	s->loop_const_count++;
	s->first_const[block] = s->loop_const[value] = at + 1;
	return true;
}

uint32_t
select_const_use(struct selector *s, uint32_t value)
{
	uint32_t block = is_dear(s, value) ? block_before(s) : IR_NONE;
	uint32_t newest = s->loop_const[value];

	if (block == IR_NONE)
		return select_const_make(s, value);
	if (newest && s->loop_consts[newest - 1].block == block)
		return s->loop_consts[newest - 1].vreg;
	if (!add_loop_const(s, value, block))
		return select_const_make(s, value);
	return s->loop_consts[s->loop_const_count - 1].vreg;
}

uint32_t
select_loop_const_count(const struct selector *s, uint32_t block)
{
	uint32_t count = 0;

	for (uint32_t i = s->first_const[block]; i; i = s->loop_consts[i - 1].next)
		count++;
	return count;
}

void
select_loop_consts(struct selector *s, uint32_t block)
{
	for (uint32_t i = s->first_const[block]; i; i = s->loop_consts[i - 1].next)
		materialize(s, s->loop_consts[i - 1].value, s->loop_consts[i - 1].vreg);
}

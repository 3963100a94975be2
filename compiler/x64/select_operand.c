/*
 * Virtual registers, operands and the constant pool of instruction selection.
 */
#include "compiler/x64/select.h"

#include "lib/string.h"

uint32_t
select_vreg_new(struct selector *s, enum ir_type type)
{
	uint32_t vreg = s->vreg_count++;
	s->vreg_type[vreg] = (uint8_t)type;
	s->vreg_class[vreg] = ir_type_is_int(type) ? RA_GPR : RA_XMM;
	s->vreg_slots[vreg] = type == IR_V128 ? 2 : 1;
	return vreg;
}

uint32_t
select_def(struct selector *s, uint32_t value)
{
	if (s->vreg[value] == IR_NONE)
		s->vreg[value] = select_vreg_new(s, select_inst(s, value)->type);
	return s->vreg[value];
}

uint32_t
select_use(struct selector *s, uint32_t value)
{
	if (select_inst(s, value)->op == IR_CONST)
		return select_const_use(s, value);
	return select_def(s, value);
}

uint32_t
select_use_moved(struct selector *s, uint32_t value)
{
	if (select_inst(s, value)->op == IR_CONST)
		return select_const_make(s, value);
	return select_def(s, value);
}

uint32_t
select_read(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_low = inst->op == IR_EXTRACT && !ir_type_is_int(inst->type) &&
		      ir_vector_lane(inst) == 0 && s->vreg[value] == IR_NONE;
	return select_use(s, is_low ? inst->args[0] : value);
}

struct x64_inst *
select_emit(struct selector *s, enum x64_op op, enum nb_form form)
{
	uint32_t at = s->inst_count++;
	s->ra_insts[at] = (struct ra_inst){ .first_operand = s->operand_count };
	struct x64_inst *inst = &s->insts[at];
	*inst = (struct x64_inst){
		.form = (uint16_t)form,
		.op = (uint8_t)op,
		.reg = X64_NO_OPERAND,
		.rm = X64_NO_OPERAND,
		.index = X64_NO_OPERAND,
		.vvvv = X64_NO_OPERAND,
		.wasm_offset = select_inst(s, s->root)->wasm_offset,
	};
	return inst;
}

static uint8_t
add_operand(struct selector *s, struct ra_operand operand)
{
	s->operands[s->operand_count++] = operand;
	return (uint8_t)s->ra_insts[s->inst_count - 1].operand_count++;
}

uint8_t
select_op_use(struct selector *s, uint32_t vreg, enum ra_constraint constraint)
{
	return add_operand(s, (struct ra_operand){ .vreg = vreg,
						   .constraint = (uint8_t)constraint,
						   .role = RA_USE,
						   .time = RA_EARLY });
}

uint8_t
select_op_use_late(struct selector *s, uint32_t vreg)
{
	return add_operand(
		s, (struct ra_operand){
			   .vreg = vreg, .constraint = RA_REG, .role = RA_USE, .time = RA_LATE });
}

uint8_t
select_op_use_fixed(struct selector *s, uint32_t vreg, uint32_t reg)
{
	return add_operand(s, (struct ra_operand){ .vreg = vreg,
						   .constraint = RA_FIXED,
						   .role = RA_USE,
						   .time = RA_EARLY,
						   .detail = (uint8_t)reg });
}

uint8_t
select_op_def(struct selector *s, uint32_t vreg)
{
	return add_operand(
		s, (struct ra_operand){
			   .vreg = vreg, .constraint = RA_REG, .role = RA_DEF, .time = RA_LATE });
}

uint8_t
select_op_def_reuse(struct selector *s, uint32_t vreg, uint32_t operand)
{
	return add_operand(s, (struct ra_operand){ .vreg = vreg,
						   .constraint = RA_REUSE,
						   .role = RA_DEF,
						   .time = RA_LATE,
						   .detail = (uint8_t)operand });
}

uint8_t
select_def_over(struct selector *s, uint32_t vreg, uint32_t operand)
{
	return select_has_avx(s) ? select_op_def(s, vreg) : select_op_def_reuse(s, vreg, operand);
}

uint8_t
select_op_def_fixed(struct selector *s, uint32_t vreg, uint32_t reg)
{
	return add_operand(s, (struct ra_operand){ .vreg = vreg,
						   .constraint = RA_FIXED,
						   .role = RA_DEF,
						   .time = RA_LATE,
						   .detail = (uint8_t)reg });
}

uint8_t
select_op_scratch(struct selector *s, enum ir_type type)
{
	return add_operand(s, (struct ra_operand){ .vreg = select_vreg_new(s, type),
						   .constraint = RA_REG,
						   .role = RA_DEF,
						   .time = RA_EARLY });
}

void
select_clobber(struct selector *s, uint32_t gprs, uint32_t xmms)
{
	struct ra_inst *inst = &s->ra_insts[s->inst_count - 1];
	inst->clobbers[RA_GPR] |= (uint16_t)gprs;
	inst->clobbers[RA_XMM] |= (uint16_t)xmms;
}

void
select_flag(struct selector *s, enum ra_inst_flag flag)
{
	s->ra_insts[s->inst_count - 1].flags |= (uint16_t)flag;
}

void
select_op_source(struct selector *s, struct x64_inst *inst, const struct select_source *source,
		 enum ra_constraint constraint)
{
	inst->base = source->base;
	if (source->base == X64_BASE_NONE) {
		inst->rm = select_op_use(s, source->vreg, constraint);
		return;
	}
	inst->disp = source->disp;
	inst->memory = source->memory;
	if (source->trap) {
		inst->trap = source->trap;
		inst->wasm_offset = source->wasm_offset;
	}
	if (source->vreg != IR_NONE)
		inst->index = select_op_use(s, source->vreg, RA_REG);
}

bool
select_const(const struct selector *s, uint32_t value, int64_t *out)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op != IR_CONST || !ir_type_is_int(inst->type))
		return false;
	*out = inst->type == IR_I32 ? (int32_t)(uint32_t)inst->imm : (int64_t)inst->imm;
	return true;
}

bool
select_imm32(const struct selector *s, uint32_t value, int64_t *out)
{
	return select_const(s, value, out) && *out >= INT32_MIN && *out <= INT32_MAX;
}

/* --- constant pool -------------------------------------------------------- */

/* Vector constants among the newest ones are shared. */
static bool
find_in_pool(const struct selector *s, const void *bytes, uint32_t *out)
{
	enum { LOOK_BACK = 32 * 16 };
	uint32_t at = s->pool_size & ~15u;
	uint32_t end = at > LOOK_BACK ? at - LOOK_BACK : 0;
	while (at > end) {
		at -= 16;
		if (memcmp(s->pool + at, bytes, 16) == 0) {
			*out = at;
			return true;
		}
	}
	return false;
}

uint32_t
select_pool_add(struct selector *s, const void *bytes, uint32_t size)
{
	uint32_t at = (s->pool_size + size - 1) & ~(size - 1);
	if (size == 16 && find_in_pool(s, bytes, &at))
		return at;
	if (at + size > s->pool_cap) {
		uint32_t cap = s->pool_cap ? s->pool_cap * 2 : 128;
		uint8_t *grown = arena_grow_array(s->arena, s->pool, s->pool_cap, cap, 1, 16);
		if (!grown) {
			s->status = NB_OUT_OF_MEMORY;
			return 0;
		}
		s->pool = grown;
		s->pool_cap = cap;
	}
	memset(s->pool + s->pool_size, 0, at - s->pool_size);
	memcpy(s->pool + at, bytes, size);
	s->pool_size = at + size;
	return at;
}

uint32_t
select_pool_mask(struct selector *s, enum select_mask mask)
{
	static const uint64_t words[SELECT_MASK_COUNT] = {
		[SELECT_MASK_SIGN_F32] = 0x8000000080000000,
		[SELECT_MASK_SIGN_F64] = 0x8000000000000000,
		[SELECT_MASK_ABS_F32] = 0x7fffffff7fffffff,
		[SELECT_MASK_ABS_F64] = 0x7fffffffffffffff,
	};
	if (!s->masks[mask]) {
		uint64_t bytes[2] = { words[mask], words[mask] };
		s->masks[mask] = select_pool_add(s, bytes, sizeof(bytes)) + 1;
	}
	return s->masks[mask] - 1;
}

uint32_t
select_pool_const(struct selector *s, uint32_t value)
{
	if (!s->const_at[value]) {
		const struct ir_inst *inst = select_inst(s, value);
		uint64_t bits = inst->imm;
		uint32_t at = inst->type == IR_V128
				      ? select_pool_add(s, ir_const_vector(s->ir, inst)->bytes, 16)
				      : select_pool_add(s, &bits, ir_type_bits(inst->type) / 8);
		s->const_at[value] = at + 1;
	}
	return s->const_at[value] - 1;
}

struct select_source
select_source_reg(struct selector *s, uint32_t value)
{
	return (struct select_source){ .base = X64_BASE_NONE, .vreg = select_read(s, value) };
}

struct select_source
select_source_any(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op == IR_CONST && ir_type_is_float(inst->type))
		return (struct select_source){ .base = X64_BASE_POOL,
					       .vreg = IR_NONE,
					       .disp = (int32_t)select_pool_const(s, value) };
	if (inst->op == IR_LOAD && select_can_sink(s, value))
		return select_access(s, value);
	return select_source_reg(s, value);
}

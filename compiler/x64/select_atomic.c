/*
 * Selection of atomic operations: loads are plain, the rest are exchanges and
 * locked forms, which order everything.
 */
#include "compiler/x64/select.h"

/* log2 of the width in bytes. */
static uint32_t
width_of(const struct ir_inst *inst)
{
	return (uint32_t)(inst->imm >> IR_ACCESS_WIDTH_SHIFT) & 3;
}

void
select_atomic_load(struct selector *s, uint32_t value)
{
	static const uint16_t forms[] = { NB_FORM_MOVZX8, NB_FORM_MOVZX16, NB_FORM_MOV32,
					  NB_FORM_MOV64 };
	struct select_source source = select_access(s, value);
	select_unary_rm(s, value, forms[width_of(select_inst(s, value))], &source);
}

/* d = what was in memory, zero-extended from the width; `raw` holds it in its
 * low bits. */
static void
extend_old(struct selector *s, uint32_t value, uint32_t raw, uint32_t width)
{
	static const uint16_t forms[] = { NB_FORM_MOVZX8, NB_FORM_MOVZX16, NB_FORM_MOV32 };
	struct x64_inst *inst = select_emit(s, X64_FORM, forms[width]);
	inst->reg = select_op_def(s, s->vreg[value]);
	inst->rm = select_op_use(s, raw, RA_REG);
}

/* Whether the old value needs an instruction of its own to be extended. */
static bool
is_extended_apart(const struct selector *s, uint32_t value, uint32_t width, uint32_t least)
{
	return s->vreg[value] != IR_NONE && width < least;
}

/* Operand `by` goes to memory, the old value comes in its register. */
static void
exchange(struct selector *s, uint32_t value, uint32_t by, enum nb_form form)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t width = width_of(inst);
	bool is_apart = is_extended_apart(s, value, width, 2);
	struct select_source place = select_access(s, value);
	uint32_t raw = s->vreg[value];
	if (is_apart || raw == IR_NONE)
		raw = select_vreg_new(s, width == 3 ? IR_I64 : IR_I32);
	struct x64_inst *out = select_emit(s, X64_FORM, form);
	out->reg = select_op_def_reuse(s, raw, 1);
	select_op_use(s, by, RA_REG);
	select_op_source(s, out, &place, RA_REG);
	if (is_apart)
		extend_old(s, value, raw, width);
}

void
select_atomic_store(struct selector *s, uint32_t value)
{
	static const uint16_t forms[] = { NB_FORM_XCHG8_STORE, NB_FORM_XCHG16_STORE,
					  NB_FORM_XCHG32_STORE, NB_FORM_XCHG64_STORE };
	const struct ir_inst *inst = select_inst(s, value);
	exchange(s, value, select_use(s, inst->args[1]), forms[width_of(inst)]);
}

/* The operand of an addition: of a subtraction, its negative. */
static uint32_t
addend(struct selector *s, const struct ir_inst *inst, bool is_negative)
{
	if (!is_negative)
		return select_use(s, inst->args[1]);
	bool is_64 = inst->type == IR_I64;
	uint32_t from = select_use(s, inst->args[1]);
	uint32_t to = select_vreg_new(s, inst->type);
	struct x64_inst *neg = select_emit(s, X64_FORM, is_64 ? NB_FORM_NEG64 : NB_FORM_NEG32);
	neg->rm = select_op_def_reuse(s, to, 1);
	select_op_use(s, from, RA_REG);
	return to;
}

/* Nobody wants the old value. */
static void
operate(struct selector *s, uint32_t value)
{
	static const uint16_t forms[][4] = {
		[IR_ATOMIC_ADD] = { NB_FORM_LOCK_ADD8, NB_FORM_LOCK_ADD16, NB_FORM_LOCK_ADD32,
				    NB_FORM_LOCK_ADD64 },
		[IR_ATOMIC_SUB] = { NB_FORM_LOCK_SUB8, NB_FORM_LOCK_SUB16, NB_FORM_LOCK_SUB32,
				    NB_FORM_LOCK_SUB64 },
		[IR_ATOMIC_AND] = { NB_FORM_LOCK_AND8, NB_FORM_LOCK_AND16, NB_FORM_LOCK_AND32,
				    NB_FORM_LOCK_AND64 },
		[IR_ATOMIC_OR] = { NB_FORM_LOCK_OR8, NB_FORM_LOCK_OR16, NB_FORM_LOCK_OR32,
				   NB_FORM_LOCK_OR64 },
		[IR_ATOMIC_XOR] = { NB_FORM_LOCK_XOR8, NB_FORM_LOCK_XOR16, NB_FORM_LOCK_XOR32,
				    NB_FORM_LOCK_XOR64 },
	};
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t by = select_use(s, inst->args[1]);
	struct select_source place = select_access(s, value);
	struct x64_inst *out =
		select_emit(s, X64_FORM, forms[ir_atomic_operation(inst)][width_of(inst)]);
	out->reg = select_op_use(s, by, RA_REG);
	select_op_source(s, out, &place, RA_REG);
}

/* and, or, xor have no form that gives the old value. */
static void
loop(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	enum ir_atomic operation = ir_atomic_operation(inst);
	uint32_t width = width_of(inst);
	bool is_64 = width == 3;
	enum nb_form form = is_64 ? NB_FORM_XOR64 : NB_FORM_XOR32;
	if (operation == IR_ATOMIC_AND)
		form = is_64 ? NB_FORM_AND64 : NB_FORM_AND32;
	else if (operation == IR_ATOMIC_OR)
		form = is_64 ? NB_FORM_OR64 : NB_FORM_OR32;
	uint32_t by = select_use(s, inst->args[1]);
	struct select_source place = select_access(s, value);
	struct x64_inst *out = select_emit(s, X64_ATOMIC_LOOP, form);
	out->scale = (uint8_t)width;
	select_op_def_fixed(s, s->vreg[value], NB_RAX);
	select_op_use_late(s, by);
	select_op_scratch(s, IR_I64);
	uint32_t index = place.vreg;
	place.vreg = IR_NONE;
	select_op_source(s, out, &place, RA_REG);
	if (index != IR_NONE)
		out->index = select_op_use_late(s, index);
	select_clobber(s, 1u << NB_RAX, 0);
}

void
select_atomic_rmw(struct selector *s, uint32_t value)
{
	static const uint16_t xadds[] = { NB_FORM_LOCK_XADD8, NB_FORM_LOCK_XADD16,
					  NB_FORM_LOCK_XADD32, NB_FORM_LOCK_XADD64 };
	const struct ir_inst *inst = select_inst(s, value);
	enum ir_atomic operation = ir_atomic_operation(inst);
	if (operation == IR_ATOMIC_EXCHANGE) {
		select_atomic_store(s, value);
	} else if (s->vreg[value] == IR_NONE) {
		operate(s, value);
	} else if (operation == IR_ATOMIC_ADD || operation == IR_ATOMIC_SUB) {
		exchange(s, value, addend(s, inst, operation == IR_ATOMIC_SUB),
			 xadds[width_of(inst)]);
	} else {
		loop(s, value);
	}
}

void
select_atomic_cmpxchg(struct selector *s, uint32_t value)
{
	static const uint16_t forms[] = { NB_FORM_LOCK_CMPXCHG8, NB_FORM_LOCK_CMPXCHG16,
					  NB_FORM_LOCK_CMPXCHG32, NB_FORM_LOCK_CMPXCHG64 };
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t width = width_of(inst);
	/* After a success of the 32-bit form the upper half is what it was. */
	bool is_apart = is_extended_apart(s, value, width, inst->type == IR_I64 ? 3 : 2);
	uint32_t expected = select_use(s, inst->args[1]);
	uint32_t replacement = select_use(s, inst->args[2]);
	struct select_source place = select_access(s, value);
	uint32_t raw = s->vreg[value];
	if (is_apart || raw == IR_NONE)
		raw = select_vreg_new(s, width == 3 ? IR_I64 : IR_I32);
	struct x64_inst *out = select_emit(s, X64_FORM, forms[width]);
	select_op_def_fixed(s, raw, NB_RAX);
	select_op_use_fixed(s, expected, NB_RAX);
	out->reg = select_op_use(s, replacement, RA_REG);
	select_op_source(s, out, &place, RA_REG);
	if (is_apart)
		extend_old(s, value, raw, width);
}

void
select_atomic_fence(struct selector *s, uint32_t value)
{
	(void)value;
	select_emit(s, X64_FENCE, NB_FORM_MFENCE);
}

/*
 * Selection of integer operations.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"

/* Forms of the two-operand operations: [64 bit][register, store, immediate]. */
struct alu_forms {
	uint16_t forms[2][3];
};

#define ALU_FORMS(name)                                                                           \
	{                                                                                         \
		{                                                                                 \
			{ NB_FORM_##name##32, NB_FORM_##name##32_STORE, NB_FORM_##name##32_IMM }, \
				{ NB_FORM_##name##64, NB_FORM_##name##64_STORE,                   \
				  NB_FORM_##name##64_IMM },                                       \
		}                                                                                 \
	}

static const struct alu_forms *
alu_forms_of(uint32_t op)
{
	static const struct alu_forms add = ALU_FORMS(ADD), sub = ALU_FORMS(SUB),
				      and_ = ALU_FORMS(AND), or_ = ALU_FORMS(OR),
				      xor_ = ALU_FORMS(XOR);
	switch (op) {
	case IR_ADD:
		return &add;
	case IR_SUB:
		return &sub;
	case IR_AND:
		return &and_;
	case IR_OR:
		return &or_;
	case IR_XOR:
		return &xor_;
	default:
		return NULL;
	}
}

enum nb_form
select_alu_store_form(uint32_t op, bool is_64, bool is_imm)
{
	const struct alu_forms *forms = alu_forms_of(op);
	return forms ? forms->forms[is_64][is_imm ? 2 : 1] : NB_FORM_COUNT;
}

void
select_unary_rm(struct selector *s, uint32_t value, enum nb_form form,
		const struct select_source *source)
{
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->reg = select_op_def(s, select_def(s, value));
	select_op_source(s, inst, source, RA_ANY);
}

/* d = a op imm, in place: the register is both d and a. */
static struct x64_inst *
emit_in_place(struct selector *s, uint32_t value, uint32_t vreg, enum nb_form form)
{
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->rm = select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, vreg, RA_REG);
	return inst;
}

void
select_two_operand(struct selector *s, uint32_t value, uint32_t a, enum nb_form form,
		   const struct select_source *source)
{
	bool commutes = ir_op_info(select_inst(s, value)->op)->flags & IR_OP_COMMUTES &&
			source->base == X64_BASE_NONE;
	struct x64_inst *inst = select_emit(s, commutes ? X64_COMMUTE : X64_FORM, form);
	inst->reg = select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, a, RA_REG);
	select_op_source(s, inst, source, RA_ANY);
	if (commutes)
		select_flag(s, RA_INST_COMMUTE);
}

/* --- addition ------------------------------------------------------------- */

static void
emit_add_imm(struct selector *s, uint32_t value, uint32_t vreg, int64_t imm)
{
	bool is_64 = select_is_64(s, value);
	struct x64_inst *inst =
		select_emit(s, X64_ADD_IMM, is_64 ? NB_FORM_ADD64_IMM : NB_FORM_ADD32_IMM);
	inst->imm = imm;
	inst->reg = select_op_def(s, select_def(s, value));
	inst->rm = select_op_use(s, vreg, RA_REG);
	select_flag(s, RA_INST_SAME);
}

void
select_lea(struct selector *s, uint32_t value, uint32_t base, uint32_t index, uint32_t scale,
	   int64_t disp)
{
	struct x64_inst *inst =
		select_emit(s, X64_FORM, select_is_64(s, value) ? NB_FORM_LEA64 : NB_FORM_LEA32);
	inst->base = X64_BASE_ADDRESS;
	inst->scale = (uint8_t)scale;
	inst->disp = (int32_t)disp;
	inst->reg = select_op_def(s, select_def(s, value));
	inst->rm = select_op_use(s, base, RA_REG);
	inst->index = select_op_use(s, index, RA_REG);
}

/* Whether `value` is x << 1..3 that nobody else needs. */
static bool
is_scaled(const struct selector *s, uint32_t value, int64_t *scale)
{
	const struct ir_inst *inst = select_inst(s, value);
	return inst->op == IR_SHL && select_is_single_use(s, value) &&
	       select_const(s, inst->args[1], scale) && *scale >= 1 && *scale <= 3 &&
	       select_inst(s, inst->args[0])->op != IR_CONST;
}

/* x + (y << k), (x + y) + imm as one lea. */
static bool
add_by_lea(struct selector *s, uint32_t value, uint32_t a, uint32_t b)
{
	int64_t scale, imm;
	if (select_imm32(s, b, &imm)) {
		const struct ir_inst *inner = select_inst(s, a);
		if (inner->op != IR_ADD || !select_is_single_use(s, a) ||
		    select_inst(s, inner->args[1])->op == IR_CONST ||
		    select_inst(s, inner->args[0])->op == IR_CONST)
			return false;
		uint32_t base = inner->args[0], index = inner->args[1];
		if (is_scaled(s, base, &scale)) {
			base = inner->args[1];
			index = inner->args[0];
		}
		if (is_scaled(s, index, &scale))
			index = select_inst(s, index)->args[0];
		else
			scale = 0;
		uint32_t base_vreg = select_use(s, base);
		select_lea(s, value, base_vreg, select_use(s, index), (uint32_t)scale, imm);
		return true;
	}
	if (is_scaled(s, a, &scale)) {
		uint32_t swap = a;
		a = b;
		b = swap;
	} else if (!is_scaled(s, b, &scale)) {
		return false;
	}
	uint32_t base = select_use(s, a);
	select_lea(s, value, base, select_use(s, select_inst(s, b)->args[0]), (uint32_t)scale, 0);
	return true;
}

static void
select_add(struct selector *s, uint32_t value, uint32_t a, uint32_t b)
{
	int64_t imm;
	if (add_by_lea(s, value, a, b))
		return;
	if (select_imm32(s, b, &imm)) {
		emit_add_imm(s, value, select_use(s, a), imm);
		return;
	}
	bool is_64 = select_is_64(s, value);
	enum nb_form form = is_64 ? NB_FORM_ADD64 : NB_FORM_ADD32;
	struct select_source source = select_source_any(s, b);
	uint32_t vreg = select_use(s, a);
	if (source.base != X64_BASE_NONE) {
		select_two_operand(s, value, vreg, form, &source);
		return;
	}
	struct x64_inst *inst = select_emit(s, X64_ADD, form);
	inst->reg = select_op_def(s, select_def(s, value));
	select_op_use(s, vreg, RA_REG);
	inst->rm = select_op_use(s, source.vreg, RA_REG);
	select_flag(s, RA_INST_SAME);
	select_flag(s, RA_INST_COMMUTE);
}

/* --- and, or, xor --------------------------------------------------------- */

/* and with a constant that has a shorter or copying form. */
static bool
and_constant(struct selector *s, uint32_t value, uint32_t a, int64_t imm)
{
	bool is_64 = select_is_64(s, value);
	struct select_source source;
	if (imm == 0xff || imm == 0xffff) {
		source = select_source_reg(s, a);
		select_unary_rm(s, value, imm == 0xff ? NB_FORM_MOVZX8 : NB_FORM_MOVZX16, &source);
		return true;
	}
	if (!is_64 || imm < 0 || imm > UINT32_MAX)
		return false;
	if (imm == UINT32_MAX) {
		source = select_source_reg(s, a);
		select_unary_rm(s, value, NB_FORM_MOV32, &source);
		return true;
	}
	emit_in_place(s, value, select_use(s, a), NB_FORM_AND32_IMM)->imm = (int32_t)(uint32_t)imm;
	return true;
}

/* ~a & b where the processor has it. */
static bool
and_not(struct selector *s, uint32_t value, uint32_t a, uint32_t b)
{
	const struct ir_inst *inverted = select_inst(s, a);
	int64_t ones;
	if (!(s->context->options->cpu_features & NB_CPU_BMI1) || inverted->op != IR_XOR ||
	    !select_is_single_use(s, a) || !select_const(s, inverted->args[1], &ones) || ones != -1)
		return false;
	uint32_t first = select_use(s, inverted->args[0]);
	struct select_source source = select_source_any(s, b);
	struct x64_inst *inst =
		select_emit(s, X64_FORM, select_is_64(s, value) ? NB_FORM_ANDN64 : NB_FORM_ANDN32);
	inst->reg = select_op_def(s, select_def(s, value));
	inst->vvvv = select_op_use(s, first, RA_REG);
	select_op_source(s, inst, &source, RA_ANY);
	return true;
}

void
select_binary(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	uint32_t a = inst->args[0], b = inst->args[1];
	int64_t imm;
	if (inst->op == IR_ADD && select_carry(s, value))
		return;
	if (select_inst(s, a)->op == IR_CONST ||
	    (select_inst(s, a)->op == IR_LOAD && select_can_sink(s, a) &&
	     !(select_inst(s, b)->op == IR_CONST))) {
		uint32_t swap = a;
		a = b;
		b = swap;
	}
	if (inst->op == IR_ADD) {
		select_add(s, value, a, b);
		return;
	}
	if (inst->op == IR_AND && select_const(s, b, &imm) && and_constant(s, value, a, imm))
		return;
	if (inst->op == IR_AND && (and_not(s, value, a, b) || and_not(s, value, b, a)))
		return;
	if (select_imm32(s, b, &imm)) {
		uint32_t vreg = select_use(s, a);
		if (inst->op == IR_XOR && imm == -1) {
			emit_in_place(s, value, vreg, is_64 ? NB_FORM_NOT64 : NB_FORM_NOT32);
			return;
		}
		enum nb_form form = alu_forms_of(inst->op)->forms[is_64][2];
		emit_in_place(s, value, vreg, form)->imm = imm;
		return;
	}
	struct select_source source = select_source_any(s, b);
	select_two_operand(s, value, select_use(s, a), alu_forms_of(inst->op)->forms[is_64][0],
			   &source);
}

void
select_sub(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	int64_t imm;
	if (select_carry(s, value))
		return;
	if (select_imm32(s, inst->args[1], &imm)) {
		uint32_t vreg = select_use(s, inst->args[0]);
		if (imm != INT32_MIN)
			emit_add_imm(s, value, vreg, -imm);
		else
			emit_in_place(s, value, vreg, is_64 ? NB_FORM_SUB64_IMM : NB_FORM_SUB32_IMM)
				->imm = imm;
		return;
	}
	if (select_const(s, inst->args[0], &imm) && imm == 0) {
		emit_in_place(s, value, select_use(s, inst->args[1]),
			      is_64 ? NB_FORM_NEG64 : NB_FORM_NEG32);
		return;
	}
	struct select_source source = select_source_any(s, inst->args[1]);
	select_two_operand(s, value, select_use(s, inst->args[0]),
			   is_64 ? NB_FORM_SUB64 : NB_FORM_SUB32, &source);
}

/* --- division -------------------------------------------------------------- */

/* Whether a division by `divisor` can neither trap nor hit the one overflow. */
static bool
is_safe_divisor(const struct selector *s, uint32_t divisor)
{
	int64_t imm;
	return select_const(s, divisor, &imm) && imm != 0 && imm != -1;
}

void
select_divide(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	bool is_signed = inst->op == IR_DIV_S || inst->op == IR_REM_S;
	bool is_rem = inst->op == IR_REM_S || inst->op == IR_REM_U;
	enum nb_form form = is_64 ? NB_FORM_DIV64 : NB_FORM_DIV32;
	if (is_signed)
		form = is_64 ? NB_FORM_IDIV64 : NB_FORM_IDIV32;
	uint32_t a = select_use(s, inst->args[0]);
	uint32_t b = select_use(s, inst->args[1]);
	struct x64_inst *div = select_emit(s, X64_DIVIDE, form);
	if (is_signed)
		div->cc = is_rem ? X64_REM_S : X64_DIV_S;
	else
		div->cc = is_rem ? X64_REM_U : X64_DIV_U;
	if (inst->flags & IR_NO_TRAP || is_safe_divisor(s, inst->args[1]))
		div->flags = X64_NO_CHECK;
	/* IR_NO_TRAP of a remainder says nothing about a divisor of -1. */
	if (div->cc == X64_REM_S && !is_safe_divisor(s, inst->args[1]))
		div->flags = 0;
	div->trap = NB_TRAP_INTEGER_DIVIDE_BY_ZERO;
	select_op_def_fixed(s, select_def(s, value), is_rem ? NB_RDX : NB_RAX);
	select_op_use_fixed(s, a, NB_RAX);
	div->rm = select_op_use_late(s, b);
	select_clobber(s, is_rem ? 1 << NB_RAX : 1 << NB_RDX, 0);
}

/* --- shifts and bits ------------------------------------------------------ */

struct shift_forms {
	uint16_t one[2], imm[2], cl[2], vex[2];
};

#define SHIFT_FORMS(name, vex32, vex64)                                                     \
	{                                                                                   \
		{ NB_FORM_##name##32_1, NB_FORM_##name##64_1 },                             \
			{ NB_FORM_##name##32_IMM, NB_FORM_##name##64_IMM },                 \
			{ NB_FORM_##name##32_CL, NB_FORM_##name##64_CL }, { vex32, vex64 }, \
	}

static const struct shift_forms *
shift_forms_of(uint32_t op)
{
	static const struct shift_forms shl = SHIFT_FORMS(SHL, NB_FORM_SHLX32, NB_FORM_SHLX64),
					shr = SHIFT_FORMS(SHR, NB_FORM_SHRX32, NB_FORM_SHRX64),
					sar = SHIFT_FORMS(SAR, NB_FORM_SARX32, NB_FORM_SARX64),
					rol = SHIFT_FORMS(ROL, NB_FORM_COUNT, NB_FORM_COUNT),
					ror = SHIFT_FORMS(ROR, NB_FORM_COUNT, NB_FORM_COUNT);
	switch (op) {
	case IR_SHL:
		return &shl;
	case IR_SHR_U:
		return &shr;
	case IR_SHR_S:
		return &sar;
	case IR_ROTL:
		return &rol;
	default:
		return &ror;
	}
}

static void
shift_by_constant(struct selector *s, uint32_t value, uint32_t count)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	const struct shift_forms *forms = shift_forms_of(inst->op);
	bool is_rotate = inst->op == IR_ROTL || inst->op == IR_ROTR;
	if (is_rotate && s->context->options->cpu_features & NB_CPU_BMI2) {
		struct select_source source = select_source_any(s, inst->args[0]);
		select_unary_rm(s, value, is_64 ? NB_FORM_RORX64 : NB_FORM_RORX32, &source);
		uint32_t width = is_64 ? 64 : 32;
		s->insts[s->inst_count - 1].imm =
			inst->op == IR_ROTR ? count : (width - count) & (width - 1);
		return;
	}
	uint32_t vreg = select_use(s, inst->args[0]);
	if (inst->op == IR_SHL && count >= 1 && count <= 3) {
		struct x64_inst *shl = select_emit(s, X64_SHL_IMM, forms->imm[is_64]);
		shl->imm = count;
		shl->reg = select_op_def(s, select_def(s, value));
		shl->rm = select_op_use(s, vreg, RA_REG);
		select_flag(s, RA_INST_SAME);
		return;
	}
	if (count == 1)
		emit_in_place(s, value, vreg, forms->one[is_64]);
	else
		emit_in_place(s, value, vreg, forms->imm[is_64])->imm = count;
}

/* The count without a mask that the instruction applies anyway. */
static uint32_t
strip_count_mask(const struct selector *s, uint32_t count, uint32_t width)
{
	const struct ir_inst *inst = select_inst(s, count);
	int64_t mask;
	if (inst->op == IR_AND && select_const(s, inst->args[1], &mask) &&
	    (mask & (width - 1)) == width - 1)
		return inst->args[0];
	return count;
}

void
select_shift(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	uint32_t width = is_64 ? 64 : 32;
	int64_t imm;
	if (select_const(s, inst->args[1], &imm)) {
		shift_by_constant(s, value, (uint32_t)imm & (width - 1));
		return;
	}
	const struct shift_forms *forms = shift_forms_of(inst->op);
	uint32_t count = strip_count_mask(s, inst->args[1], width);
	if (forms->vex[0] != NB_FORM_COUNT && s->context->options->cpu_features & NB_CPU_BMI2) {
		uint32_t by = select_use(s, count);
		struct select_source source = select_source_any(s, inst->args[0]);
		select_unary_rm(s, value, forms->vex[is_64], &source);
		uint8_t operand = select_op_use(s, by, RA_REG);
		s->insts[s->inst_count - 1].vvvv = operand;
		return;
	}
	uint32_t vreg = select_use(s, inst->args[0]);
	uint32_t by = select_use(s, count);
	struct x64_inst *shift = select_emit(s, X64_SHIFT_CL, forms->cl[is_64]);
	shift->rm = select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, vreg, RA_REG);
	select_op_use_fixed(s, by, NB_RCX);
}

void
select_bit_count(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	uint32_t features = s->context->options->cpu_features;
	enum x64_op op = X64_FORM;
	enum nb_form form = is_64 ? NB_FORM_POPCNT64 : NB_FORM_POPCNT32;
	if (inst->op == IR_CLZ && features & NB_CPU_LZCNT) {
		form = is_64 ? NB_FORM_LZCNT64 : NB_FORM_LZCNT32;
	} else if (inst->op == IR_CLZ) {
		op = X64_CLZ;
		form = is_64 ? NB_FORM_BSR64 : NB_FORM_BSR32;
	} else if (inst->op == IR_CTZ && features & NB_CPU_BMI1) {
		form = is_64 ? NB_FORM_TZCNT64 : NB_FORM_TZCNT32;
	} else if (inst->op == IR_CTZ) {
		op = X64_CTZ;
		form = is_64 ? NB_FORM_BSF64 : NB_FORM_BSF32;
	}
	struct select_source source = select_source_any(s, inst->args[0]);
	select_unary_rm(s, value, form, &source);
	s->insts[s->inst_count - 1].op = (uint8_t)op;
}

/* --- extensions ----------------------------------------------------------- */

void
select_extend(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_64 = inst->type == IR_I64;
	enum nb_form form = NB_FORM_MOVSXD;
	if (inst->op == IR_EXTEND8_S)
		form = is_64 ? NB_FORM_MOVSX8_64 : NB_FORM_MOVSX8_32;
	else if (inst->op == IR_EXTEND16_S)
		form = is_64 ? NB_FORM_MOVSX16_64 : NB_FORM_MOVSX16_32;
	if (inst->op != IR_WRAP && inst->op != IR_EXTEND_U) {
		struct select_source source = inst->op == IR_EXTEND_S
						      ? select_source_any(s, inst->args[0])
						      : select_source_reg(s, inst->args[0]);
		select_unary_rm(s, value, form, &source);
		return;
	}
	/* A wrapped load keeps its width: its last bytes may lie out of bounds. */
	struct select_source source = inst->op == IR_EXTEND_U ? select_source_any(s, inst->args[0])
							      : select_source_reg(s, inst->args[0]);
	if (source.base != X64_BASE_NONE) {
		select_unary_rm(s, value, NB_FORM_MOV32, &source);
		return;
	}
	struct x64_inst *move = select_emit(s, X64_MOVE, NB_FORM_MOV32);
	move->reg = select_op_def(s, select_def(s, value));
	move->rm = select_op_use(s, source.vreg, RA_ANY);
	if (inst->op == IR_EXTEND_U || s->marks[value] & SELECT_ADDRESS)
		move->flags = X64_KEEP;
	select_flag(s, RA_INST_MOVE);
}

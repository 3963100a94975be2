/*
 * Selection of operations on single lanes: splats, extraction, replacement, and
 * the loads and stores of lanes.
 *
 * A scalar load that only fills a lane becomes the memory operand of what fills
 * it; a lane that is only stored is stored from where it is.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"

static struct select_source
source_of_vreg(uint32_t vreg)
{
	return (struct select_source){ .base = X64_BASE_NONE, .vreg = vreg };
}

/* A fresh register with `form` of source. */
static uint32_t
step(struct selector *s, enum nb_form form, const struct select_source *source, int64_t imm)
{
	uint32_t d = select_vreg_new(s, IR_V128);
	select_sse_unary(s, form, d, source)->imm = imm;
	return d;
}

/* A fresh vector of zeros. */
static uint32_t
zero_vector(struct selector *s)
{
	uint32_t d = select_vreg_new(s, IR_V128);
	struct x64_inst *inst = select_emit(s, X64_FCONST, NB_FORM_XORPS);
	inst->flags = X64_ZERO;
	inst->reg = select_op_def(s, d);
	select_flag(s, RA_INST_REMAT);
	return d;
}

/* A scalar that is a lane of `bytes` bytes, as an r/m operand of that width. */
static struct select_source
lane_source(struct selector *s, uint32_t value, uint32_t bytes)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_load = inst->op >= IR_LOAD && inst->op <= IR_LOAD32_U;
	if (is_load && ir_access_bytes(s->ir, inst) == bytes && select_can_sink(s, value))
		return select_access(s, value);
	return select_source_reg(s, value);
}

/* --- splats --------------------------------------------------------------- */

/* All lanes of value = lane 0 of vector `from`. */
static void
splat_lane(struct selector *s, uint32_t value, uint32_t shape, uint32_t from)
{
	uint32_t d = select_def(s, value);
	struct select_source source = source_of_vreg(from);
	switch (shape) {
	case IR_SHAPE_I8X16: {
		struct select_source zero = source_of_vreg(zero_vector(s));
		select_sse(s, NB_FORM_PSHUFB, d, from, &zero, SELECT_ORDERED);
		break;
	}
	case IR_SHAPE_I16X8:
		source = source_of_vreg(step(s, NB_FORM_PSHUFLW, &source, 0));
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source);
		break;
	case IR_SHAPE_F32X4:
		if (select_has_avx(s)) {
			select_sse(s, NB_FORM_SHUFPS, d, from, &source, SELECT_ORDERED);
			break;
		}
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source);
		break;
	case IR_SHAPE_I64X2:
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source)->imm = 0x44;
		break;
	case IR_SHAPE_F64X2:
		select_sse_unary(s, NB_FORM_MOVDDUP, d, &source);
		break;
	default:
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source);
		break;
	}
}

/* Every lane of value = what is at `place` in memory. */
static void
splat_memory(struct selector *s, uint32_t value, uint32_t bytes, const struct select_source *place)
{
	uint32_t vreg;
	if (bytes == 8) {
		select_sse_unary(s, NB_FORM_MOVDDUP, select_def(s, value), place);
	} else if (bytes == 4 && select_has_avx(s)) {
		select_sse_unary(s, NB_FORM_VBROADCASTSS, select_def(s, value), place);
	} else if (bytes == 4) {
		vreg = step(s, NB_FORM_MOVSS, place, 0);
		splat_lane(s, value, IR_SHAPE_I32X4, vreg);
	} else {
		vreg = select_vreg_new(s, IR_I32);
		struct x64_inst *load =
			select_emit(s, X64_FORM, bytes == 1 ? NB_FORM_MOVZX8 : NB_FORM_MOVZX16);
		load->reg = select_op_def(s, vreg);
		select_op_source(s, load, place, RA_REG);
		struct select_source loaded = source_of_vreg(vreg);
		vreg = step(s, NB_FORM_MOVD_FROM_GPR, &loaded, 0);
		splat_lane(s, value, bytes == 1 ? IR_SHAPE_I8X16 : IR_SHAPE_I16X8, vreg);
	}
}

void
select_splat(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t shape = ir_vector_info(inst)->shape;
	struct select_source source = lane_source(s, inst->args[0], 1u << ir_shape_width(shape));
	if (source.base != X64_BASE_NONE) {
		splat_memory(s, value, 1u << ir_shape_width(shape), &source);
		return;
	}
	uint32_t vreg = source.vreg;
	if (ir_type_is_int(ir_shape_scalar(shape)))
		vreg = step(s,
			    shape == IR_SHAPE_I64X2 ? NB_FORM_MOVQ_FROM_GPR : NB_FORM_MOVD_FROM_GPR,
			    &source, 0);
	splat_lane(s, value, shape, vreg);
}

/* --- extraction ----------------------------------------------------------- */

/* The lowest lane of a float vector is there already. */
static void
extract_float(struct selector *s, uint32_t value, const struct ir_inst *inst, uint32_t lane)
{
	struct select_source source = select_source_reg(s, inst->args[0]);
	uint32_t d = select_def(s, value);
	if (lane == 0) {
		struct x64_inst *move = select_emit(s, X64_MOVE, NB_FORM_MOVAPS);
		move->reg = select_op_def(s, d);
		move->rm = select_op_use(s, source.vreg, RA_REG);
		select_flag(s, RA_INST_MOVE);
	} else if (inst->type == IR_F32 && select_has_avx(s)) {
		select_sse(s, NB_FORM_SHUFPS, d, source.vreg, &source, SELECT_ORDERED)->imm = lane;
	} else if (inst->type == IR_F32) {
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source)->imm = lane;
	} else if (select_has_avx(s)) {
		select_sse(s, NB_FORM_MOVHLPS, d, source.vreg, &source, SELECT_ORDERED);
	} else {
		select_sse_unary(s, NB_FORM_PSHUFD, d, &source)->imm = 0xee;
	}
}

static enum nb_form
extract_form(uint32_t shape)
{
	switch (shape) {
	case IR_SHAPE_I8X16:
		return NB_FORM_PEXTRB;
	case IR_SHAPE_I16X8:
		return NB_FORM_PEXTRW;
	case IR_SHAPE_I64X2:
		return NB_FORM_PEXTRQ;
	default:
		return NB_FORM_PEXTRD;
	}
}

void
select_extract(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t shape = ir_vector_info(inst)->shape, lane = ir_vector_lane(inst);
	if (!ir_type_is_int(inst->type)) {
		extract_float(s, value, inst, lane);
		return;
	}
	enum nb_form form = extract_form(shape);
	if (lane == 0 && form == NB_FORM_PEXTRD)
		form = NB_FORM_MOVD_TO_GPR;
	if (lane == 0 && form == NB_FORM_PEXTRQ)
		form = NB_FORM_MOVQ_TO_GPR;
	uint32_t vreg = select_use(s, inst->args[0]);
	struct x64_inst *out = select_emit(s, X64_FORM, form);
	out->rm = select_op_def(s, select_def(s, value));
	out->reg = select_op_use(s, vreg, RA_REG);
	out->imm = lane;
}

/* The store form of a lane; lane 0 of 4 and 8 bytes has shorter ones. */
static enum nb_form
lane_store_form(uint32_t shape, uint32_t lane)
{
	switch (shape) {
	case IR_SHAPE_I64X2:
	case IR_SHAPE_F64X2:
		return lane == 0 ? NB_FORM_MOVSD_STORE : NB_FORM_MOVHPS_STORE;
	case IR_SHAPE_F32X4:
		return lane == 0 ? NB_FORM_MOVSS_STORE : NB_FORM_EXTRACTPS;
	case IR_SHAPE_I32X4:
		return lane == 0 ? NB_FORM_MOVSS_STORE : NB_FORM_PEXTRD;
	default:
		return extract_form(shape);
	}
}

bool
select_lane_store(struct selector *s, uint32_t value, uint32_t stored)
{
	const struct ir_inst *store = select_inst(s, value);
	const struct ir_inst *extract = select_inst(s, stored);
	if (extract->op != IR_EXTRACT || !select_is_single_use(s, stored) ||
	    s->vreg[stored] != IR_NONE)
		return false;
	uint32_t shape = ir_vector_info(extract)->shape, lane = ir_vector_lane(extract);
	if (ir_access_bytes(s->ir, store) != 1u << ir_shape_width(shape))
		return false;
	uint32_t vreg = select_use(s, extract->args[0]);
	enum nb_form form = lane_store_form(shape, lane);
	struct select_source place = select_access(s, value);
	struct x64_inst *out = select_emit(s, X64_FORM, form);
	if (x64_form_info(form)->imm != NB_IMM_NONE)
		out->imm = lane;
	out->reg = select_op_use(s, vreg, RA_REG);
	select_op_source(s, out, &place, RA_REG);
	return true;
}

/* --- replacement ---------------------------------------------------------- */

/* Lane 0 of zeros: a move that clears the rest. */
static bool
replace_in_zero(struct selector *s, uint32_t value, uint32_t shape, uint32_t lane)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t bytes = 1u << ir_shape_width(shape);
	if (lane != 0 || bytes < 4 || !select_is_zero_vector(s, inst->args[0]))
		return false;
	struct select_source source = lane_source(s, inst->args[1], bytes);
	bool is_int = ir_type_is_int(ir_shape_scalar(shape));
	uint32_t d = select_def(s, value);
	if (source.base != X64_BASE_NONE) {
		select_sse_unary(s, bytes == 4 ? NB_FORM_MOVSS : NB_FORM_MOVSD, d, &source);
	} else if (is_int) {
		select_sse_unary(s, bytes == 4 ? NB_FORM_MOVD_FROM_GPR : NB_FORM_MOVQ_FROM_GPR, d,
				 &source);
	} else if (bytes == 8) {
		select_sse_unary(s, NB_FORM_MOVQ, d, &source);
	} else {
		/* Lane 0 into lane 0, the others cleared. */
		struct x64_inst *out = select_emit(s, X64_FORM, NB_FORM_INSERTPS);
		out->imm = 0x0e;
		out->reg = select_def_over(s, d, 1);
		out->rm = out->vvvv = select_op_use(s, source.vreg, RA_REG);
	}
	return true;
}

static void
replace_f64(struct selector *s, uint32_t value, uint32_t lane)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct select_source source = lane_source(s, inst->args[1], 8);
	uint32_t vreg = select_use(s, inst->args[0]);
	enum nb_form form = lane == 0 ? NB_FORM_MOVSD_MERGE : NB_FORM_MOVLHPS;
	if (source.base != X64_BASE_NONE)
		form = lane == 0 ? NB_FORM_MOVLPS : NB_FORM_MOVHPS;
	select_sse(s, form, select_def(s, value), vreg, &source, SELECT_ORDERED);
}

void
select_replace(struct selector *s, uint32_t value)
{
	static const uint16_t forms[] = {
		[IR_SHAPE_I8X16] = NB_FORM_PINSRB,   [IR_SHAPE_I16X8] = NB_FORM_PINSRW,
		[IR_SHAPE_I32X4] = NB_FORM_PINSRD,   [IR_SHAPE_I64X2] = NB_FORM_PINSRQ,
		[IR_SHAPE_F32X4] = NB_FORM_INSERTPS,
	};
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t shape = ir_vector_info(inst)->shape, lane = ir_vector_lane(inst);
	if (replace_in_zero(s, value, shape, lane))
		return;
	const struct ir_inst *scalar = select_inst(s, inst->args[1]);
	bool is_load = scalar->op == IR_LOAD && select_can_sink(s, inst->args[1]);
	if (shape == IR_SHAPE_F64X2 || (shape == IR_SHAPE_I64X2 && is_load)) {
		replace_f64(s, value, lane);
		return;
	}
	struct select_source source = lane_source(s, inst->args[1], 1u << ir_shape_width(shape));
	uint32_t vreg = select_use(s, inst->args[0]);
	select_sse(s, forms[shape], select_def(s, value), vreg, &source, SELECT_ORDERED)->imm =
		shape == IR_SHAPE_F32X4 ? lane << 4 : lane;
}

/* --- loads ---------------------------------------------------------------- */

void
select_vector_load(struct selector *s, uint32_t value)
{
	const struct ir_inst *load = select_inst(s, value);
	struct select_source place = select_access(s, value);
	enum nb_form form;
	switch (load->op) {
	case IR_LOAD8_SPLAT:
	case IR_LOAD16_SPLAT:
	case IR_LOAD32_SPLAT:
	case IR_LOAD64_SPLAT:
		splat_memory(s, value, ir_access_bytes(s->ir, load), &place);
		return;
	case IR_LOAD32_ZERO:
		form = NB_FORM_MOVSS;
		break;
	case IR_LOAD64_ZERO:
		form = NB_FORM_MOVSD;
		break;
	case IR_LOAD8X8_S:
		form = NB_FORM_PMOVSXBW;
		break;
	case IR_LOAD8X8_U:
		form = NB_FORM_PMOVZXBW;
		break;
	case IR_LOAD16X4_S:
		form = NB_FORM_PMOVSXWD;
		break;
	case IR_LOAD16X4_U:
		form = NB_FORM_PMOVZXWD;
		break;
	case IR_LOAD32X2_S:
		form = NB_FORM_PMOVSXDQ;
		break;
	default:
		form = NB_FORM_PMOVZXDQ;
		break;
	}
	select_sse_unary(s, form, select_def(s, value), &place);
}

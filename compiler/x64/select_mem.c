/*
 * Selection of what reads and writes state: linear memory, globals, sizes,
 * references.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"
#include "compiler/ir/simplify.h"

enum nb_form
select_load_form(enum ir_type type)
{
	static const uint16_t forms[IR_TYPE_COUNT] = {
		[IR_I32] = NB_FORM_MOV32, [IR_I64] = NB_FORM_MOV64,   [IR_F32] = NB_FORM_MOVSS,
		[IR_F64] = NB_FORM_MOVSD, [IR_V128] = NB_FORM_MOVUPS,
	};
	return forms[type];
}

enum nb_form
select_store_form(enum ir_type type)
{
	static const uint16_t forms[IR_TYPE_COUNT] = {
		[IR_I32] = NB_FORM_MOV32_STORE,	  [IR_I64] = NB_FORM_MOV64_STORE,
		[IR_F32] = NB_FORM_MOVSS_STORE,	  [IR_F64] = NB_FORM_MOVSD_STORE,
		[IR_V128] = NB_FORM_MOVUPS_STORE,
	};
	return forms[type];
}

bool
select_can_sink(const struct selector *s, uint32_t value)
{
	const struct ir_inst *load = select_inst(s, value);
	const struct ir_inst *root = select_inst(s, s->root);
	/* A comparison repeated elsewhere may want it in a register although it has one use. */
	return select_is_single_use(s, value) && s->vreg[value] == IR_NONE &&
	       load->block == root->block && s->epoch[value] == s->epoch[s->root];
}

/* The constant address of an access, if it is one that a displacement holds. */
static bool
constant_place(const struct ir_inst *address, uint32_t offset, int32_t *out)
{
	if (address->op != IR_CONST || address->imm > NB_DISPLACEMENT_MAX - offset)
		return false;
	*out = (int32_t)(address->imm + offset);
	return true;
}

struct select_source
select_access(struct selector *s, uint32_t value)
{
	const struct ir_inst *access = select_inst(s, value);
	uint32_t offset = ir_access_offset(access);
	uint32_t address = access->args[0];
	const struct ir_inst *address_inst = select_inst(s, address);
	struct select_source source = {
		.base = X64_BASE_LINEAR,
		.trap = access->flags & IR_NO_TRAP ? 0 : NB_TRAP_MEMORY_OUT_OF_BOUNDS,
		.memory = (uint16_t)ir_access_memory(access),
		.vreg = IR_NONE,
		.disp = (int32_t)offset,
		.wasm_offset = access->wasm_offset,
	};
	if (value != s->root)
		s->marks[value] |= SELECT_SUNK;
	if (constant_place(address_inst, offset, &source.disp))
		return source;
	if (address_inst->op == IR_EXTEND_U)
		address = address_inst->args[0];
	else if (address_inst->type == IR_I64 && ~ir_known_zeros(s->ir, address) > UINT32_MAX)
		source.base = X64_BASE_CLAMPED;
	source.vreg = select_use(s, address);
	s->marks[address] |= SELECT_ADDRESS;
	return source;
}

void
select_load(struct selector *s, uint32_t value)
{
	const struct ir_inst *load = select_inst(s, value);
	bool is_64 = load->type == IR_I64;
	enum nb_form form = select_load_form(load->type);
	switch (load->op) {
	case IR_LOAD8_S:
		form = is_64 ? NB_FORM_MOVSX8_64 : NB_FORM_MOVSX8_32;
		break;
	case IR_LOAD8_U:
		form = NB_FORM_MOVZX8;
		break;
	case IR_LOAD16_S:
		form = is_64 ? NB_FORM_MOVSX16_64 : NB_FORM_MOVSX16_32;
		break;
	case IR_LOAD16_U:
		form = NB_FORM_MOVZX16;
		break;
	case IR_LOAD32_S:
		form = NB_FORM_MOVSXD;
		break;
	case IR_LOAD32_U:
		form = NB_FORM_MOV32;
		break;
	default:
		break;
	}
	struct select_source source = select_access(s, value);
	select_unary_rm(s, value, form, &source);
}

/* The value behind operations that change only bits a store of `bytes` bytes
 * does not write. */
static uint32_t
strip_for_store(const struct selector *s, uint32_t value, uint32_t bytes)
{
	for (;;) {
		const struct ir_inst *inst = select_inst(s, value);
		int64_t mask;
		if (inst->op == IR_WRAP || inst->op == IR_EXTEND_S || inst->op == IR_EXTEND_U ||
		    inst->op == IR_EXTEND32_S) {
			if (bytes > 4)
				return value;
		} else if (inst->op == IR_EXTEND16_S) {
			if (bytes > 2)
				return value;
		} else if (inst->op == IR_EXTEND8_S) {
			if (bytes > 1)
				return value;
		} else if (inst->op == IR_AND && select_const(s, inst->args[1], &mask)) {
			int64_t low = bytes == 8 ? -1 : (INT64_C(1) << 8 * bytes) - 1;
			if ((mask & low) != low)
				return value;
		} else {
			return value;
		}
		value = inst->args[0];
	}
}

static void
store_constant(struct selector *s, uint32_t value, uint32_t bytes, uint64_t bits)
{
	struct select_source place = select_access(s, value);
	enum nb_form form = NB_FORM_MOV32_STORE_IMM;
	int64_t imm = select_sign_extend(bits, 8 * bytes);
	if (bytes == 8)
		form = NB_FORM_MOV64_STORE_IMM;
	else if (bytes == 2)
		form = NB_FORM_MOV16_STORE_IMM;
	else if (bytes == 1)
		form = NB_FORM_MOV8_STORE_IMM;
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->imm = imm;
	select_op_source(s, inst, &place, RA_REG);
}

/* Whether `load` reads exactly what the root, a store, writes and can be part
 * of it. */
static bool
is_load_of_store(const struct selector *s, uint32_t load, const struct ir_inst *store)
{
	const struct ir_inst *inst = select_inst(s, load);
	return inst->op == IR_LOAD && inst->args[0] == store->args[0] && inst->imm == store->imm &&
	       select_can_sink(s, load);
}

/* store a, (load a) op x as one instruction. */
static bool
load_operate_store(struct selector *s, uint32_t value)
{
	const struct ir_inst *store = select_inst(s, value);
	const struct ir_inst *op = select_inst(s, store->args[1]);
	if (store->op != IR_STORE || !ir_type_is_int(op->type) ||
	    !select_is_single_use(s, store->args[1]) ||
	    select_alu_store_form(op->op, false, false) == NB_FORM_COUNT ||
	    s->context->options->strict_accesses)
		return false;
	uint32_t other = op->args[1];
	uint32_t load = op->args[0];
	if (!is_load_of_store(s, load, store)) {
		if (op->op == IR_SUB)
			return false;
		other = op->args[0];
		load = op->args[1];
		if (!is_load_of_store(s, load, store))
			return false;
	}
	bool is_64 = op->type == IR_I64;
	int64_t imm;
	bool is_imm = select_imm32(s, other, &imm);
	uint32_t vreg = is_imm ? IR_NONE : select_use(s, other);
	s->marks[load] |= SELECT_SUNK;
	struct select_source place = select_access(s, value);
	struct x64_inst *inst =
		select_emit(s, X64_FORM, select_alu_store_form(op->op, is_64, is_imm));
	inst->imm = is_imm ? imm : 0;
	select_op_source(s, inst, &place, RA_REG);
	if (!is_imm)
		inst->reg = select_op_use(s, vreg, RA_REG);
	return true;
}

void
select_store(struct selector *s, uint32_t value)
{
	const struct ir_inst *store = select_inst(s, value);
	uint32_t bytes = ir_access_bytes(s->ir, store);
	uint32_t stored = store->args[1];
	enum ir_type type = select_inst(s, stored)->type;
	if (ir_type_is_int(type)) {
		if (load_operate_store(s, value))
			return;
		stored = strip_for_store(s, stored, bytes);
	}
	const struct ir_inst *source = select_inst(s, stored);
	if (select_lane_store(s, value, stored))
		return;
	if (source->op == IR_CONST && type != IR_V128 &&
	    (bytes != 8 || (int64_t)source->imm == (int32_t)source->imm)) {
		store_constant(s, value, bytes, source->imm);
		return;
	}
	if (source->op == IR_BITCAST && ir_type_bits(source->type) == 8 * bytes &&
	    select_inst(s, source->args[0])->op != IR_CONST) {
		stored = source->args[0];
		type = select_inst(s, stored)->type;
	}
	static const uint16_t int_forms[] = {
		[1] = NB_FORM_MOV8_STORE,
		[2] = NB_FORM_MOV16_STORE,
		[4] = NB_FORM_MOV32_STORE,
		[8] = NB_FORM_MOV64_STORE,
	};
	enum nb_form form =
		ir_type_is_int(type) ? (enum nb_form)int_forms[bytes] : select_store_form(type);
	uint32_t vreg = select_use(s, stored);
	struct select_source place = select_access(s, value);
	struct x64_inst *inst = select_emit(s, X64_FORM, form);
	inst->reg = select_op_use(s, vreg, RA_REG);
	select_op_source(s, inst, &place, RA_REG);
}

/* --- globals, sizes, references ------------------------------------------- */

static struct select_source
global_place(const struct selector *s, uint32_t global)
{
	const struct wasm_module *module = s->ir->module;
	bool is_cell =
		global < module->global_import_count && module->globals[global].type.is_mutable;
	return (struct select_source){
		.base = is_cell ? X64_BASE_CELL : X64_BASE_VMCTX,
		.vreg = IR_NONE,
		.disp = (int32_t)(s->context->layout.globals + 16 * global),
	};
}

void
select_global_get(struct selector *s, uint32_t value)
{
	const struct ir_inst *get = select_inst(s, value);
	struct select_source place = global_place(s, (uint32_t)get->imm);
	select_unary_rm(s, value, select_load_form(get->type), &place);
}

void
select_global_set(struct selector *s, uint32_t value)
{
	const struct ir_inst *set = select_inst(s, value);
	struct select_source place = global_place(s, (uint32_t)set->imm);
	const struct ir_inst *source = select_inst(s, set->args[0]);
	int64_t imm;
	if (select_imm32(s, set->args[0], &imm)) {
		struct x64_inst *inst = select_emit(
			s, X64_FORM,
			source->type == IR_I64 ? NB_FORM_MOV64_STORE_IMM : NB_FORM_MOV32_STORE_IMM);
		inst->imm = imm;
		select_op_source(s, inst, &place, RA_REG);
		return;
	}
	uint32_t vreg = select_use(s, set->args[0]);
	struct x64_inst *inst = select_emit(s, X64_FORM, select_store_form(source->type));
	inst->reg = select_op_use(s, vreg, RA_REG);
	select_op_source(s, inst, &place, RA_REG);
}

void
select_size(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct select_source length = { .base = X64_BASE_LENGTH, .vreg = IR_NONE };
	if (inst->op == IR_TABLE_SIZE) {
		length.disp = (int32_t)(s->context->layout.tables + 16 * (uint32_t)inst->imm +
					NB_VMCTX_TABLE_DESC);
		select_unary_rm(s, value, NB_FORM_MOV32, &length);
		return;
	}
	length.disp =
		(int32_t)(s->context->layout.memories +
			  ((uint32_t)inst->imm << NB_VMCTX_MEMORY_SHIFT) + NB_VMCTX_ENTRY_DESC);
	uint32_t bytes = select_vreg_new(s, IR_I64);
	struct x64_inst *load = select_emit(s, X64_FORM, NB_FORM_MOV64);
	load->reg = select_op_def(s, bytes);
	select_op_source(s, load, &length, RA_REG);
	struct x64_inst *shift = select_emit(s, X64_FORM, NB_FORM_SHR64_IMM);
	shift->imm = 16;
	shift->rm = select_op_def_reuse(s, select_def(s, value), 1);
	select_op_use(s, bytes, RA_REG);
}

void
select_ref_func(struct selector *s, uint32_t value)
{
	struct select_source base = { .base = X64_BASE_VMCTX,
				      .vreg = IR_NONE,
				      .disp = NB_VMCTX_REFERENCE_BASE };
	uint32_t first = select_vreg_new(s, IR_I32);
	struct x64_inst *load = select_emit(s, X64_FORM, NB_FORM_MOV32);
	load->reg = select_op_def(s, first);
	select_op_source(s, load, &base, RA_REG);
	struct x64_inst *add = select_emit(s, X64_ADD_IMM, NB_FORM_ADD32_IMM);
	add->imm = (int64_t)select_inst(s, value)->imm;
	add->reg = select_op_def(s, select_def(s, value));
	add->rm = select_op_use(s, first, RA_REG);
	select_flag(s, RA_INST_SAME);
}

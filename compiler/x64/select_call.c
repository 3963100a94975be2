/*
 * Selection of the function's entry, slots, calls, returns and switches. Where
 * arguments and results travel is abi/code_contract.h.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"

static enum nb_value_class
class_of(enum ir_type type)
{
	if (type == IR_V128)
		return NB_CLASS_VECTOR;
	return ir_type_is_int(type) ? NB_CLASS_INT : NB_CLASS_FLOAT;
}

void
x64_place_type(const struct wasm_functype *type, struct nb_placement *arguments,
	       struct nb_placement *results)
{
	for (uint32_t i = 0; i < type->param_count; i++)
		nb_place_argument(arguments, class_of(ir_type_from_wasm(type->params[i])));
	for (uint32_t i = 0; i < type->result_count; i++)
		nb_place_result(results, class_of(ir_type_from_wasm(type->results[i])));
}

/* Slots of the incoming-argument area of a type. */
static uint32_t
area_slots(const struct wasm_functype *type)
{
	struct nb_placement arguments = { 0 }, results = { 0 };
	x64_place_type(type, &arguments, &results);
	return nb_area_slots(&arguments, &results);
}

/* vreg = slot of an area. */
static struct x64_inst *
load_slot(struct selector *s, uint32_t vreg, enum x64_base base, uint32_t slot)
{
	struct x64_inst *load = select_emit(s, X64_FORM, select_load_form(s->vreg_type[vreg]));
	load->base = (uint8_t)base;
	load->disp = (int32_t)slot;
	load->reg = select_op_def(s, vreg);
	return load;
}

static void
store_slot(struct selector *s, uint32_t value, enum x64_base base, uint32_t slot)
{
	const struct ir_inst *inst = select_inst(s, value);
	int64_t imm;
	if (select_imm32(s, value, &imm)) {
		struct x64_inst *store = select_emit(s, X64_FORM, NB_FORM_MOV64_STORE_IMM);
		store->base = (uint8_t)base;
		store->disp = (int32_t)slot;
		store->imm = imm;
		return;
	}
	uint32_t vreg = select_use_moved(s, value);
	struct x64_inst *store = select_emit(s, X64_FORM, select_store_form(inst->type));
	store->base = (uint8_t)base;
	store->disp = (int32_t)slot;
	store->reg = select_op_use(s, vreg, RA_REG);
}

/* The register that receives `value`, an argument or a call's result, whose
 * upper half is unknown: a fresh one if `value` is an address, which is then
 * to be extended from it by extend_received. */
static uint32_t
receive(struct selector *s, uint32_t value)
{
	bool is_address = s->marks[value] & SELECT_ADDRESS && select_inst(s, value)->type == IR_I32;
	return is_address ? select_vreg_new(s, IR_I32) : select_def(s, value);
}

static void
extend_received(struct selector *s, uint32_t value, uint32_t received)
{
	if (received == s->vreg[value])
		return;
	struct x64_inst *move = select_emit(s, X64_MOVE, NB_FORM_MOV32);
	move->flags = X64_KEEP;
	move->reg = select_op_def(s, select_def(s, value));
	move->rm = select_op_use(s, received, RA_ANY);
	select_flag(s, RA_INST_MOVE);
}

void
select_entry(struct selector *s)
{
	const struct ir_function *ir = s->ir;
	const struct ir_block *entry = &ir->blocks[ir->order[0]];
	uint32_t slots = area_slots(ir->type);
	struct nb_placement results = { 0 };
	for (uint32_t i = 0; i < ir->type->result_count; i++)
		nb_place_result(&results, class_of(ir_type_from_wasm(ir->type->results[i])));
	s->out->in_slots = slots;
	s->out->frame_slots = (ir->frame_slots + 1) & ~1u; /* what follows is aligned */
	s->root = entry->last_inst;
	select_emit(s, X64_ENTRY, NB_FORM_NOP);

	struct nb_placement placement = { 0 };
	for (uint32_t i = 0; i < entry->param_count; i++) {
		uint32_t param = ir->lists[entry->first_param + i];
		enum ir_type type = select_inst(s, param)->type;
		struct nb_place place = nb_place_argument(&placement, class_of(type));
		if (s->vreg[param] == IR_NONE || place.kind == NB_PLACE_SLOT)
			continue;
		/* Remembered in use_count, which nobody needs any more. */
		s->use_count[param] = receive(s, param);
		select_op_def_fixed(s, s->use_count[param], place.index);
	}
	placement = (struct nb_placement){ 0 };
	for (uint32_t i = 0; i < entry->param_count; i++) {
		uint32_t param = ir->lists[entry->first_param + i];
		enum ir_type type = select_inst(s, param)->type;
		struct nb_place place = nb_place_argument(&placement, class_of(type));
		if (s->vreg[param] == IR_NONE)
			continue;
		if (place.kind != NB_PLACE_SLOT) {
			extend_received(s, param, s->use_count[param]);
			continue;
		}
		load_slot(s, s->vreg[param], X64_BASE_IN, place.index);
		/* Results overwrite the area, so only without them is it a constant. */
		if (results.slots == 0)
			select_flag(s, RA_INST_REMAT);
	}
}

void
select_frame_get(struct selector *s, uint32_t value)
{
	load_slot(s, select_def(s, value), X64_BASE_FRAME, (uint32_t)select_inst(s, value)->imm);
}

void
select_frame_set(struct selector *s, uint32_t value)
{
	const struct ir_inst *set = select_inst(s, value);
	store_slot(s, set->args[0], X64_BASE_FRAME, (uint32_t)set->imm);
}

/* --- calls ---------------------------------------------------------------- */

enum builtin_result { BUILTIN_I64, BUILTIN_VALUE, BUILTIN_TRAP, BUILTIN_VOID };

static enum builtin_result
builtin_result_of(uint32_t builtin)
{
	static const uint8_t results[NB_BUILTIN_COUNT] = {
#define NB_BUILTIN(name, result, ...) [NB_BUILTIN_##name] = BUILTIN_##result,
#include "abi/builtin.def"
#undef NB_BUILTIN
	};
	return results[builtin];
}

enum { ARGUMENT_REGISTERS = NB_INT_ARGUMENTS + NB_FLOAT_ARGUMENTS };

/* Values on their way into argument registers. */
struct call_args {
	uint32_t vregs[ARGUMENT_REGISTERS];
	uint8_t regs[ARGUMENT_REGISTERS];
	uint32_t count;
};

/* Stores what travels in slots; the rest is left for the call instruction. */
static void
place_args(struct selector *s, struct ir_list list, struct call_args *out)
{
	struct nb_placement placement = { 0 };
	out->count = 0;
	for (uint32_t i = 0; i < list.count; i++) {
		enum ir_type type = select_inst(s, list.values[i])->type;
		struct nb_place place = nb_place_argument(&placement, class_of(type));
		if (place.kind == NB_PLACE_SLOT)
			store_slot(s, list.values[i], X64_BASE_OUT, place.index);
	}
	placement = (struct nb_placement){ 0 };
	for (uint32_t i = 0; i < list.count; i++) {
		enum ir_type type = select_inst(s, list.values[i])->type;
		struct nb_place place = nb_place_argument(&placement, class_of(type));
		if (place.kind == NB_PLACE_SLOT)
			continue;
		out->vregs[out->count] = select_use_moved(s, list.values[i]);
		out->regs[out->count++] = (uint8_t)place.index;
	}
}

static void
add_args(struct selector *s, const struct call_args *args)
{
	for (uint32_t i = 0; i < args->count; i++)
		select_op_use_fixed(s, args->vregs[i], args->regs[i]);
	select_clobber(s,
		       0xffffu & ~(uint32_t)(NB_PRESERVED_GPRS | 1 << NB_RSP | 1 << NB_REG_VMCTX |
					     1 << NB_REG_MEMORY_BASE | 1 << RA_SCRATCH_GPR),
		       0xffffu & ~(1u << RA_SCRATCH_XMM));
	s->out->has_calls = true;
}

/* Result `index` of a call: the value itself or one of the RESULTs behind it.
 * `*cursor` is the last RESULT passed. */
static uint32_t
next_result(const struct selector *s, uint32_t call, uint32_t index, uint32_t *cursor)
{
	if (index == 0)
		return *cursor = call;
	uint32_t next = select_inst(s, *cursor)->next;
	return *cursor = next;
}

enum { RESULT_REGISTERS = NB_INT_RESULTS + NB_FLOAT_RESULTS };

/* Defines what returns in registers on the call instruction; `received` holds
 * the registers in order, IR_NONE for results nobody needs. */
static void
define_results(struct selector *s, uint32_t call, const struct wasm_functype *type,
	       uint32_t received[RESULT_REGISTERS])
{
	struct nb_placement placement = { 0 };
	uint32_t cursor = call, count = 0;
	for (uint32_t i = 0; i < type->result_count; i++) {
		uint32_t value = next_result(s, call, i, &cursor);
		struct nb_place place =
			nb_place_result(&placement, class_of(ir_type_from_wasm(type->results[i])));
		if (place.kind == NB_PLACE_SLOT)
			continue;
		received[count] = IR_NONE;
		if (s->vreg[value] != IR_NONE) {
			received[count] = receive(s, value);
			select_op_def_fixed(s, received[count], place.index);
		}
		count++;
	}
}

/* Code behind the call: results out of slots, extensions. */
static void
collect_results(struct selector *s, uint32_t call, const struct wasm_functype *type,
		const uint32_t received[RESULT_REGISTERS])
{
	struct nb_placement placement = { 0 };
	uint32_t cursor = call, count = 0;
	for (uint32_t i = 0; i < type->result_count; i++) {
		uint32_t value = next_result(s, call, i, &cursor);
		struct nb_place place =
			nb_place_result(&placement, class_of(ir_type_from_wasm(type->results[i])));
		bool is_wanted = s->vreg[value] != IR_NONE;
		if (place.kind == NB_PLACE_SLOT && is_wanted)
			load_slot(s, s->vreg[value], X64_BASE_OUT, place.index);
		if (place.kind != NB_PLACE_SLOT && received[count++] != IR_NONE)
			extend_received(s, value, received[count - 1]);
	}
}

static void
select_builtin(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t builtin = (uint32_t)inst->imm;
	struct call_args args;
	place_args(s, ir_inst_list(s->ir, inst), &args);
	struct x64_inst *call = select_emit(s, X64_CALL_BUILTIN, NB_FORM_CALL_MEM);
	call->imm = builtin;
	enum builtin_result result = builtin_result_of(builtin);
	if (result == BUILTIN_VALUE || result == BUILTIN_TRAP) {
		bool is_value = result == BUILTIN_VALUE;
		uint32_t raw = select_vreg_new(s, is_value ? IR_I64 : IR_I32);
		select_op_def_fixed(s, raw, NB_RAX);
		add_args(s, &args);
		struct x64_inst *check =
			select_emit(s, X64_TRAP_RESULT, is_value ? NB_FORM_TEST64 : NB_FORM_TEST32);
		check->cc = is_value ? X64_CC_S : X64_CC_NE;
		select_op_use_fixed(s, raw, NB_RAX);
		if (is_value && s->vreg[value] != IR_NONE) {
			struct x64_inst *move = select_emit(s, X64_MOVE, NB_FORM_MOV32);
			move->flags = X64_KEEP;
			move->reg = select_op_def(s, s->vreg[value]);
			move->rm = select_op_use(s, raw, RA_ANY);
			select_flag(s, RA_INST_MOVE);
		}
		return;
	}
	if (result == BUILTIN_I64 && s->vreg[value] != IR_NONE)
		select_op_def_fixed(s, s->vreg[value], NB_RAX);
	add_args(s, &args);
}

void
select_call(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	if (inst->op == IR_CALL_BUILTIN) {
		select_builtin(s, value);
		return;
	}
	const struct wasm_functype *type = ir_call_type(s->ir, inst);
	uint32_t slots = area_slots(type);
	if (slots > s->out->out_slots)
		s->out->out_slots = slots;
	struct call_args args;
	place_args(s, ir_inst_list(s->ir, inst), &args);
	uint32_t index = ir_call_is_indirect(inst) ? select_use(s, inst->args[0]) : IR_NONE;

	struct x64_inst *call = select_emit(s, X64_CALL, NB_FORM_CALL_32);
	call->imm = (int64_t)inst->imm;
	if (inst->op == IR_CALL_IMPORT) {
		call->op = X64_CALL_IMPORT;
		call->disp = (int32_t)(s->context->layout.imports +
				       sizeof(struct nb_callee) * (uint32_t)inst->imm);
	} else if (inst->op == IR_CALL_INDIRECT) {
		call->op = X64_CALL_INDIRECT;
		call->trap = NB_TRAP_UNDEFINED_ELEMENT;
	} else if (inst->op == IR_CALL_REF) {
		call->op = X64_CALL_REF;
	}
	uint32_t received[RESULT_REGISTERS];
	define_results(s, value, type, received);
	if (index != IR_NONE)
		select_op_use_fixed(s, index, NB_REG_INDEX);
	add_args(s, &args);
	collect_results(s, value, type, received);
}

static enum x64_op
tail_op(uint32_t op)
{
	switch (op) {
	case IR_RETURN_CALL:
		return X64_TAIL;
	case IR_RETURN_CALL_IMPORT:
		return X64_TAIL_IMPORT;
	case IR_RETURN_CALL_INDIRECT:
		return X64_TAIL_INDIRECT;
	default:
		return X64_TAIL_REF;
	}
}

void
select_tail_call(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t slots = area_slots(ir_call_type(s->ir, inst));
	if (slots > s->out->out_slots)
		s->out->out_slots = slots;
	bool uses_stub = inst->op != IR_RETURN_CALL || slots > area_slots(s->ir->type);
	if (uses_stub && nb_tail_frame_bytes(slots) > s->out->frame_min)
		s->out->frame_min = nb_tail_frame_bytes(slots);
	struct call_args args;
	place_args(s, ir_inst_list(s->ir, inst), &args);
	uint32_t index = ir_call_is_indirect(inst) ? select_use(s, inst->args[0]) : IR_NONE;

	struct x64_inst *tail = select_emit(s, tail_op(inst->op), NB_FORM_JMP_32);
	tail->imm = (int64_t)inst->imm;
	if (inst->op == IR_RETURN_CALL_IMPORT)
		tail->disp = (int32_t)(s->context->layout.imports +
				       sizeof(struct nb_callee) * (uint32_t)inst->imm);
	if (index != IR_NONE)
		select_op_use_fixed(s, index, NB_REG_INDEX);
	for (uint32_t i = 0; i < args.count; i++)
		select_op_use_fixed(s, args.vregs[i], args.regs[i]);
}

void
select_return(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	struct ir_list list = ir_inst_list(s->ir, inst);
	struct nb_placement placement = { 0 };
	uint32_t vregs[RESULT_REGISTERS];
	uint8_t regs[RESULT_REGISTERS];
	uint32_t count = 0;
	for (uint32_t i = 0; i < list.count; i++) {
		enum ir_type type = select_inst(s, list.values[i])->type;
		struct nb_place place = nb_place_result(&placement, class_of(type));
		if (place.kind == NB_PLACE_SLOT) {
			store_slot(s, list.values[i], X64_BASE_IN, place.index);
			continue;
		}
		vregs[count] = select_use_moved(s, list.values[i]);
		regs[count++] = (uint8_t)place.index;
	}
	select_emit(s, X64_RETURN, NB_FORM_RET);
	for (uint32_t i = 0; i < count; i++)
		select_op_use_fixed(s, vregs[i], regs[i]);
}

void
select_switch(struct selector *s, uint32_t value)
{
	/* Up to this many cases besides the default, comparing is quicker. */
	enum { FEW = 4 };
	const struct ir_inst *inst = select_inst(s, value);
	uint32_t index = select_use(s, inst->args[0]);
	bool is_few = ir_switch_case_count(inst) - 1 <= FEW;
	struct x64_inst *out = select_emit(s, is_few ? X64_SWITCH_FEW : X64_SWITCH,
					   is_few ? NB_FORM_CMP32_IMM : NB_FORM_JMP_REG);
	out->imm = (int64_t)inst->imm;
	if (is_few) {
		out->rm = select_op_use(s, index, RA_REG);
		return;
	}
	out->rm = select_op_use_fixed(s, index, NB_REG_INDEX);
	select_clobber(s, 1 << NB_REG_INDEX, 0);
}

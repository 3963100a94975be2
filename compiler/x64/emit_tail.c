/*
 * Emission of tail calls: the templates of abi/code_contract.h. All of them
 * end with a jump out of the function.
 */
#include "compiler/x64/emit.h"

#include "abi/trap.h"
#include "compiler/x64/select.h"

/* What a tail call moves. */
struct tail {
	uint32_t argument_slots; /* that the callee's arguments take */
	uint32_t area_slots;	 /* of the callee */
	uint32_t result_slots;
};

static struct tail
tail_measure(const struct wasm_functype *type)
{
	struct nb_placement arguments = { 0 }, results = { 0 };
	x64_place_type(type, &arguments, &results);
	return (struct tail){ arguments.slots, nb_area_slots(&arguments, &results), results.slots };
}

static bool
fits_own_area(const struct emitter *e, const struct tail *tail)
{
	return tail->area_slots <= e->fn->in_slots;
}

/* The frame is gone behind this, and the arguments are in its caller's area. */
static void
leave_frame(struct emitter *e, const struct tail *tail)
{
	int32_t own_area = (int32_t)e->frame_size + 8;
	for (int32_t i = 0; i < (int32_t)tail->argument_slots; i++) {
		emit_rm(e, NB_FORM_MOV64, NB_R11, x64_rm_mem(NB_RSP, 8 * i));
		emit_rm(e, NB_FORM_MOV64_STORE, NB_R11, x64_rm_mem(NB_RSP, own_area + 8 * i));
	}
	emit_restore_saved(e);
	if (e->frame_size)
		emit_r_imm(e, NB_FORM_ADD64_IMM, NB_RSP, e->frame_size);
}

/* To a trusted stub, with R11 set, saved registers restored. */
static void
jump_to_stub(struct emitter *e, const struct tail *tail, int32_t stub)
{
	uint64_t word = nb_tail_word(e->frame_size, tail->result_slots, tail->area_slots);
	emit_put(e, NB_FORM_MOV64_IMM,
		 &(struct x64_operands){ .reg = NB_R10, .imm = (int64_t)word });
	emit_rm(e, NB_FORM_JMP_MEM, 0, x64_rm_mem(NB_R15, stub));
}

static void
tail_direct(struct emitter *e, const struct tail *tail, uint32_t func_idx)
{
	if (fits_own_area(e, tail)) {
		leave_frame(e, tail);
		emit_put(e, NB_FORM_JMP_32, &(struct x64_operands){ 0 });
		emit_call_fixup(e, func_idx);
		return;
	}
	emit_restore_saved(e);
	x64_encode(&e->code, NB_FORM_LEA64,
		   &(struct x64_operands){ .reg = NB_R11, .rm = { .kind = X64_RM_RIP } });
	emit_call_fixup(e, func_idx);
	jump_to_stub(e, tail, NB_VMCTX_TAIL_GROW);
}

static void
tail_import(struct emitter *e, const struct tail *tail, int32_t import)
{
	emit_rm(e, NB_FORM_LEA64, NB_R11, x64_rm_mem(NB_R15, import));
	emit_restore_saved(e);
	jump_to_stub(e, tail, NB_VMCTX_TAIL);
}

/* R10 points to the callee. */
static void
tail_indirect(struct emitter *e, const struct tail *tail)
{
	if (fits_own_area(e, tail)) {
		uint32_t foreign = emit_label_new(e);
		emit_rm(e, NB_FORM_CMP64, NB_R15, x64_rm_mem(NB_R10, NB_CALLEE_VMCTX));
		emit_jump(e, X64_CC_NE, foreign);
		leave_frame(e, tail);
		emit_rm(e, NB_FORM_JMP_MEM, 0, x64_rm_mem(NB_R10, NB_CALLEE_CODE));
		emit_label(e, foreign);
	}
	emit_rr(e, NB_FORM_MOV64, NB_R11, NB_R10);
	emit_restore_saved(e);
	jump_to_stub(e, tail, NB_VMCTX_TAIL);
}

void
emit_tail_call(struct emitter *e)
{
	const struct x64_inst *inst = emit_inst(e);
	const struct wasm_module *module = e->context->module;
	bool is_direct = inst->op == X64_TAIL || inst->op == X64_TAIL_IMPORT;
	const struct wasm_functype *type =
		is_direct ? wasm_module_function_type(module, (uint32_t)inst->imm)
			  : &module->types[(uint32_t)inst->imm];
	struct tail tail = tail_measure(type);
	if (inst->op == X64_TAIL) {
		tail_direct(e, &tail, (uint32_t)inst->imm);
	} else if (inst->op == X64_TAIL_IMPORT) {
		tail_import(e, &tail, inst->disp);
	} else {
		emit_callee(e);
		tail_indirect(e, &tail);
	}
}

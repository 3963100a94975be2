/*
 * Selection of accesses to ports: in and out, with EAX and DX.
 */
#include "compiler/x64/select.h"

#include "abi/trap.h"

static enum nb_form
form_of(uint32_t op, uint32_t width)
{
	static const uint16_t reads[] = { NB_FORM_IN8, NB_FORM_IN16, NB_FORM_IN32 };
	static const uint16_t writes[] = { NB_FORM_OUT8, NB_FORM_OUT16, NB_FORM_OUT32 };
	bool is_read = op == IR_PORT_READ || op == IR_PORT_READ_ANY;

	return (enum nb_form)(is_read ? reads : writes)[width];
}

/* Where what is read goes: the value itself, if all 32 bits are and nobody addresses
 * with it. */
static uint32_t
receive(struct selector *s, uint32_t value, uint32_t width)
{
	if (width == 2 && s->vreg[value] != IR_NONE && !(s->marks[value] & SELECT_ADDRESS))
		return s->vreg[value];
	return select_vreg_new(s, IR_I32);
}

/* d = what was read, in the low bits of `raw`. */
static void
extend_read(struct selector *s, uint32_t value, uint32_t raw, uint32_t width)
{
	static const uint16_t forms[] = { NB_FORM_MOVZX8, NB_FORM_MOVZX16, NB_FORM_MOV32 };
	struct x64_inst *inst = select_emit(s, X64_FORM, forms[width]);

	inst->reg = select_op_def(s, s->vreg[value]);
	inst->rm = select_op_use(s, raw, RA_REG);
}

void
select_port(struct selector *s, uint32_t value)
{
	const struct ir_inst *inst = select_inst(s, value);
	bool is_read = inst->type != IR_VOID;
	bool is_computed = inst->op == IR_PORT_READ_ANY || inst->op == IR_PORT_WRITE_ANY;
	uint32_t number = is_computed ? select_use(s, inst->args[0]) : IR_NONE;
	uint32_t written = is_read ? IR_NONE : select_use(s, inst->args[is_computed]);
	uint32_t raw = is_read ? receive(s, value, ir_port_width(inst)) : IR_NONE;
	struct x64_inst *out = select_emit(s, X64_PORT, form_of(inst->op, ir_port_width(inst)));

	out->imm = ir_port_number(inst);
	out->memory = is_computed;
	if (is_computed)
		out->trap = NB_TRAP_PORT_OUT_OF_RANGE;
	if (is_read)
		select_op_def_fixed(s, raw, NB_RAX);
	if (is_computed)
		select_op_use_fixed(s, number, NB_RDX);
	if (!is_read)
		select_op_use_fixed(s, written, NB_RAX);
	if (!is_computed && ir_port_number(inst) > UINT8_MAX)
		select_clobber(s, 1u << NB_RDX, 0);
	if (is_read && s->vreg[value] != IR_NONE && s->vreg[value] != raw)
		extend_read(s, value, raw, ir_port_width(inst));
}

/*
 * Calls of imports that access ports: instructions of their own. Whether a port is
 * a constant is decided here, where values have been folded and bodies inlined but
 * nothing that looks dead has been left out, and never again.
 */
#include "compiler/ir/build_internal.h"

static const struct device_port *
port_of(const struct builder *b, uint32_t func_idx)
{
	const struct device_rules *rules = b->fn->rules;

	if (!rules || !wasm_module_function_is_imported(b->module, func_idx) ||
	    !rules->ports[func_idx].access)
		return NULL;
	return &rules->ports[func_idx];
}

static enum nb_status
check_number(struct builder *b, const struct device_port *port, const struct ir_inst *number)
{
	return device_check_port(b->fn->rules, port, (uint32_t)number->imm, b->func_idx,
				 b->position, b->diag);
}

/* Of a choice between constants both are looked at, as if each had an access of its own:
 * that is what other compilers make of two accesses. */
static enum nb_status
check(struct builder *b, const struct device_port *port, const struct ir_inst *number)
{
	const struct ir_inst *insts = b->fn->insts;
	enum nb_status status;

	if (number->op == IR_CONST)
		return check_number(b, port, number);
	status = device_check_computed(b->fn->rules, port, b->func_idx, b->position, b->diag);
	for (uint32_t i = 1; number->op == IR_SELECT && i < 3; i++)
		if (status == NB_OK && insts[number->args[i]].op == IR_CONST)
			status = check_number(b, port, &insts[number->args[i]]);
	return status;
}

bool
build_port(struct builder *b, uint32_t func_idx)
{
	const struct device_port *port = port_of(b, func_idx);
	struct ir_inst proto = { .args = { IR_NONE, IR_NONE, IR_NONE } };
	uint32_t number, value = IR_NONE;
	enum nb_status status;

	if (!port)
		return false;
	if (port->access == NB_PORT_WRITE)
		value = build_pop(b);
	number = build_pop(b);
	if (b->fn->status != NB_OK)
		return true;
	status = check(b, port, &b->fn->insts[number]);
	if (status != NB_OK) {
		ir_fail(b->fn, status);
		return true;
	}
	proto.imm = port->width;
	proto.args[0] = value;
	if (b->fn->insts[number].op == IR_CONST) {
		proto.op = port->access == NB_PORT_READ ? IR_PORT_READ : IR_PORT_WRITE;
		proto.imm |= b->fn->insts[number].imm << 8;
	} else {
		proto.op = port->access == NB_PORT_READ ? IR_PORT_READ_ANY : IR_PORT_WRITE_ANY;
		proto.args[0] = number;
		proto.args[1] = value;
	}
	if (port->access == NB_PORT_READ)
		proto.type = IR_I32;
	value = build_append(b, &proto);
	if (port->access == NB_PORT_READ)
		build_push(b, value);
	return true;
}

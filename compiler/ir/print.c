/*
 * IR as text.
 */
#include "compiler/ir/print.h"

#include "abi/code_contract.h"
#include "abi/trap.h"

struct printer {
	const struct ir_function *fn;
	uint32_t *values; /* number -> printed number; NULL: the same */
	uint32_t *blocks;
	format_emit *emit;
	void *context;
};

static void __attribute__((format(printf, 2, 3)))
put(const struct printer *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(p->emit, p->context, format, args);
	va_end(args);
}

/* As one number, so lane 0 stands on the right. */
static void
put_vector(const struct printer *p, uint64_t index)
{
	const struct ir_v128 *vector = &p->fn->vectors[index];

	put(p, "v128:0x");
	for (uint32_t i = 16; i-- > 0;)
		put(p, "%02x", vector->bytes[i]);
}

/* "[0, 1, …]", the pattern of a shuffle. */
static void
put_pattern(const struct printer *p, const uint8_t *pattern)
{
	put(p, " [");
	for (uint32_t i = 0; i < 16; i++)
		put(p, i ? ", %u" : "%u", pattern[i]);
	put(p, "]");
}

static void
put_value(const struct printer *p, uint32_t value)
{
	const struct ir_inst *inst;

	if (value >= p->fn->inst_count) {
		put(p, "v?");
		return;
	}
	inst = &p->fn->insts[value];
	if (inst->op != IR_CONST)
		put(p, "v%u", p->values ? p->values[value] : value);
	else if (inst->type == IR_I32)
		put(p, "i32:%d", (int)(int32_t)inst->imm);
	else if (inst->type == IR_I64)
		put(p, "i64:%lld", (long long)inst->imm);
	else if (inst->type == IR_V128)
		put_vector(p, inst->imm);
	else
		put(p, "%s:0x%llx", ir_type_text(inst->type), (unsigned long long)inst->imm);
}

static void
put_list(const struct printer *p, const uint32_t *values, uint32_t count)
{
	put(p, "(");
	for (uint32_t i = 0; i < count; i++) {
		put(p, i ? ", " : "");
		put_value(p, values[i]);
	}
	put(p, ")");
}

static void
put_block(const struct printer *p, uint32_t block)
{
	if (block == IR_NONE)
		put(p, "b?");
	else
		put(p, "b%u", p->blocks ? p->blocks[block] : block);
}

static void
put_edge(const struct printer *p, const struct ir_edge *edge)
{
	put_block(p, edge->to);
	if (edge->arg_count) {
		put(p, " ");
		put_list(p, p->fn->lists + edge->first_arg, edge->arg_count);
	}
}

static const char *
trap_name(uint64_t trap)
{
	switch (trap) {
#define NB_TRAP(name, number, text) \
	case NB_TRAP_##name:        \
		return #name;
#include "abi/trap.def"
#undef NB_TRAP
	default:
		return "?";
	}
}

static const char *
builtin_name(uint64_t builtin)
{
	switch (builtin) {
#define NB_BUILTIN(name, ...)   \
	case NB_BUILTIN_##name: \
		return #name;
#include "abi/builtin.def"
#undef NB_BUILTIN
	default:
		return "?";
	}
}

/* What imm says, between the operation and its arguments. */
static void
put_imm(const struct printer *p, const struct ir_inst *inst)
{
	switch (inst->op) {
	case IR_MEMORY_SIZE:
	case IR_GLOBAL_GET:
	case IR_GLOBAL_SET:
	case IR_FRAME_GET:
	case IR_FRAME_SET:
	case IR_TABLE_SIZE:
	case IR_REF_FUNC:
	case IR_CALL:
	case IR_CALL_IMPORT:
	case IR_RETURN_CALL:
	case IR_RETURN_CALL_IMPORT:
	case IR_RESULT:
		put(p, " %u", (uint32_t)inst->imm);
		break;
	case IR_CALL_INDIRECT:
	case IR_RETURN_CALL_INDIRECT:
		put(p, " type=%u table=%u", ir_indirect_type(inst), ir_indirect_table(inst));
		break;
	case IR_CALL_REF:
	case IR_RETURN_CALL_REF:
		put(p, " type=%u", ir_indirect_type(inst));
		break;
	case IR_CALL_BUILTIN:
		put(p, " %s", builtin_name(inst->imm));
		break;
	case IR_EXTRACT:
	case IR_REPLACE:
		put(p, " %u", ir_vector_lane(inst));
		break;
	case IR_SHUFFLE:
		put_pattern(p, ir_shuffle_pattern(p->fn, inst));
		break;
	case IR_TRAP:
	case IR_TRAP_IF:
		put(p, " %s", trap_name(inst->imm));
		break;
	case IR_PORT_READ:
	case IR_PORT_WRITE:
	case IR_PORT_READ_ANY:
	case IR_PORT_WRITE_ANY:
		put(p, " bytes=%u", 1u << ir_port_width(inst));
		if (inst->op == IR_PORT_READ || inst->op == IR_PORT_WRITE)
			put(p, " port=%u", ir_port_number(inst));
		break;
	default:
		if (!ir_access_bytes(p->fn, inst))
			break;
		if (ir_access_memory(inst))
			put(p, " memory=%u", ir_access_memory(inst));
		if (ir_access_offset(inst))
			put(p, " offset=%u", ir_access_offset(inst));
		if (ir_op_is_atomic(inst->op))
			put(p, " bytes=%u", ir_access_bytes(p->fn, inst));
		if (inst->op == IR_ATOMIC_RMW)
			put(p, " operation=%u", ir_atomic_operation(inst));
		break;
	}
}

static void
put_edges(const struct printer *p, const struct ir_inst *inst)
{
	uint32_t count = ir_inst_edge_count(inst);

	for (uint32_t i = 0; i < count; i++) {
		put(p, i || ir_op_info(inst->op)->arg_count ? ", " : " ");
		put_edge(p, ir_inst_edge(p->fn, inst, i));
	}
	if (inst->op != IR_SWITCH)
		return;
	put(p, " [");
	for (uint32_t i = 0; i < ir_switch_case_count(inst); i++)
		put(p, i ? ", %u" : "%u", ir_switch_case(p->fn, inst, i));
	put(p, "]");
}

static void
put_inst(const struct printer *p, uint32_t index)
{
	const struct ir_inst *inst = &p->fn->insts[index];
	const struct ir_op_info *info = ir_op_info(inst->op);

	put(p, "\t");
	if (inst->type != IR_VOID)
		put(p, "v%u: %s = ", p->values ? p->values[index] : index,
		    ir_type_text(inst->type));
	put(p, "%s", ir_inst_text(inst));
	put_imm(p, inst);
	for (uint32_t i = 0; i < info->arg_count; i++) {
		put(p, i ? ", " : " ");
		put_value(p, inst->args[i]);
	}
	if (info->flags & IR_OP_LIST) {
		struct ir_list list = ir_inst_list(p->fn, inst);

		put(p, " ");
		put_list(p, list.values, list.count);
	}
	put_edges(p, inst);
	if (inst->flags & IR_NO_TRAP)
		put(p, " !no_trap");
	if (inst->flags & IR_LIKELY)
		put(p, " !likely");
	if (inst->flags & IR_UNLIKELY)
		put(p, " !unlikely");
	if (inst->wasm_offset)
		put(p, " @%d", (int32_t)(inst->wasm_offset << 8) >> 8);
	put(p, "\n");
}

static void
put_params(const struct printer *p, const struct ir_block *block)
{
	for (uint32_t i = 0; i < block->param_count; i++) {
		uint32_t param = p->fn->lists[block->first_param + i];

		put(p, i ? ", " : " (");
		put_value(p, param);
		put(p, ": %s", ir_type_text(p->fn->insts[param].type));
	}
	if (block->param_count)
		put(p, ")");
}

static void
print_block(const struct printer *p, uint32_t index)
{
	const struct ir_block *block = &p->fn->blocks[index];

	put_block(p, index);
	put_params(p, block);
	put(p, ":");
	if (p->fn->order_count && block->loop_depth)
		put(p, " !depth=%u", block->loop_depth);
	if (block->flags & IR_BLOCK_COLD)
		put(p, " !cold");
	put(p, "\n");
	for (uint32_t i = block->first_inst; i != IR_NONE; i = p->fn->insts[i].next)
		put_inst(p, i);
}

/* The block that is printed at place `i`; IR_NONE: nothing there. */
static uint32_t
block_at(const struct ir_function *fn, uint32_t i)
{
	if (fn->order_count)
		return i < fn->order_count ? fn->order[i] : IR_NONE;
	return fn->blocks[i].first_inst != IR_NONE ? i : IR_NONE;
}

static enum nb_status
number_densely(struct printer *p, struct arena *scratch)
{
	const struct ir_function *fn = p->fn;
	uint32_t values = 0;
	uint32_t blocks = 0;

	p->values = arena_new_array(scratch, uint32_t, fn->inst_count);
	p->blocks = arena_new_array(scratch, uint32_t, fn->block_count);
	if (!p->values || !p->blocks)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < fn->block_count; i++) {
		const struct ir_block *block;
		uint32_t b = block_at(fn, i);

		if (b == IR_NONE)
			continue;
		block = &fn->blocks[b];
		p->blocks[b] = blocks++;
		for (uint32_t k = 0; k < block->param_count; k++)
			p->values[fn->lists[block->first_param + k]] = values++;
		for (uint32_t k = block->first_inst; k != IR_NONE; k = fn->insts[k].next)
			if (fn->insts[k].type != IR_VOID)
				p->values[k] = values++;
	}
	return NB_OK;
}

enum nb_status
ir_print(const struct ir_function *fn, enum ir_numbers numbers, struct arena *scratch,
	 format_emit *emit, void *context)
{
	struct printer p = { .fn = fn, .emit = emit, .context = context };
	struct arena_mark mark;

	if (numbers == IR_NUMBERS_DENSE) {
		mark = arena_mark_get(scratch);
		if (number_densely(&p, scratch) != NB_OK) {
			arena_release(scratch, mark);
			return NB_OUT_OF_MEMORY;
		}
	}
	put(&p, "function %u {\n", fn->func_idx);
	for (uint32_t i = 0; i < fn->block_count; i++)
		if (block_at(fn, i) != IR_NONE)
			print_block(&p, block_at(fn, i));
	put(&p, "}\n");
	if (numbers == IR_NUMBERS_DENSE)
		arena_release(scratch, mark);
	return NB_OK;
}

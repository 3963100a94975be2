/*
 * Addresses of linear memory: 32-bit ones, 64-bit ones, and static offsets of
 * any size.
 *
 * The 32-bit address and the offset are added in 33 bits, the 64-bit one in 65.
 * Accesses take offsets up to NB_DISPLACEMENT_MAX, so larger ones are added
 * here: to a zero-extended address, which cannot wrap, or with a check.
 */
#include "compiler/ir/build_internal.h"

#include "abi/code_contract.h"

void
build_trap_if(struct builder *b, uint32_t cond, enum nb_trap kind)
{
	struct ir_inst proto = {
		.op = IR_TRAP_IF,
		.args = { cond, IR_NONE, IR_NONE },
		.imm = kind,
	};

	if (b->fn->insts[cond].op != IR_CONST || b->fn->insts[cond].imm != 0)
		build_append(b, &proto);
}

/* address + offset, of a memory with 64-bit addresses. */
static uint32_t
add_offset_64(struct builder *b, uint32_t address, uint64_t offset)
{
	uint32_t by = ir_const(b->fn, IR_I64, offset);
	uint32_t sum;

	/* No memory is so large; an aligned address that none has. */
	if (offset >= NB_WIDE_SLOT_ADDRESSABLE)
		return ir_const(b->fn, IR_I64, ~UINT64_C(15));
	sum = build_binary(b, IR_ADD, IR_I64, address, by);
	build_trap_if(b, build_binary(b, IR_LT_U, IR_I32, sum, by), NB_TRAP_MEMORY_OUT_OF_BOUNDS);
	return sum;
}

/* Traps unless address + offset is a multiple of `bytes`. */
static void
check_alignment(struct builder *b, uint32_t address, uint64_t offset, uint32_t bytes)
{
	enum ir_type type = b->fn->insts[address].type;
	uint32_t low = ir_const(b->fn, type, offset & (bytes - 1));
	uint32_t rest = build_binary(b, IR_ADD, type, address, low);

	rest = build_binary(b, IR_AND, type, rest, ir_const(b->fn, type, bytes - 1));
	if (type == IR_I64)
		rest = build_unary(b, IR_WRAP, IR_I32, rest);
	build_trap_if(b, rest, NB_TRAP_UNALIGNED_ATOMIC);
}

/* The imm of an access with that argument, whose address is on the stack. */
static uint64_t
access_of(struct builder *b, uint32_t depth, struct wasm_memarg arg)
{
	uint64_t memory = (uint64_t)arg.memory_idx << 32;
	uint32_t *address = &b->stack[b->stack_count - 1 - depth];
	uint32_t wide;

	if (arg.offset <= NB_DISPLACEMENT_MAX)
		return arg.offset | memory;
	if (b->module->memories[arg.memory_idx].limits.is_64) {
		*address = add_offset_64(b, *address, arg.offset);
	} else {
		wide = build_unary(b, IR_EXTEND_U, IR_I64, *address);
		*address =
			build_binary(b, IR_ADD, IR_I64, wide, ir_const(b->fn, IR_I64, arg.offset));
	}
	return memory;
}

uint64_t
build_access(struct builder *b, uint32_t depth)
{
	return access_of(b, depth, wasm_read_memarg(&b->reader));
}

uint64_t
build_aligned_access(struct builder *b, uint32_t depth, uint32_t bytes)
{
	struct wasm_memarg arg = wasm_read_memarg(&b->reader);

	if (bytes > 1)
		check_alignment(b, b->stack[b->stack_count - 1 - depth], arg.offset, bytes);
	return access_of(b, depth, arg);
}

uint32_t
build_place(struct builder *b, uint32_t depth, uint32_t *out_memory)
{
	struct wasm_memarg arg = wasm_read_memarg(&b->reader);
	uint32_t address = b->stack[b->stack_count - 1 - depth];

	*out_memory = arg.memory_idx;
	if (b->fn->insts[address].type == IR_I64)
		return arg.offset ? add_offset_64(b, address, arg.offset) : address;
	address = build_unary(b, IR_EXTEND_U, IR_I64, address);
	return build_binary(b, IR_ADD, IR_I64, address, ir_const(b->fn, IR_I64, arg.offset));
}

uint32_t
build_pop_callee_index(struct builder *b)
{
	uint32_t index = build_pop(b);
	uint32_t most;

	if (b->fn->insts[index].type == IR_I32)
		return index;
	most = ir_const(b->fn, IR_I64, UINT32_MAX);
	build_trap_if(b, build_binary(b, IR_GT_U, IR_I32, index, most), NB_TRAP_UNDEFINED_ELEMENT);
	return build_unary(b, IR_WRAP, IR_I32, index);
}

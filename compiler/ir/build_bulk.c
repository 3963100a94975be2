/*
 * What becomes a call of a trusted routine: growing, bulk memory and table
 * instructions, waiting and waking.
 */
#include "compiler/ir/build_internal.h"

#include "abi/code_contract.h"

enum { MAX_BUILTIN_ARGS = 5 };

/* The arguments of a routine as they are collected. */
struct builtin_args {
	uint32_t values[MAX_BUILTIN_ARGS];
	uint32_t count;
};

static void
add_const(struct builder *b, struct builtin_args *args, uint32_t number)
{
	args->values[args->count++] = ir_const(b->fn, IR_I32, number);
}

/* The value at `depth` below the top of the stack, as u32 or u64: addresses and
 * sizes are i32 or i64 as the memory or table says. */
static void
add_u32(struct builder *b, struct builtin_args *args, uint32_t depth)
{
	args->values[args->count++] = b->stack[b->stack_count - 1 - depth];
}

static void
add_u64(struct builder *b, struct builtin_args *args, uint32_t depth)
{
	uint32_t value = b->stack[b->stack_count - 1 - depth];

	if (b->fn->insts[value].type == IR_I32)
		value = build_unary(b, IR_EXTEND_U, IR_I64, value);
	args->values[args->count++] = value;
}

/* Calls the routine; `pops` operands leave the stack. Returns its value. */
static uint32_t
emit_builtin(struct builder *b, enum nb_builtin builtin, enum ir_type type,
	     const struct builtin_args *args, uint32_t pops)
{
	uint32_t list = ir_new_list(b->fn, args->count);
	struct ir_inst proto = {
		.op = IR_CALL_BUILTIN,
		.type = (uint8_t)type,
		.args = { IR_NONE, list, args->count },
		.imm = builtin,
	};

	if (b->fn->status != NB_OK)
		return 0;
	for (uint32_t i = 0; i < args->count; i++)
		b->fn->lists[list + i] = args->values[i];
	b->stack_count -= pops;
	return build_append(b, &proto);
}

/* memory.grow and table.grow: the old size or -1, in 64 bits. */
static void
push_size(struct builder *b, uint32_t value, const struct wasm_limits *limits)
{
	build_push(b, limits->is_64 ? value : build_unary(b, IR_WRAP, IR_I32, value));
}

static void
memory_grow(struct builder *b)
{
	struct builtin_args args = { .count = 0 };
	uint32_t memory = wasm_read_u32(&b->reader);
	uint32_t old;

	add_const(b, &args, memory);
	add_u64(b, &args, 0);
	old = emit_builtin(b, NB_BUILTIN_MEMORY_GROW, IR_I64, &args, 1);
	push_size(b, old, &b->module->memories[memory].limits);
}

static void
memory_fill(struct builder *b)
{
	struct builtin_args args = { .count = 0 };
	uint32_t memory = wasm_read_u32(&b->reader);
	struct build_join join;

	if (build_short_fill(b, memory, &join))
		return;
	add_const(b, &args, memory);
	add_u64(b, &args, 2);
	add_u32(b, &args, 1);
	add_u64(b, &args, 0);
	emit_builtin(b, NB_BUILTIN_MEMORY_FILL, IR_VOID, &args, 3);
	build_short_end(b, &join);
}

static void
memory_copy(struct builder *b)
{
	struct builtin_args args = { .count = 0 };
	uint32_t to = wasm_read_u32(&b->reader);
	uint32_t from = wasm_read_u32(&b->reader);
	struct build_join join;

	if (build_short_copy(b, to, from, &join))
		return;
	add_const(b, &args, to | from << 16);
	add_u64(b, &args, 2);
	add_u64(b, &args, 1);
	add_u64(b, &args, 0);
	emit_builtin(b, NB_BUILTIN_MEMORY_COPY, IR_VOID, &args, 3);
	build_short_end(b, &join);
}

/* memory.init and table.init: segment, memory or table, to, from, count. */
static void
init_from_segment(struct builder *b, enum nb_builtin builtin)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	add_const(b, &args, wasm_read_u32(&b->reader));
	add_u64(b, &args, 2);
	add_u32(b, &args, 1);
	add_u32(b, &args, 0);
	emit_builtin(b, builtin, IR_VOID, &args, 3);
}

static void
drop_segment(struct builder *b, enum nb_builtin builtin)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	emit_builtin(b, builtin, IR_VOID, &args, 0);
}

static void
table_get(struct builder *b)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	add_u64(b, &args, 0);
	build_push(b, emit_builtin(b, NB_BUILTIN_TABLE_GET, IR_I32, &args, 1));
}

static void
table_set(struct builder *b)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	add_u64(b, &args, 1);
	add_u32(b, &args, 0);
	emit_builtin(b, NB_BUILTIN_TABLE_SET, IR_VOID, &args, 2);
}

static void
table_grow(struct builder *b)
{
	struct builtin_args args = { .count = 0 };
	uint32_t table = wasm_read_u32(&b->reader);
	uint32_t old;

	add_const(b, &args, table);
	add_u32(b, &args, 1);
	add_u64(b, &args, 0);
	old = emit_builtin(b, NB_BUILTIN_TABLE_GROW, IR_I64, &args, 2);
	push_size(b, old, &b->module->tables[table].limits);
}

static void
table_fill(struct builder *b)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	add_u64(b, &args, 2);
	add_u32(b, &args, 1);
	add_u64(b, &args, 0);
	emit_builtin(b, NB_BUILTIN_TABLE_FILL, IR_VOID, &args, 3);
}

static void
table_copy(struct builder *b)
{
	struct builtin_args args = { .count = 0 };

	add_const(b, &args, wasm_read_u32(&b->reader));
	add_const(b, &args, wasm_read_u32(&b->reader));
	add_u64(b, &args, 2);
	add_u64(b, &args, 1);
	add_u64(b, &args, 0);
	emit_builtin(b, NB_BUILTIN_TABLE_COPY, IR_VOID, &args, 3);
}

static void
memory_wait(struct builder *b, uint32_t bytes)
{
	struct builtin_args args = { .count = 0 };
	uint32_t memory;
	uint32_t place = build_place(b, 2, &memory);

	add_const(b, &args, memory);
	args.values[args.count++] = place;
	add_u64(b, &args, 1);
	add_u64(b, &args, 0);
	add_const(b, &args, bytes);
	build_push(b, emit_builtin(b, NB_BUILTIN_MEMORY_WAIT, IR_I32, &args, 3));
}

static void
memory_notify(struct builder *b)
{
	struct builtin_args args = { .count = 0 };
	uint32_t memory;
	uint32_t place = build_place(b, 1, &memory);

	add_const(b, &args, memory);
	args.values[args.count++] = place;
	add_u32(b, &args, 0);
	build_push(b, emit_builtin(b, NB_BUILTIN_MEMORY_NOTIFY, IR_I32, &args, 2));
}

bool
build_bulk(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_MEMORY_GROW:
		memory_grow(b);
		return true;
	case WASM_OP_MEMORY_FILL:
		memory_fill(b);
		return true;
	case WASM_OP_MEMORY_COPY:
		memory_copy(b);
		return true;
	case WASM_OP_MEMORY_INIT:
		init_from_segment(b, NB_BUILTIN_MEMORY_INIT);
		return true;
	case WASM_OP_DATA_DROP:
		drop_segment(b, NB_BUILTIN_DATA_DROP);
		return true;
	case WASM_OP_TABLE_GET:
		table_get(b);
		return true;
	case WASM_OP_TABLE_SET:
		table_set(b);
		return true;
	case WASM_OP_TABLE_GROW:
		table_grow(b);
		return true;
	case WASM_OP_TABLE_FILL:
		table_fill(b);
		return true;
	case WASM_OP_TABLE_COPY:
		table_copy(b);
		return true;
	case WASM_OP_TABLE_INIT:
		init_from_segment(b, NB_BUILTIN_TABLE_INIT);
		return true;
	case WASM_OP_ELEM_DROP:
		drop_segment(b, NB_BUILTIN_ELEM_DROP);
		return true;
	case WASM_OP_MEMORY_ATOMIC_WAIT32:
		memory_wait(b, 4);
		return true;
	case WASM_OP_MEMORY_ATOMIC_WAIT64:
		memory_wait(b, 8);
		return true;
	case WASM_OP_MEMORY_ATOMIC_NOTIFY:
		memory_notify(b);
		return true;
	default:
		return false;
	}
}

/*
 * The builder's walk over a body: values, locals, memory, globals. Control
 * flow is in build_control.c and build_branch.c, calls in build_call.c.
 */
#include "compiler/ir/build.h"

#include "compiler/ir/build_internal.h"
#include "compiler/ir/params.h"
#include "lib/string.h"

enum {
	INLINE_BASE_BUDGET = 2048,
	QUESTIONS_BASE = 1 << 18,
	QUESTIONS_PER_BYTE = 16, /* of real functions the first needs 6 */
};

bool
build_grow(struct builder *b, void **array, uint32_t count, uint32_t *cap, uint32_t more,
	   uint32_t size)
{
	uint64_t wish = (uint64_t)*cap * 2;
	void *moved;

	if (wish < (uint64_t)count + more)
		wish = (uint64_t)count + more;
	if (wish < 16)
		wish = 16;
	if (b->fn->status == NB_OK && wish < IR_NONE) {
		moved = arena_grow_array(b->scratch, *array, *cap, wish, size, 8);
		if (moved) {
			*array = moved;
			*cap = (uint32_t)wish;
			return true;
		}
	}
	ir_fail(b->fn, NB_OUT_OF_MEMORY);
	return false;
}

/* The IR operation of instructions that are just one; 0 (CONST) for others. */
static const uint8_t simple_ops[WASM_OPCODE_COUNT] = {
#define IR_WASM_OP(wasm, ir) [WASM_OP_##wasm] = IR_##ir,
#include "compiler/ir/wasm_op.def"
#undef IR_WASM_OP
};

static enum ir_type
type_of_kind(uint8_t kind)
{
	return kind == WASM_KIND_NONE ? IR_VOID : ir_type_from_wasm((enum wasm_valtype)kind);
}

static void
build_simple(struct builder *b, enum wasm_opcode opcode)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[opcode];
	struct ir_inst proto = {
		.op = simple_ops[opcode],
		.type = (uint8_t)type_of_kind(info->result),
		.args = { IR_NONE, IR_NONE, IR_NONE },
	};
	uint32_t value;

	if (info->immediate == WASM_IMM_MEMARG)
		proto.imm = build_access(b, info->operand_count - 1u);
	for (uint32_t i = info->operand_count; i-- > 0;)
		proto.args[i] = build_pop(b);
	value = build_emit(b, &proto);
	if (proto.type != IR_VOID)
		build_push(b, value);
}

static void
build_eqz(struct builder *b, enum ir_type type)
{
	uint32_t value = build_pop(b);

	build_push(b, build_binary(b, IR_EQ, IR_I32, value, ir_const(b->fn, type, 0)));
}

static void
build_select(struct builder *b)
{
	uint32_t cond = build_pop(b);
	uint32_t no = build_pop(b);
	uint32_t yes = build_pop(b);
	struct ir_inst proto = {
		.op = IR_SELECT,
		.type = b->fn->insts[yes].type,
		.args = { cond, yes, no },
	};

	build_push(b, build_emit(b, &proto));
}

/* An operation without operands, whose imm is an index. */
static void
build_indexed(struct builder *b, enum ir_op op, enum ir_type type, uint32_t idx)
{
	struct ir_inst proto = {
		.op = (uint8_t)op,
		.type = (uint8_t)type,
		.args = { IR_NONE, IR_NONE, IR_NONE },
		.imm = idx,
	};

	build_push(b, build_emit(b, &proto));
}

static void
build_size(struct builder *b, enum ir_op op)
{
	uint32_t idx = wasm_read_u32(&b->reader);
	bool is_64 = op == IR_TABLE_SIZE ? b->module->tables[idx].limits.is_64
					 : b->module->memories[idx].limits.is_64;

	build_indexed(b, op, is_64 ? IR_I64 : IR_I32, idx);
}

static uint32_t
init_const(struct ir_function *fn, enum ir_type type, const uint64_t bits[2])
{
	struct ir_v128 vector;

	if (type != IR_V128)
		return ir_const(fn, type, bits[0]);
	memcpy(vector.bytes, bits, sizeof(vector.bytes));
	return ir_const_v128(fn, &vector);
}

/* Immutable globals with a constant initialiser are that constant. */
static void
build_global_get(struct builder *b)
{
	uint32_t idx = wasm_read_u32(&b->reader);
	const struct wasm_global *global = &b->module->globals[idx];
	enum ir_type type = ir_type_from_wasm(global->type.type);

	if (!global->type.is_mutable && idx >= b->module->global_import_count &&
	    global->init.kind == WASM_INIT_CONST)
		build_push(b, init_const(b->fn, type, global->init.bits));
	else
		build_indexed(b, IR_GLOBAL_GET, type, idx);
}

static void
build_global_set(struct builder *b)
{
	struct ir_inst proto = {
		.op = IR_GLOBAL_SET,
		.args = { IR_NONE, IR_NONE, IR_NONE },
		.imm = wasm_read_u32(&b->reader),
	};

	proto.args[0] = build_pop(b);
	build_append(b, &proto);
}

static void
build_variable(struct builder *b, enum wasm_opcode opcode)
{
	uint32_t idx = wasm_read_u32(&b->reader);

	if (opcode == WASM_OP_LOCAL_GET) {
		build_push(b, build_read_local(b, idx));
		return;
	}
	if (b->stack_count == 0)
		return;
	build_set_local(b, idx, b->stack[b->stack_count - 1]);
	if (opcode == WASM_OP_LOCAL_SET)
		b->stack_count--;
}

static void
build_const(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I32_CONST:
		build_push(b, ir_const(b->fn, IR_I32, (uint32_t)wasm_read_s32(&b->reader)));
		break;
	case WASM_OP_I64_CONST:
		build_push(b, ir_const(b->fn, IR_I64, (uint64_t)wasm_read_s64(&b->reader)));
		break;
	case WASM_OP_F32_CONST:
		build_push(b, ir_const(b->fn, IR_F32, wasm_read_f32_bits(&b->reader)));
		break;
	default:
		build_push(b, ir_const(b->fn, IR_F64, wasm_read_f64_bits(&b->reader)));
		break;
	}
}

/* What is neither control, nor a call, nor one plain operation. */
static void
build_other(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_I32_EQZ:
		build_eqz(b, IR_I32);
		break;
	case WASM_OP_I64_EQZ:
		build_eqz(b, IR_I64);
		break;
	case WASM_OP_REF_IS_NULL:
		build_eqz(b, IR_I32);
		break;
	case WASM_OP_DROP:
		build_pop(b);
		break;
	case WASM_OP_SELECT_T:
		wasm_skip_immediate(&b->reader, opcode);
		build_select(b);
		break;
	case WASM_OP_SELECT:
		build_select(b);
		break;
	case WASM_OP_GLOBAL_GET:
		build_global_get(b);
		break;
	case WASM_OP_GLOBAL_SET:
		build_global_set(b);
		break;
	case WASM_OP_MEMORY_SIZE:
		build_size(b, IR_MEMORY_SIZE);
		break;
	case WASM_OP_TABLE_SIZE:
		build_size(b, IR_TABLE_SIZE);
		break;
	case WASM_OP_REF_FUNC:
		build_indexed(b, IR_REF_FUNC, IR_I32, wasm_read_u32(&b->reader));
		break;
	case WASM_OP_REF_NULL:
		wasm_skip_immediate(&b->reader, opcode);
		build_push(b, ir_const(b->fn, IR_I32, 0));
		break;
	case WASM_OP_NOP:
		break;
	default:
		if (!build_vector(b, opcode) && !build_call(b, opcode) && !build_atomic(b, opcode))
			ir_fail(b->fn, NB_INTERNAL);
		break;
	}
}

static void
build_instruction(struct builder *b, enum wasm_opcode opcode)
{
	switch ((uint32_t)opcode) {
	case WASM_OP_LOCAL_GET:
	case WASM_OP_LOCAL_SET:
	case WASM_OP_LOCAL_TEE:
		build_variable(b, opcode);
		break;
	case WASM_OP_I32_CONST:
	case WASM_OP_I64_CONST:
	case WASM_OP_F32_CONST:
	case WASM_OP_F64_CONST:
		build_const(b, opcode);
		break;
	case WASM_OP_UNREACHABLE:
	case WASM_OP_BLOCK:
	case WASM_OP_LOOP:
	case WASM_OP_IF:
	case WASM_OP_ELSE:
	case WASM_OP_END:
	case WASM_OP_BR:
	case WASM_OP_BR_IF:
	case WASM_OP_BR_TABLE:
	case WASM_OP_RETURN:
		build_control(b, opcode);
		break;
	default:
		if (simple_ops[opcode])
			build_simple(b, opcode);
		else
			build_other(b, opcode);
		break;
	}
}

/* The function's own parameters become parameters of the entry block. */
static void
add_entry_params(struct builder *b, const struct wasm_functype *type)
{
	uint32_t list = ir_new_list(b->fn, type->param_count);

	if (b->fn->status != NB_OK)
		return;
	b->fn->blocks[0].first_param = list;
	b->fn->blocks[0].param_count = type->param_count;
	for (uint32_t i = 0; i < type->param_count; i++) {
		uint32_t param = ir_new_inst(b->fn, IR_PARAM, ir_type_from_wasm(type->params[i]));

		b->fn->insts[param].imm = i;
		b->fn->insts[param].block = 0;
		b->fn->lists[list + i] = param;
		b->locals[i].initial = param;
	}
}

/* Types of all locals, and zero for those that are no parameters. */
static void
begin_locals(struct builder *b)
{
	const struct wasm_functype *type = wasm_module_function_type(b->module, b->func_idx);
	struct wasm_locals runs = wasm_locals_begin(b->module, b->code);
	struct wasm_local_run run;
	uint32_t count = type->param_count;

	b->local_count = b->code->local_count;
	b->locals = arena_new_array(b->scratch, struct build_local, b->local_count);
	if (!b->locals) {
		ir_fail(b->fn, NB_OUT_OF_MEMORY);
		return;
	}
	for (uint32_t i = 0; i < b->local_count; i++)
		b->locals[i].slot = IR_NONE;
	for (uint32_t i = 0; i < count; i++)
		b->locals[i].type = ir_type_from_wasm(type->params[i]);
	while (wasm_locals_next(&runs, &run)) {
		enum ir_type ir = ir_type_from_wasm(run.type);
		uint32_t zero = run.count ? ir_zero(b->fn, ir) : 0;

		for (uint32_t i = 0; i < run.count; i++) {
			b->locals[count].type = ir;
			b->locals[count].initial = zero;
			count++;
		}
	}
	if (!b->caller)
		add_entry_params(b, type);
}

void
build_body(struct builder *b, const uint32_t *args)
{
	const struct wasm_functype *type = wasm_module_function_type(b->module, b->func_idx);

	begin_locals(b);
	if (b->fn->status != NB_OK || build_scan(b) != NB_OK)
		return;
	for (uint32_t i = 0; args && i < type->param_count; i++)
		b->locals[i].initial = args[i];
	b->epoch = 1;
	b->reader = wasm_reader_at(b->module, b->code->code_offset);
	build_begin_body(b);
	build_frame_locals(b);
	while (b->frame_count && ir_tick(b->fn, 1)) {
		enum wasm_opcode opcode;

		b->position = wasm_reader_offset(b->module, &b->reader);
		opcode = wasm_read_opcode(&b->reader);
		if (b->block == IR_NONE)
			build_skip(b, opcode);
		else
			build_instruction(b, opcode);
	}
	build_finish_params(b);
}

/* Builds with locals as values, or in the frame. */
static enum nb_status
build_function(struct ir_function *fn, struct numbering *numbering, struct arena *scratch,
	       struct diag *diag)
{
	struct builder b = {
		.fn = fn,
		.scratch = scratch,
		.diag = diag,
		.numbering = numbering,
		.func_idx = fn->func_idx,
		.module = fn->module,
		.code = wasm_module_code(fn->module, fn->func_idx),
		.position = wasm_module_code(fn->module, fn->func_idx)->code_offset,
		.base_offset = wasm_module_code(fn->module, fn->func_idx)->offset,
	};

	fn->type = wasm_module_function_type(fn->module, fn->func_idx);
	if (ir_function_init(fn, b.code->len / 2) == NB_OK)
		build_body(&b, NULL);
	return fn->status;
}

enum nb_status
ir_build(struct ir_function *fn, enum ir_inlining inlining, struct arena *scratch,
	 struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(scratch), ir_mark = arena_mark_get(fn->arena);
	uint32_t len = wasm_module_code(fn->module, fn->func_idx)->len;
	struct numbering numbering = {
		.restart_block = IR_NONE,
		.inline_budget = inlining == IR_INLINE_SMALL ? INLINE_BASE_BUDGET + len / 2 : 0,
		.questions_left = QUESTIONS_BASE + (uint64_t)QUESTIONS_PER_BYTE * len,
	};

	if (build_function(fn, &numbering, scratch, diag) == NB_LIMIT_EXCEEDED &&
	    numbering.questions_left == 0) {
		arena_release(scratch, mark);
		arena_release(fn->arena, ir_mark);
		numbering = (struct numbering){
			.restart_block = IR_NONE,
			.inline_budget = fn->rules ? INLINE_BASE_BUDGET + len / 2 : 0,
		};
		fn->frames_locals = true;
		(void)build_function(fn, &numbering, scratch, diag);
	}
	if (fn->status == NB_OK)
		ir_drop_trivial_params(fn);
	arena_release(scratch, mark);
	return fn->status;
}

/*
 * The instructions that most code consists of, validated as long as nothing about them
 * is out of the ordinary: locals, constants, arithmetic, loads and stores, blocks and
 * branches that carry nothing, whose operands have exactly the types wanted. The first
 * that is anything else is left, untouched, to validate.c, which knows all rules; nothing
 * here reports.
 *
 * What the loop works on stays in local variables, so that an instruction need not wait
 * for the one before to be written to memory. Instructions of the same rule share a case,
 * so that the processor has few ways to foresee.
 */
#include "wasm/validate.h"

#include "lib/string.h"

enum {
	CONSTANT_BYTES = 10, /* of the longest LEB128 */
	SIMPLE_BYTES = 12,   /* so many are looked at, whatever the instruction's length */
};

struct simple {
	struct wasm_validator *v;
	const uint8_t *pos;
	/* With room for one more. What lies directly below `floor` has no type that an
	 * instruction wants, so whoever finds its operands has not passed the floor. */
	enum wasm_valtype *top;
	enum wasm_valtype *floor;
	struct wasm_frame *frame;  /* the innermost */
	enum wasm_valtype address; /* of memory 0; WASM_VALTYPE_WORD: there is none */
};

/* The length of an unsigned LEB128 of 32 bits; 0 if it is none. */
static inline uint32_t
number_length(const uint8_t *at)
{
	uint32_t word;

	if (__builtin_expect(at[0] < 0x80, 1))
		return 1;
	memcpy(&word, at, sizeof(word));
	word = ~word & 0x80808080;
	if (word != 0)
		return (uint32_t)__builtin_ctz(word) / 8 + 1;
	return at[4] < 0x10 ? 5 : 0;
}

/* An unsigned LEB128 of 32 bits and its length; UINT32_MAX, which is no index, if it is
 * none. */
static inline uint32_t
read_index(const uint8_t *at, uint32_t *len)
{
	uint64_t value;

	*len = 1;
	if (__builtin_expect(at[0] < 0x80, 1))
		return at[0];
	*len = number_length(at);
	if (*len == 0)
		return UINT32_MAX;
	memcpy(&value, at, sizeof(value));
	value &= UINT64_MAX >> (64 - 8 * *len);
	return (uint32_t)((value & 0x7f) | (value >> 1 & 0x3f80) | (value >> 2 & 0x1fc000) |
			  (value >> 3 & 0xfe00000) | (value >> 4 & 0xf0000000));
}

/* The length of a signed LEB128 of `bits` bits; 0 if it is none. */
static inline uint32_t
constant_length(const uint8_t *at, unsigned bits)
{
	const uint8_t *pos = at;
	uint32_t word;
	int64_t value;

	if (__builtin_expect(at[0] < 0x80, 1))
		return 1;
	memcpy(&word, at, sizeof(word));
	word = ~word & 0x80808080;
	if (word != 0)
		return (uint32_t)__builtin_ctz(word) / 8 + 1;
	if (leb128_read_signed(&pos, at + CONSTANT_BYTES, bits, &value) != LEB128_OK)
		return 0;
	return (uint32_t)(pos - at);
}

/* The functions below take one instruction or return false and change nothing. */

/* One operand of type `first`, `len` bytes. */
static inline bool
take_unary(struct simple *s, enum wasm_valtype first, enum wasm_valtype result, uint32_t len)
{
	if (s->top[-1] != first)
		return false;
	s->top[-1] = result;
	s->pos += len;
	return true;
}

/* Two operands of one type. */
static inline bool
take_binary(struct simple *s, enum wasm_valtype both, enum wasm_valtype result)
{
	if (s->top[-1] != both || s->top[-2] != both)
		return false;
	s->top--;
	s->top[-1] = result;
	s->pos++;
	return true;
}

static inline bool
take_push(struct simple *s, enum wasm_valtype type, uint32_t len)
{
	*s->top++ = type;
	s->pos += len;
	return true;
}

static inline bool
take_local_get(struct simple *s)
{
	uint32_t len, idx = read_index(s->pos + 1, &len);

	return idx < s->v->direct_count && take_push(s, s->v->direct[idx], 1 + len);
}

static inline bool
take_local_set(struct simple *s, unsigned kept)
{
	uint32_t len, idx = read_index(s->pos + 1, &len);

	if (idx >= s->v->direct_count || s->top[-1] != s->v->direct[idx])
		return false;
	s->top -= 1 - kept;
	s->pos += 1 + len;
	return true;
}

static inline bool
take_constant(struct simple *s, enum wasm_valtype type)
{
	uint32_t len = constant_length(s->pos + 1, type == WASM_I32 ? 32 : 64);

	return len != 0 && take_push(s, type, 1 + len);
}

static inline bool
take_load(struct simple *s, enum wasm_valtype type, uint8_t width)
{
	uint32_t len = number_length(s->pos + 2);

	return len != 0 && s->pos[1] <= width && take_unary(s, s->address, type, 2 + len);
}

static inline bool
take_store(struct simple *s, enum wasm_valtype type, uint8_t width)
{
	uint32_t len = number_length(s->pos + 2);

	if (len == 0 || s->pos[1] > width || s->top[-1] != type || s->top[-2] != s->address)
		return false;
	s->top -= 2;
	s->pos += 2 + len;
	return true;
}

static inline bool
take_drop(struct simple *s)
{
	if (s->top[-1] == WASM_BOTTOM)
		return false;
	s->top--;
	s->pos++;
	return true;
}

static inline bool
take_select(struct simple *s)
{
	if (s->top[-1] != WASM_I32 || s->top[-2] - 1U >= WASM_V128 || s->top[-2] != s->top[-3])
		return false;
	s->top -= 2;
	s->pos++;
	return true;
}

static inline bool
take_global(struct simple *s, bool is_set)
{
	uint32_t len, idx = read_index(s->pos + 1, &len);
	const struct wasm_global_type *type;

	if (idx >= s->v->module->global_count)
		return false;
	type = &s->v->module->globals[idx].type;
	if (!is_set)
		return take_push(s, type->type, 1 + len);
	if (!type->is_mutable || s->top[-1] != type->type)
		return false;
	s->top--;
	s->pos += 1 + len;
	return true;
}

static inline enum wasm_valtype
operand_type(const struct simple *s, uint8_t kind)
{
	return kind == WASM_KIND_ADDRESS ? s->address : (enum wasm_valtype)kind;
}

/* What the row of the instruction, of `len` bytes, says. */
static inline bool
take_row(struct simple *s, const struct wasm_opcode_info *info, uint32_t len)
{
	uint32_t count = info->operand_count;
	enum wasm_valtype *top = s->top;

	if (count - 1 > 1 || top[-1] != operand_type(s, info->operands[count - 1]) ||
	    (count == 2 && top[-2] != operand_type(s, info->operands[0])))
		return false;
	top -= count;
	if (info->result != WASM_KIND_NONE)
		*top++ = operand_type(s, info->result);
	s->top = top;
	s->pos += len;
	return true;
}

static inline bool
take_rare(struct simple *s)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[*s->pos];
	uint32_t len;

	if (info->feature != WASM_FEATURE_CORE)
		return false;
	if (info->immediate == WASM_IMM_NONE)
		return take_row(s, info, 1);
	if (info->immediate != WASM_IMM_MEMARG || s->pos[1] > info->width)
		return false;
	len = number_length(s->pos + 2);
	return len != 0 && take_row(s, info, 2 + len);
}

/* A block that takes nothing and gives one value at most; `popped` operands of i32 are its
 * condition. */
static inline bool
take_block(struct simple *s, enum wasm_opcode opcode, unsigned popped)
{
	struct wasm_validator *v = s->v;
	enum wasm_valtype result = WASM_BOTTOM;

	if (s->pos[1] != 0x40) {
		if (s->pos[1] < 0x7c || s->pos[1] > 0x7f)
			return false;
		result = (enum wasm_valtype)(0x80 - s->pos[1]);
	}
	if (v->frames.count == v->frames.capacity || (popped && s->top[-1] != WASM_I32))
		return false;
	s->top -= popped;
	*s->top++ = WASM_BOTTOM;
	s->floor = s->top;
	v->frames.count++;
	s->frame++;
	*s->frame = (struct wasm_frame){
		.type = wasm_functype_shorthand(result),
		.height = (uint32_t)(s->top - v->operands),
		.opcode = (uint16_t)opcode,
		.assigned_count = v->assigned.count,
		.result = (uint8_t)result,
		.carried = opcode == WASM_OP_LOOP ? WASM_BOTTOM : (uint8_t)result,
	};
	s->pos += 2;
	return true;
}

/* Whether the operands above the floor are what the frame gives. */
static inline bool
has_result(const struct simple *s)
{
	uint8_t result = s->frame->result;

	if (result == WASM_BOTTOM)
		return s->top == s->floor;
	return s->top - s->floor == 1 && s->top[-1] == result;
}

static inline bool
take_end(struct simple *s)
{
	struct wasm_validator *v = s->v;
	struct wasm_frame *frame = s->frame;

	if (!has_result(s) || v->frames.count == 1 || frame->assigned_count != v->assigned.count)
		return false;
	if (frame->result != WASM_BOTTOM) {
		if (frame->opcode == WASM_OP_IF)
			return false;
		s->top[-2] = s->top[-1];
	}
	s->top--;
	v->frames.count--;
	s->frame--;
	s->floor = v->operands + s->frame->height;
	s->pos++;
	return true;
}

static inline bool
take_else(struct simple *s)
{
	if (s->frame->opcode != WASM_OP_IF || !has_result(s) ||
	    s->frame->assigned_count != s->v->assigned.count)
		return false;
	s->frame->opcode = WASM_OP_ELSE;
	s->frame->is_unreachable = false;
	s->top = s->floor;
	s->pos++;
	return true;
}

/* An instruction behind which nothing is reached. */
static inline bool
take_leave(struct simple *s, uint32_t len)
{
	s->top = s->floor;
	s->frame->is_unreachable = true;
	s->pos += len;
	return true;
}

/* A branch to a frame whose label carries one value at most. */
static inline bool
take_branch(struct simple *s, bool is_if)
{
	const enum wasm_valtype *top = s->top - is_if;
	uint32_t len, depth = read_index(s->pos + 1, &len);
	uint8_t carried;

	if (depth >= s->v->frames.count)
		return false;
	carried = (s->frame - depth)->carried;
	if (carried != WASM_BOTTOM && top[-1] != carried)
		return false;
	if (!is_if)
		return take_leave(s, 1 + len);
	if (s->top[-1] != WASM_I32)
		return false;
	s->top--;
	s->pos += 1 + len;
	return true;
}

static inline bool
take_return(struct simple *s)
{
	uint8_t carried = s->v->frames.items[0].carried;

	return (carried == WASM_BOTTOM || carried == s->top[-1]) && take_leave(s, 1);
}

/* A call, of `len` bytes, of a function of that type; its operands lie under `top`. */
static inline bool
take_typed_call(struct simple *s, enum wasm_valtype *top, const struct wasm_functype *type,
		uint32_t len)
{
	uint32_t count = type->param_count;

	if (type->result_count > 1 || top - s->floor < (ptrdiff_t)count)
		return false;
	top -= count;
	for (uint32_t i = 0; i < count; i++) {
		if (top[i] != type->params[i])
			return false;
	}
	if (type->result_count == 1)
		*top++ = type->results[0];
	s->top = top;
	s->pos += len;
	return true;
}

static inline bool
take_call(struct simple *s)
{
	const struct wasm_module *module = s->v->module;
	uint32_t len, idx = read_index(s->pos + 1, &len);

	return idx < module->func_count &&
	       take_typed_call(s, s->top, wasm_module_function_type(module, idx), 1 + len);
}

/* Through a table of functions with 32-bit indices. */
static inline bool
take_call_indirect(struct simple *s)
{
	const struct wasm_module *module = s->v->module;
	uint32_t len, idx = read_index(s->pos + 1, &len);
	uint32_t table_idx = s->pos[1 + len];

	if (idx >= module->type_count || table_idx >= 0x80 || table_idx >= module->table_count ||
	    module->tables[table_idx].type != WASM_FUNCREF ||
	    module->tables[table_idx].limits.is_64 || s->top[-1] != WASM_I32)
		return false;
	return take_typed_call(s, s->top - 1, &module->types[idx], 2 + len);
}

/* Instructions without a block, branch or call. */
static inline bool
take_plain(struct simple *s)
{
	switch (*s->pos) {
	case WASM_OP_LOCAL_GET:
		return take_local_get(s);
	case WASM_OP_LOCAL_SET:
		return take_local_set(s, 0);
	case WASM_OP_LOCAL_TEE:
		return take_local_set(s, 1);
	case WASM_OP_I32_CONST:
		return take_constant(s, WASM_I32);
	case WASM_OP_I64_CONST:
		return take_constant(s, WASM_I64);
	case WASM_OP_F32_CONST:
		return take_push(s, WASM_F32, 5);
	case WASM_OP_F64_CONST:
		return take_push(s, WASM_F64, 9);
	case WASM_OP_I32_LOAD:
		return take_load(s, WASM_I32, 2);
	case WASM_OP_I64_LOAD:
		return take_load(s, WASM_I64, 3);
	case WASM_OP_I32_LOAD8_S:
	case WASM_OP_I32_LOAD8_U:
		return take_load(s, WASM_I32, 0);
	case WASM_OP_I32_STORE:
		return take_store(s, WASM_I32, 2);
	case WASM_OP_I64_STORE:
		return take_store(s, WASM_I64, 3);
	case WASM_OP_I32_STORE8:
		return take_store(s, WASM_I32, 0);
	case WASM_OP_DROP:
		return take_drop(s);
	case WASM_OP_SELECT:
		return take_select(s);
	case WASM_OP_GLOBAL_GET:
		return take_global(s, false);
	case WASM_OP_GLOBAL_SET:
		return take_global(s, true);
	case WASM_OP_I32_EQZ:
		return take_unary(s, WASM_I32, WASM_I32, 1);
	case WASM_OP_I64_EQZ:
	case WASM_OP_I32_WRAP_I64:
		return take_unary(s, WASM_I64, WASM_I32, 1);
	case WASM_OP_I64_EXTEND_I32_S:
	case WASM_OP_I64_EXTEND_I32_U:
		return take_unary(s, WASM_I32, WASM_I64, 1);
	case WASM_OP_I32_EQ ... WASM_OP_I32_GE_U:
	case WASM_OP_I32_ADD ... WASM_OP_I32_ROTR:
		return take_binary(s, WASM_I32, WASM_I32);
	case WASM_OP_I64_EQ ... WASM_OP_I64_GE_U:
		return take_binary(s, WASM_I64, WASM_I32);
	case WASM_OP_I64_ADD ... WASM_OP_I64_ROTR:
		return take_binary(s, WASM_I64, WASM_I64);
	default:
		return take_rare(s);
	}
}

static inline bool
take_instruction(struct simple *s)
{
	switch (*s->pos) {
	case WASM_OP_BLOCK:
		return take_block(s, WASM_OP_BLOCK, 0);
	case WASM_OP_LOOP:
		return take_block(s, WASM_OP_LOOP, 0);
	case WASM_OP_IF:
		return take_block(s, WASM_OP_IF, 1);
	case WASM_OP_ELSE:
		return take_else(s);
	case WASM_OP_END:
		return take_end(s);
	case WASM_OP_BR:
		return take_branch(s, false);
	case WASM_OP_BR_IF:
		return take_branch(s, true);
	case WASM_OP_CALL:
		return take_call(s);
	case WASM_OP_CALL_INDIRECT:
		return take_call_indirect(s);
	case WASM_OP_RETURN:
		return take_return(s);
	case WASM_OP_UNREACHABLE:
		return take_leave(s, 1);
	case WASM_OP_NOP:
		s->pos++;
		return true;
	default:
		return take_plain(s);
	}
}

/* How far instructions can be begun, at most `pause`. */
static const uint8_t *
simple_end(const struct wasm_validator *v, const uint8_t *pause)
{
	const uint8_t *module_end = v->module->bytes + v->module->len;
	ptrdiff_t room = v->limit - v->top;

	/* An instruction has at least a byte and pushes at most one operand. */
	if (pause - v->in.pos > room)
		pause = v->in.pos + room;
	if (module_end - v->in.pos < SIMPLE_BYTES)
		return v->in.pos;
	return module_end - pause < SIMPLE_BYTES ? module_end - SIMPLE_BYTES : pause;
}

void
wasm_validate_simple(struct wasm_validator *v, const uint8_t *pause)
{
	const uint8_t *end = simple_end(v, pause);
	struct simple s = {
		.v = v,
		.pos = v->in.pos,
		.top = v->top,
		.floor = v->floor,
		.frame = wasm_validate_frame(v),
		.address = v->first_address == WASM_BOTTOM ? WASM_VALTYPE_WORD : v->first_address,
	};

	while (s.pos < end && take_instruction(&s))
		;
	v->in.pos = s.pos;
	v->top = s.top;
	v->floor = s.floor;
	if (__builtin_expect(s.pos > v->in.end, 0))
		wasm_input_fail(&v->in, NB_MALFORMED, v->in.end,
				"unexpected end: an instruction reaches behind the body");
}

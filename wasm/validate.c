/*
 * Validation of function bodies: the operand stack, the loop over instructions
 * and those whose rows in opcode.def say what they do.
 */
#include "wasm/validate.h"

#include "lib/string.h"
#include "wasm/limits.h"

void
wasm_validator_init(struct wasm_validator *v, const struct wasm_module *module, struct arena *arena,
		    struct diag *diag)
{
	*v = (struct wasm_validator){
		.module = module,
		.arena = arena,
		.in = { .base = module->bytes, .diag = diag },
		.first_address = module->memory_count > 0
					 ? wasm_validate_address(&module->memories[0].limits)
					 : WASM_BOTTOM,
	};
}

void
wasm_validate_fail_type(struct wasm_validator *v, enum wasm_valtype expected,
			enum wasm_valtype actual)
{
	wasm_input_fail(&v->in, NB_INVALID, v->at, "type mismatch: %s needs %s but finds %s",
			wasm_opcode_text(v->op), wasm_valtype_text(expected).text,
			wasm_valtype_text(actual).text);
}

void
wasm_validate_fail_underflow(struct wasm_validator *v, enum wasm_valtype expected)
{
	wasm_input_fail(&v->in, NB_INVALID, v->at,
			"type mismatch: %s needs %s but the stack is empty",
			wasm_opcode_text(v->op),
			expected == WASM_BOTTOM ? "an operand" : wasm_valtype_text(expected).text);
}

bool
wasm_validate_grow(struct wasm_validator *v, size_t count)
{
	size_t used = (size_t)(v->top - v->operands);
	size_t floor = (size_t)(v->floor - v->operands);
	size_t capacity = (size_t)(v->limit - v->operands);
	size_t wish = 2 * capacity;
	enum wasm_valtype *grown;

	if (count <= capacity - used)
		return true;
	if (wish < used + count)
		wish = used + count;
	if (wish < 256)
		wish = 256;
	grown = arena_grow_array(v->arena, v->operands, used, wish, sizeof(*grown),
				 _Alignof(enum wasm_valtype));
	if (!grown) {
		wasm_input_fail_memory(&v->in);
		return false;
	}
	v->operands = grown;
	v->top = grown + used;
	v->floor = grown + floor;
	v->limit = grown + wish;
	return true;
}

void
wasm_validate_pop_types(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count)
{
	if (v->top - v->floor >= (ptrdiff_t)count &&
	    wasm_valtypes_equal(v->top - count, types, count)) {
		v->top -= count;
		return;
	}
	while (count > 0)
		wasm_validate_pop(v, types[--count]);
}

void
wasm_validate_push_types(struct wasm_validator *v, const enum wasm_valtype *types, uint32_t count)
{
	if ((size_t)(v->limit - v->top) < count && !wasm_validate_grow(v, count))
		return;
	for (uint32_t i = 0; i < count; i++)
		v->top[i] = types[i];
	v->top += count;
}

enum wasm_valtype
wasm_validate_pop_ref(struct wasm_validator *v)
{
	enum wasm_valtype type = wasm_validate_pop_any(v, WASM_BOTTOM);

	if (type == WASM_BOTTOM || wasm_valtype_is_ref(type))
		return type;
	wasm_input_fail(&v->in, NB_INVALID, v->at,
			"type mismatch: %s needs a reference but finds %s", wasm_opcode_text(v->op),
			wasm_valtype_text(type).text);
	return WASM_BOTTOM;
}

/* The type of an operand kind in the present instruction. */
static inline enum wasm_valtype
kind_type(const struct wasm_validator *v, unsigned kind)
{
	return kind == WASM_KIND_ADDRESS ? v->address : (enum wasm_valtype)kind;
}

/* Whether the topmost operands are exactly those of the row. */
static inline bool
has_operands(const struct wasm_validator *v, const struct wasm_opcode_info *info)
{
	const enum wasm_valtype *top = v->top;
	const uint8_t *kinds = info->operands;
	ptrdiff_t depth = top - v->floor;

	switch (info->operand_count) {
	case 1:
		return depth >= 1 && top[-1] == kind_type(v, kinds[0]);
	case 2:
		return depth >= 2 && top[-1] == kind_type(v, kinds[1]) &&
		       top[-2] == kind_type(v, kinds[0]);
	case 3:
		return depth >= 3 && top[-1] == kind_type(v, kinds[2]) &&
		       top[-2] == kind_type(v, kinds[1]) && top[-3] == kind_type(v, kinds[0]);
	default:
		return false;
	}
}

/* Pops and pushes what the instruction's row says. */
static inline void
apply_signature(struct wasm_validator *v, const struct wasm_opcode_info *info)
{
	uint8_t result = info->result;

	if (__builtin_expect(has_operands(v, info), 1)) {
		v->top -= info->operand_count;
		if (result != WASM_KIND_NONE)
			*v->top++ = kind_type(v, result);
		return;
	}
	for (unsigned i = info->operand_count; i > 0; i--)
		wasm_validate_pop(v, kind_type(v, info->operands[i - 1]));
	if (result != WASM_KIND_NONE)
		wasm_validate_push(v, kind_type(v, result));
}

static inline void
validate_local(struct wasm_validator *v)
{
	uint32_t idx = wasm_validate_index(v, v->local_count, "local");
	enum wasm_valtype type;

	if (__builtin_expect(v->in.status != NB_OK, 0))
		return;
	type = idx < WASM_LOCALS_DIRECT ? v->direct[idx] : wasm_validate_far_local(v, idx);
	if (__builtin_expect(!wasm_valtype_is_defaultable(type), 0))
		wasm_validate_track_local(v, idx);
	if (v->op != WASM_OP_LOCAL_GET)
		wasm_validate_pop(v, type);
	if (v->op != WASM_OP_LOCAL_SET)
		wasm_validate_push(v, type);
}

static void
validate_global(struct wasm_validator *v)
{
	uint32_t idx = wasm_validate_index(v, v->module->global_count, "global");
	const struct wasm_global_type *type;

	if (v->in.status != NB_OK)
		return;
	type = &v->module->globals[idx].type;
	if (v->op == WASM_OP_GLOBAL_GET) {
		wasm_validate_push(v, type->type);
		return;
	}
	if (!type->is_mutable)
		wasm_input_fail(&v->in, NB_INVALID, v->at, "global is immutable: global.set %u",
				idx);
	wasm_validate_pop(v, type->type);
}

/* Notes the memory that the instruction names. */
static inline void
use_memory(struct wasm_validator *v, uint32_t idx)
{
	if (__builtin_expect(idx < v->module->memory_count, 1)) {
		v->address = wasm_validate_address(&v->module->memories[idx].limits);
		return;
	}
	wasm_input_fail(&v->in, NB_INVALID, v->at, "unknown memory %u (%s)", idx,
			wasm_opcode_text(v->op));
}

/* A memory index, which is one zero byte if there can be one memory only. */
static void
read_memory_index(struct wasm_validator *v)
{
	const uint8_t *at = v->in.pos;

	if (wasm_input_has_feature(v->module, WASM_FEATURE_MULTI_MEMORY)) {
		use_memory(v, wasm_input_u32(&v->in, "memory index"));
		return;
	}
	if (wasm_input_byte(&v->in, "memory index") != 0)
		wasm_input_fail(&v->in, NB_MALFORMED, at, "zero byte expected (%s)",
				wasm_opcode_text(v->op));
	use_memory(v, 0);
}

enum { MEMARG_HAS_MEMORY = 0x40, MEMARG_FLAGS_MOST = 0x7f };

/* The memory index that the flags of a load or store announce, or 0. */
static uint32_t
read_memarg_memory(struct wasm_validator *v, const uint8_t *at, uint32_t flags)
{
	if (flags > MEMARG_FLAGS_MOST)
		wasm_input_fail(&v->in, NB_MALFORMED, at, "malformed memop flags 0x%x", flags);
	if (!(flags & MEMARG_HAS_MEMORY))
		return 0;
	if (!wasm_input_has_feature(v->module, WASM_FEATURE_MULTI_MEMORY))
		wasm_input_fail_feature(&v->in, at, WASM_FEATURE_MULTI_MEMORY,
					"memory index of a load or store");
	return wasm_input_u32(&v->in, "memory index");
}

static void
check_alignment(struct wasm_validator *v, const uint8_t *at, uint32_t align, uint8_t width)
{
	if (align > width)
		wasm_input_fail(&v->in, NB_INVALID, at,
				"alignment must not be larger than natural: 2^%u (%s)", align,
				wasm_opcode_text(v->op));
	else if (align < width && wasm_opcode_info[v->op].feature == WASM_FEATURE_THREADS)
		wasm_input_fail(&v->in, NB_INVALID, at,
				"atomic alignment must be natural: 2^%u (%s)", align,
				wasm_opcode_text(v->op));
}

/* The rest of the flags at `at`, and the memory index if one follows. */
static __attribute__((noinline)) void
read_memarg_flags(struct wasm_validator *v, const uint8_t *at, uint32_t flags, uint8_t width)
{
	uint32_t memory_idx = read_memarg_memory(v, at, flags);

	check_alignment(v, at, flags & ~(uint32_t)MEMARG_HAS_MEMORY, width);
	use_memory(v, memory_idx);
}

/* Alignment, memory and offset of a load or store of 2^width bytes. */
static inline void
read_memarg(struct wasm_validator *v, uint8_t width)
{
	const uint8_t *at = v->in.pos;
	uint32_t flags = wasm_input_u32(&v->in, "alignment");
	uint64_t offset;

	v->address = v->first_address;
	if (__builtin_expect(flags != width || v->address == WASM_BOTTOM, 0))
		read_memarg_flags(v, at, flags, width);
	at = v->in.pos;
	offset = wasm_input_u64(&v->in, "offset");
	if (__builtin_expect(offset > UINT32_MAX, 0) && v->address == WASM_I32)
		wasm_input_fail(&v->in, NB_INVALID, at, "offset out of range: %llu (%s)",
				(unsigned long long)offset, wasm_opcode_text(v->op));
}

/* memory.copy: the size is of the smaller of the two index types. */
static void
validate_memory_copy(struct wasm_validator *v)
{
	enum wasm_valtype to;
	enum wasm_valtype from;

	read_memory_index(v);
	to = v->address;
	read_memory_index(v);
	from = v->address;
	wasm_validate_pop(v, to == WASM_I64 ? from : to);
	wasm_validate_pop(v, from);
	wasm_validate_pop(v, to);
}

/* atomic.fence */
static void
read_zero_byte(struct wasm_validator *v)
{
	const uint8_t *at = v->in.pos;

	if (wasm_input_byte(&v->in, "zero byte") != 0)
		wasm_input_fail(&v->in, NB_MALFORMED, at, "zero byte expected (%s)",
				wasm_opcode_text(v->op));
}

static void
read_lane(struct wasm_validator *v, uint8_t width)
{
	const uint8_t *at = v->in.pos;
	uint8_t lane = wasm_input_byte(&v->in, "lane");

	if (lane >= 16 >> width)
		wasm_input_fail(&v->in, NB_INVALID, at, "invalid lane index %u (%s)", lane,
				wasm_opcode_text(v->op));
}

static void
read_shuffle(struct wasm_validator *v)
{
	const uint8_t *at = v->in.pos;
	const uint8_t *lanes = wasm_input_bytes(&v->in, 16, "lanes");

	for (unsigned i = 0; lanes && i < 16; i++) {
		if (lanes[i] >= 32) {
			wasm_input_fail(&v->in, NB_INVALID, at + i,
					"invalid lane index %u (i8x16.shuffle)", lanes[i]);
			return;
		}
	}
}

/* In 2.0 data segments can be named in code only if a data count section
 * announced them. */
static void
read_data_index(struct wasm_validator *v)
{
	const struct wasm_module *module = v->module;

	if (!module->has_data_count)
		wasm_input_fail(&v->in, NB_MALFORMED, v->at, "data count section required (%s)",
				wasm_opcode_text(v->op));
	wasm_validate_index(v, module->declared_data_count, "data segment");
}

/* Reads an immediate that needs only to be in range. */
static void
read_immediate(struct wasm_validator *v, const struct wasm_opcode_info *info)
{
	struct wasm_input *in = &v->in;

	switch (info->immediate) {
	case WASM_IMM_I64:
		wasm_input_signed(in, 64, "i64.const");
		break;
	case WASM_IMM_F32:
		wasm_input_bytes(in, 4, "f32.const");
		break;
	case WASM_IMM_F64:
		wasm_input_bytes(in, 8, "f64.const");
		break;
	case WASM_IMM_V128:
		wasm_input_bytes(in, 16, "v128.const");
		break;
	case WASM_IMM_SHUFFLE:
		read_shuffle(v);
		break;
	case WASM_IMM_LANE:
		read_lane(v, info->width);
		break;
	case WASM_IMM_MEMARG_LANE:
		read_memarg(v, info->width);
		read_lane(v, info->width);
		break;
	case WASM_IMM_MEMORY:
		read_memory_index(v);
		break;
	case WASM_IMM_DATA_MEMORY:
		read_data_index(v);
		read_memory_index(v);
		break;
	case WASM_IMM_DATA:
		read_data_index(v);
		break;
	case WASM_IMM_ZERO_BYTE:
		read_zero_byte(v);
		break;
	case WASM_IMM_ELEM:
		wasm_validate_index(v, v->module->elem_count, "elem segment");
		break;
	default:
		break;
	}
}

/* Instructions without an immediate whose row says `special`. */
static void
validate_plain_special(struct wasm_validator *v)
{
	switch ((unsigned)v->op) {
	case WASM_OP_END:
		wasm_validate_end(v);
		break;
	case WASM_OP_ELSE:
		wasm_validate_else(v);
		break;
	case WASM_OP_RETURN:
		wasm_validate_return(v);
		break;
	case WASM_OP_UNREACHABLE:
		wasm_validate_unreachable(v);
		break;
	case WASM_OP_DROP:
		wasm_validate_pop_any(v, WASM_BOTTOM);
		break;
	default:
		wasm_validate_special(v);
		break;
	}
}

static void
validate_instruction(struct wasm_validator *v, const struct wasm_opcode_info *info)
{
	switch (info->immediate) {
	case WASM_IMM_NONE:
		if (info->operand_count == WASM_OPERANDS_SPECIAL)
			validate_plain_special(v);
		else
			apply_signature(v, info);
		break;
	case WASM_IMM_LOCAL:
		validate_local(v);
		break;
	case WASM_IMM_I32:
		wasm_input_signed(&v->in, 32, "i32.const");
		wasm_validate_push(v, WASM_I32);
		break;
	case WASM_IMM_MEMARG:
		read_memarg(v, info->width);
		apply_signature(v, info);
		break;
	case WASM_IMM_BLOCK:
		wasm_validate_block(v);
		break;
	case WASM_IMM_LABEL:
		wasm_validate_branch(v);
		break;
	case WASM_IMM_BR_TABLE:
		wasm_validate_br_table(v);
		break;
	case WASM_IMM_FUNC:
		if (v->op == WASM_OP_REF_FUNC)
			wasm_validate_special(v);
		else
			wasm_validate_call(v);
		break;
	case WASM_IMM_MEMORY_MEMORY:
		validate_memory_copy(v);
		break;
	case WASM_IMM_GLOBAL:
		validate_global(v);
		break;
	default:
		if (info->operand_count == WASM_OPERANDS_SPECIAL) {
			wasm_validate_special(v);
		} else {
			read_immediate(v, info);
			apply_signature(v, info);
		}
		break;
	}
}

/* The row of an instruction whose first byte is a prefix, an unknown number,
 * or of a feature that is off; NULL after a report. Sets `op`. */
static const struct wasm_opcode_info *
resolve_opcode(struct wasm_validator *v, uint8_t byte)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[byte];
	uint32_t number = 0;
	uint32_t count;
	uint32_t page;

	if (wasm_opcode_page(byte, &page, &count)) {
		number = wasm_input_u32(&v->in, "opcode");
		if (v->in.status != NB_OK)
			return NULL;
		v->op = (enum wasm_opcode)(page + (number < count ? number : 0));
		info = &wasm_opcode_info[v->op];
		if (number >= count || info->immediate == WASM_IMM_ILLEGAL) {
			wasm_input_fail(&v->in, NB_MALFORMED, v->at, "illegal opcode 0x%02x 0x%02x",
					byte, number);
			return NULL;
		}
	} else if (info->immediate == WASM_IMM_ILLEGAL) {
		wasm_input_fail(&v->in, NB_MALFORMED, v->at, "illegal opcode 0x%02x", byte);
		return NULL;
	}
	if (!wasm_input_has_feature(v->module, (enum wasm_feature)info->feature)) {
		wasm_input_fail_feature(&v->in, v->at, (enum wasm_feature)info->feature,
					wasm_opcode_text(v->op));
		return NULL;
	}
	return info;
}

/* Validates instructions up to `pause`, at most the end of the body. */
static void
validate_instructions(struct wasm_validator *v, const uint8_t *pause)
{
	struct wasm_input *in = &v->in;

	while (in->pos < pause) {
		const struct wasm_opcode_info *info;
		uint8_t byte;

		wasm_validate_simple(v, pause);
		if (in->pos >= pause)
			return;
		v->at = in->pos;
		byte = *in->pos++;
		v->op = (enum wasm_opcode)byte;
		info = &wasm_opcode_info[byte];
		if (__builtin_expect(info->immediate <= WASM_IMM_PREFIX ||
					     info->feature != WASM_FEATURE_CORE,
				     0)) {
			info = resolve_opcode(v, byte);
			if (!info)
				return;
		}
		validate_instruction(v, info);
	}
}

enum nb_status
wasm_validator_run(struct wasm_validator *v, uint32_t func_idx)
{
	const struct wasm_functype *type = wasm_module_function_type(v->module, func_idx);
	const struct wasm_code *code = wasm_module_code(v->module, func_idx);

	v->in.pos = v->module->bytes + code->code_offset;
	v->in.end = v->module->bytes + code->offset + code->len;
	v->at = v->in.pos;
	if (!v->operands && !wasm_validate_grow(v, WASM_OPERANDS_BELOW))
		return v->in.status;
	for (unsigned i = 0; i < WASM_OPERANDS_BELOW; i++)
		v->operands[i] = WASM_BOTTOM;
	v->top = v->operands + WASM_OPERANDS_BELOW;
	v->frames.count = 0;
	v->br_table_count = 0;
	wasm_validate_set_locals(v, type, code);
	wasm_validate_push_frame(v, WASM_OP_BLOCK, type);
	while (v->in.pos < v->in.end && v->in.status == NB_OK) {
		const uint8_t *pause = v->in.end;

		if (wasm_input_left(&v->in) > WASM_INPUT_RELAX_BYTES) {
			pause = v->in.pos + WASM_INPUT_RELAX_BYTES;
			wasm_input_relax(&v->in);
		}
		validate_instructions(v, pause);
	}
	if (v->in.status == NB_OK && v->frames.count != 0)
		wasm_input_fail(&v->in, NB_MALFORMED, v->in.end,
				"unexpected end: END opcode expected");
	return v->in.status;
}

enum nb_status
wasm_function_validate(const struct wasm_module *module, uint32_t func_idx, struct arena *arena,
		       struct diag *diag)
{
	struct arena_mark mark = arena_mark_get(arena);
	bool is_first_report = diag->status == NB_OK;
	struct wasm_validator v;
	enum nb_status status;

	wasm_validator_init(&v, module, arena, diag);
	status = wasm_validator_run(&v, func_idx);
	if (status != NB_OK && is_first_report) {
		diag->section = "code";
		diag->function_idx = func_idx;
	}
	arena_release(arena, mark);
	return status;
}

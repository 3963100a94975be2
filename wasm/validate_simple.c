/*
 * The instructions that most code consists of, validated as long as nothing about them
 * is out of the ordinary: locals, constants, arithmetic, loads and stores whose operands
 * have exactly the types wanted. The first that is anything else is left, untouched, to
 * validate.c, which knows all rules; nothing here reports.
 *
 * What the loop works on stays in local variables, so that an instruction need not wait
 * for the one before to be written to memory.
 */
#include "wasm/validate.h"

#include "lib/string.h"

/* More than the longest instruction that is taken has. */
enum { SIMPLE_BYTES = 8 };

struct simple {
	const uint8_t *pos;
	enum wasm_valtype *top;
	enum wasm_valtype *floor;
	const enum wasm_valtype *direct;
	uint32_t direct_count;
	enum wasm_valtype address; /* of memory 0; WASM_BOTTOM: there is none */
};

/* The length of a LEB128 of at most four bytes, which needs no check of its range; 0 if it
 * is longer. */
static inline uint32_t
short_leb_length(const uint8_t *at)
{
	uint32_t word;

	memcpy(&word, at, sizeof(word));
	word = ~word & 0x80808080;
	return word == 0 ? 0 : (uint32_t)__builtin_ctz(word) / 8 + 1;
}

/* The functions below take one instruction, with room for one more operand, or return false
 * and change nothing. */

static inline bool
take_local(struct simple *s)
{
	uint32_t idx = s->pos[1], len = 2;
	enum wasm_valtype type;
	bool is_get = s->pos[0] == WASM_OP_LOCAL_GET;

	if (idx >= 0x80) {
		idx = (idx & 0x7f) | (uint32_t)s->pos[2] << 7;
		len = 3;
	}
	if (idx >= s->direct_count || (len == 3 && s->pos[2] >= 0x80))
		return false;
	type = s->direct[idx];
	if (!wasm_valtype_is_defaultable(type) ||
	    (!is_get && (s->top == s->floor || s->top[-1] != type)))
		return false;
	if (is_get)
		*s->top++ = type;
	else if (s->pos[0] == WASM_OP_LOCAL_SET)
		s->top--;
	s->pos += len;
	return true;
}

static inline enum wasm_valtype
operand_type(const struct simple *s, uint8_t kind)
{
	return kind == WASM_KIND_ADDRESS ? s->address : (enum wasm_valtype)kind;
}

/* Pops and pushes what the row of the instruction, of `len` bytes, says. */
static inline bool
take_row(struct simple *s, const struct wasm_opcode_info *info, uint32_t len)
{
	uint32_t count = info->operand_count;
	enum wasm_valtype *top = s->top;

	if (count - 1 > 1 || (size_t)(top - s->floor) < count ||
	    top[-1] != operand_type(s, info->operands[count - 1]) ||
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
take_access(struct simple *s, const struct wasm_opcode_info *info)
{
	uint32_t len = short_leb_length(s->pos + 2);

	return s->pos[1] == info->width && s->address != WASM_BOTTOM && len != 0 &&
	       take_row(s, info, 2 + len);
}

static inline bool
take_constant(struct simple *s, enum wasm_valtype type)
{
	uint32_t len = short_leb_length(s->pos + 1);

	if (len == 0)
		return false;
	*s->top++ = type;
	s->pos += 1 + len;
	return true;
}

static inline bool
take_instruction(struct simple *s)
{
	const struct wasm_opcode_info *info = &wasm_opcode_info[*s->pos];

	if (info->feature != WASM_FEATURE_CORE)
		return false;
	switch (info->immediate) {
	case WASM_IMM_LOCAL:
		return take_local(s);
	case WASM_IMM_NONE:
		return take_row(s, info, 1);
	case WASM_IMM_MEMARG:
		return take_access(s, info);
	case WASM_IMM_I32:
		return take_constant(s, WASM_I32);
	case WASM_IMM_I64:
		return take_constant(s, WASM_I64);
	default:
		return false;
	}
}

void
wasm_validate_simple(struct wasm_validator *v, const uint8_t *pause)
{
	struct simple s = {
		.pos = v->in.pos,
		.top = v->top,
		.floor = v->floor,
		.direct = v->direct,
		.direct_count =
			v->local_count < WASM_LOCALS_DIRECT ? v->local_count : WASM_LOCALS_DIRECT,
		.address = v->first_address,
	};

	while (pause - s.pos >= SIMPLE_BYTES && s.top < v->limit && take_instruction(&s))
		;
	v->in.pos = s.pos;
	v->top = s.top;
}

/*
 * The encoder, driven by abi/code_forms.def.
 */
#include "compiler/x64/encode.h"

#include "lib/string.h"

static const struct nb_form_info form_infos[NB_FORM_COUNT] = {
#include "abi/code_form_rows.def"
};

static const char *const form_texts[NB_FORM_COUNT] = {
#define NB_FORM(name, text, ...)      text,
#define NB_FORM_LOCK(name, text, ...) text,
#define NB_FORM_CC(name, text, ...)   text,
#define NB_FORM_VEX(name, text, ...)  text,
#define NB_FORM_SSE(name, text, ...)  text, "v" text,
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
};

const struct nb_form_info *
x64_form_info(enum nb_form form)
{
	return &form_infos[form];
}

const char *
x64_form_text(enum nb_form form)
{
	return form_texts[form];
}

static void
buffer_fail(struct x64_buffer *buffer, enum nb_status status)
{
	if (buffer->status == NB_OK)
		buffer->status = status;
}

bool
x64_buffer_reserve(struct x64_buffer *buffer, uint32_t bytes)
{
	if (buffer->status != NB_OK)
		return false;
	if (buffer->cap - buffer->len >= bytes)
		return true;
	uint64_t cap = buffer->cap < 512 ? 1024 : (uint64_t)buffer->cap * 2;
	while (cap < (uint64_t)buffer->len + bytes)
		cap *= 2;
	uint8_t *grown = NULL;
	if (cap <= INT32_MAX)
		grown = arena_extend_array(buffer->arena, buffer->bytes, buffer->cap, (size_t)cap,
					   1, 1);
	if (!grown) {
		buffer_fail(buffer, NB_OUT_OF_MEMORY);
		return false;
	}
	buffer->bytes = grown;
	buffer->cap = (uint32_t)cap;
	return true;
}

static bool
fits_s8(int64_t value)
{
	return value >= INT8_MIN && value <= INT8_MAX;
}

static bool
fits_s32(int64_t value)
{
	return value >= INT32_MIN && value <= INT32_MAX;
}

/* Whether the immediate has the form's range. */
static bool
imm_fits(const struct nb_form_info *info, int64_t imm)
{
	switch ((enum nb_form_imm)info->imm) {
	case NB_IMM_NONE:
	case NB_IMM_Q64:
		return true;
	case NB_IMM_S8:
	case NB_IMM_REL8:
		return fits_s8(imm);
	case NB_IMM_U8:
	case NB_IMM_U1:
	case NB_IMM_U2:
	case NB_IMM_U3:
	case NB_IMM_U4:
	case NB_IMM_U5:
	case NB_IMM_CMP:
		return imm >= 0 && imm >> nb_imm_bits(info->imm) == 0;
	case NB_IMM_IS4:
		return imm >= 0 && imm <= 0xf0 && imm % 16 == 0;
	case NB_IMM_S16:
		return imm >= INT16_MIN && imm <= INT16_MAX;
	case NB_IMM_U32:
		return imm >= 0 && imm <= UINT32_MAX;
	case NB_IMM_S32:
	case NB_IMM_S8_32:
	case NB_IMM_REL32:
		return fits_s32(imm);
	}
	return false;
}

static bool
rm_fits(const struct nb_form_info *info, const struct x64_rm *rm)
{
	switch ((enum x64_rm_kind)rm->kind) {
	case X64_RM_NONE:
		return info->rm == NB_RM_NONE;
	case X64_RM_REG:
		if (info->rm == NB_RM_G0)
			return rm->reg == 0;
		return (info->rm & (NB_RM_G8 | NB_RM_G | NB_RM_X)) != 0 && rm->reg < 16;
	case X64_RM_RIP:
		return (info->rm & (NB_RM_M | NB_RM_ADDRESS)) != 0 &&
		       (info->imm == NB_IMM_NONE || info->imm == NB_IMM_IS4 ||
			nb_imm_bits(info->imm));
	case X64_RM_MEM:
		break;
	}
	if (rm->index != X64_NO_REG && (rm->index >= 16 || rm->index == NB_RSP || rm->scale > 3))
		return false;
	if (info->rm & NB_RM_TABLE)
		return rm->reg == NB_R11 && rm->index == NB_R10 && rm->scale == 2 && rm->disp == 0;
	if (info->rm & NB_RM_ADDRESS)
		return rm->reg < 16 || (rm->reg == X64_NO_REG && rm->index != X64_NO_REG);
	return (info->rm & NB_RM_M) != 0 && rm->reg < 16 &&
	       (rm->index == X64_NO_REG || rm->scale == 0);
}

/* The four extension bits and W as they stand in REX. */
struct extension {
	uint8_t r, x, b;
};

static struct extension
extension_of(const struct nb_form_info *info, const struct x64_operands *ops)
{
	struct extension e = { 0, 0, 0 };
	if (info->reg >= NB_REG_G8 && info->reg <= NB_REG_X)
		e.r = ops->reg >> 3;
	if (info->reg == NB_REG_OPCODE)
		e.b = ops->reg >> 3;
	if (ops->rm.kind == X64_RM_REG || (ops->rm.kind == X64_RM_MEM && ops->rm.reg != X64_NO_REG))
		e.b = ops->rm.reg >> 3;
	if (ops->rm.kind == X64_RM_MEM && ops->rm.index != X64_NO_REG)
		e.x = ops->rm.index >> 3;
	return e;
}

/* 8-bit operands 4 to 7 are SPL..DIL only under a REX prefix. */
static bool
needs_rex(const struct nb_form_info *info, const struct x64_operands *ops)
{
	bool reg = info->reg == NB_REG_G8 && ops->reg >= 4;
	bool rm = info->rm & NB_RM_G8 && ops->rm.kind == X64_RM_REG && ops->rm.reg >= 4;
	return reg || rm;
}

static uint8_t *
put_legacy_head(uint8_t *p, const struct nb_form_info *info, const struct x64_operands *ops,
		struct extension e)
{
	static const uint8_t prefix_bytes[] = { 0, 0x66, 0xf3, 0xf2 };
	if (info->kind == NB_FORM_LOCKED)
		*p++ = 0xf0;
	if (info->prefix != NB_PREFIX_NONE)
		*p++ = prefix_bytes[info->prefix];
	uint8_t rex = (uint8_t)(info->wide << 3 | e.r << 2 | e.x << 1 | e.b);
	if (rex || needs_rex(info, ops))
		*p++ = 0x40 | rex;
	if (info->map != NB_MAP_1)
		*p++ = 0x0f;
	if (info->map == NB_MAP_38)
		*p++ = 0x38;
	if (info->map == NB_MAP_3A)
		*p++ = 0x3a;
	return p;
}

static uint8_t *
put_vex_head(uint8_t *p, const struct nb_form_info *info, const struct x64_operands *ops,
	     struct extension e)
{
	uint8_t vvvv = info->vvvv == NB_REG_NONE ? 0 : ops->vvvv;
	uint8_t last = (uint8_t)((vvvv ^ 15) << 3 | info->prefix);
	if (info->map == NB_MAP_0F && !info->wide && !e.x && !e.b) {
		*p++ = 0xc5;
		*p++ = (uint8_t)((e.r ^ 1) << 7 | last);
		return p;
	}
	*p++ = 0xc4;
	*p++ = (uint8_t)((e.r ^ 1) << 7 | (e.x ^ 1) << 6 | (e.b ^ 1) << 5 | info->map);
	*p++ = (uint8_t)(info->wide << 7 | last);
	return p;
}

static uint8_t *
put_value(uint8_t *p, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		*p++ = (uint8_t)(value >> 8 * i);
	return p;
}

/* ModRM, SIB and displacement. */
static uint8_t *
put_rm(uint8_t *p, uint32_t reg_field, const struct x64_rm *rm)
{
	uint8_t reg = (uint8_t)((reg_field & 7) << 3);
	if (rm->kind == X64_RM_REG) {
		*p++ = 0xc0 | reg | (rm->reg & 7);
		return p;
	}
	if (rm->kind == X64_RM_RIP) {
		*p++ = reg | 5;
		return put_value(p, 0, 4);
	}
	bool has_base = rm->reg != X64_NO_REG;
	uint8_t base = has_base ? rm->reg & 7 : 5;
	bool has_sib = rm->index != X64_NO_REG || base == NB_RSP;
	uint8_t mod = 0x80;
	uint32_t disp_bytes = 4;
	if (!has_base) {
		mod = 0;
	} else if (rm->disp == 0 && base != NB_RBP) {
		mod = 0;
		disp_bytes = 0;
	} else if (fits_s8(rm->disp)) {
		mod = 0x40;
		disp_bytes = 1;
	}
	*p++ = mod | reg | (has_sib ? 4 : base);
	if (has_sib) {
		uint8_t index = rm->index == X64_NO_REG ? 4 : rm->index & 7;
		*p++ = (uint8_t)(rm->scale << 6 | index << 3 | base);
	}
	return put_value(p, (uint32_t)rm->disp, disp_bytes);
}

static uint32_t
imm_bytes(const struct nb_form_info *info, int64_t imm)
{
	static const uint8_t sizes[] = {
		[NB_IMM_NONE] = 0,  [NB_IMM_S8] = 1,  [NB_IMM_S16] = 2,	  [NB_IMM_S32] = 4,
		[NB_IMM_U32] = 4,   [NB_IMM_Q64] = 8, [NB_IMM_S8_32] = 4, [NB_IMM_REL8] = 1,
		[NB_IMM_REL32] = 4, [NB_IMM_IS4] = 1,
	};
	if (nb_imm_bits(info->imm) || (info->imm == NB_IMM_S8_32 && fits_s8(imm)))
		return 1;
	return sizes[info->imm];
}

void
x64_encode(struct x64_buffer *buffer, enum nb_form form, const struct x64_operands *ops)
{
	if (!x64_buffer_reserve(buffer, X64_INST_BYTES_MAX + 1))
		return;
	const struct nb_form_info *info = &form_infos[form];
	bool has_reg = (info->reg >= NB_REG_G8 && info->reg <= NB_REG_OPCODE);
	bool has_vvvv = info->kind == NB_FORM_VEX_ENCODED && info->vvvv != NB_REG_NONE;
	if ((has_reg && ops->reg >= 16) || (has_vvvv && ops->vvvv >= 16) ||
	    !rm_fits(info, &ops->rm) || !imm_fits(info, ops->imm)) {
		buffer_fail(buffer, NB_INTERNAL);
		return;
	}
	struct extension e = extension_of(info, ops);
	uint8_t *p = buffer->bytes + buffer->len;
	if (info->kind == NB_FORM_VEX_ENCODED)
		p = put_vex_head(p, info, ops, e);
	else
		p = put_legacy_head(p, info, ops, e);

	uint8_t opcode = info->opcode;
	uint32_t immediate = imm_bytes(info, ops->imm);
	if (info->kind == NB_FORM_CONDITION)
		opcode |= ops->cc & 15;
	if (info->reg == NB_REG_OPCODE)
		opcode |= ops->reg & 7;
	if (info->imm == NB_IMM_S8_32 && immediate == 1)
		opcode |= 2;
	*p++ = opcode;
	if (info->rm != NB_RM_NONE)
		p = put_rm(p, has_reg ? ops->reg : info->reg, &ops->rm);
	p = put_value(p, (uint64_t)ops->imm, immediate);
	buffer->len = (uint32_t)(p - buffer->bytes);
}

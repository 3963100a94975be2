/*
 * Decoding, driven by code_forms.def.
 */
#include "verifier/decode.h"

#include "lib/string.h"

/* ROW takes the columns as the table has them, but ACCESS, IMM and WRITES as values. */
#define ROW(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	{ kind,		NB_FEATURE_##feature, NB_PREFIX_##prefix, NB_MAP_##map, opcode, w,    \
	  NB_REG_##reg, NB_REG_##vvvv,	      NB_RM_##rm,	  access,	bytes,	imm,  \
	  writes },
#define PLAIN_ROW(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm,  \
		  writes)                                                                    \
	ROW(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, NB_ACCESS_##access, bytes, \
	    NB_IMM_##imm, NB_WRITES_##writes)
static const struct nb_form_info infos[NB_FORM_COUNT] = {
#define NB_FORM(name, text, feature, prefix, map, opcode, w, reg, ...) \
	PLAIN_ROW(NB_FORM_LEGACY, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_LOCK(name, text, feature, prefix, map, opcode, w, reg, ...) \
	PLAIN_ROW(NB_FORM_LOCKED, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_CC(name, text, feature, prefix, map, opcode, w, reg, ...) \
	PLAIN_ROW(NB_FORM_CONDITION, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_VEX(name, text, ...) PLAIN_ROW(NB_FORM_VEX_ENCODED, __VA_ARGS__)
#define NB_FORM_SSE(name, text, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	ROW(NB_FORM_SSE_LEGACY, BASE, prefix, map, opcode, w, reg, NONE, rm, NB_ACCESS_##access,   \
	    bytes, NB_IMM_##imm, NB_WRITES_##writes)                                               \
	ROW(NB_FORM_VEX_ENCODED, AVX, prefix, map, opcode, w, reg, vvvv, rm,                       \
	    NB_ACCESS_##access &NB_ACCESS_BOTH, bytes, NB_TWIN_IMM(imm),                           \
	    NB_REG_##vvvv == NB_REG_XD ? NB_WRITES_VVVVX : NB_WRITES_##writes)
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
};

/* How instructions that share opcodes are told apart. */
enum encoding { PLAIN, LOCKED, VEX };

static enum encoding
encoding_of(const struct nb_form_info *info)
{
	if (info->kind == NB_FORM_VEX_ENCODED)
		return VEX;
	return info->kind == NB_FORM_LOCKED ? LOCKED : PLAIN;
}

static uint32_t
key_of(enum encoding encoding, uint32_t prefix, uint32_t map, uint32_t wide, uint32_t opcode)
{
	return ((((uint32_t)encoding << 2 | prefix) << 2 | map) << 1 | wide) << 8 | opcode;
}

static void
enter(struct vf_decoder *decoder, uint32_t form, uint32_t opcode)
{
	const struct nb_form_info *info = &infos[form];
	uint16_t *place = &decoder->first[key_of(encoding_of(info), info->prefix, info->map,
						 info->wide, opcode)];

	if (info->reg <= NB_REG_D7) {
		if (!*place)
			*place = (uint16_t)(VF_IS_GROUP | decoder->group_count++);
		place = &decoder->groups[*place & ~VF_IS_GROUP][info->reg];
	}
	decoder->next[form] = *place;
	*place = (uint16_t)(form + 1);
}

/* A row whose opcodes are several has them for itself, so one link is enough. */
void
vf_decoder_init(struct vf_decoder *decoder)
{
	memset(decoder, 0, sizeof(*decoder));
	for (uint32_t form = 0; form < NB_FORM_COUNT; form++) {
		const struct nb_form_info *info = &infos[form];
		uint32_t count = 1;

		if (info->kind == NB_FORM_CONDITION)
			count = 16;
		else if (info->reg == NB_REG_OPCODE)
			count = 8;
		if (info->rm & NB_RM_TABLE)
			continue; /* a template's, which compares its bytes */
		for (uint32_t i = 0; i < count; i++)
			enter(decoder, form, info->opcode + i);
		if (info->imm == NB_IMM_S8_32)
			enter(decoder, form, info->opcode | 2u);
	}
}

/* Where in an instruction; VF_READ_BYTES may be read from its start. */
struct cursor {
	const uint8_t *at;
};

static inline uint8_t
take(struct cursor *c)
{
	return *c->at++;
}

static inline int32_t
take_s32(struct cursor *c)
{
	int32_t value;

	memcpy(&value, c->at, sizeof(value));
	c->at += sizeof(value);
	return value;
}

static inline int32_t
take_s8(struct cursor *c)
{
	int32_t value = take(c);

	return value <= INT8_MAX ? value : value - 256;
}

/* `bytes` little-endian bytes, sign-extended: 1, 2, 4 or 8. */
static int64_t
take_signed(struct cursor *c, uint32_t bytes)
{
	int64_t value;
	int16_t half;

	if (bytes == 1)
		return take_s8(c);
	if (bytes == 4)
		return take_s32(c);
	memcpy(&value, c->at, sizeof(value));
	memcpy(&half, c->at, sizeof(half));
	c->at += bytes;
	return bytes == 2 ? half : value;
}

/* What stands before the opcode, and the opcode. */
struct head {
	enum encoding encoding;
	bool has_rex;
	bool is_vex_long;
	uint8_t prefix, map;
	uint8_t rex; /* W, R, X and B as they stand in REX */
	uint8_t vvvv;
	uint8_t opcode;
};

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

static bool
take_vex(struct cursor *c, struct head *h, bool is_long)
{
	uint8_t first = take(c);
	uint8_t last = is_long ? take(c) : first;

	h->encoding = VEX;
	h->is_vex_long = is_long;
	h->rex = first & 0x80 ? 0 : REX_R;
	h->map = NB_MAP_0F;
	if (is_long) {
		h->rex = (uint8_t)(~first >> 5 & 7) | (uint8_t)(last >> 7 << 3);
		h->map = first & 31;
	}
	h->vvvv = (last >> 3 & 15) ^ 15;
	h->prefix = last & 3;
	h->opcode = take(c);
	/* VEX.L = 0; map numbers are those of the table. */
	return !(last & 4) && h->map >= NB_MAP_0F && h->map <= NB_MAP_3A;
}

/* Prefixes other than REX; the byte behind them. */
static uint8_t
take_prefixes(struct cursor *c, struct head *h, uint8_t byte)
{
	if (byte == 0xf0) {
		h->encoding = LOCKED;
		byte = take(c);
	}
	if (byte == 0x66)
		h->prefix = NB_PREFIX_66;
	else if (byte == 0xf3)
		h->prefix = NB_PREFIX_F3;
	else if (byte == 0xf2)
		h->prefix = NB_PREFIX_F2;
	return h->prefix == NB_PREFIX_NONE ? byte : take(c);
}

static bool
take_head(struct cursor *c, struct head *h)
{
	uint8_t byte = take(c);

	*h = (struct head){ .prefix = NB_PREFIX_NONE };
	if (byte == 0xc5 || byte == 0xc4)
		return take_vex(c, h, byte == 0xc4);
	if (byte == 0x66 || byte >= 0xf0)
		byte = take_prefixes(c, h, byte);
	if ((byte & 0xf0) == 0x40) {
		h->has_rex = true;
		h->rex = byte & 15;
		byte = take(c);
	}
	h->map = NB_MAP_1;
	if (byte == 0x0f) {
		byte = take(c);
		h->map = byte == 0x38 ? NB_MAP_38 : byte == 0x3a ? NB_MAP_3A : NB_MAP_0F;
		if (h->map != NB_MAP_0F)
			byte = take(c);
	}
	h->opcode = byte;
	return true;
}

/* The row for this head and ModRM byte; NULL if there is none. */
static const struct nb_form_info *
find_form(const struct vf_decoder *decoder, const struct head *h, uint8_t modrm)
{
	uint32_t form = decoder->first[key_of(h->encoding, h->prefix, h->map, (h->rex & REX_W) != 0,
					      h->opcode)];
	uint8_t fits =
		modrm >= 0xc0 ? NB_RM_G8 | NB_RM_G | NB_RM_X | NB_RM_G0 : NB_RM_M | NB_RM_ADDRESS;

	if (form & VF_IS_GROUP)
		form = decoder->groups[form & ~(uint32_t)VF_IS_GROUP][modrm >> 3 & 7];
	for (; form; form = decoder->next[form - 1]) {
		const struct nb_form_info *info = &infos[form - 1];

		if (info->rm == NB_RM_NONE || info->rm & fits)
			return info;
	}
	return NULL;
}

/* SIB byte and displacement of a memory operand; REX bits that it uses are
 * added to *used. False if the encoding is not the one it must be. */
static bool
take_memory(struct cursor *c, const struct head *h, uint8_t modrm, struct vf_inst *out,
	    uint8_t *used)
{
	uint8_t mod = modrm >> 6, low = modrm & 7;
	uint8_t high = (h->rex & REX_B) != 0 ? 8 : 0;

	out->operand = VF_MEMORY;
	out->base = low | high;
	if (mod == 0 && low == 5) {
		out->operand = VF_RIP;
		out->base = VF_NO_REG;
		out->disp = take_s32(c);
		return true;
	}
	*used |= REX_B;
	if (low == 4) {
		uint8_t sib = take(c);
		bool is_based = mod != 0 || (sib & 7) != 5;

		*used |= REX_X;
		out->scale = sib >> 6;
		out->base = (sib & 7) | high;
		out->index = (sib >> 3 & 7) | (h->rex & REX_X ? 8 : 0);
		if (out->index == NB_RSP) {
			out->index = VF_NO_REG;
			if (out->scale || (sib & 7) != 4)
				return false;
		}
		if (!is_based) {
			out->base = VF_NO_REG;
			out->disp = take_s32(c);
			return !high;
		}
	}
	if (mod == 0)
		return true;
	if (mod == 1) {
		out->disp = take_s8(c);
		return out->disp != 0 || (out->base & 7) == NB_RBP;
	}
	out->disp = take_s32(c);
	return out->disp != (int8_t)out->disp;
}

/* REX or VEX must say what is needed, in the shortest way, and nothing else. */
static bool
head_is_right(const struct head *h, const struct vf_inst *inst, uint8_t used)
{
	const struct nb_form_info *info = inst->info;

	if (h->rex & ~used)
		return false;
	if (h->encoding == VEX) {
		bool needs_long = h->map != NB_MAP_0F || h->rex & (REX_W | REX_X | REX_B);

		return h->is_vex_long == needs_long && (info->vvvv != NB_REG_NONE || h->vvvv == 0);
	}
	bool byte_reg = info->reg == NB_REG_G8 && inst->reg >= 4;
	bool byte_rm = info->rm & NB_RM_G8 && inst->operand == VF_REGISTER && inst->base >= 4;

	return h->has_rex == (h->rex || byte_reg || byte_rm);
}

static bool
take_immediate(struct cursor *c, const struct head *h, struct vf_inst *out)
{
	static const uint8_t sizes[] = {
		[NB_IMM_S8] = 1,    [NB_IMM_U8] = 1,  [NB_IMM_S16] = 2,	  [NB_IMM_S32] = 4,
		[NB_IMM_U32] = 4,   [NB_IMM_Q64] = 8, [NB_IMM_S8_32] = 4, [NB_IMM_REL8] = 1,
		[NB_IMM_REL32] = 4, [NB_IMM_IS4] = 1, [NB_IMM_U1] = 1,	  [NB_IMM_U2] = 1,
		[NB_IMM_U3] = 1,    [NB_IMM_U4] = 1,  [NB_IMM_U5] = 1,	  [NB_IMM_CMP] = 1,
	};
	const struct nb_form_info *info = out->info;
	uint32_t bytes = sizes[info->imm];
	bool is_short = info->imm == NB_IMM_S8_32 && h->opcode != info->opcode;

	out->imm = take_signed(c, is_short ? 1 : bytes);
	uint32_t bits = nb_imm_bits(info->imm);

	if (bits || info->imm == NB_IMM_IS4)
		out->imm &= UINT8_MAX;
	else if (info->imm == NB_IMM_U32)
		out->imm &= UINT32_MAX;
	if (bits)
		return out->imm >> bits == 0;
	if (info->imm == NB_IMM_IS4)
		return out->imm % 16 == 0;
	if (info->imm == NB_IMM_S8_32 && !is_short)
		return out->imm < INT8_MIN || out->imm > INT8_MAX;
	return true;
}

/* Everything behind the opcode. */
static enum verifier_rule
take_rest(const struct vf_decoder *decoder, struct cursor *c, const struct head *h,
	  struct vf_inst *out)
{
	uint8_t modrm = *c->at;
	const struct nb_form_info *info = find_form(decoder, h, modrm);
	uint8_t high = h->rex & REX_B ? 8 : 0;
	uint8_t used = REX_W;
	bool is_right = true;

	if (!info)
		return VERIFIER_INSTRUCTION;
	*out = (struct vf_inst){
		.info = info,
		.form = (uint16_t)(info - infos),
		.reg = VF_NO_REG,
		.vvvv = h->vvvv,
		.cc = h->opcode & 15,
		.base = VF_NO_REG,
		.index = VF_NO_REG,
	};
	if (info->rm != NB_RM_NONE) {
		c->at++;
		if (info->reg >= NB_REG_G8 && info->reg <= NB_REG_X) {
			out->reg = (modrm >> 3 & 7) | (h->rex & REX_R ? 8 : 0);
			used |= REX_R;
		}
		if (modrm >= 0xc0) {
			out->operand = VF_REGISTER;
			out->base = (modrm & 7) | high;
			used |= REX_B;
			is_right = !(info->rm & NB_RM_G0) || out->base == 0;
		} else {
			is_right = take_memory(c, h, modrm, out, &used);
		}
	} else if (info->reg == NB_REG_OPCODE) {
		out->reg = (h->opcode & 7) | high;
		used |= REX_B;
	}
	if (info->imm != NB_IMM_NONE)
		is_right &= take_immediate(c, h, out);
	return is_right && head_is_right(h, out, used) ? VERIFIER_NONE : VERIFIER_ENCODING;
}

enum verifier_rule
vf_decode(const struct vf_decoder *decoder, const uint8_t *at, uint32_t room, struct vf_inst *out)
{
	uint8_t padded[VF_READ_BYTES] = { 0 };
	const uint8_t *start = at;
	struct head h;

	if (room < VF_READ_BYTES) {
		memcpy(padded, at, room);
		start = padded;
	}
	struct cursor c = { start };
	if (!take_head(&c, &h))
		return VERIFIER_INSTRUCTION;
	enum verifier_rule rule = take_rest(decoder, &c, &h, out);
	if (rule != VERIFIER_NONE)
		return rule;
	out->len = (uint8_t)(c.at - start);
	return out->len <= room ? VERIFIER_NONE : VERIFIER_INSTRUCTION;
}

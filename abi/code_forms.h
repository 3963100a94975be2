/*
 * The columns of code_forms.def as C: enumerators and the record of one form.
 * Shared by whoever emits and whoever checks machine code; both make their
 * arrays of it by code_form_rows.def. Freestanding.
 */
#ifndef ABI_CODE_FORMS_H
#define ABI_CODE_FORMS_H

#include "abi/code_contract.h"

enum nb_form {
#define NB_FORM(name, ...)	NB_FORM_##name,
#define NB_FORM_LOCK(name, ...) NB_FORM_##name,
#define NB_FORM_CC(name, ...)	NB_FORM_##name,
#define NB_FORM_VEX(name, ...)	NB_FORM_##name,
#define NB_FORM_SSE(name, ...)	NB_FORM_##name, NB_FORM_V##name,
#include "abi/code_forms.def"
#undef NB_FORM_SSE
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
	NB_FORM_COUNT
};

/* The VEX.128 twin of a NB_FORM_SSE_LEGACY form is the next enumerator. */
enum nb_form_kind {
	NB_FORM_LEGACY,
	NB_FORM_LOCKED,
	NB_FORM_CONDITION,
	NB_FORM_VEX_ENCODED,
	NB_FORM_SSE_LEGACY,
};

enum { NB_FEATURE_BASE = 0 };
enum {
	NB_FEATURE_AVX = NB_CPU_AVX,
	NB_FEATURE_BMI1 = NB_CPU_BMI1,
	NB_FEATURE_BMI2 = NB_CPU_BMI2,
	NB_FEATURE_LZCNT = NB_CPU_LZCNT,
};

enum nb_form_prefix { NB_PREFIX_NONE, NB_PREFIX_66, NB_PREFIX_F3, NB_PREFIX_F2 };
enum nb_form_map { NB_MAP_1, NB_MAP_0F, NB_MAP_38, NB_MAP_3A };

/* D0 to D7 come first, so that they are the digits. */
enum nb_form_reg {
	NB_REG_D0,
	NB_REG_D1,
	NB_REG_D2,
	NB_REG_D3,
	NB_REG_D4,
	NB_REG_D5,
	NB_REG_D6,
	NB_REG_D7,
	NB_REG_G8,
	NB_REG_G,
	NB_REG_X,
	NB_REG_OPCODE,
	NB_REG_NONE,
	NB_REG_XD, /* vvvv only: the register written */
};

/* A set. */
enum nb_form_rm {
	NB_RM_NONE = 0,
	NB_RM_G8 = 1,
	NB_RM_G = 2,
	NB_RM_X = 4,
	NB_RM_M = 8,
	NB_RM_ADDRESS = 16,
	NB_RM_TABLE = 32,
	NB_RM_G0 = 64,
	NB_RM_G8M = NB_RM_G8 | NB_RM_M,
	NB_RM_GM = NB_RM_G | NB_RM_M,
	NB_RM_XM = NB_RM_X | NB_RM_M,
};

enum nb_form_access {
	NB_ACCESS_NONE = 0,
	NB_ACCESS_READ = 1,
	NB_ACCESS_WRITE = 2,
	NB_ACCESS_BOTH = 3,
	NB_ACCESS_ALIGNED = 4, /* a bit of its own */
	NB_ACCESS_READ_A = NB_ACCESS_READ | NB_ACCESS_ALIGNED,
};

enum nb_form_imm {
	NB_IMM_NONE,
	NB_IMM_S8,
	NB_IMM_U8,
	NB_IMM_S16,
	NB_IMM_S32,
	NB_IMM_U32,
	NB_IMM_Q64,
	NB_IMM_S8_32,
	NB_IMM_REL8,
	NB_IMM_REL32,
	NB_IMM_IS4,
	NB_IMM_U1,
	NB_IMM_U2,
	NB_IMM_U3,
	NB_IMM_U4,
	NB_IMM_U5,
	NB_IMM_CMP, /* a comparison of floats: U3; the twin's row has U5 */
};

/* Of the twin's row, by the column. */
#define NB_TWIN_IMM(imm) (NB_IMM_##imm == NB_IMM_CMP ? NB_IMM_U5 : NB_IMM_##imm)

/* How many bits an immediate of one unsigned byte may use; 0: it is none. */
static inline uint32_t
nb_imm_bits(uint32_t imm)
{
	if (imm == NB_IMM_U8)
		return 8;
	if (imm == NB_IMM_CMP)
		return 3;
	return imm >= NB_IMM_U1 && imm <= NB_IMM_U5 ? imm - NB_IMM_U1 + 1 : 0;
}

enum nb_form_writes {
	NB_WRITES_NONE,
	NB_WRITES_REG8,
	NB_WRITES_REG16,
	NB_WRITES_REG32,
	NB_WRITES_REG64,
	NB_WRITES_REGX,
	NB_WRITES_RM8,
	NB_WRITES_RM32,
	NB_WRITES_RM64,
	NB_WRITES_RMX,
	NB_WRITES_VVVVX,
	NB_WRITES_BOTH64,
	NB_WRITES_EDX,
	NB_WRITES_RDX,
	NB_WRITES_EAX_EDX,
	NB_WRITES_RAX_RDX,
	NB_WRITES_RAX,
};

/* One row. */
struct nb_form_info {
	uint8_t kind; /* enum nb_form_kind */
	uint8_t feature;
	uint8_t prefix; /* enum nb_form_prefix */
	uint8_t map;	/* enum nb_form_map */
	uint8_t opcode;
	uint8_t wide;	/* REX.W or VEX.W */
	uint8_t reg;	/* enum nb_form_reg */
	uint8_t vvvv;	/* enum nb_form_reg: G, X, XD or NONE; of SSE_LEGACY: the twin's */
	uint8_t rm;	/* enum nb_form_rm */
	uint8_t access; /* enum nb_form_access */
	uint8_t bytes;
	uint8_t imm;	/* enum nb_form_imm */
	uint8_t writes; /* enum nb_form_writes */
};

#endif

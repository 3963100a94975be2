/*
 * The rows of code_forms.def as initialisers, in the order of enum nb_form:
 *
 *   static const struct nb_form_info infos[NB_FORM_COUNT] = {
 *   #include "abi/code_form_rows.h"
 *   };
 *
 * Included where the array is made, so it has no guard. Freestanding.
 */
#define ROW(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	{ kind,		NB_FEATURE_##feature, NB_PREFIX_##prefix, NB_MAP_##map, opcode, w,    \
	  NB_REG_##reg, NB_REG_##vvvv,	      NB_RM_##rm,	  access,	bytes,	imm,  \
	  writes },
#define OF(kind, feature, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes)    \
	ROW(NB_FORM_##kind, feature, prefix, map, opcode, w, reg, vvvv, rm, NB_ACCESS_##access, \
	    bytes, NB_IMM_##imm, NB_WRITES_##writes)
#define NB_FORM(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(LEGACY, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_LOCK(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(LOCKED, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_CC(name, text, feature, prefix, map, opcode, w, reg, ...) \
	OF(CONDITION, feature, prefix, map, opcode, w, reg, NONE, __VA_ARGS__)
#define NB_FORM_VEX(name, text, ...) OF(VEX_ENCODED, __VA_ARGS__)
#define NB_FORM_SSE(name, text, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes) \
	OF(SSE_LEGACY, BASE, prefix, map, opcode, w, reg, vvvv, rm, access, bytes, imm, writes)    \
	ROW(NB_FORM_VEX_ENCODED, AVX, prefix, map, opcode, w, reg, vvvv, rm,                       \
	    NB_ACCESS_##access &NB_ACCESS_BOTH, bytes, NB_TWIN_IMM(imm),                           \
	    NB_REG_##vvvv == NB_REG_XD ? NB_WRITES_VVVVX : NB_WRITES_##writes)
#include "abi/code_forms.def"
#undef NB_FORM
#undef NB_FORM_LOCK
#undef NB_FORM_CC
#undef NB_FORM_VEX
#undef NB_FORM_SSE
#undef OF
#undef ROW

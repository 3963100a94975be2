/*
 * The tables of opcode.def.
 */
#include "wasm/opcode.h"

/* One signature as the fields of struct wasm_opcode_info, by name. */
enum {
#define WASM_SIGNATURE(name, count, a, b, c, r)                                                 \
	SIG_COUNT_##name = (count), SIG_A_##name = WASM_KIND_##a, SIG_B_##name = WASM_KIND_##b, \
	SIG_C_##name = WASM_KIND_##c, SIG_RESULT_##name = WASM_KIND_##r,
#include "wasm/opcode.def"
#undef WASM_SIGNATURE
};

const struct wasm_opcode_info wasm_opcode_info[WASM_OPCODE_COUNT] = {
#define WASM_OP(name, text, prefix, number, imm, sig, log2_width, brought_by) \
	[WASM_OP_##name] = {                                                  \
		.immediate = WASM_IMM_##imm,                                  \
		.feature = WASM_FEATURE_##brought_by,                         \
		.width = (log2_width),                                        \
		.operand_count = SIG_COUNT_##sig,                             \
		.operands = { SIG_A_##sig, SIG_B_##sig, SIG_C_##sig },        \
		.result = SIG_RESULT_##sig,                                   \
	},
#include "wasm/opcode.def"
#undef WASM_OP
	[0xfb] = { .immediate = WASM_IMM_PREFIX },
	[0xfc] = { .immediate = WASM_IMM_PREFIX },
	[0xfd] = { .immediate = WASM_IMM_PREFIX },
	[0xfe] = { .immediate = WASM_IMM_PREFIX },
};

const char *
wasm_opcode_text(enum wasm_opcode opcode)
{
	switch (opcode) {
#define WASM_OP(name, text, prefix, number, imm, sig, log2_width, brought_by) \
	case WASM_OP_##name:                                                  \
		return text;
#include "wasm/opcode.def"
#undef WASM_OP
	}
	return "unknown instruction";
}

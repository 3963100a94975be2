/*
 * Inside contract_check: what its files share.
 */
#ifndef TESTS_COMPILER_X64_CONTRACT_CHECK_H
#define TESTS_COMPILER_X64_CONTRACT_CHECK_H

#include "abi/code_contract.h"
#include "wasm/module.h"

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stdint.h>

struct instruction {
	ZydisDecodedInstruction head;
	ZydisDecodedOperand operands[5];
	uint32_t at;
};

struct check {
	const char *file;
	const struct wasm_module *module;
	struct nb_vmctx_layout layout;
	const struct nb_code_image *image;
	const struct nb_code_function *function;
	uint32_t number; /* of the function */
	struct instruction *insts;
	uint32_t count;
	int32_t *inst_at; /* per byte of the function: instruction number or -1 */
	uint16_t *claims; /* per instruction: zero-extended registers, if a label */
	uint8_t *is_label;
	uint32_t findings;
};

static inline int
gpr_number(ZydisRegister reg)
{
	ZydisRegister wide = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	if (wide < ZYDIS_REGISTER_RAX || wide > ZYDIS_REGISTER_R15)
		return -1;
	return (int)(wide - ZYDIS_REGISTER_RAX);
}

static inline bool
is(const struct instruction *inst, ZydisMnemonic mnemonic)
{
	return inst->head.mnemonic == mnemonic;
}

/* contract_memory.c: whether memory operand `o` of instruction `i` is one of the
 * contract's forms for linear memory, with the whole sequence in front of it.
 * `zx`: registers that hold zero-extended values there. */
bool
contract_linear_fits(const struct check *c, uint32_t i, const ZydisDecodedOperand *o, uint16_t zx);

#endif

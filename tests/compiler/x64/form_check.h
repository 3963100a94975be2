/*
 * Whether an independent decoder finds in some bytes what a row of
 * abi/code_forms.def says.
 */
#ifndef TESTS_COMPILER_X64_FORM_CHECK_H
#define TESTS_COMPILER_X64_FORM_CHECK_H

#include "compiler/x64/encode.h"

#include <Zydis/Zydis.h>

struct form_inst {
	const struct nb_form_info *info;
	enum nb_form form;
	struct x64_operands ops; /* with the displacement of a RIP operand */
	const uint8_t *bytes;
	uint32_t len;
	/* The general registers that the decoder says are written, 4 bits each: how
	 * many bytes, 8 for all. */
	uint64_t written;
};

/* NULL if the decoder agrees on length, operation, operands, their widths and
 * accesses, and the registers written; else what is not so. Fills c->written. */
const char *form_check(const ZydisDecoder *decoder, struct form_inst *c);

#endif

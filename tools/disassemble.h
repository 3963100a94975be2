/* Machine code as text, one instruction a line. */
#ifndef TOOLS_DISASSEMBLE_H
#define TOOLS_DISASSEMBLE_H

#include "abi/code_contract.h"

#include <stdio.h>

/* Prints the instructions of function `function` around image offset `marked`,
 * which gets an arrow: `before` instructions before it and as many behind. What
 * does not decode is shown as a byte. */
void disassemble_around(FILE *out, const struct nb_code_image *image, uint32_t function,
			uint32_t marked, uint32_t before);

#endif

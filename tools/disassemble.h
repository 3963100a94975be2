/* Machine code as text, one instruction a line. */
#ifndef TOOLS_DISASSEMBLE_H
#define TOOLS_DISASSEMBLE_H

#include "abi/code_contract.h"

#include <stdbool.h>
#include <stdio.h>

/* Prints the instructions of function `function` around image offset `marked`,
 * which gets an arrow: `before` instructions before it and as many behind. What
 * does not decode is shown as a byte. */
void disassemble_around(FILE *out, const struct nb_code_image *image, uint32_t function,
			uint32_t marked, uint32_t before);

/* One instruction, at image offset `at`. */
struct disassembled {
	uint32_t at, len;
	bool has_target; /* a jump or call to image offset `target` */
	uint32_t target;
	char text[128];
};

/* Hands over the instructions of function `function`, in order. False if memory
 * is short. */
bool
disassemble_function(const struct nb_code_image *image, uint32_t function,
		     void (*take)(void *context, const struct disassembled *inst), void *context);

#endif

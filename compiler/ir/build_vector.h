/*
 * Inside the builder: making vector operations. Values are those of operands,
 * results are existing or new values of the present block.
 */
#ifndef COMPILER_IR_BUILD_VECTOR_H
#define COMPILER_IR_BUILD_VECTOR_H

#include "compiler/ir/build_internal.h"

/* The vector operation with arguments a, c, d; IR_NONE where it has fewer. The
 * lane is that of EXTRACT and REPLACE, else 0. */
uint32_t
build_vector_op(struct builder *b, enum ir_vector op, uint32_t lane, const uint32_t args[3]);

static inline uint32_t
build_vector1(struct builder *b, enum ir_vector op, uint32_t a)
{
	return build_vector_op(b, op, 0, (uint32_t[3]){ a, IR_NONE, IR_NONE });
}

static inline uint32_t
build_vector2(struct builder *b, enum ir_vector op, uint32_t a, uint32_t c)
{
	return build_vector_op(b, op, 0, (uint32_t[3]){ a, c, IR_NONE });
}

/* The byte shuffle with that pattern. */
uint32_t build_shuffle(struct builder *b, uint32_t a, uint32_t c, const struct ir_v128 *pattern);

/* A constant whose lanes of 8, 16, 32 or 64 bits all hold the low bits. */
uint32_t build_splat_const(struct builder *b, enum ir_shape shape, uint64_t bits);

/* All bits turned. */
uint32_t build_vector_not(struct builder *b, uint32_t a);

enum build_sense { BUILD_HOLDS, BUILD_FAILS };

/* build_vector_test.c: lanes where a is at most c (bound: an unsigned minimum)
 * or at least c (a maximum); or where that fails. */
uint32_t build_vector_bound(struct builder *b, enum ir_vector bound, uint32_t a, uint32_t c,
			    enum build_sense sense);
/* Lanes where not a > c. */
uint32_t
build_vector_not_greater(struct builder *b, enum ir_vector greater, uint32_t a, uint32_t c);
/* Tests of whole vectors; false if the instruction is none of those. */
bool build_vector_test(struct builder *b, enum wasm_opcode opcode);

/* build_vector_float.c: composed operations on floats and products; false if
 * the instruction is none of those. */
bool build_vector_float(struct builder *b, enum wasm_opcode opcode);
bool build_vector_product(struct builder *b, enum wasm_opcode opcode);

#endif

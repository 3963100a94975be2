/*
 * What loops do to state. Backwards through the order a header comes after
 * everything in its loop, so what it has collected then is complete.
 */
#include "compiler/pass/effects.h"

#include "compiler/ir/edit.h"

void
pass_find_loop_writes(struct ir_function *fn, uint8_t *by_header)
{
	for (uint32_t i = fn->order_count; i-- > 0 && ir_tick(fn, 1);) {
		uint32_t b = fn->order[i];
		const struct ir_block *block = &fn->blocks[b];
		uint8_t writes = 0;

		if (block->loop_header == IR_NONE)
			continue;
		for (uint32_t k = block->first_inst; k != IR_NONE; k = fn->insts[k].next)
			writes |= ir_op_info(fn->insts[k].op)->writes;
		by_header[block->loop_header] |= writes;
		if (block->loop_header == b && block->outer_loop != IR_NONE)
			by_header[block->outer_loop] |= by_header[b];
	}
}

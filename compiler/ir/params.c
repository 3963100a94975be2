/*
 * Block parameters that are no choice: found in a few rounds over all edges,
 * then taken out of the lists in place.
 */
#include "compiler/ir/params.h"

#include "compiler/ir/edit.h"

enum { MAX_ROUNDS = 4 };

/* The one value that parameter `which` of the block gets, or IR_NONE. */
static uint32_t
only_value(struct ir_function *fn, const struct ir_block *block, uint32_t which)
{
	uint32_t param = fn->lists[block->first_param + which];
	uint32_t only = IR_NONE;

	for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
		uint32_t value = ir_resolve(fn, fn->lists[fn->edges[e].first_arg + which]);

		if (value == param || value == only)
			continue;
		if (only != IR_NONE)
			return IR_NONE;
		only = value;
	}
	return only;
}

/* One round over all blocks; true if something was replaced. */
static bool
replace_trivial(struct ir_function *fn)
{
	bool found = false;

	for (uint32_t b = 1; b < fn->block_count && ir_tick(fn, 1); b++) {
		const struct ir_block *block = &fn->blocks[b];

		for (uint32_t i = 0; i < block->param_count; i++) {
			uint32_t param = fn->lists[block->first_param + i];
			uint32_t only;

			if (fn->insts[param].op != IR_PARAM)
				continue;
			only = only_value(fn, block, i);
			if (only == IR_NONE)
				continue;
			ir_replace(fn, param, only);
			found = true;
		}
	}
	return found;
}

/* Takes the places i with keep(lists[params + i]) == 0 out of one list. */
static uint32_t
compact(struct ir_function *fn, uint32_t params, uint32_t args, uint32_t count, const uint8_t *keep)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t param = fn->lists[params + i];
		bool stays = keep ? keep[param] : fn->insts[param].op == IR_PARAM;

		if (stays)
			fn->lists[args + kept++] = fn->lists[args + i];
	}
	return kept;
}

/* `keep` NULL: those that have become aliases go. */
static void
remove_params(struct ir_function *fn, const uint8_t *keep)
{
	for (uint32_t b = 1; b < fn->block_count && ir_tick(fn, 1); b++) {
		struct ir_block *block = &fn->blocks[b];

		for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
			struct ir_edge *edge = &fn->edges[e];

			edge->arg_count = compact(fn, block->first_param, edge->first_arg,
						  block->param_count, keep);
		}
		block->param_count = compact(fn, block->first_param, block->first_param,
					     block->param_count, keep);
		for (uint32_t i = 0; i < block->param_count; i++)
			fn->insts[fn->lists[block->first_param + i]].imm = i;
	}
}

void
ir_drop_trivial_params(struct ir_function *fn)
{
	uint32_t rounds = 0;

	while (rounds < MAX_ROUNDS && replace_trivial(fn))
		rounds++;
	if (rounds == 0)
		return;
	remove_params(fn, NULL);
	ir_resolve_all(fn);
}

void
ir_remove_params(struct ir_function *fn, const uint8_t *keep)
{
	remove_params(fn, keep);
}

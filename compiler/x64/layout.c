/*
 * Order of emission, see layout.h.
 */
#include "compiler/x64/layout.h"

#include "lib/string.h"

struct layouter {
	const struct x64_function *fn;
	const struct ra_result *ra;
	uint32_t *forward;
	uint32_t *order;
	uint32_t count;	    /* blocks in `order` */
	uint32_t hot_count; /* the first of them, in reverse post order but for rotations */
	uint32_t *scratch;  /* one number per block */
	uint8_t *is_loop_top;
};

static const struct ra_block *
block_at(const struct layouter *l, uint32_t index)
{
	return &l->fn->ra.blocks[l->order[index]];
}

/* --- empty blocks --------------------------------------------------------- */

/* Whether block `b` does nothing but jump. `move` runs along with the blocks. */
static bool
is_only_jump(const struct layouter *l, uint32_t b, uint32_t *move)
{
	const struct ra_block *block = &l->fn->ra.blocks[b];
	const struct ra_move *moves = l->ra->moves;
	while (*move < l->ra->move_count && moves[*move].before_inst < block->first_inst)
		(*move)++;
	bool has_move = *move < l->ra->move_count && moves[*move].before_inst < block->end_inst;
	return b != 0 && !has_move && block->end_inst - block->first_inst == 1 &&
	       l->fn->insts[block->first_inst].op == X64_JUMP;
}

/* Leads every block of the chain from `b` to its end: a block that does
 * something or, in an empty endless loop, the block where the chain closes. */
static void
resolve_chain(uint32_t *forward, uint32_t *seen, uint32_t b)
{
	uint32_t end = b;
	while (forward[end] != end) {
		if (seen[end] == b + 1) {
			forward[end] = end;
			break;
		}
		seen[end] = b + 1;
		end = forward[end];
	}
	while (forward[b] != end) {
		uint32_t next = forward[b];
		forward[b] = end;
		b = next;
	}
}

static void
find_forwards(struct layouter *l)
{
	uint32_t count = l->fn->ra.block_count, move = 0;
	for (uint32_t b = 0; b < count; b++)
		l->forward[b] = is_only_jump(l, b, &move)
					? l->fn->ra.block_lists[l->fn->ra.blocks[b].first_succ]
					: b;
	for (uint32_t b = 0; b < count; b++)
		resolve_chain(l->forward, l->scratch, b);
}

static void
find_order(struct layouter *l)
{
	uint32_t count = l->fn->ra.block_count;
	for (uint32_t cold = 0; cold < 2; cold++) {
		for (uint32_t b = 0; b < count; b++) {
			bool is_cold = b != 0 && l->fn->block_flags[b] & IR_BLOCK_COLD;
			if (l->forward[b] == b && is_cold == cold)
				l->order[l->count++] = b;
		}
		if (cold == 0)
			l->hot_count = l->count;
	}
}

/* --- loops ---------------------------------------------------------------- */

/* The only successor of the block at `index`, or UINT32_MAX. */
static uint32_t
only_successor(const struct layouter *l, uint32_t index)
{
	const struct ra_block *block = block_at(l, index);
	if (block->succ_count != 1)
		return UINT32_MAX;
	return l->forward[l->fn->ra.block_lists[block->first_succ]];
}

/* What it costs per call that the block at `index` is no longer followed by
 * the block behind it: a jump, unless it has to jump anyway. */
static float
cost_of_cut(const struct layouter *l, uint32_t index, uint32_t loop_end)
{
	const struct ra_block *block = block_at(l, index);
	uint32_t next = l->order[index + 1];
	if (block->succ_count == 1)
		return only_successor(l, index) == next ? block->frequency : 0;
	if (block->succ_count != 2 || l->fn->insts[block->end_inst - 1].op != X64_FLAGS)
		return 0;
	const uint32_t *succs = l->fn->ra.block_lists + block->first_succ;
	uint32_t a = l->forward[succs[0]], b = l->forward[succs[1]];
	uint32_t other = a == next ? b : a;
	if (a != next && b != next)
		return 0;
	/* Leaving the loop is rare, so the jump behind the branch is too. */
	bool leaves = l->fn->ra.blocks[other].loop_depth < block->loop_depth ||
		      (loop_end < l->count && other == l->order[loop_end]);
	return leaves ? 0 : block->frequency / 2;
}

static void
rotate(struct layouter *l, uint32_t start, uint32_t pivot, uint32_t end)
{
	uint32_t *order = l->order;
	memcpy(l->scratch, order + start, sizeof(*order) * (pivot - start));
	memmove(order + start, order + pivot, sizeof(*order) * (end - pivot));
	memcpy(order + start + (end - pivot), l->scratch, sizeof(*order) * (pivot - start));
}

/* Rotates the loop at [start, end), whose header is at `start`, if that saves
 * the jump at its end. */
static void
rotate_loop(struct layouter *l, uint32_t start, uint32_t end)
{
	/* Places tried from either end, so that deep nests stay linear. */
	enum { TRIES = 32 };
	uint32_t header = l->order[start], depth = block_at(l, start)->loop_depth;
	if (end - start < 2 || only_successor(l, end - 1) != header)
		return;
	float best_cost = block_at(l, end - 1)->frequency;
	uint32_t best = start;
	for (uint32_t pivot = start + 1; pivot < end; pivot++) {
		if (pivot == start + TRIES && end - pivot > TRIES)
			pivot = end - TRIES;
		if (block_at(l, pivot)->loop_depth != depth &&
		    block_at(l, pivot - 1)->loop_depth != depth)
			continue;
		float cost = cost_of_cut(l, pivot - 1, end);
		if (cost < best_cost) {
			best_cost = cost;
			best = pivot;
		}
	}
	if (best != start)
		rotate(l, start, best, end);
}

struct open_loop {
	uint32_t start;	 /* in `order` */
	uint32_t header; /* block */
	uint32_t depth;
	bool has_inner;
};

static void
close_loop(struct layouter *l, const struct open_loop *loop, uint32_t end)
{
	if (l->order[loop->start] == loop->header)
		rotate_loop(l, loop->start, end);
	if (!loop->has_inner)
		l->is_loop_top[l->order[loop->start]] = 1;
}

/* Walks the blocks with a stack of the loops around them. */
static void
find_loops(struct layouter *l, struct open_loop *stack)
{
	uint32_t open = 0;
	for (uint32_t i = 0; i <= l->hot_count; i++) {
		uint32_t depth = 0;
		bool is_header = false;
		if (i < l->hot_count) {
			depth = block_at(l, i)->loop_depth;
			is_header = block_at(l, i)->loop_header == l->order[i];
		}
		while (open && (stack[open - 1].depth > depth ||
				(stack[open - 1].depth == depth && is_header)))
			close_loop(l, &stack[--open], i);
		if (!is_header)
			continue;
		if (open)
			stack[open - 1].has_inner = true;
		stack[open++] =
			(struct open_loop){ .start = i, .header = l->order[i], .depth = depth };
	}
}

enum nb_status
x64_layout_compute(const struct x64_function *fn, const struct ra_result *ra, struct arena *arena,
		   struct x64_layout *out)
{
	uint32_t count = fn->ra.block_count;
	struct layouter l = { .fn = fn, .ra = ra };
	l.forward = arena_new_array(arena, uint32_t, count);
	l.order = arena_new_array(arena, uint32_t, count);
	l.scratch = arena_new_array(arena, uint32_t, count);
	l.is_loop_top = arena_new_array(arena, uint8_t, count);
	struct open_loop *stack = arena_new_array(arena, struct open_loop, count);
	if (!l.forward || !l.order || !l.scratch || !l.is_loop_top || !stack)
		return NB_OUT_OF_MEMORY;
	find_forwards(&l);
	find_order(&l);
	find_loops(&l, stack);
	*out = (struct x64_layout){
		.forward = l.forward,
		.order = l.order,
		.count = l.count,
		.is_loop_top = l.is_loop_top,
	};
	return NB_OK;
}

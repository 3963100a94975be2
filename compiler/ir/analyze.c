/*
 * Order, dominators, loops, frequencies.
 *
 * A first depth-first walk gives some reverse post order. In it the nearest
 * common dominator of the forward predecessors is the immediate dominator
 * (control flow is reducible, so back edges add nothing), and what is left are
 * the back edges, whose targets are the loop headers. Loops are collected from
 * the inner to the outer ones, each as one node for the next. The final order
 * is topological as well, but takes the blocks of a loop one after another,
 * prefers to go on behind the block before, and ends with the cold ones.
 */
#include "compiler/ir/analyze.h"

#include "compiler/ir/edit.h"

#include "lib/string.h"

enum {
	LOOP_SCALE = 8, /* iterations that a loop is taken to make */
	MAX_SCALED_DEPTH = 8,
	MAX_EXIT_CLIMB = 64, /* loops that one edge is followed out of */
};

static const float COLD_SHARE = 0.001f; /* probability of a cold edge */
static const float HINTED_SHARE = 0.1f; /* of one that a hint calls unlikely */

struct analysis {
	struct ir_function *fn;
	struct arena *scratch;
	uint32_t *rpo;	 /* first order */
	uint32_t *depth; /* in the dominator tree, by block */
	uint32_t *jump;	 /* an ancestor further up, by block */
	uint32_t *stack;
	uint32_t *count; /* scratch numbers by block */
	uint32_t *link;	 /* scratch links by block */
};

static const struct ir_inst *
terminator(const struct ir_function *fn, uint32_t block)
{
	return &fn->insts[fn->blocks[block].last_inst];
}

/* Edge `index` of a block. */
static const struct ir_edge *
block_edge(const struct ir_function *fn, uint32_t block, uint32_t index)
{
	return &fn->edges[terminator(fn, block)->args[1] + index];
}

static bool
analysis_alloc(struct analysis *a)
{
	uint32_t **const arrays[] = {
		&a->rpo, &a->depth, &a->jump, &a->stack, &a->count, &a->link
	};
	size_t count = a->fn->block_count;

	for (size_t i = 0; i < sizeof(arrays) / sizeof(*arrays); i++) {
		*arrays[i] = arena_new_array(a->scratch, uint32_t, count);
		if (!*arrays[i])
			return false;
	}
	if (a->fn->order_cap < count) {
		a->fn->order = arena_new_array(a->fn->arena, uint32_t, count);
		if (!a->fn->order)
			return false;
		a->fn->order_cap = (uint32_t)count;
	}
	return true;
}

/* Depth-first from the entry; position becomes the place in rpo. */
static void
walk(struct analysis *a)
{
	struct ir_function *fn = a->fn;
	uint32_t top = 0;
	uint32_t left = fn->block_count;

	for (uint32_t b = 0; b < fn->block_count; b++)
		fn->blocks[b].position = IR_NONE;
	a->stack[top++] = 0;
	fn->blocks[0].position = 0;
	while (top && ir_tick(fn, 1)) {
		uint32_t block = a->stack[top - 1];
		uint32_t edges = ir_inst_edge_count(terminator(fn, block));
		uint32_t to;

		if (a->count[block] == edges) {
			a->rpo[--left] = block;
			top--;
			continue;
		}
		to = block_edge(fn, block, edges - 1 - a->count[block]++)->to;
		if (fn->blocks[to].position == IR_NONE) {
			fn->blocks[to].position = 0;
			a->stack[top++] = to;
		}
	}
	fn->order_count = fn->block_count - left;
	memmove(a->rpo, a->rpo + left, fn->order_count * sizeof(*a->rpo));
	for (uint32_t i = 0; i < fn->order_count; i++)
		fn->blocks[a->rpo[i]].position = i;
}

static void
drop_unreachable(struct analysis *a)
{
	struct ir_function *fn = a->fn;

	for (uint32_t b = 0; b < fn->block_count; b++) {
		struct ir_block *block = &fn->blocks[b];

		if (block->position != IR_NONE || block->first_inst == IR_NONE)
			continue;
		ir_remove_terminator(fn, b);
		while (block->first_inst != IR_NONE)
			ir_remove(fn, block->first_inst);
	}
}

/* Targets of edges that lead back in the order. */
static void
mark_headers(struct ir_function *fn)
{
	fn->has_no_loop = true;
	for (uint32_t i = 0; i < fn->order_count; i++) {
		struct ir_block *block = &fn->blocks[fn->order[i]];

		block->flags = 0;
		for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred)
			if (fn->blocks[fn->edges[e].from].position >= i)
				block->flags = IR_BLOCK_LOOP_HEADER;
		fn->has_no_loop = fn->has_no_loop && block->flags == 0;
	}
}

static uint32_t
common_dominator(const struct analysis *a, uint32_t x, uint32_t y)
{
	const struct ir_block *blocks = a->fn->blocks;

	if (a->depth[x] < a->depth[y]) {
		uint32_t deeper = y;

		y = x;
		x = deeper;
	}
	while (a->depth[x] > a->depth[y])
		x = a->depth[a->jump[x]] >= a->depth[y] ? a->jump[x] : blocks[x].idom;
	while (x != y) {
		bool far = a->jump[x] != a->jump[y];

		x = far ? a->jump[x] : blocks[x].idom;
		y = far ? a->jump[y] : blocks[y].idom;
	}
	return x;
}

/* Immediate dominators in rpo; headers of loops are marked on the way. */
static void
find_dominators(struct analysis *a)
{
	struct ir_function *fn = a->fn;

	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++) {
		uint32_t b = a->rpo[i];
		struct ir_block *block = &fn->blocks[b];
		uint32_t idom = IR_NONE;
		uint32_t jump;

		block->flags = 0;
		for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred) {
			uint32_t from = fn->edges[e].from;

			if (fn->blocks[from].position >= i)
				block->flags |= IR_BLOCK_LOOP_HEADER;
			else
				idom = idom == IR_NONE ? from : common_dominator(a, idom, from);
		}
		block->idom = idom;
		a->jump[b] = b;
		a->depth[b] = 0;
		if (idom == IR_NONE)
			continue;
		a->depth[b] = a->depth[idom] + 1;
		jump = a->jump[idom];
		a->jump[b] = idom;
		if (a->depth[idom] - a->depth[jump] == a->depth[jump] - a->depth[a->jump[jump]])
			a->jump[b] = a->jump[jump];
	}
}

/* Intervals by subtree sizes, so that ir_dominates is two comparisons. */
static void
number_dominators(struct analysis *a)
{
	struct ir_function *fn = a->fn;
	uint32_t *size = a->count;
	uint32_t *next = a->link;

	for (uint32_t i = 0; i < fn->order_count; i++)
		size[a->rpo[i]] = 1;
	for (uint32_t i = fn->order_count; i-- > 1;)
		size[fn->blocks[a->rpo[i]].idom] += size[a->rpo[i]];
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = a->rpo[i];
		struct ir_block *block = &fn->blocks[b];

		block->dom_in = 0;
		if (i > 0) {
			block->dom_in = next[block->idom];
			next[block->idom] += size[b];
		}
		block->dom_out = block->dom_in + size[b] - 1;
		next[b] = block->dom_in + 1;
	}
}

/* The outermost loop found so far that contains the block, by its header; or
 * the block itself. Shortens the way. */
static uint32_t
outermost_found(uint32_t *link, uint32_t block)
{
	uint32_t root = block;

	while (link[root] != root)
		root = link[root];
	while (link[block] != root) {
		uint32_t next = link[block];

		link[block] = root;
		block = next;
	}
	return root;
}

/* Collects the loop of `header` backwards from its back edges. Blocks and
 * loops that are not yet in one become members. */
static void
collect_loop(struct analysis *a, uint32_t header)
{
	struct ir_function *fn = a->fn;
	uint32_t position = fn->blocks[header].position;
	uint32_t top = 0;
	uint32_t b = header;

	do {
		for (uint32_t e = fn->blocks[b].first_pred; e != IR_NONE;
		     e = fn->edges[e].next_pred) {
			uint32_t from = fn->edges[e].from;
			uint32_t member;

			if (b == header && fn->blocks[from].position < position)
				continue;
			member = outermost_found(a->link, from);
			if (member == header)
				continue;
			a->link[member] = header;
			fn->blocks[member].loop_header = header;
			a->stack[top++] = member;
		}
		b = top ? a->stack[--top] : header;
	} while (b != header && ir_tick(fn, 1));
}

/*
 * Loops, inner before outer. Until the last step a block's loop_header is the
 * next loop around it, for headers that around the own one.
 */
static void
find_loops(struct analysis *a)
{
	struct ir_function *fn = a->fn;

	for (uint32_t i = 0; i < fn->order_count; i++) {
		a->link[a->rpo[i]] = a->rpo[i];
		fn->blocks[a->rpo[i]].loop_header = IR_NONE;
	}
	for (uint32_t i = fn->order_count; i-- > 0;)
		if (fn->blocks[a->rpo[i]].flags & IR_BLOCK_LOOP_HEADER)
			collect_loop(a, a->rpo[i]);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		struct ir_block *block = &fn->blocks[a->rpo[i]];
		uint32_t around = block->loop_header;
		bool is_header = block->flags & IR_BLOCK_LOOP_HEADER;

		block->loop_depth = around == IR_NONE ? 0 : fn->blocks[around].loop_depth;
		block->outer_loop = around;
		if (is_header) {
			block->loop_depth++;
			block->loop_header = a->rpo[i];
		}
	}
}

/* A block is cold if it traps or all its successors are cold. */
static void
find_cold(struct analysis *a)
{
	struct ir_function *fn = a->fn;

	for (uint32_t i = fn->order_count; i-- > 0;) {
		uint32_t b = a->rpo[i];
		const struct ir_inst *last = terminator(fn, b);
		uint32_t edges = ir_inst_edge_count(last);
		bool is_cold = last->op == IR_TRAP || edges > 0;

		for (uint32_t e = 0; e < edges && is_cold; e++) {
			const struct ir_block *to = &fn->blocks[block_edge(fn, b, e)->to];

			is_cold = to->position > i && to->flags & IR_BLOCK_COLD;
		}
		if (is_cold)
			fn->blocks[b].flags |= IR_BLOCK_COLD;
	}
}

/* Ready blocks wait on one stack per loop (by header; last: outside loops) and
 * one for cold ones; stacks are linked through `link`. */
struct ready {
	uint32_t *heads; /* by header */
	uint32_t outside, cold;
};

static uint32_t *
ready_stack(struct analysis *a, struct ready *ready, uint32_t block)
{
	const struct ir_block *info = &a->fn->blocks[block];
	uint32_t loop = info->loop_header;

	if (loop == block)
		loop = info->outer_loop;
	if (loop != IR_NONE)
		return &ready->heads[loop];
	return info->flags & IR_BLOCK_COLD ? &ready->cold : &ready->outside;
}

static void
make_ready(struct analysis *a, struct ready *ready, uint32_t block)
{
	uint32_t *stack = ready_stack(a, ready, block);

	a->link[block] = *stack;
	*stack = block;
}

/* The next block: from the innermost loop around `last` that has one ready. */
static uint32_t
take_ready(struct analysis *a, struct ready *ready, uint32_t *loop)
{
	uint32_t *stack;
	uint32_t block;

	while (*loop != IR_NONE && ready->heads[*loop] == IR_NONE)
		*loop = a->fn->blocks[*loop].outer_loop;
	stack = *loop != IR_NONE	    ? &ready->heads[*loop]
		: ready->outside != IR_NONE ? &ready->outside
					    : &ready->cold;
	block = *stack;
	if (block == IR_NONE)
		return IR_NONE;
	*stack = a->link[block];
	if (a->fn->blocks[block].loop_header == block)
		*loop = block;
	return block;
}

/* Counts down the forward edges of `block`; targets become ready, unlikely
 * ones first, so that a likely one is on top. */
static void
release_targets(struct analysis *a, struct ready *ready, uint32_t block)
{
	struct ir_function *fn = a->fn;
	const struct ir_inst *last = terminator(fn, block);
	uint32_t edges = ir_inst_edge_count(last);
	bool first_is_likely = last->op == IR_BRANCH && last->flags & IR_LIKELY;

	for (uint32_t i = 0; i < edges; i++) {
		uint32_t e = first_is_likely ? edges - 1 - i : i;
		uint32_t to = block_edge(fn, block, e)->to;

		if (ir_dominates(fn, to, block))
			continue;
		if (--a->count[to] == 0)
			make_ready(a, ready, to);
	}
}

static void
order_blocks(struct analysis *a)
{
	struct ir_function *fn = a->fn;
	struct ready ready = { a->stack, IR_NONE, IR_NONE };
	uint32_t loop = IR_NONE;

	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = a->rpo[i];
		const struct ir_block *block = &fn->blocks[b];

		ready.heads[b] = IR_NONE;
		a->count[b] = 0;
		for (uint32_t e = block->first_pred; e != IR_NONE; e = fn->edges[e].next_pred)
			if (!ir_dominates(fn, b, fn->edges[e].from))
				a->count[b]++;
	}
	make_ready(a, &ready, 0);
	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++) {
		uint32_t b = take_ready(a, &ready, &loop);

		if (b == IR_NONE) {
			ir_fail(fn, NB_INTERNAL); /* not reducible */
			return;
		}
		fn->order[i] = b;
		release_targets(a, &ready, b);
	}
	for (uint32_t i = 0; i < fn->order_count && fn->status == NB_OK; i++)
		fn->blocks[fn->order[i]].position = i;
}

/* The header of the outermost loop that the edge leaves, or IR_NONE. */
static uint32_t
left_loop(const struct analysis *a, const struct ir_edge *edge)
{
	const struct ir_block *blocks = a->fn->blocks;
	uint32_t loop = blocks[edge->from].loop_header;
	uint32_t depth = blocks[edge->to].loop_depth;
	uint32_t left = IR_NONE;

	if (blocks[edge->to].loop_header == edge->to)
		depth--; /* an entry, or a back edge: the loop is not left */
	if (ir_dominates(a->fn, edge->to, edge->from))
		return IR_NONE;
	for (uint32_t i = 0; i < MAX_EXIT_CLIMB; i++) {
		if (loop == IR_NONE || blocks[loop].loop_depth <= depth)
			break;
		left = loop;
		loop = blocks[loop].outer_loop;
	}
	return left;
}

static float
loop_scale(uint32_t depth)
{
	float scale = 1;

	for (uint32_t i = 0; i < depth && i < MAX_SCALED_DEPTH; i++)
		scale *= LOOP_SCALE;
	return scale;
}

/* The part that edge `index` of `warm` ones has of what its block passes on. */
static float
edge_share(const struct ir_inst *last, uint32_t index, uint32_t warm)
{
	bool is_unlikely = last->flags & (index == 0 ? IR_UNLIKELY : IR_LIKELY);

	if (last->op != IR_BRANCH || warm != 2 || !(last->flags & (IR_LIKELY | IR_UNLIKELY)))
		return 1 / (float)warm;
	return is_unlikely ? HINTED_SHARE : 1 - HINTED_SHARE;
}

/* What a block passes to its edges: exits of loops share what entered the
 * loop; the other edges share what the block has, cold ones little of it. */
static void
pass_frequency(struct analysis *a, uint32_t *exit_counts, uint32_t b)
{
	struct ir_function *fn = a->fn;
	const struct ir_inst *last = terminator(fn, b);
	uint32_t edges = ir_inst_edge_count(last);
	uint32_t warm = 0;

	for (uint32_t i = 0; i < edges; i++) {
		const struct ir_edge *edge = block_edge(fn, b, i);

		if (left_loop(a, edge) == IR_NONE && !(fn->blocks[edge->to].flags & IR_BLOCK_COLD))
			warm++;
	}
	for (uint32_t i = 0; i < edges; i++) {
		const struct ir_edge *edge = block_edge(fn, b, i);
		struct ir_block *to = &fn->blocks[edge->to];
		uint32_t left = left_loop(a, edge);
		float share = fn->blocks[b].frequency;

		if (ir_dominates(fn, edge->to, b))
			continue;
		if (to->flags & IR_BLOCK_COLD)
			share *= COLD_SHARE;
		else if (left != IR_NONE)
			share = fn->blocks[left].frequency / (float)exit_counts[left];
		else
			share *= edge_share(last, i, warm);
		to->frequency += share;
	}
}

static void
find_frequencies(struct analysis *a)
{
	struct ir_function *fn = a->fn;
	uint32_t *exit_counts = a->count;

	memset(exit_counts, 0, fn->block_count * sizeof(*exit_counts));
	for (uint32_t i = 0; i < fn->order_count; i++) {
		uint32_t b = fn->order[i];
		uint32_t edges = ir_inst_edge_count(terminator(fn, b));

		fn->blocks[b].frequency = i == 0 ? 1 : 0;
		for (uint32_t e = 0; e < edges; e++) {
			const struct ir_edge *edge = block_edge(fn, b, e);
			uint32_t left = left_loop(a, edge);

			if (left != IR_NONE && !(fn->blocks[edge->to].flags & IR_BLOCK_COLD))
				exit_counts[left]++;
		}
	}
	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++)
		pass_frequency(a, exit_counts, fn->order[i]);
	for (uint32_t i = 0; i < fn->order_count; i++) {
		struct ir_block *block = &fn->blocks[fn->order[i]];

		block->frequency = block->frequency * loop_scale(block->loop_depth) + 1e-6f;
	}
}

enum nb_status
ir_order(struct ir_function *fn, struct arena *scratch)
{
	struct arena_mark mark = arena_mark_get(scratch);
	struct analysis a = { .fn = fn, .scratch = scratch };

	if (fn->status != NB_OK)
		return fn->status;
	if (!analysis_alloc(&a)) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
	} else {
		walk(&a);
		if (fn->status == NB_OK) {
			drop_unreachable(&a);
			memcpy(fn->order, a.rpo, fn->order_count * sizeof(*a.rpo));
			mark_headers(fn);
		}
	}
	arena_release(scratch, mark);
	fn->is_analyzed = false;
	return fn->status;
}

enum nb_status
ir_analyze(struct ir_function *fn, struct arena *scratch)
{
	/* In this order, and only while nothing has gone wrong. */
	static void (*const steps[])(struct analysis *) = {
		walk,	    drop_unreachable, find_dominators, number_dominators,
		find_loops, find_cold,	      order_blocks,    find_frequencies,
	};
	struct arena_mark mark = arena_mark_get(scratch);
	struct analysis a = { .fn = fn, .scratch = scratch };

	if (fn->status != NB_OK || fn->is_analyzed)
		return fn->status;
	if (analysis_alloc(&a)) {
		for (size_t i = 0; i < sizeof(steps) / sizeof(*steps) && fn->status == NB_OK; i++)
			steps[i](&a);
	} else {
		ir_fail(fn, NB_OUT_OF_MEMORY);
	}
	fn->is_analyzed = fn->status == NB_OK;
	arena_release(scratch, mark);
	return fn->status;
}

static void
split_edge(struct ir_function *fn, uint32_t edge, uint32_t wasm_offset)
{
	uint32_t to = fn->edges[edge].to;
	uint32_t block = ir_new_block(fn);
	uint32_t jump;

	ir_edge_disconnect(fn, edge);
	ir_edge_connect(fn, edge, block);
	jump = ir_append_jump(fn, block, to, wasm_offset);
	fn->edges[jump].first_arg = fn->edges[edge].first_arg;
	fn->edges[jump].arg_count = fn->edges[edge].arg_count;
	fn->edges[edge].arg_count = 0;
}

static bool
is_critical(const struct ir_function *fn, uint32_t edge)
{
	const struct ir_block *to = &fn->blocks[fn->edges[edge].to];

	return to->param_count > 0 || fn->edges[to->first_pred].next_pred != IR_NONE;
}

void
ir_split_critical_edges(struct ir_function *fn)
{
	uint32_t block_count = fn->block_count;

	for (uint32_t b = 0; b < block_count && ir_tick(fn, 1); b++) {
		uint32_t last = fn->blocks[b].last_inst;
		uint32_t edges, first, offset;

		if (last == IR_NONE)
			continue;
		edges = ir_inst_edge_count(&fn->insts[last]);
		first = fn->insts[last].args[1];
		offset = fn->insts[last].wasm_offset;
		for (uint32_t e = 0; edges > 1 && e < edges; e++)
			if (is_critical(fn, first + e))
				split_edge(fn, first + e, offset);
	}
}

enum nb_status
ir_schedule(struct ir_function *fn, struct arena *scratch)
{
	enum nb_status status = fn->is_analyzed ? fn->status : ir_order(fn, scratch);

	if (status != NB_OK)
		return status;
	ir_split_critical_edges(fn);
	return ir_analyze(fn, scratch);
}

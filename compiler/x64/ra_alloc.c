/*
 * Register allocation: the entry point, and who gets which register.
 *
 * Bundles wait in a queue, longest first, so that short ones fill the gaps. A
 * bundle takes a free register, the one in which most copies disappear; or it
 * evicts bundles that are all cheaper to do without, per length, than itself;
 * or it is split. Weights only rise by splitting and a bundle evicts only
 * lighter ones, so the process ends; a bundle that needs its register at one
 * instruction only weighs infinitely and always finds one, because no
 * instruction needs more than there are.
 *
 * Where a bundle inside a loop meets others that outweigh it only by what they are outside
 * of the loop, those are split (ra_unseat).
 *
 * A preserved register costs a store and a load for the whole function.
 * Bundles that do not outweigh this alone are deferred, and get such a register
 * in the end if together they do.
 */
#include "compiler/x64/ra_state.h"

enum {
	HINTS_MAX = 12,
};

/* In the order of preference without hints: those that need no prefix first,
 * preserved ones last. */
static const uint8_t gpr_order[RA_REGS_PER_CLASS] = { 0, 7, 1,	2,  6,	8, 9,  10,
						      3, 5, 12, 13, 11, 4, 14, 15 };

struct hint {
	uint32_t reg;
	float score;
};

struct hints {
	struct hint list[HINTS_MAX];
	uint32_t count;
};

enum nb_status
ra_queue_push(struct ra *ra, uint32_t bundle)
{
	uint64_t key = (uint64_t)ra->bundles[bundle].length << 32 | (uint32_t)~bundle;
	uint32_t at = ra->queue_count;

	if (at == ra->queue_cap) {
		uint32_t cap = ra->queue_cap * 2 + 64;
		uint64_t *queue = arena_extend_array(ra->scratch, ra->queue, ra->queue_cap, cap,
						     sizeof(*queue), _Alignof(uint64_t));

		if (queue == NULL)
			return NB_OUT_OF_MEMORY;
		ra->queue = queue;
		ra->queue_cap = cap;
	}
	ra->queue_count++;
	for (; at > 0 && key > ra->queue[(at - 1) / 2]; at = (at - 1) / 2)
		ra->queue[at] = ra->queue[(at - 1) / 2];
	ra->queue[at] = key;
	return NB_OK;
}

static uint32_t
queue_pop(struct ra *ra)
{
	uint64_t top = ra->queue[0];
	uint64_t last = ra->queue[--ra->queue_count];
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= ra->queue_count)
			break;
		if (child + 1 < ra->queue_count && ra->queue[child + 1] > ra->queue[child])
			child++;
		if (ra->queue[child] <= last)
			break;
		ra->queue[at] = ra->queue[child];
		at = child;
	}
	ra->queue[at] = last;
	return ~(uint32_t)top;
}

enum nb_status
ra_enqueue(struct ra *ra, uint32_t bundle)
{
	struct ra_bundle *b = &ra->bundles[bundle];

	if (b->first_range == RA_NONE) {
		b->state = RA_SPILLED;
		return NB_OK;
	}
	ra_bundle_measure(ra, bundle);
	if (b->cost > 0) {
		b->state = RA_WAITING;
		return ra_queue_push(ra, bundle);
	}
	b->state = RA_SPILLED;
	return NB_OK;
}

/* Registers that other bundles hold somewhere in this one. */
static uint32_t
busy_mask(const struct ra *ra, const struct ra_bundle *b)
{
	uint32_t all = ra_class_mask(ra, b->class_) & ~b->fixed;
	uint32_t mask = 0;

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		mask |= ra_busy_query(&ra->busy, ra->ranges[r].from, ra->ranges[r].to);
		if ((all & ~mask) == 0)
			break;
	}
	return mask;
}

static void
add_hint(struct hints *hints, uint32_t reg, float score)
{
	if (reg == RA_NO_REG)
		return;
	for (uint32_t i = 0; i < hints->count; i++) {
		if (hints->list[i].reg == reg) {
			hints->list[i].score += score;
			return;
		}
	}
	if (hints->count < HINTS_MAX)
		hints->list[hints->count++] = (struct hint){ reg, score };
}

static uint32_t
family_hint(const struct ra *ra, uint32_t vreg)
{
	uint32_t family = ra->vreg_family[vreg];

	return family == RA_NONE ? RA_NO_REG : ra->families[family].hint;
}

/* The other end of the copy that a use stands for. */
static uint32_t
copy_hint(const struct ra *ra, const struct ra_use *use)
{
	const struct ra_function *fn = ra->fn;
	const struct ra_block *block = &fn->blocks[ra->line_block[use->line]];
	uint32_t k;

	switch ((enum ra_use_kind)use->kind) {
	case RA_USE_COPY: {
		const struct ra_inst *inst = &fn->insts[ra_inst_of(ra, use->line)];
		const struct ra_operand *operands = &fn->operands[inst->first_operand];

		for (k = 0; k < inst->operand_count; k++)
			if (operands[k].constraint == RA_REUSE)
				return family_hint(ra, operands[k].vreg);
		return RA_NO_REG;
	}
	case RA_DEF_REG: {
		const struct ra_inst *inst = &fn->insts[ra_inst_of(ra, use->line)];
		const struct ra_operand *def = &fn->operands[use->operand];

		if (def->constraint != RA_REUSE)
			return RA_NO_REG;
		return family_hint(ra, fn->operands[inst->first_operand + def->detail].vreg);
	}
	case RA_USE_ARG: {
		const struct ra_block *succ = &fn->blocks[fn->block_lists[block->first_succ]];

		k = use->operand - block->first_arg;
		return family_hint(ra, fn->block_lists[succ->first_param + k]);
	}
	case RA_DEF_PARAM: {
		const struct ra_block *pred;

		if (block->pred_count == 0)
			return RA_NO_REG;
		pred = &fn->blocks[fn->block_lists[block->first_pred]];
		k = use->operand - block->first_param;
		return family_hint(ra, fn->block_lists[pred->first_arg + k]);
	}
	case RA_USE_REG:
	case RA_USE_ANY:
	case RA_DEF_ANY:
	case RA_DEF_FIXED:
	case RA_DEF_REMAT:
		break;
	}
	return RA_NO_REG;
}

static void
collect_hints(const struct ra *ra, const struct ra_bundle *b, struct hints *hints)
{
	const struct ra_range *first = &ra->ranges[b->first_range];
	uint32_t budget = 256;

	hints->count = 0;
	add_hint(hints, ra->families[b->family].hint,
		 ra->fn->blocks[ra->line_block[first->from / 2]].frequency);
	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];

		for (uint32_t u = range->first_use; u < range->end_use; u++) {
			const struct ra_use *use = &ra->uses[u];

			if (budget-- == 0)
				return;
			if (use->reg != RA_NO_REG)
				add_hint(hints, use->reg, use->frequency);
			else
				add_hint(hints, copy_hint(ra, use), use->frequency);
		}
	}
}

static uint32_t
first_in_order(uint32_t candidates)
{
	if ((candidates & 0xffff) == 0)
		return (uint32_t)__builtin_ctz(candidates);
	for (uint32_t i = 0;; i++)
		if ((candidates >> gpr_order[i] & 1) != 0)
			return gpr_order[i];
}

/* The register among `candidates` (not empty) in which most copies vanish. */
static uint32_t
choose_register(const struct ra *ra, const struct ra_bundle *b, uint32_t candidates)
{
	uint32_t best = RA_NO_REG;
	float best_score = 0;
	struct hints hints;

	collect_hints(ra, b, &hints);
	for (uint32_t i = 0; i < hints.count; i++) {
		const struct hint *hint = &hints.list[i];

		if ((candidates >> hint->reg & 1) != 0 && hint->score > best_score) {
			best = hint->reg;
			best_score = hint->score;
		}
	}
	return best == RA_NO_REG ? first_in_order(candidates) : best;
}

void
ra_take_register(struct ra *ra, uint32_t bundle, uint32_t flat)
{
	struct ra_bundle *b = &ra->bundles[bundle];

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next)
		ra_index_insert(ra, flat, r);
	b->state = RA_IN_REG;
	b->reg = (uint8_t)flat;
	ra->families[b->family].hint = (uint8_t)flat;
	ra->opened |= 1u << flat;
}

void
ra_give_up_register(struct ra *ra, uint32_t bundle)
{
	struct ra_bundle *b = &ra->bundles[bundle];

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next)
		ra_index_remove(ra, b->reg, r);
	b->state = RA_WAITING;
	b->reg = RA_NO_REG;
}

/* The weight of the heaviest bundle that overlaps in `flat`; infinite if that
 * is `limit` or more, or if there are too many. */
static float
heaviest_conflict(const struct ra *ra, const struct ra_bundle *b, uint32_t flat, float limit)
{
	uint32_t budget = RA_EVICT_CONFLICTS;
	float heaviest = 0;

	for (uint32_t r = b->first_range; r != RA_NONE; r = ra->ranges[r].next) {
		const struct ra_range *range = &ra->ranges[r];
		uint32_t other = ra_index_find(ra, flat, range->from);

		for (; other != RA_NONE && ra->ranges[other].from < range->to;
		     other = ra->ranges[other].reg_next) {
			float weight = ra->bundles[ra->ranges[other].bundle].weight;

			if (weight >= limit || budget-- == 0)
				return __builtin_inff();
			if (weight > heaviest)
				heaviest = weight;
		}
	}
	return heaviest;
}

static enum nb_status
evict_conflicts(struct ra *ra, uint32_t bundle, uint32_t flat)
{
	for (uint32_t r = ra->bundles[bundle].first_range; r != RA_NONE; r = ra->ranges[r].next) {
		for (;;) {
			uint32_t other = ra_index_find(ra, flat, ra->ranges[r].from);
			uint32_t loser;
			enum nb_status status;

			if (other == RA_NONE || ra->ranges[other].from >= ra->ranges[r].to)
				break;
			loser = ra->ranges[other].bundle;
			ra_give_up_register(ra, loser);
			if (ra->bundles[loser].evictions < UINT8_MAX)
				ra->bundles[loser].evictions++;
			status = ra_queue_push(ra, loser);
			if (status != NB_OK)
				return status;
		}
	}
	return NB_OK;
}

/* Takes a register from lighter bundles; *done tells whether there was one. */
static enum nb_status
try_evict(struct ra *ra, uint32_t bundle, uint32_t candidates, bool *done)
{
	const struct ra_bundle *b = &ra->bundles[bundle];
	uint32_t best = RA_NO_REG;
	float limit = b->weight;
	enum nb_status status;

	*done = false;
	if (b->evictions > RA_EVICTIONS_MAX && !b->is_minimal)
		return NB_OK;
	for (uint32_t left = candidates; left != 0; left &= left - 1) {
		uint32_t flat = (uint32_t)__builtin_ctz(left);
		float weight = heaviest_conflict(ra, b, flat, limit);

		if (weight < limit) {
			limit = weight;
			best = flat;
		}
	}
	if (best == RA_NO_REG)
		return NB_OK;
	status = evict_conflicts(ra, bundle, best);
	if (status == NB_OK)
		ra_take_register(ra, bundle, best);
	*done = true;
	return status;
}

static float
preserved_cost(const struct ra *ra)
{
	return 2.0f * ra->fn->blocks[0].frequency;
}

static enum nb_status
defer(struct ra *ra, uint32_t bundle)
{
	if (ra->deferred_count == ra->deferred_cap) {
		uint32_t cap = ra->deferred_cap * 2 + 64;
		uint32_t *deferred = arena_extend_array(ra->scratch, ra->deferred, ra->deferred_cap,
							cap, sizeof(*deferred), _Alignof(uint32_t));

		if (deferred == NULL)
			return NB_OUT_OF_MEMORY;
		ra->deferred = deferred;
		ra->deferred_cap = cap;
	}
	ra->deferred[ra->deferred_count++] = bundle;
	return NB_OK;
}

static enum nb_status
place_bundle(struct ra *ra, uint32_t bundle)
{
	struct ra_bundle *b = &ra->bundles[bundle];
	uint32_t candidates = ra_class_mask(ra, b->class_) & ~b->fixed;
	uint32_t closed = ra_closed_mask(ra);
	uint32_t free = candidates & ~busy_mask(ra, b);
	bool done;
	enum nb_status status;

	if (free != 0 && (free & ~closed) == 0 && !b->is_minimal &&
	    b->benefit <= preserved_cost(ra)) {
		if (!b->is_frugal)
			return defer(ra, bundle);
		candidates &= ~closed;
		free = 0;
	}
	if ((free & ~closed) != 0)
		free &= ~closed;
	if (free != 0) {
		ra_take_register(ra, bundle, choose_register(ra, b, free));
		return NB_OK;
	}
	status = try_evict(ra, bundle, candidates, &done);
	if (status != NB_OK || done)
		return status;
	status = ra_unseat(ra, bundle, candidates, &done);
	if (status != NB_OK || done)
		return status;
	/* Only a function that breaks the rules of ra.h comes here. */
	if (b->is_minimal)
		return NB_INTERNAL;
	return ra_split(ra, bundle);
}

/* Fills the closed register `flat` with deferred bundles, if that pays. */
static void
open_register(struct ra *ra, uint32_t flat)
{
	uint32_t bit = 1u << flat;
	float benefit = 0;

	for (uint32_t i = 0; i < ra->deferred_count; i++) {
		uint32_t bundle = ra->deferred[i];
		const struct ra_bundle *b = &ra->bundles[bundle];

		if (b->state == RA_IN_REG ||
		    (ra_class_mask(ra, b->class_) & ~b->fixed & ~busy_mask(ra, b) & bit) == 0)
			continue;
		ra_take_register(ra, bundle, flat);
		benefit += b->benefit;
	}
	if (benefit > preserved_cost(ra))
		return;
	for (uint32_t i = 0; i < ra->deferred_count; i++)
		if (ra->bundles[ra->deferred[i]].reg == flat)
			ra_give_up_register(ra, ra->deferred[i]);
	ra->opened &= ~bit;
}

static enum nb_status
place_deferred(struct ra *ra)
{
	uint32_t closed = ra_closed_mask(ra);

	for (; closed != 0; closed &= closed - 1)
		open_register(ra, (uint32_t)__builtin_ctz(closed));
	for (uint32_t i = 0; i < ra->deferred_count; i++) {
		struct ra_bundle *b = &ra->bundles[ra->deferred[i]];
		enum nb_status status;

		if (b->state == RA_IN_REG)
			continue;
		b->is_frugal = true;
		status = ra_queue_push(ra, ra->deferred[i]);
		if (status != NB_OK)
			return status;
	}
	ra->deferred_count = 0;
	return NB_OK;
}

enum nb_status
ra_assign_all(struct ra *ra)
{
	uint32_t initial = ra->bundle_count;
	enum nb_status status = ra_busy_init(ra, &ra->busy);

	if (status == NB_OK)
		status = ra_index_init(ra);
	for (uint32_t b = 0; b < initial && status == NB_OK; b++)
		status = ra_enqueue(ra, b);
	while (status == NB_OK) {
		if (ra->queue_count != 0)
			status = place_bundle(ra, queue_pop(ra));
		else if (ra->deferred_count != 0)
			status = place_deferred(ra);
		else
			break;
	}
	return status;
}

enum nb_status
ra_allocate(const struct ra_function *function, struct arena *out_arena, struct arena *scratch,
	    struct ra_result *out)
{
	struct arena_mark mark = arena_mark_get(scratch);
	struct ra *ra = arena_new(scratch, struct ra);
	enum nb_status status = NB_OUT_OF_MEMORY;

	*out = (struct ra_result){ 0 };
	if (ra == NULL)
		return status;
	ra->fn = function;
	ra->scratch = scratch;
	ra->out = out_arena;
	ra->result = out;
	ra->is_exchanged = arena_new_array(scratch, uint8_t, function->inst_count);
	if (ra->is_exchanged != NULL)
		status = ra_prepare(ra);
	if (status == NB_OK)
		status = ra_live_build(ra);
	if (status == NB_OK)
		status = ra_join(ra);
	if (status == NB_OK)
		status = ra_assign_all(ra);
	if (status == NB_OK)
		status = ra_fill(ra);
	if (status == NB_OK)
		status = ra_slot_assign(ra);
	if (status == NB_OK)
		status = ra_resolve(ra);
	out->split_count = ra->split_count;
	arena_release(scratch, mark);
	return status;
}

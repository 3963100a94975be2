/*
 * Joining: values that a copy connects and that are never live at once become
 * one family, so that the copy disappears. Copies are those from arguments to
 * block parameters, from the consumed operand to a REUSE definition, and move
 * instructions; those that run most often are tried first.
 *
 * Each family starts as one bundle of all its ranges. Families that are a
 * union of very many ranges are not grown further: the work of joining stays
 * bounded by JOIN_STEPS_PER_LINE.
 */
#include "compiler/x64/ra_state.h"

enum {
	JOIN_STEPS_PER_LINE = 16,
	JOIN_STEPS_FREE = 1 << 16,
	FREQUENCY_CLASSES = 64,
	WANTED_USES = 4, /* so many uses of a value are looked at */
};

struct candidate {
	uint32_t from, to; /* virtual registers */
};

/* A family under construction, by its representative's number. */
struct web {
	uint32_t parent;
	uint32_t first, last; /* ranges, linked by next */
	uint32_t count;
};

struct join {
	struct ra *ra;
	struct web *webs;
	struct candidate *candidates;
	uint32_t candidate_count;
	uint32_t class_start[FREQUENCY_CLASSES + 1]; /* hottest first */
	uint64_t steps_left;
};

typedef void candidate_visit(struct join *join, struct candidate candidate, float frequency);

/* Whether the value is soon copied to a register that an instruction fixes: it
 * had better be made there than share the register of what it is made from. */
static bool
is_wanted_elsewhere(const struct ra *ra, uint32_t vreg)
{
	uint32_t end = ra->use_start[vreg + 1];

	if (end > ra->use_start[vreg] + WANTED_USES)
		end = ra->use_start[vreg] + WANTED_USES;
	for (uint32_t u = ra->use_start[vreg]; u < end; u++)
		if (ra->uses[u].kind == RA_USE_COPY && ra->uses[u].reg != RA_NO_REG)
			return true;
	return false;
}

static void
visit_inst(struct join *join, uint32_t i, float frequency, candidate_visit *visit)
{
	struct ra *ra = join->ra;
	const struct ra_inst *inst = &ra->fn->insts[i];
	const struct ra_operand *operands = &ra->fn->operands[inst->first_operand];

	for (uint32_t k = 0; k < inst->operand_count; k++) {
		uint32_t source = operands[k].detail;

		if (operands[k].constraint != RA_REUSE)
			continue;
		if (ra->is_exchanged[i])
			source = 3 - source;
		visit(join, (struct candidate){ operands[source].vreg, operands[k].vreg },
		      frequency);
	}
	if ((inst->flags & RA_INST_MOVE) != 0)
		visit(join, (struct candidate){ operands[1].vreg, operands[0].vreg }, frequency);
	if ((inst->flags & RA_INST_SAME) == 0 || is_wanted_elsewhere(ra, operands[0].vreg))
		return;
	frequency *= 0.5f;
	visit(join, (struct candidate){ operands[1].vreg, operands[0].vreg }, frequency);
	if ((inst->flags & RA_INST_COMMUTE) != 0)
		visit(join, (struct candidate){ operands[2].vreg, operands[0].vreg }, frequency);
}

static void
visit_candidates(struct join *join, candidate_visit *visit)
{
	const struct ra_function *fn = join->ra->fn;

	for (uint32_t b = 0; b < fn->block_count; b++) {
		const struct ra_block *block = &fn->blocks[b];

		for (uint32_t i = block->first_inst; i < block->end_inst; i++)
			visit_inst(join, i, block->frequency, visit);
		if (block->succ_count != 1)
			continue;
		const struct ra_block *succ = &fn->blocks[fn->block_lists[block->first_succ]];

		for (uint32_t k = 0; k < succ->param_count; k++)
			visit(join,
			      (struct candidate){ fn->block_lists[block->first_arg + k],
						  fn->block_lists[succ->first_param + k] },
			      block->frequency);
	}
}

/* Class 0 is the hottest; each is half as hot as the one before. */
static uint32_t
frequency_class(float frequency)
{
	union {
		float value;
		uint32_t bits;
	} pun = { frequency };
	uint32_t exponent = pun.bits >> 23 & 0xff;

	if (exponent >= 127 + FREQUENCY_CLASSES / 2)
		return 0;
	if (exponent <= 127 - FREQUENCY_CLASSES / 2)
		return FREQUENCY_CLASSES - 1;
	return 127 + FREQUENCY_CLASSES / 2 - exponent;
}

static bool
is_joinable(const struct join *join, struct candidate candidate)
{
	const struct ra *ra = join->ra;

	return candidate.from != candidate.to && !ra->vreg_is_remat[candidate.from] &&
	       !ra->vreg_is_remat[candidate.to] &&
	       ra->fn->vreg_class[candidate.from] == ra->fn->vreg_class[candidate.to] &&
	       ra->fn->vreg_slots[candidate.from] == ra->fn->vreg_slots[candidate.to] &&
	       join->webs[candidate.from].count != 0 && join->webs[candidate.to].count != 0;
}

static void
count_candidate(struct join *join, struct candidate candidate, float frequency)
{
	if (is_joinable(join, candidate)) {
		join->class_start[frequency_class(frequency) + 1]++;
		join->candidate_count++;
	}
}

static void
store_candidate(struct join *join, struct candidate candidate, float frequency)
{
	if (is_joinable(join, candidate))
		join->candidates[join->class_start[frequency_class(frequency)]++] = candidate;
}

static uint32_t
find_web(struct web *webs, uint32_t vreg)
{
	while (webs[vreg].parent != vreg) {
		webs[vreg].parent = webs[webs[vreg].parent].parent;
		vreg = webs[vreg].parent;
	}
	return vreg;
}

static bool
webs_overlap(const struct ra *ra, const struct web *a, const struct web *b)
{
	uint32_t i = a->first, j = b->first;

	while (i != RA_NONE && j != RA_NONE) {
		const struct ra_range *x = &ra->ranges[i], *y = &ra->ranges[j];

		if (x->to <= y->from)
			i = x->next;
		else if (y->to <= x->from)
			j = y->next;
		else
			return true;
	}
	return false;
}

/* Merges the ranges of disjoint webs, in order. */
static void
merge_ranges(struct ra *ra, struct web *into, const struct web *from)
{
	uint32_t i = into->first, j = from->first;
	uint32_t *link = &into->first;

	while (i != RA_NONE && j != RA_NONE) {
		uint32_t *least = ra->ranges[i].from < ra->ranges[j].from ? &i : &j;

		*link = *least;
		link = &ra->ranges[*least].next;
		*least = *link;
	}
	*link = i != RA_NONE ? i : j;
	if (i == RA_NONE)
		into->last = from->last;
	into->count += from->count;
}

static void
try_join(struct join *join, struct candidate candidate)
{
	struct ra *ra = join->ra;
	uint32_t a = find_web(join->webs, candidate.from);
	uint32_t b = find_web(join->webs, candidate.to);
	struct web *x = &join->webs[a], *y = &join->webs[b];
	uint32_t cost = x->count + y->count;

	if (a == b)
		return;
	if (ra->ranges[x->first].from > ra->ranges[y->first].from) {
		struct web *web = x;

		x = y;
		y = web;
	}
	if (ra->ranges[x->last].to <= ra->ranges[y->first].from) {
		ra->ranges[x->last].next = y->first;
		x->last = y->last;
		x->count = cost;
	} else {
		if (join->steps_left < cost)
			return;
		join->steps_left -= cost;
		if (webs_overlap(ra, x, y))
			return;
		merge_ranges(ra, x, y);
	}
	y->parent = (uint32_t)(x - join->webs);
}

static enum nb_status
make_families(struct join *join)
{
	struct ra *ra = join->ra;
	uint32_t vregs = ra->fn->vreg_count;

	ra->vreg_family = arena_new_array(ra->scratch, uint32_t, vregs);
	ra->families = arena_new_array(ra->scratch, struct ra_family, vregs);
	if (ra->vreg_family == NULL || ra->families == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t v = 0; v < vregs; v++) {
		uint32_t bundle;
		enum nb_status status;

		ra->vreg_family[v] = RA_NONE;
		if (join->webs[v].parent != v || join->webs[v].count == 0)
			continue;
		ra->vreg_family[v] = ra->family_count;
		ra->families[ra->family_count++] =
			(struct ra_family){ .slot = RA_NONE,
					    .class_ = ra->fn->vreg_class[v],
					    .slots = ra->fn->vreg_slots[v],
					    .is_remat = ra->vreg_is_remat[v] != 0,
					    .hint = RA_NO_REG,
					    .slot_from = RA_NONE };
		status = ra_bundle_new(ra, ra->vreg_family[v], &bundle);
		if (status != NB_OK)
			return status;
		ra->bundles[bundle].first_range = join->webs[v].first;
		for (uint32_t r = join->webs[v].first; r != RA_NONE; r = ra->ranges[r].next)
			ra->ranges[r].bundle = bundle;
	}
	for (uint32_t v = 0; v < vregs; v++)
		ra->vreg_family[v] = ra->vreg_family[find_web(join->webs, v)];
	return NB_OK;
}

static enum nb_status
collect_candidates(struct join *join)
{
	visit_candidates(join, count_candidate);
	for (uint32_t i = 1; i <= FREQUENCY_CLASSES; i++)
		join->class_start[i] += join->class_start[i - 1];
	join->candidates =
		arena_new_array(join->ra->scratch, struct candidate, join->candidate_count);
	if (join->candidates == NULL)
		return NB_OUT_OF_MEMORY;
	visit_candidates(join, store_candidate);
	return NB_OK;
}

enum nb_status
ra_join(struct ra *ra)
{
	struct join join = {
		.ra = ra,
		.webs = arena_new_array(ra->scratch, struct web, ra->fn->vreg_count),
		.steps_left = JOIN_STEPS_FREE + (uint64_t)JOIN_STEPS_PER_LINE * ra->line_count,
	};
	enum nb_status status;

	if (join.webs == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++) {
		uint32_t first = ra->vreg_first_range[v], end = ra->vreg_first_range[v + 1];

		join.webs[v] = (struct web){ v, first, end - 1, end - first };
		for (uint32_t r = first; r + 1 < end; r++)
			ra->ranges[r].next = r + 1;
	}
	status = collect_candidates(&join);
	if (status != NB_OK)
		return status;
	for (uint32_t i = 0; i < join.candidate_count; i++)
		try_join(&join, join.candidates[i]);
	return make_families(&join);
}

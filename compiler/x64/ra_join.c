/*
 * Joining: values that a copy connects and that are never live at once become
 * one family, so that the copy disappears. Copies are those from arguments to
 * block parameters, from the consumed operand to a REUSE definition, and move
 * instructions; those that run most often are tried first.
 *
 * Each family starts as one bundle of all its ranges. While it grows they are an
 * array, so that a small web is looked up in a large one by bisection, and moved
 * into it in few blocks. Families that are a union of very many ranges are not
 * grown further: the work of joining stays bounded by JOIN_STEPS_PER_LINE.
 */
#include "compiler/x64/ra_state.h"
#include "lib/string.h"

enum {
	JOIN_STEPS_PER_LINE = 16,
	JOIN_STEPS_FREE = 1 << 16,
	FREQUENCY_CLASSES = 64,
	WANTED_USES = 4,     /* so many uses of a value are looked at */
	SPAN_STEPS = 8,	     /* cost of finding a place for a range, in steps */
	MOVED_PER_STEP = 16, /* ranges that are moved in an array for one step */
};

struct candidate {
	uint32_t from, to; /* virtual registers */
};

/* What joining looks at of a range. */
struct span {
	uint32_t from, to; /* points */
	uint32_t range;
};

/* A family under construction, by its representative's number. */
struct web {
	uint32_t parent;
	uint32_t count, cap;
	struct span *spans; /* ascending, disjoint */
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

/* So many steps, or all that are left. */
static uint64_t
min_steps(const struct join *join, uint64_t steps)
{
	return steps < join->steps_left ? steps : join->steps_left;
}

/* The number of spans of `web`, from `low` on and before `high`, that end at `point` or
 * before. */
static uint32_t
spans_before(const struct web *web, uint32_t low, uint32_t high, uint32_t point)
{
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (web->spans[middle].to <= point)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
webs_overlap(const struct web *large, const struct web *small)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < small->count; i++) {
		at = spans_before(large, at, large->count, small->spans[i].from);
		if (at == large->count)
			return false;
		if (large->spans[at].from < small->spans[i].to)
			return true;
	}
	return false;
}

/* Merges the spans of disjoint webs. */
static enum nb_status
merge_spans(struct join *join, struct web *large, const struct web *small)
{
	uint32_t end = large->count, total = large->count + small->count;

	if (total > large->cap) {
		uint32_t cap = total + total / 2;
		struct span *spans = arena_new_array(join->ra->scratch, struct span, cap);

		if (spans == NULL)
			return NB_OUT_OF_MEMORY;
		memcpy(spans, large->spans, large->count * sizeof(*spans));
		large->spans = spans;
		large->cap = cap;
	}
	for (uint32_t i = small->count; i-- > 0;) {
		uint32_t at = spans_before(large, 0, end, small->spans[i].from);

		memmove(&large->spans[at + i + 1], &large->spans[at],
			(end - at) * sizeof(*large->spans));
		large->spans[at + i] = small->spans[i];
		join->steps_left -= min_steps(join, (end - at) / MOVED_PER_STEP);
		end = at;
	}
	large->count = total;
	return NB_OK;
}

static enum nb_status
try_join(struct join *join, struct candidate candidate)
{
	uint32_t a = find_web(join->webs, candidate.from);
	uint32_t b = find_web(join->webs, candidate.to);
	struct web *large = &join->webs[a], *small = &join->webs[b];

	if (a == b || join->steps_left == 0)
		return NB_OK;
	if (large->count < small->count) {
		struct web *web = large;

		large = small;
		small = web;
	}
	join->steps_left -= min_steps(join, (uint64_t)small->count * SPAN_STEPS);
	if (webs_overlap(large, small))
		return NB_OK;
	small->parent = (uint32_t)(large - join->webs);
	return merge_spans(join, large, small);
}

/* Makes the web's ranges those of the bundle. */
static void
link_ranges(struct ra *ra, const struct web *web, uint32_t bundle)
{
	uint32_t *link = &ra->bundles[bundle].first_range;

	for (uint32_t i = 0; i < web->count; i++) {
		struct ra_range *range = &ra->ranges[web->spans[i].range];

		*link = web->spans[i].range;
		link = &range->next;
		range->bundle = bundle;
	}
	*link = RA_NONE;
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
		link_ranges(ra, &join->webs[v], bundle);
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

/* One web for each value. */
static enum nb_status
make_webs(struct join *join)
{
	struct ra *ra = join->ra;
	struct span *spans = arena_new_array(ra->scratch, struct span, ra->range_count);

	if (join->webs == NULL || spans == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t r = 0; r < ra->range_count; r++)
		spans[r] = (struct span){ ra->ranges[r].from, ra->ranges[r].to, r };
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++) {
		uint32_t first = ra->vreg_first_range[v];
		uint32_t count = ra->vreg_first_range[v + 1] - first;

		join->webs[v] = (struct web){ v, count, count, spans + first };
	}
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
	enum nb_status status = make_webs(&join);

	if (status == NB_OK)
		status = collect_candidates(&join);
	for (uint32_t i = 0; i < join.candidate_count && status == NB_OK; i++)
		status = try_join(&join, join.candidates[i]);
	return status == NB_OK ? make_families(&join) : status;
}

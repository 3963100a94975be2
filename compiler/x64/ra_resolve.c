/*
 * Places of all operands, and the moves between the places of each value.
 *
 * A value that is in memory anywhere is stored once, at its definition, and
 * then its slot stays valid for its whole life; or, where that is cheaper (a
 * definition in a loop, memory only outside), on each way from a register to
 * memory. Ways back to a register are loads; repeatable values are repeated.
 */
#include "compiler/x64/ra_state.h"

/* Rounds of FIND_DIRTY; in a value's nest of loops more could find more. */
enum { DIRTY_ROUNDS = 3 };

/* A way of the value at hand from one range into another. */
struct way {
	uint32_t inst; /* before which it is taken */
	enum ra_phase phase;
	float frequency;
	uint32_t from; /* range; RA_NONE: the fixed register of the definition */
	uint32_t to;
};

struct resolve {
	struct ra *ra;
	uint32_t *order;      /* ranges by value, ascending */
	uint32_t *vreg_start; /* in order: [v], [v + 1] */
	uint8_t *slot_valid;  /* per value: its slot holds it wherever it is live */
	uint8_t *is_dirty;    /* per range in a register: the slot need not hold its value */
	struct ra_transfer *transfers;
	uint32_t transfer_count, transfer_cap;

	/* of the value at hand */
	uint32_t vreg;
	struct way *ways;
	uint32_t way_count, way_cap;
};

static struct ra_place
register_place(uint32_t flat)
{
	return (struct ra_place){ .kind = RA_PLACE_REG,
				  .class_ = (uint8_t)(flat / RA_REGS_PER_CLASS),
				  .reg = (uint16_t)(flat % RA_REGS_PER_CLASS) };
}

static struct ra_place
slot_place(const struct ra *ra, uint32_t family)
{
	return (struct ra_place){ .kind = RA_PLACE_SLOT,
				  .class_ = ra->families[family].class_,
				  .slot = ra->families[family].slot };
}

static struct ra_place
range_place(const struct ra *ra, uint32_t range)
{
	const struct ra_bundle *b = &ra->bundles[ra->ranges[range].bundle];

	if (b->state == RA_IN_REG)
		return register_place(b->reg);
	if (ra->families[b->family].is_remat)
		return (struct ra_place){ .kind = RA_PLACE_NONE, .class_ = b->class_ };
	return slot_place(ra, b->family);
}

static bool
is_same_place(struct ra_place a, struct ra_place b)
{
	return a.kind == b.kind && a.class_ == b.class_ && a.reg == b.reg && a.slot == b.slot;
}

/* The range of `vreg` at `point`, or RA_NONE. */
static uint32_t
range_at(const struct resolve *resolve, uint32_t vreg, uint32_t point)
{
	const struct ra_range *ranges = resolve->ra->ranges;
	uint32_t low = resolve->vreg_start[vreg], high = resolve->vreg_start[vreg + 1];

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (ranges[resolve->order[middle]].to <= point)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == resolve->vreg_start[vreg + 1] || ranges[resolve->order[low]].from > point)
		return RA_NONE;
	return resolve->order[low];
}

static enum nb_status
add_transfer(struct resolve *resolve, uint32_t inst, enum ra_phase phase, uint32_t vreg,
	     struct ra_place from, struct ra_place to)
{
	struct ra *ra = resolve->ra;
	struct ra_transfer *t;

	if (is_same_place(from, to) || to.kind == RA_PLACE_NONE)
		return NB_OK;
	if (resolve->transfer_count == resolve->transfer_cap) {
		uint32_t cap = resolve->transfer_cap * 2 + 64;
		struct ra_transfer *transfers =
			arena_extend_array(ra->scratch, resolve->transfers, resolve->transfer_cap,
					   cap, sizeof(*transfers), _Alignof(struct ra_transfer));

		if (transfers == NULL)
			return NB_OUT_OF_MEMORY;
		resolve->transfers = transfers;
		resolve->transfer_cap = cap;
	}
	t = &resolve->transfers[resolve->transfer_count++];
	*t = (struct ra_transfer){ .inst = inst,
				   .vreg = vreg,
				   .remat_inst = RA_NONE,
				   .phase = (uint8_t)phase,
				   .from = from,
				   .to = to };
	if (from.kind == RA_PLACE_NONE)
		t->remat_inst = ra_inst_of(ra, ra->uses[ra->use_start[vreg]].line);
	return NB_OK;
}

static struct ra_place
way_source(const struct resolve *resolve, const struct way *way)
{
	const struct ra *ra = resolve->ra;

	if (way->from == RA_NONE)
		return register_place(ra->uses[ra->use_start[resolve->vreg]].reg);
	return range_place(ra, way->from);
}

static enum nb_status
add_way(struct resolve *resolve, const struct way *way)
{
	if (resolve->way_count == resolve->way_cap) {
		uint32_t cap = resolve->way_cap * 2 + 64;
		struct way *ways =
			arena_extend_array(resolve->ra->scratch, resolve->ways, resolve->way_cap,
					   cap, sizeof(*ways), _Alignof(struct way));

		if (ways == NULL)
			return NB_OUT_OF_MEMORY;
		resolve->ways = ways;
		resolve->way_cap = cap;
	}
	resolve->ways[resolve->way_count++] = *way;
	return NB_OK;
}

/* Whether what leaves `way->from` may not be in the slot. */
static bool
is_way_dirty(const struct resolve *resolve, const struct way *way)
{
	return way->from == RA_NONE || resolve->is_dirty[way->from] != 0;
}

static bool
is_in_register(const struct resolve *resolve, uint32_t range)
{
	const struct ra *ra = resolve->ra;

	return range == RA_NONE || ra->bundles[ra->ranges[range].bundle].state == RA_IN_REG;
}

static enum nb_status
take_edge(struct resolve *resolve, uint32_t pred, uint32_t succ, uint32_t from, uint32_t to)
{
	const struct ra_block *p = &resolve->ra->fn->blocks[pred];
	const struct ra_block *s = &resolve->ra->fn->blocks[succ];
	struct way way = { s->first_inst, RA_PHASE_ENTER, s->frequency, from, to };

	if (p->succ_count == 1)
		way = (struct way){ p->end_inst - 1, RA_PHASE_LEAVE, p->frequency, from, to };
	return add_way(resolve, &way);
}

/* Edges that come into `range`, which is in a register, from elsewhere. */
static enum nb_status
enter_block(struct resolve *resolve, uint32_t range, uint32_t block)
{
	const struct ra *ra = resolve->ra;
	const struct ra_block *b = &ra->fn->blocks[block];
	enum nb_status status = NB_OK;

	for (uint32_t k = 0; k < b->pred_count && status == NB_OK; k++) {
		uint32_t pred = ra->fn->block_lists[b->first_pred + k];
		uint32_t point = 2 * ra_block_end(ra, pred) - 1;
		uint32_t other;

		if (point >= ra->ranges[range].from && point < ra->ranges[range].to)
			continue;
		other = range_at(resolve, resolve->vreg, point);
		if (other != RA_NONE)
			status = take_edge(resolve, pred, block, other, range);
	}
	return status;
}

/* Edges that leave `range`, which is in a register, to memory. */
static enum nb_status
leave_block(struct resolve *resolve, uint32_t range, uint32_t block)
{
	const struct ra *ra = resolve->ra;
	const struct ra_block *b = &ra->fn->blocks[block];
	enum nb_status status = NB_OK;

	for (uint32_t k = 0; k < b->succ_count && status == NB_OK; k++) {
		uint32_t succ = ra->fn->block_lists[b->first_succ + k];
		uint32_t point = 2 * ra_block_entry(ra, succ);
		uint32_t other;

		if (point >= ra->ranges[range].from && point < ra->ranges[range].to)
			continue;
		other = range_at(resolve, resolve->vreg, point);
		if (other != RA_NONE && ra->bundles[ra->ranges[other].bundle].state == RA_SPILLED)
			status = take_edge(resolve, block, succ, range, other);
	}
	return status;
}

/* All edges at the borders of blocks that `range` spans, if it is in a
 * register: a register holds one value at a time, which bounds the total. */
static enum nb_status
resolve_edges(struct resolve *resolve, uint32_t range)
{
	const struct ra *ra = resolve->ra;
	const struct ra_range *r = &ra->ranges[range];
	enum nb_status status = NB_OK;

	if (ra->bundles[r->bundle].state != RA_IN_REG)
		return NB_OK;
	for (uint32_t block = ra->line_block[r->from / 2];
	     block < ra->fn->block_count && 2 * ra_block_entry(ra, block) < r->to &&
	     status == NB_OK;
	     block++) {
		if (2 * ra_block_entry(ra, block) >= r->from &&
		    ra->uses[ra->use_start[r->vreg]].line != ra_block_entry(ra, block))
			status = enter_block(resolve, range, block);
		if (status == NB_OK && 2 * ra_block_end(ra, block) - 1 < r->to)
			status = leave_block(resolve, range, block);
	}
	return status;
}

/* The range of the value at the end of the line before `line`; RA_NONE if that
 * line defines it in a fixed register. */
static uint32_t
range_before(const struct resolve *resolve, uint32_t vreg, uint32_t line)
{
	const struct ra *ra = resolve->ra;
	const struct ra_use *def = &ra->uses[ra->use_start[vreg]];

	if (def->kind == RA_DEF_FIXED && def->line == line - 1)
		return RA_NONE;
	return range_at(resolve, vreg, 2 * line - 1);
}

/* The change of place between two ranges of a value that meet inside a block. */
static enum nb_status
resolve_border(struct resolve *resolve, uint32_t from, uint32_t to)
{
	const struct ra *ra = resolve->ra;
	uint32_t point = ra->ranges[to].from;
	uint32_t line = point / 2;
	uint32_t block = ra->line_block[line];
	struct way way = { .frequency = ra->fn->blocks[block].frequency, .from = from, .to = to };

	if (ra->ranges[from].to != point || point == 2 * ra_block_entry(ra, block))
		return NB_OK;
	way.inst = ra_inst_of(ra, line);
	way.phase = RA_PHASE_LINE;
	/* In the middle of a line only memory may follow; the store goes before the line,
	 * from where the value was until then. */
	if (point % 2 != 0)
		way.from = range_before(resolve, resolve->vreg, line);
	return add_way(resolve, &way);
}

/* Fills resolve->ways. */
static enum nb_status
collect_ways(struct resolve *resolve)
{
	uint32_t first = resolve->vreg_start[resolve->vreg];
	uint32_t end = resolve->vreg_start[resolve->vreg + 1];
	enum nb_status status = NB_OK;

	resolve->way_count = 0;
	for (uint32_t i = first; i < end && status == NB_OK; i++) {
		if (i + 1 < end)
			status = resolve_border(resolve, resolve->order[i], resolve->order[i + 1]);
		if (status == NB_OK)
			status = resolve_edges(resolve, resolve->order[i]);
	}
	return status;
}

/* The moves for resolve->ways. */
static enum nb_status
emit_ways(struct resolve *resolve)
{
	bool is_valid = resolve->slot_valid[resolve->vreg] != 0;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < resolve->way_count && status == NB_OK; i++) {
		const struct way *way = &resolve->ways[i];
		struct ra_place target = range_place(resolve->ra, way->to);

		if (target.kind == RA_PLACE_SLOT && (is_valid || !is_way_dirty(resolve, way)))
			continue;
		status = add_transfer(resolve, way->inst, way->phase, resolve->vreg,
				      way_source(resolve, way), target);
	}
	return status;
}

/* Copies of the definition: out of a fixed register, and to the slot. */
static enum nb_status
resolve_definition(struct resolve *resolve, bool is_stored)
{
	struct ra *ra = resolve->ra;
	uint32_t vreg = resolve->vreg;
	const struct ra_use *def = &ra->uses[ra->use_start[vreg]];
	uint32_t first = resolve->vreg_start[vreg];
	struct ra_place from, to;
	uint32_t inst;
	enum nb_status status = NB_OK;

	if (first == resolve->vreg_start[vreg + 1])
		return NB_OK;
	inst = ra_inst_of(ra, def->line + 1);
	to = from = range_place(ra, resolve->order[first]);
	if (def->kind == RA_DEF_FIXED) {
		from = register_place(def->reg);
		status = add_transfer(resolve, inst, RA_PHASE_LINE, vreg, from, to);
	}
	if (status == NB_OK && is_stored)
		status = add_transfer(resolve, inst, RA_PHASE_LINE, vreg, from,
				      slot_place(ra, ra->vreg_family[vreg]));
	return status;
}

/* Marks the ranges in registers that are reached from dirty ones: those only reached
 * from memory are clean, and leaving them needs no store. */
static void
find_dirty(struct resolve *resolve)
{
	uint32_t first = resolve->vreg_start[resolve->vreg];
	uint32_t end = resolve->vreg_start[resolve->vreg + 1];
	bool has_changed = true;

	resolve->is_dirty[resolve->order[first]] = 1;
	for (uint32_t round = 0; round < DIRTY_ROUNDS && has_changed; round++) {
		has_changed = false;
		for (uint32_t i = 0; i < resolve->way_count; i++) {
			const struct way *way = &resolve->ways[i];

			if (resolve->is_dirty[way->to] != 0 || !is_way_dirty(resolve, way) ||
			    !is_in_register(resolve, way->to))
				continue;
			resolve->is_dirty[way->to] = 1;
			has_changed = true;
		}
	}
	for (uint32_t i = first; i < end && has_changed; i++)
		resolve->is_dirty[resolve->order[i]] = 1;
}

/* What stores on the ways from dirty registers to memory cost. */
static float
count_stores(const struct resolve *resolve)
{
	float cost = 0;

	for (uint32_t i = 0; i < resolve->way_count; i++) {
		const struct way *way = &resolve->ways[i];

		if (!is_in_register(resolve, way->to) && is_in_register(resolve, way->from) &&
		    is_way_dirty(resolve, way))
			cost += way->frequency;
	}
	return cost;
}

static enum nb_status
resolve_value(struct resolve *resolve)
{
	struct ra *ra = resolve->ra;
	uint32_t vreg = resolve->vreg;
	uint32_t first = resolve->vreg_start[vreg], end = resolve->vreg_start[vreg + 1];
	bool has_slot = false, has_several = false, is_stored = false;
	enum nb_status status = NB_OK;

	for (uint32_t i = first; i < end && ra->vreg_is_remat[vreg] == 0; i++)
		has_slot |= ra->bundles[ra->ranges[resolve->order[i]].bundle].state == RA_SPILLED;
	for (uint32_t i = first; i + 1 < end; i++)
		has_several |= ra->ranges[resolve->order[i]].bundle !=
			       ra->ranges[resolve->order[i + 1]].bundle;
	if (has_several)
		status = collect_ways(resolve);
	if (has_slot && status == NB_OK) {
		bool is_in_memory = range_place(ra, resolve->order[first]).kind == RA_PLACE_SLOT;

		/* Stored at the definition, or on the ways from dirty registers to memory. */
		if (has_several && !is_in_memory) {
			find_dirty(resolve);
			is_stored =
				count_stores(resolve) >= ra->uses[ra->use_start[vreg]].frequency;
		}
		resolve->slot_valid[vreg] = is_in_memory || is_stored;
	}
	if (status == NB_OK)
		status = resolve_definition(resolve, is_stored);
	if (status == NB_OK && has_several)
		status = emit_ways(resolve);
	return status;
}

/* Where the value is at the end of the line before `line`. */
static struct ra_place
place_before(const struct resolve *resolve, uint32_t vreg, uint32_t line)
{
	const struct ra *ra = resolve->ra;
	const struct ra_use *def = &ra->uses[ra->use_start[vreg]];
	uint32_t range = range_before(resolve, vreg, line);

	if (range != RA_NONE)
		return range_place(ra, range);
	if (def->kind == RA_DEF_FIXED && def->line == line - 1)
		return register_place(def->reg);
	return (struct ra_place){ .kind = RA_PLACE_NONE, .class_ = ra->fn->vreg_class[vreg] };
}

static struct ra_place
reuse_place(const struct ra *ra, uint32_t inst)
{
	const struct ra_inst *i = &ra->fn->insts[inst];
	uint32_t k = 0;

	while (ra->fn->operands[i->first_operand + k].constraint != RA_REUSE)
		k++;
	return ra->result->places[i->first_operand + k];
}

/* A use that is copied in the gap before its line; sets its place. */
static enum nb_status
resolve_copy(struct resolve *resolve, const struct ra_use *use)
{
	struct ra *ra = resolve->ra;
	uint32_t inst = ra_inst_of(ra, use->line);
	struct ra_place to =
		use->reg != RA_NO_REG ? register_place(use->reg) : reuse_place(ra, inst);

	ra->result->places[use->operand] = to;
	return add_transfer(resolve, inst, RA_PHASE_LINE, resolve->vreg,
			    place_before(resolve, resolve->vreg, use->line), to);
}

static enum nb_status
resolve_argument(struct resolve *resolve, const struct ra_use *use)
{
	struct ra *ra = resolve->ra;
	const struct ra_function *fn = ra->fn;
	uint32_t vreg = resolve->vreg;
	const struct ra_block *block = &fn->blocks[ra->line_block[use->line]];
	uint32_t succ = fn->block_lists[block->first_succ];
	uint32_t param =
		fn->block_lists[fn->blocks[succ].first_param + use->operand - block->first_arg];
	uint32_t target = range_at(resolve, param, 2 * ra_block_entry(ra, succ));
	uint32_t source = range_at(resolve, vreg, 2 * use->line + 1);
	struct ra_place from = { .kind = RA_PLACE_NONE, .class_ = fn->vreg_class[vreg] };
	struct ra_place to;

	if (target == RA_NONE)
		return NB_OK;
	to = range_place(ra, target);
	if (source != RA_NONE)
		from = range_place(ra, source);
	if (to.kind == RA_PLACE_SLOT && resolve->slot_valid[vreg] &&
	    ra->vreg_family[vreg] == ra->vreg_family[param])
		return NB_OK;
	return add_transfer(resolve, block->end_inst - 1, RA_PHASE_LEAVE, vreg, from, to);
}

/* Places of the operands that have one of their own. */
static void
place_operands(struct resolve *resolve, uint32_t vreg)
{
	struct ra *ra = resolve->ra;

	for (uint32_t u = ra->use_start[vreg]; u < ra->use_start[vreg + 1]; u++) {
		const struct ra_use *use = &ra->uses[u];
		uint32_t range;

		if (use->kind == RA_USE_COPY || use->kind == RA_USE_ARG ||
		    use->kind == RA_DEF_PARAM)
			continue;
		if (use->kind == RA_DEF_FIXED) {
			ra->result->places[use->operand] = register_place(use->reg);
			continue;
		}
		/* Behind the early point a value may be in memory only; that was stored before
		 * the line, so a late use finds it there for the whole line. */
		range = range_at(resolve, vreg,
				 ra_use_is_def(use) ? ra_use_anchor(use)
						    : 2 * use->line + use->to - 1);
		if (range != RA_NONE)
			ra->result->places[use->operand] = range_place(ra, range);
	}
}

static enum nb_status
resolve_uses(struct resolve *resolve)
{
	struct ra *ra = resolve->ra;
	enum nb_status status = NB_OK;

	for (uint32_t u = ra->use_start[resolve->vreg];
	     u < ra->use_start[resolve->vreg + 1] && status == NB_OK; u++) {
		const struct ra_use *use = &ra->uses[u];

		if (use->kind == RA_USE_COPY)
			status = resolve_copy(resolve, use);
		else if (use->kind == RA_USE_ARG)
			status = resolve_argument(resolve, use);
	}
	return status;
}

static enum nb_status
order_ranges(struct resolve *resolve)
{
	struct ra *ra = resolve->ra;
	uint32_t count = 0;

	resolve->order = arena_new_array(ra->scratch, uint32_t, ra->range_count);
	resolve->vreg_start =
		arena_new_array(ra->scratch, uint32_t, (size_t)ra->fn->vreg_count + 1);
	resolve->slot_valid = arena_new_array(ra->scratch, uint8_t, ra->fn->vreg_count);
	resolve->is_dirty = arena_new_array(ra->scratch, uint8_t, ra->range_count);
	ra->result->places = arena_new_array(ra->out, struct ra_place, ra->fn->operand_count);
	if (resolve->order == NULL || resolve->vreg_start == NULL || resolve->slot_valid == NULL ||
	    resolve->is_dirty == NULL || ra->result->places == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++) {
		uint32_t first = ra->vreg_first_range[v];

		resolve->vreg_start[v] = count;
		if (first != ra->vreg_first_range[v + 1])
			for (uint32_t r = first; r != RA_NONE; r = ra->ranges[r].vreg_next)
				resolve->order[count++] = r;
	}
	resolve->vreg_start[ra->fn->vreg_count] = count;
	return NB_OK;
}

static void
collect_used(struct ra *ra)
{
	uint32_t mask = ra->fixed.all;

	for (uint32_t b = 0; b < ra->bundle_count; b++)
		if (ra->bundles[b].state == RA_IN_REG)
			mask |= 1u << ra->bundles[b].reg;
	ra->result->used[RA_GPR] = (uint16_t)mask;
	ra->result->used[RA_XMM] = (uint16_t)(mask >> RA_REGS_PER_CLASS);
}

enum nb_status
ra_resolve(struct ra *ra)
{
	struct resolve resolve = { .ra = ra };
	enum nb_status status = order_ranges(&resolve);

	if (status != NB_OK)
		return status;
	for (uint32_t v = 0; v < ra->fn->vreg_count; v++)
		place_operands(&resolve, v);
	for (uint32_t v = 0; v < ra->fn->vreg_count && status == NB_OK; v++) {
		resolve.vreg = v;
		if (ra->use_start[v] != ra->use_start[v + 1])
			status = resolve_value(&resolve);
	}
	for (uint32_t v = 0; v < ra->fn->vreg_count && status == NB_OK; v++) {
		resolve.vreg = v;
		status = resolve_uses(&resolve);
	}
	collect_used(ra);
	if (status != NB_OK)
		return status;
	return ra_moves_sequence(ra, resolve.transfers, resolve.transfer_count);
}

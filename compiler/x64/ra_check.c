/*
 * Symbolic checker of an allocation, independent of how it was made.
 *
 * It works backward from uses. A use demands "virtual register v is in place
 * X" before its instruction; a move into X turns the demand into one on the
 * move's source, the definition of v in X meets it, anything else that writes X
 * contradicts it. What is left at a block's entry is demanded at the end of all
 * predecessors, where a parameter becomes the argument passed for it. Each
 * demand at a block's end is followed once. Demands that reach the function's
 * entry are uses of nothing.
 *
 * Besides, each instruction's places are held against its constraints.
 */
#include "compiler/x64/ra.h"
#include "lib/format.h"

enum { REGS = 32, CLASS_REGS = 16, NONE = UINT32_MAX, HASH_BITS_MIN = 10, WANTED_FIRST = 256 };

/* A demand at the end of a block. */
struct demand {
	uint32_t block;
	uint32_t place;
	uint32_t vreg;
	uint32_t next; /* of the block, not yet followed */
	uint32_t hash_next;
};

/* A demand while a block is walked. */
struct wanted {
	uint32_t vreg;
	uint32_t next; /* for the same place */
};

struct check {
	const struct ra_function *fn;
	const struct ra_result *result;
	struct arena *scratch;
	char *reason;
	uint32_t reason_cap;

	struct demand *demands;
	uint32_t demand_count, demand_cap;
	uint32_t *hash;
	uint32_t hash_bits;
	uint32_t *pending; /* per block: list of demands */
	uint8_t *is_walked;
	uint32_t highest_pending;
	bool has_pending;

	uint32_t place_count;
	uint32_t *heads; /* per place: list of wanted */
	uint8_t *is_touched;
	uint32_t *touched;
	uint32_t touched_count;
	struct wanted *wanted;
	uint32_t wanted_count, wanted_cap;
};

static enum nb_status
refuse(struct check *check, const char *what, uint32_t inst, uint32_t vreg, uint32_t place)
{
	format_text(check->reason, check->reason_cap,
		    "%s: instruction %u, virtual register %u, place %s%u", what, inst, vreg,
		    place < REGS ? "register " : "slot ", place < REGS ? place : place - REGS);
	return NB_INTERNAL;
}

static uint32_t
place_number(struct ra_place place)
{
	if (place.kind == RA_PLACE_REG)
		return (uint32_t)place.class_ * CLASS_REGS + place.reg;
	return REGS + place.slot;
}

static uint32_t
hash_of(const struct check *check, uint32_t block, uint32_t place, uint32_t vreg)
{
	uint64_t key = block * UINT64_C(0x9e3779b97f4a7c15) ^ place * UINT64_C(0xc2b2ae3d27d4eb4f) ^
		       vreg * UINT64_C(0x165667b19e3779f9);

	key *= UINT64_C(0xff51afd7ed558ccd);
	return (uint32_t)(key >> (64 - check->hash_bits));
}

static enum nb_status
grow_demands(struct check *check)
{
	uint32_t cap = check->demand_cap * 2 + 256;
	struct demand *demands = arena_grow_array(check->scratch, check->demands, check->demand_cap,
						  cap, sizeof(*demands), _Alignof(struct demand));

	if (demands == NULL)
		return NB_OUT_OF_MEMORY;
	check->demands = demands;
	check->demand_cap = cap;
	if (check->hash != NULL && cap >> check->hash_bits == 0)
		return NB_OK;
	check->hash_bits = check->hash == NULL ? HASH_BITS_MIN : check->hash_bits + 2;
	check->hash = arena_new_array(check->scratch, uint32_t, (size_t)1 << check->hash_bits);
	if (check->hash == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < check->demand_count; i++) {
		struct demand *d = &check->demands[i];
		uint32_t *head = &check->hash[hash_of(check, d->block, d->place, d->vreg)];

		d->hash_next = *head;
		*head = i + 1;
	}
	return NB_OK;
}

/* Demands `vreg` in `place` at the end of `block`, unless that is known. */
static enum nb_status
demand_at_end(struct check *check, uint32_t block, uint32_t place, uint32_t vreg)
{
	uint32_t *head;

	if (check->demand_count == check->demand_cap) {
		enum nb_status status = grow_demands(check);

		if (status != NB_OK)
			return status;
	}
	head = &check->hash[hash_of(check, block, place, vreg)];
	for (uint32_t i = *head; i != 0; i = check->demands[i - 1].hash_next) {
		const struct demand *d = &check->demands[i - 1];

		if (d->block == block && d->place == place && d->vreg == vreg)
			return NB_OK;
	}
	check->demands[check->demand_count] = (struct demand){
		.block = block,
		.place = place,
		.vreg = vreg,
		.next = check->pending[block],
		.hash_next = *head,
	};
	*head = check->demand_count + 1;
	check->pending[block] = check->demand_count++;
	if (!check->has_pending || block > check->highest_pending)
		check->highest_pending = block;
	check->has_pending = true;
	return NB_OK;
}

static enum nb_status
want(struct check *check, uint32_t place, uint32_t vreg)
{
	for (uint32_t i = check->heads[place]; i != NONE; i = check->wanted[i].next)
		if (check->wanted[i].vreg == vreg)
			return NB_OK;
	if (check->wanted_count == check->wanted_cap) {
		uint32_t cap = check->wanted_cap * 2;
		struct wanted *wanted =
			arena_grow_array(check->scratch, check->wanted, check->wanted_cap, cap,
					 sizeof(*wanted), _Alignof(struct wanted));

		if (wanted == NULL)
			return NB_OUT_OF_MEMORY;
		check->wanted = wanted;
		check->wanted_cap = cap;
	}
	if (check->is_touched[place] == 0) {
		check->is_touched[place] = 1;
		check->touched[check->touched_count++] = place;
	}
	check->wanted[check->wanted_count] = (struct wanted){ vreg, check->heads[place] };
	check->heads[place] = check->wanted_count++;
	return NB_OK;
}

/* Slots that a write of `slots` slots to `place` touches without being it. */
static enum nb_status
check_overlap(struct check *check, uint32_t inst, uint32_t place, uint32_t slots)
{
	if (place < REGS)
		return NB_OK;
	if (slots == 2 && check->heads[place + 1] != NONE)
		return refuse(check, "half overwritten", inst,
			      check->wanted[check->heads[place + 1]].vreg, place + 1);
	if (place == REGS)
		return NB_OK;
	for (uint32_t i = check->heads[place - 1]; i != NONE; i = check->wanted[i].next)
		if (check->fn->vreg_slots[check->wanted[i].vreg] == 2)
			return refuse(check, "half overwritten", inst, check->wanted[i].vreg,
				      place - 1);
	return NB_OK;
}

/* `place` is written with the value of `vreg` by instruction `inst`. */
static enum nb_status
meet(struct check *check, uint32_t inst, uint32_t place, uint32_t vreg)
{
	for (uint32_t i = check->heads[place]; i != NONE; i = check->wanted[i].next)
		if (check->wanted[i].vreg != vreg)
			return refuse(check, "overwritten", inst, check->wanted[i].vreg, place);
	check->heads[place] = NONE;
	return check_overlap(check, inst, place, check->fn->vreg_slots[vreg]);
}

static enum nb_status
walk_move(struct check *check, const struct ra_move *move)
{
	uint32_t to = place_number(move->to), list = check->heads[to];
	enum nb_status status = check_overlap(check, move->before_inst, to, move->slots);

	if (status != NB_OK)
		return status;
	check->heads[to] = NONE;
	for (uint32_t i = list; i != NONE; i = check->wanted[i].next) {
		uint32_t vreg = check->wanted[i].vreg;

		if (check->fn->vreg_slots[vreg] > move->slots)
			return refuse(check, "half moved", move->before_inst, vreg, to);
		if (move->remat_inst == NONE) {
			status = want(check, place_number(move->from), vreg);
			if (status != NB_OK)
				return status;
		} else {
			const struct ra_inst *inst = &check->fn->insts[move->remat_inst];

			if ((inst->flags & RA_INST_REMAT) == 0 ||
			    check->fn->operands[inst->first_operand].vreg != vreg)
				return refuse(check, "wrong repetition", move->before_inst, vreg,
					      to);
		}
	}
	return NB_OK;
}

static bool
is_writable(const struct check *check, struct ra_place place)
{
	uint32_t allowed;

	if (place.kind == RA_PLACE_SLOT)
		return place.slot < check->result->slot_count;
	if (place.kind != RA_PLACE_REG || place.class_ >= RA_CLASS_COUNT)
		return false;
	allowed = check->fn->allocatable[place.class_];
	return (allowed >> place.reg & 1) != 0 &&
	       (check->result->used[place.class_] >> place.reg & 1) != 0;
}

static bool
is_scratch(struct ra_place place)
{
	return place.kind == RA_PLACE_REG &&
	       place.reg == (place.class_ == RA_GPR ? RA_SCRATCH_GPR : RA_SCRATCH_XMM);
}

static enum nb_status
check_move(struct check *check, const struct ra_move *move)
{
	uint32_t vreg = move->vreg;
	bool is_remat = move->remat_inst != NONE;
	bool is_fine = is_writable(check, move->to) || is_scratch(move->to);

	is_fine = is_fine && move->slots == check->fn->vreg_slots[vreg];
	is_fine = is_fine &&
		  (move->to.kind == RA_PLACE_REG || (!is_remat && move->from.kind == RA_PLACE_REG));
	is_fine = is_fine && (is_remat == (move->from.kind == RA_PLACE_NONE));
	if (move->to.kind == RA_PLACE_SLOT)
		is_fine = is_fine && move->to.slot + move->slots <= check->result->slot_count;
	if (move->from.kind == RA_PLACE_SLOT)
		is_fine = is_fine && move->from.slot + move->slots <= check->result->slot_count;
	if (move->slots == 2 &&
	    (move->from.kind == RA_PLACE_SLOT || move->to.kind == RA_PLACE_SLOT))
		is_fine = is_fine && (move->from.slot | move->to.slot) % 2 == 0;
	if (!is_fine)
		return refuse(check, "impossible move", move->before_inst, vreg,
			      place_number(move->to));
	return NB_OK;
}

static bool
is_same_place(struct ra_place a, struct ra_place b)
{
	return a.kind == b.kind && place_number(a) == place_number(b);
}

/* Whether use operand `k` is the one that shares its place with the REUSE
 * definition `def`. */
static bool
is_reused(const struct check *check, const struct ra_inst *inst, const struct ra_operand *def,
	  uint32_t k)
{
	const struct ra_place *places = &check->result->places[inst->first_operand];

	if (def->constraint != RA_REUSE)
		return false;
	if ((inst->flags & RA_INST_COMMUTE) == 0)
		return k == def->detail;
	return k == 3 - ra_inst_source(places);
}

/* Two operands that exist at the same time must not share a place. */
static bool
may_share(const struct check *check, const struct ra_inst *inst, uint32_t j, uint32_t k)
{
	const struct ra_operand *a = &check->fn->operands[inst->first_operand + j];
	const struct ra_operand *b = &check->fn->operands[inst->first_operand + k];

	if (a->role == RA_USE && b->role == RA_USE)
		return true; /* if it is not the same value, following it finds out */
	if (a->role == RA_DEF && b->role == RA_DEF)
		return false;
	if (a->role == RA_DEF) {
		const struct ra_operand *swap = a;

		a = b;
		b = swap;
		j = k;
	}
	if (is_reused(check, inst, b, j))
		return true;
	return a->time == RA_EARLY && b->time == RA_LATE && b->constraint != RA_REUSE;
}

static bool
is_constraint_met(const struct check *check, const struct ra_inst *inst, uint32_t k)
{
	const struct ra_operand *o = &check->fn->operands[inst->first_operand + k];
	const struct ra_place *places = &check->result->places[inst->first_operand];
	uint8_t class_ = check->fn->vreg_class[o->vreg];
	bool may_be_slot = o->constraint == RA_ANY;

	if ((inst->flags & RA_INST_COMMUTE) != 0 && o->role == RA_USE &&
	    places[k].kind == RA_PLACE_SLOT)
		may_be_slot = ra_inst_source(places) == k &&
			      check->fn->operands[inst->first_operand + 3 - k].constraint == RA_ANY;
	if (o->role == RA_USE && o->constraint == RA_ANY && places[k].kind == RA_PLACE_SLOT)
		may_be_slot = true;
	if (places[k].kind == RA_PLACE_NONE)
		return k == 0 && (inst->flags & RA_INST_REMAT) != 0;
	if (places[k].class_ != class_)
		return false;
	if (places[k].kind == RA_PLACE_SLOT)
		return may_be_slot && places[k].slot < check->result->slot_count;
	if (o->constraint == RA_FIXED)
		return places[k].reg == o->detail;
	if ((check->fn->allocatable[class_] >> places[k].reg & 1) == 0)
		return false;
	if (o->constraint == RA_REUSE && !is_same_place(places[k], places[o->detail]))
		return (inst->flags & RA_INST_COMMUTE) != 0 &&
		       is_same_place(places[k], places[3 - o->detail]);
	return true;
}

static enum nb_status
check_inst(struct check *check, uint32_t i)
{
	const struct ra_inst *inst = &check->fn->insts[i];
	const struct ra_operand *operands = &check->fn->operands[inst->first_operand];
	const struct ra_place *places = &check->result->places[inst->first_operand];

	for (uint32_t k = 0; k < inst->operand_count; k++) {
		const struct ra_operand *o = &operands[k];

		if (!is_constraint_met(check, inst, k))
			return refuse(check, "constraint broken", i, o->vreg,
				      place_number(places[k]));
		if (places[k].kind == RA_PLACE_NONE)
			continue;
		if (o->role == RA_DEF && !is_writable(check, places[k]))
			return refuse(check, "unlisted register", i, o->vreg,
				      place_number(places[k]));
		for (uint32_t j = 0; j < k; j++)
			if (is_same_place(places[j], places[k]) && !may_share(check, inst, j, k))
				return refuse(check, "operands collide", i, o->vreg,
					      place_number(places[k]));
		if (places[k].kind != RA_PLACE_REG ||
		    (inst->clobbers[places[k].class_] >> places[k].reg & 1) == 0)
			continue;
		if ((o->role == RA_USE && o->time == RA_LATE) ||
		    (o->role == RA_DEF && o->constraint != RA_FIXED))
			return refuse(check, "clobbered operand", i, o->vreg,
				      place_number(places[k]));
	}
	return NB_OK;
}

static enum nb_status
walk_inst(struct check *check, uint32_t i, bool is_first)
{
	const struct ra_inst *inst = &check->fn->insts[i];
	const struct ra_operand *operands = &check->fn->operands[inst->first_operand];
	const struct ra_place *places = &check->result->places[inst->first_operand];
	uint32_t clobbers = inst->clobbers[RA_GPR] | (uint32_t)inst->clobbers[RA_XMM] << CLASS_REGS;
	enum nb_status status = is_first ? check_inst(check, i) : NB_OK;

	for (uint32_t k = 0; k < inst->operand_count && status == NB_OK; k++)
		if (operands[k].role == RA_DEF && places[k].kind != RA_PLACE_NONE)
			status = meet(check, i, place_number(places[k]), operands[k].vreg);
	for (; clobbers != 0 && status == NB_OK; clobbers &= clobbers - 1) {
		uint32_t place = (uint32_t)__builtin_ctz(clobbers);

		if (check->heads[place] != NONE)
			return refuse(check, "clobbered", i,
				      check->wanted[check->heads[place]].vreg, place);
	}
	for (uint32_t k = 0; k < inst->operand_count && is_first && status == NB_OK; k++)
		if (operands[k].role == RA_USE)
			status = want(check, place_number(places[k]), operands[k].vreg);
	return status;
}

/* What `pred` passes for `vreg`, if that is a parameter of `block`. */
static uint32_t
value_at_pred(const struct check *check, const struct ra_block *block, const struct ra_block *pred,
	      uint32_t vreg)
{
	for (uint32_t k = 0; k < block->param_count; k++)
		if (check->fn->block_lists[block->first_param + k] == vreg)
			return check->fn->block_lists[pred->first_arg + k];
	return vreg;
}

/* Hands what is wanted at the entry of a block to its predecessors. */
static enum nb_status
leave_entry(struct check *check, uint32_t b)
{
	const struct ra_block *block = &check->fn->blocks[b];
	enum nb_status status = NB_OK;

	for (uint32_t t = 0; t < check->touched_count; t++) {
		uint32_t place = check->touched[t];

		check->is_touched[place] = 0;
		for (uint32_t i = check->heads[place]; i != NONE && status == NB_OK;
		     i = check->wanted[i].next) {
			if (block->pred_count == 0)
				status = refuse(check, "never defined", block->first_inst,
						check->wanted[i].vreg, place);
			for (uint32_t k = 0; k < block->pred_count && status == NB_OK; k++) {
				uint32_t p = check->fn->block_lists[block->first_pred + k];
				uint32_t vreg = value_at_pred(check, block, &check->fn->blocks[p],
							      check->wanted[i].vreg);

				status = demand_at_end(check, p, place, vreg);
			}
		}
		check->heads[place] = NONE;
	}
	check->touched_count = 0;
	check->wanted_count = 0;
	return status;
}

/* The first move at or behind `inst`. */
static uint32_t
first_move(const struct ra_result *result, uint32_t inst)
{
	uint32_t low = 0, high = result->move_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (result->moves[middle].before_inst < inst)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum nb_status
walk_block(struct check *check, uint32_t b)
{
	const struct ra_block *block = &check->fn->blocks[b];
	const struct ra_move *moves = check->result->moves;
	uint32_t move = first_move(check->result, block->end_inst);
	uint32_t demand = check->pending[b];
	bool is_first = check->is_walked[b] == 0;
	enum nb_status status = NB_OK;

	check->pending[b] = NONE;
	check->is_walked[b] = 1;
	for (; demand != NONE && status == NB_OK; demand = check->demands[demand].next)
		status = want(check, check->demands[demand].place, check->demands[demand].vreg);
	for (uint32_t i = block->end_inst; i > block->first_inst && status == NB_OK; i--) {
		status = walk_inst(check, i - 1, is_first);
		for (; move > 0 && moves[move - 1].before_inst == i - 1 && status == NB_OK; move--)
			status = walk_move(check, &moves[move - 1]);
	}
	return status == NB_OK ? leave_entry(check, b) : status;
}

static enum nb_status
walk_all(struct check *check)
{
	enum nb_status status = NB_OK;

	for (uint32_t b = check->fn->block_count; b > 0 && status == NB_OK; b--)
		status = walk_block(check, b - 1);
	while (status == NB_OK && check->has_pending) {
		uint32_t from = check->highest_pending;

		check->has_pending = false;
		for (uint32_t b = from + 1; b > 0 && status == NB_OK; b--)
			if (check->pending[b - 1] != NONE)
				status = walk_block(check, b - 1);
	}
	return status;
}

static enum nb_status
init(struct check *check)
{
	uint32_t blocks = check->fn->block_count;

	check->place_count = REGS + check->result->slot_count + 2;
	check->pending = arena_new_array(check->scratch, uint32_t, blocks);
	check->is_walked = arena_new_array(check->scratch, uint8_t, blocks);
	check->heads = arena_new_array(check->scratch, uint32_t, check->place_count);
	check->is_touched = arena_new_array(check->scratch, uint8_t, check->place_count);
	check->touched = arena_new_array(check->scratch, uint32_t, check->place_count);
	check->wanted_cap = WANTED_FIRST;
	check->wanted = arena_new_array(check->scratch, struct wanted, check->wanted_cap);
	if (check->pending == NULL || check->is_walked == NULL || check->heads == NULL ||
	    check->is_touched == NULL || check->touched == NULL || check->wanted == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t b = 0; b < blocks; b++)
		check->pending[b] = NONE;
	for (uint32_t p = 0; p < check->place_count; p++)
		check->heads[p] = NONE;
	return NB_OK;
}

enum nb_status
ra_check(const struct ra_function *function, const struct ra_result *result, struct arena *scratch,
	 char *reason, uint32_t reason_cap)
{
	struct arena_mark mark = arena_mark_get(scratch);
	struct check check = { .fn = function,
			       .result = result,
			       .scratch = scratch,
			       .reason = reason,
			       .reason_cap = reason_cap };
	enum nb_status status = init(&check);

	for (uint32_t i = 0; i < result->move_count && status == NB_OK; i++) {
		const struct ra_move *move = &result->moves[i];

		status = check_move(&check, move);
		if (status == NB_OK && i > 0 && move->before_inst < move[-1].before_inst)
			status = refuse(&check, "moves out of order", move->before_inst, move->vreg,
					place_number(move->to));
	}
	if (status == NB_OK)
		status = walk_all(&check);
	arena_release(scratch, mark);
	return status;
}

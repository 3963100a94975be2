/*
 * Sequences parallel moves.
 *
 * The transfers of one point and phase happen at once: all sources are read
 * before any destination is written. A transfer is emitted when nothing that
 * still waits reads its destination. When only cycles are left, one
 * destination is saved in a scratch place and its reader redirected there.
 * Slots are copied through a scratch register: R11 and XMM15 stand in for each
 * other while one of them holds a saved value; saved vectors wait in a slot pair
 * of their own if slots move too, since R11 cannot carry a vector.
 */
#include "compiler/x64/ra_state.h"

enum { RADIX_BITS = 8, RADIX = 1 << RADIX_BITS, PHASES = 3 };

struct sequence {
	struct ra *ra;
	struct ra_transfer *transfers;
	uint32_t *order;   /* transfers by instruction and phase */
	uint32_t *readers; /* per place: how many waiting transfers read it */
	uint32_t *reader;  /* per place: exclusive or of their indices plus one */
	uint32_t *writer;  /* per place: index plus one of the waiting transfer to it */
	uint32_t *ready;
	uint32_t ready_count;
	uint32_t spare_slot;  /* pair for saved vectors, or RA_NONE */
	bool is_scratch_used; /* the scratch of the class at hand holds a saved value */
	struct ra_move *moves;
	uint32_t move_count, move_cap;
};

static uint32_t
place_number(struct ra_place place)
{
	if (place.kind == RA_PLACE_REG)
		return (uint32_t)place.class_ * RA_REGS_PER_CLASS + place.reg;
	return RA_REGS + place.slot;
}

static struct ra_place
scratch_place(uint32_t class_)
{
	return (struct ra_place){ .kind = RA_PLACE_REG,
				  .class_ = (uint8_t)class_,
				  .reg = class_ == RA_GPR ? RA_SCRATCH_GPR : RA_SCRATCH_XMM };
}

static enum nb_status
append_move(struct sequence *sequence, const struct ra_transfer *t, struct ra_place from,
	    struct ra_place to)
{
	struct ra *ra = sequence->ra;

	if (sequence->move_count == sequence->move_cap) {
		uint32_t cap = sequence->move_cap * 2 + 64;
		struct ra_move *moves =
			arena_extend_array(ra->scratch, sequence->moves, sequence->move_cap, cap,
					   sizeof(*moves), _Alignof(struct ra_move));

		if (moves == NULL)
			return NB_OUT_OF_MEMORY;
		sequence->moves = moves;
		sequence->move_cap = cap;
	}
	sequence->moves[sequence->move_count++] =
		(struct ra_move){ .before_inst = t->inst,
				  .remat_inst =
					  from.kind == RA_PLACE_NONE ? t->remat_inst : RA_NONE,
				  .from = from,
				  .to = to,
				  .vreg = t->vreg,
				  .slots = ra->fn->vreg_slots[t->vreg] };
	ra->result->spill_count += to.kind == RA_PLACE_SLOT;
	ra->result->reload_count += from.kind == RA_PLACE_SLOT;
	return NB_OK;
}

static enum nb_status
emit_move(struct sequence *sequence, const struct ra_transfer *t, struct ra_place from,
	  struct ra_place to)
{
	uint32_t class_ = sequence->ra->fn->vreg_class[t->vreg];
	struct ra_place between;
	enum nb_status status;

	if (to.kind == RA_PLACE_REG || from.kind == RA_PLACE_REG)
		return append_move(sequence, t, from, to);
	if (sequence->is_scratch_used)
		class_ = class_ == RA_GPR ? RA_XMM : RA_GPR;
	between = scratch_place(class_);
	status = append_move(sequence, t, from, between);
	return status == NB_OK ? append_move(sequence, t, between, to) : status;
}

static void
push_if_ready(struct sequence *sequence, uint32_t place)
{
	if (sequence->readers[place] == 0 && sequence->writer[place] != 0)
		sequence->ready[sequence->ready_count++] = sequence->writer[place] - 1;
}

static enum nb_status
drain_ready(struct sequence *sequence)
{
	while (sequence->ready_count != 0) {
		uint32_t index = sequence->ready[--sequence->ready_count];
		struct ra_transfer *t = &sequence->transfers[index];
		uint32_t from = place_number(t->from);
		enum nb_status status = emit_move(sequence, t, t->from, t->to);

		if (status != NB_OK)
			return status;
		sequence->writer[place_number(t->to)] = 0;
		sequence->reader[from] ^= index + 1;
		sequence->readers[from]--;
		push_if_ready(sequence, from);
	}
	return NB_OK;
}

/* Whether transfers of the group that have no part in this copy vectors
 * between slots. */
static bool
moves_wide_slots(const struct sequence *sequence, const uint32_t *group, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct ra_transfer *t = &sequence->transfers[group[i]];

		if (t->from.kind == RA_PLACE_SLOT && t->to.kind == RA_PLACE_SLOT &&
		    sequence->ra->fn->vreg_slots[t->vreg] == 2)
			return true;
	}
	return false;
}

/* Saves the destination of transfer `index`, which is part of a cycle, for the
 * one transfer that reads it; then everything in the cycle can be emitted. */
static enum nb_status
break_cycle(struct sequence *sequence, uint32_t index, uint32_t class_, bool is_wide)
{
	struct ra *ra = sequence->ra;
	struct ra_place place = sequence->transfers[index].to;
	uint32_t number = place_number(place);
	uint32_t reader = sequence->reader[number];
	struct ra_transfer *t = &sequence->transfers[reader - 1];
	struct ra_place saved = scratch_place(class_);
	enum nb_status status;

	if (is_wide) {
		if (sequence->spare_slot == RA_NONE) {
			sequence->spare_slot = (ra->result->slot_count + 1) & ~1u;
			ra->result->slot_count = sequence->spare_slot + 2;
		}
		saved = (struct ra_place){ .kind = RA_PLACE_SLOT,
					   .class_ = (uint8_t)class_,
					   .slot = sequence->spare_slot };
	}
	status = emit_move(sequence, t, place, saved);
	if (status != NB_OK)
		return status;
	sequence->is_scratch_used = !is_wide;
	sequence->readers[number] = 0;
	sequence->reader[number] = 0;
	t->from = saved;
	sequence->readers[place_number(saved)] = 1;
	sequence->reader[place_number(saved)] = reader;
	push_if_ready(sequence, number);
	status = drain_ready(sequence);
	sequence->is_scratch_used = false;
	return status;
}

/* Emits the transfers of one class in a group, apart from repetitions. */
static enum nb_status
sequence_class(struct sequence *sequence, const uint32_t *group, uint32_t count, uint32_t class_)
{
	const uint8_t *vreg_class = sequence->ra->fn->vreg_class;
	bool is_wide = class_ == RA_XMM && moves_wide_slots(sequence, group, count);
	enum nb_status status;

	for (uint32_t i = 0; i < count; i++) {
		const struct ra_transfer *t = &sequence->transfers[group[i]];
		uint32_t from = place_number(t->from), to = place_number(t->to);

		/* The same copy may be wanted twice: by a use and by a change of place. */
		if (vreg_class[t->vreg] != class_ || t->from.kind == RA_PLACE_NONE ||
		    sequence->writer[to] != 0)
			continue;
		sequence->writer[to] = group[i] + 1;
		sequence->readers[from]++;
		sequence->reader[from] ^= group[i] + 1;
	}
	sequence->ready_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t to = place_number(sequence->transfers[group[i]].to);

		if (sequence->writer[to] == group[i] + 1)
			push_if_ready(sequence, to);
	}
	status = drain_ready(sequence);
	for (uint32_t i = 0; i < count && status == NB_OK; i++) {
		uint32_t to = place_number(sequence->transfers[group[i]].to);

		if (sequence->writer[to] == group[i] + 1)
			status = break_cycle(sequence, group[i], class_, is_wide);
	}
	return status;
}

/* Repetitions read nothing, so they come last. */
static enum nb_status
sequence_remats(struct sequence *sequence, const uint32_t *group, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct ra_transfer *t = &sequence->transfers[group[i]];
		struct ra_place to = t->to;
		enum nb_status status;

		if (t->from.kind != RA_PLACE_NONE)
			continue;
		if (to.kind == RA_PLACE_SLOT)
			to = scratch_place(to.class_);
		status = append_move(sequence, t, t->from, to);
		if (status == NB_OK && t->to.kind == RA_PLACE_SLOT)
			status = append_move(sequence, t, to, t->to);
		if (status != NB_OK)
			return status;
	}
	return NB_OK;
}

static uint32_t
transfer_key(const struct ra_transfer *t)
{
	return t->inst * PHASES + t->phase;
}

/* Stable radix sort of the transfers into sequence->order. */
static enum nb_status
sort_transfers(struct sequence *sequence, uint32_t count)
{
	struct arena *scratch = sequence->ra->scratch;
	uint32_t *a = arena_new_array(scratch, uint32_t, count);
	uint32_t *b = arena_new_array(scratch, uint32_t, count);
	uint32_t *starts = arena_new_array(scratch, uint32_t, RADIX + 1);
	uint32_t highest = 0;

	if (a == NULL || b == NULL || starts == NULL)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t key = transfer_key(&sequence->transfers[i]);

		highest = key > highest ? key : highest;
		a[i] = i;
	}
	for (uint32_t shift = 0; shift < 32 && highest >> shift != 0; shift += RADIX_BITS) {
		uint32_t *swap = a;

		for (uint32_t i = 0; i <= RADIX; i++)
			starts[i] = 0;
		for (uint32_t i = 0; i < count; i++)
			starts[(transfer_key(&sequence->transfers[i]) >> shift) % RADIX + 1]++;
		for (uint32_t i = 0; i < RADIX; i++)
			starts[i + 1] += starts[i];
		for (uint32_t i = 0; i < count; i++)
			b[starts[(transfer_key(&sequence->transfers[a[i]]) >> shift) % RADIX]++] =
				a[i];
		a = b;
		b = swap;
	}
	sequence->order = a;
	return NB_OK;
}

static enum nb_status
sequence_groups(struct sequence *sequence, uint32_t count)
{
	const struct ra_transfer *transfers = sequence->transfers;
	const uint32_t *order = sequence->order;
	uint32_t end;

	for (uint32_t first = 0; first < count; first = end) {
		uint32_t key = transfer_key(&transfers[order[first]]);
		enum nb_status status = NB_OK;

		for (end = first + 1; end < count; end++)
			if (transfer_key(&transfers[order[end]]) != key)
				break;
		for (uint32_t class_ = 0; class_ < RA_CLASS_COUNT && status == NB_OK; class_++)
			status = sequence_class(sequence, order + first, end - first, class_);
		if (status == NB_OK)
			status = sequence_remats(sequence, order + first, end - first);
		if (status != NB_OK)
			return status;
	}
	return NB_OK;
}

enum nb_status
ra_moves_sequence(struct ra *ra, struct ra_transfer *transfers, uint32_t count)
{
	/* More than there are slots now: an aligned pair may be added for saved vectors. */
	size_t places = RA_REGS + (size_t)ra->result->slot_count + 3;
	struct sequence sequence = {
		.ra = ra,
		.transfers = transfers,
		.readers = arena_new_array(ra->scratch, uint32_t, places),
		.reader = arena_new_array(ra->scratch, uint32_t, places),
		.writer = arena_new_array(ra->scratch, uint32_t, places),
		.ready = arena_new_array(ra->scratch, uint32_t, count),
		.spare_slot = RA_NONE,
	};
	enum nb_status status;

	if (sequence.readers == NULL || sequence.reader == NULL || sequence.writer == NULL ||
	    sequence.ready == NULL)
		return NB_OUT_OF_MEMORY;
	status = sort_transfers(&sequence, count);
	if (status == NB_OK)
		status = sequence_groups(&sequence, count);
	if (status != NB_OK)
		return status;
	ra->result->moves = arena_new_array(ra->out, struct ra_move, sequence.move_count);
	if (ra->result->moves == NULL)
		return NB_OUT_OF_MEMORY;
	ra->result->move_count = sequence.move_count;
	for (uint32_t i = 0; i < sequence.move_count; i++)
		ra->result->moves[i] = sequence.moves[i];
	return NB_OK;
}

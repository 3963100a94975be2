/*
 * Order of instructions within a block.
 *
 * Programs that were unrolled or inlined compute many things side by side, and where
 * the order in which they do keeps more values alive than there are registers,
 * values go to memory and back. Of two orders that respect what depends on what, the
 * one in which fewer values are alive at once is better:
 *
 *	a1 = add a, b          a1 = add a, b
 *	d1 = xor d, a1         d1 = xor d, a1
 *	a2 = add a', b'        c1 = add c, d1
 *	d2 = xor d', a2        a2 = add a', b'
 *	c1 = add c, d1         d2 = xor d', a2
 *
 * A window is a stretch of a block without calls. If more values are alive
 * somewhere in it than fit, it is ordered anew from its end: of the instructions
 * whose users all have their places, that one comes next (above them) which leaves the
 * fewest values alive; among equals the one that was enabled last, so that what
 * belongs together stays together. What reads or writes state, or may trap, keeps its
 * order. The new order is taken only if it keeps fewer values beyond what fits.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"

enum {
	WINDOW_MIN = 40,  /* instructions: shorter windows are left alone */
	WINDOW_MAX = 512, /* longer ones are divided */
	READY_LOOKED_AT = 24,
	CLASS_COUNT = 2,
	ARGS_MAX = 3,
};

/* Values that fit: what the machine has but a register or two for what is not seen here. */
static const uint32_t fitting[CLASS_COUNT] = { 12, 14 };

/* A value that is used or defined in the window. */
struct local {
	uint32_t value;
	uint32_t uses; /* in the window */
	uint32_t left; /* of them, without a place yet */
	uint8_t class_;
	bool is_through; /* alive at the window's end in any order */
	bool is_alive;
};

/* An instruction of the window. */
struct place {
	uint32_t inst;
	uint32_t args[ARGS_MAX]; /* locals */
	uint32_t arg_count;
	uint32_t result;   /* local, or IR_NONE */
	uint32_t before;   /* the instruction of the window that must stay before it, or IR_NONE */
	uint32_t blockers; /* instructions that must get their places first */
};

struct order {
	struct ir_function *fn;
	struct arena *scratch;
	uint32_t *uses;	    /* per value, in the function; NULL: not counted yet */
	uint32_t *local_of; /* per value: local + 1 of the present window */
	uint32_t block;
	struct place places[WINDOW_MAX];
	uint32_t count;
	struct local locals[WINDOW_MAX * (ARGS_MAX + 1)];
	uint32_t place_of[WINDOW_MAX * (ARGS_MAX + 1)]; /* per local: what defines it, or IR_NONE */
	uint32_t local_count;
	uint32_t alive[CLASS_COUNT];
	bool is_tight[CLASS_COUNT]; /* more are alive somewhere than fit */
	uint32_t ready[WINDOW_MAX];
	uint32_t ready_count;
	uint32_t sequence[WINDOW_MAX]; /* the new order, from the end */
};

static void
count_use(void *context, uint32_t *value)
{
	uint32_t *uses = context;

	uses[*value]++;
}

static bool
count_uses(struct order *o)
{
	struct ir_function *fn = o->fn;

	o->uses = arena_new_array(o->scratch, uint32_t, fn->inst_count);
	o->local_of = arena_new_array(o->scratch, uint32_t, fn->inst_count);
	if (!o->uses || !o->local_of) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return false;
	}
	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++)
		for (uint32_t k = fn->blocks[fn->order[i]].first_inst; k != IR_NONE;
		     k = fn->insts[k].next)
			ir_for_each_use(fn, k, count_use, o->uses);
	return fn->status == NB_OK;
}

/* --- the window --------------------------------------------------------------------- */

/* Whether the instruction may be in a window. */
static bool
is_plain(const struct ir_inst *inst)
{
	const struct ir_op_info *info = ir_op_info(inst->op);

	return !(info->flags & (IR_OP_CALL | IR_OP_LIST | IR_OP_EDGES | IR_OP_END)) &&
	       inst->op != IR_RESULT;
}

static bool
keeps_order(const struct ir_inst *inst)
{
	return ir_inst_has_effect(inst) || ir_op_info(inst->op)->reads;
}

/* Whether the value is alive all through the loop that the window is in. */
static bool
is_invariant(const struct order *o, uint32_t value)
{
	const struct ir_block *blocks = o->fn->blocks;
	uint32_t header = blocks[o->block].loop_header, block = o->fn->insts[value].block;

	return header != IR_NONE && block != IR_NONE &&
	       blocks[block].position < blocks[header].position;
}

static uint32_t
local_for(struct order *o, uint32_t value)
{
	uint32_t type = o->fn->insts[value].type;

	if (o->local_of[value] == 0) {
		o->locals[o->local_count++] = (struct local){
			.value = value,
			.class_ = ir_type_is_float(type) || type == IR_V128,
		};
		o->local_of[value] = o->local_count;
	}
	return o->local_of[value] - 1;
}

static void
add_place(struct order *o, uint32_t inst, uint32_t *last_ordered)
{
	const struct ir_inst *i = &o->fn->insts[inst];
	struct place *place = &o->places[o->count];

	*place = (struct place){ .inst = inst, .result = IR_NONE, .before = IR_NONE };
	for (uint32_t k = 0; k < ir_op_info(i->op)->arg_count; k++) {
		uint32_t arg = i->args[k];

		if (o->fn->insts[arg].op == IR_CONST)
			continue;
		place->args[place->arg_count++] = local_for(o, arg);
		o->locals[o->local_of[arg] - 1].uses++;
	}
	if (i->type != IR_VOID)
		place->result = local_for(o, inst);
	if (keeps_order(i)) {
		place->before = *last_ordered;
		*last_ordered = o->count;
	}
	o->count++;
}

/* Starts from the end: what is alive there, and in what order instructions can go. */
static void
start(struct order *o)
{
	o->alive[0] = o->alive[1] = 0;
	for (uint32_t i = 0; i < o->local_count; i++) {
		struct local *local = &o->locals[i];

		local->left = local->uses;
		local->is_alive = local->is_through;
		o->alive[local->class_] += local->is_alive;
	}
}

/* The instruction gets the place above all that have one. */
static void
put(struct order *o, const struct place *place)
{
	if (place->result != IR_NONE && o->locals[place->result].is_alive) {
		o->locals[place->result].is_alive = false;
		o->alive[o->locals[place->result].class_]--;
	}
	for (uint32_t k = 0; k < place->arg_count; k++) {
		struct local *arg = &o->locals[place->args[k]];

		o->alive[arg->class_] += !arg->is_alive;
		arg->is_alive = true;
	}
}

/* How many values too many are alive at present. */
static uint32_t
excess(const struct order *o)
{
	uint32_t sum = 0;

	for (uint32_t c = 0; c < CLASS_COUNT; c++)
		if (o->alive[c] > fitting[c])
			sum += o->alive[c] - fitting[c];
	return sum;
}

/* The sum of that over the window as it stands. */
static uint32_t
measure(struct order *o)
{
	uint32_t sum = 0;

	for (uint32_t c = 0; c < CLASS_COUNT; c++)
		o->is_tight[c] = false;
	start(o);
	for (uint32_t i = o->count; i-- > 0;) {
		put(o, &o->places[i]);
		sum += excess(o);
		for (uint32_t c = 0; c < CLASS_COUNT; c++)
			o->is_tight[c] |= o->alive[c] > fitting[c];
	}
	return sum;
}

/* --- the new order ------------------------------------------------------------------ */

/* How many more values are alive above the instruction than below it. */
static int32_t
gain(const struct order *o, const struct place *place)
{
	int32_t sum = 0;

	if (place->result != IR_NONE && o->locals[place->result].is_alive)
		sum -= o->is_tight[o->locals[place->result].class_];
	for (uint32_t k = 0; k < place->arg_count; k++) {
		const struct local *arg = &o->locals[place->args[k]];
		bool is_second = k > 0 && place->args[k] == place->args[k - 1];

		if (!arg->is_alive && !is_second)
			sum += o->is_tight[arg->class_];
	}
	return sum;
}

static uint32_t
take_ready(struct order *o)
{
	uint32_t end = o->ready_count, best = end - 1;
	uint32_t first = end > READY_LOOKED_AT ? end - READY_LOOKED_AT : 0;
	int32_t best_gain = gain(o, &o->places[o->ready[best]]);
	uint32_t taken;

	for (uint32_t i = end - 1; i-- > first;) {
		int32_t now = gain(o, &o->places[o->ready[i]]);

		if (now < best_gain) {
			best = i;
			best_gain = now;
		}
	}
	taken = o->ready[best];
	for (uint32_t i = best; i + 1 < end; i++)
		o->ready[i] = o->ready[i + 1];
	o->ready_count--;
	return taken;
}

/* One instruction less must come before place `i`. */
static void
unblock(struct order *o, uint32_t i)
{
	if (--o->places[i].blockers == 0)
		o->ready[o->ready_count++] = i;
}

/* Finds out what must get its place before what. */
static void
find_blockers(struct order *o)
{
	for (uint32_t i = 0; i < o->local_count; i++)
		o->place_of[i] = IR_NONE;
	for (uint32_t i = 0; i < o->count; i++)
		if (o->places[i].result != IR_NONE)
			o->place_of[o->places[i].result] = i;
	for (uint32_t i = 0; i < o->count; i++) {
		const struct place *place = &o->places[i];

		for (uint32_t k = 0; k < place->arg_count; k++)
			if (o->place_of[place->args[k]] != IR_NONE)
				o->places[o->place_of[place->args[k]]].blockers++;
		if (place->before != IR_NONE)
			o->places[place->before].blockers++;
	}
	o->ready_count = 0;
	for (uint32_t i = 0; i < o->count; i++)
		if (o->places[i].blockers == 0)
			o->ready[o->ready_count++] = i;
}

/* Finds a new order; returns the sum of what is too much in it. */
static uint32_t
reorder(struct order *o)
{
	uint32_t sum = 0, done = 0;

	find_blockers(o);
	start(o);
	while (o->ready_count != 0) {
		uint32_t i = take_ready(o);
		const struct place *place = &o->places[i];

		o->sequence[done++] = i;
		put(o, place);
		sum += excess(o);
		if (place->before != IR_NONE)
			unblock(o, place->before);
		for (uint32_t k = 0; k < place->arg_count; k++)
			if (o->place_of[place->args[k]] != IR_NONE)
				unblock(o, o->place_of[place->args[k]]);
	}
	return sum;
}

/* Puts the instructions before `end` in their new order. */
static void
apply(struct order *o, uint32_t end)
{
	for (uint32_t i = 0; i < o->count; i++) {
		uint32_t inst = o->places[o->sequence[i]].inst;

		if (o->fn->insts[inst].next != end) {
			ir_unlink(o->fn, inst);
			ir_insert_before(o->fn, end, inst);
		}
		end = inst;
	}
}

static void
order_window(struct order *o, uint32_t first, uint32_t end)
{
	uint32_t last_ordered = IR_NONE, before;

	if (!o->uses && !count_uses(o))
		return;
	o->count = o->local_count = 0;
	for (uint32_t i = first; i != end; i = o->fn->insts[i].next)
		add_place(o, i, &last_ordered);
	for (uint32_t i = 0; i < o->local_count; i++) {
		struct local *local = &o->locals[i];

		local->is_through =
			o->uses[local->value] > local->uses || is_invariant(o, local->value);
		o->local_of[local->value] = 0;
	}
	before = measure(o);
	if (before != 0 && reorder(o) < before)
		apply(o, end);
}

static void
order_block(struct order *o, uint32_t block)
{
	const struct ir_inst *insts = o->fn->insts;
	uint32_t first = IR_NONE, count = 0;

	o->block = block;
	for (uint32_t i = o->fn->blocks[block].first_inst; i != IR_NONE; i = insts[i].next) {
		bool fits = is_plain(&insts[i]) && count < WINDOW_MAX;

		if (fits && count++ == 0)
			first = i;
		if (fits)
			continue;
		if (count >= WINDOW_MIN)
			order_window(o, first, i);
		count = is_plain(&insts[i]);
		first = i;
	}
}

enum nb_status
pass_order(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct order *o;

	if (fn->status != NB_OK)
		return fn->status;
	o = arena_alloc(context->scratch, sizeof(*o), _Alignof(struct order));
	if (!o) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
		return fn->status;
	}
	o->fn = fn;
	o->scratch = context->scratch;
	o->uses = NULL;
	for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++)
		order_block(o, fn->order[i]);
	arena_release(context->scratch, mark);
	return fn->status;
}

/*
 * What accesses tell about addresses, see address.h.
 */
#include "compiler/pass/address.h"

#include "abi/code_contract.h"
#include "compiler/ir/edit.h"

enum {
	MAX_PEELED = 4, /* additions of constants, one on top of another */
	MAX_FACTS = 4,	/* about one root that are looked at */
};

bool
addresses_init(struct addresses *a, struct ir_function *fn, struct arena *scratch)
{
	*a = (struct addresses){
		.fn = fn,
		.scratch = scratch,
		.cap = 64,
		.count = 1,
		.value_count = fn->inst_count,
	};
	a->list = arena_alloc(scratch, a->cap * sizeof(*a->list), _Alignof(struct address_fact));
	a->latest = arena_new_array(scratch, uint32_t, fn->inst_count);
	return a->list && a->latest;
}

/* The value that *value is plus a constant, which is returned; both of 32 bits. */
static uint32_t
peel(const struct ir_function *fn, uint32_t *value)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < MAX_PEELED; i++) {
		const struct ir_inst *inst = &fn->insts[*value];

		if (inst->op != IR_ADD || fn->insts[inst->args[1]].op != IR_CONST)
			break;
		sum += (uint32_t)fn->insts[inst->args[1]].imm;
		*value = inst->args[0];
	}
	return sum;
}

struct place
address_place(const struct ir_function *fn, const struct ir_inst *access)
{
	struct place place = { .root = access->args[0], .at = ir_access_offset(access) };
	const struct ir_inst *base = &fn->insts[place.root];
	uint64_t sum;

	if (base->op == IR_CONST) {
		/* Sums beyond 64 bits are addresses of nothing. */
		if (!__builtin_add_overflow(place.at, base->imm, &sum))
			place = (struct place){ .root = IR_NONE, .at = sum };
	} else if (base->type == IR_I32) {
		place.is_32 = true;
		place.at = (uint32_t)(place.at + peel(fn, &place.root));
	}
	return place;
}

/* The newest fact about `root` that holds in `block`, or NULL. */
static const struct address_fact *
find_fact(const struct addresses *a, uint32_t block, uint32_t root)
{
	uint32_t fact = root < a->value_count ? a->latest[root] : 0;

	for (uint32_t i = 0; i < MAX_FACTS && fact != 0; i++) {
		if (ir_dominates(a->fn, a->list[fact].block, block))
			return &a->list[fact];
		fact = a->list[fact].previous;
	}
	return NULL;
}

/* Whether facts are kept of what the access is made from. */
static bool
is_known_kind(const struct ir_function *fn, const struct ir_inst *access)
{
	const struct ir_inst *base = &fn->insts[access->args[0]];

	return base->type == IR_I32 && base->op != IR_CONST && ir_access_memory(access) == 0;
}

void
address_fold(const struct addresses *a, uint32_t block, struct ir_inst *access)
{
	uint32_t root = access->args[0], distance;
	const struct address_fact *fact;

	if (!is_known_kind(a->fn, access))
		return;
	distance = peel(a->fn, &root);
	fact = find_fact(a, block, root);
	if (!fact || fact->base == access->args[0])
		return;
	distance -= fact->from;
	if (distance >= fact->end || distance > NB_DISPLACEMENT_MAX - ir_access_offset(access))
		return;
	access->args[0] = fact->base;
	access->imm += distance;
}

void
address_learn(struct addresses *a, uint32_t block, const struct ir_inst *access)
{
	uint32_t root = access->args[0], from;
	uint64_t end = ir_access_offset(access) + ir_access_bytes(a->fn, access);
	const struct address_fact *fact;

	if (!is_known_kind(a->fn, access))
		return;
	from = peel(a->fn, &root);
	fact = find_fact(a, block, root);
	if (root >= a->value_count || (fact && fact->base == access->args[0] && fact->end >= end))
		return;
	if (a->count == a->cap) {
		struct address_fact *list = arena_extend_array(a->scratch, a->list, a->cap,
							       a->cap * 2, sizeof(*list), 8);

		if (!list) {
			ir_fail(a->fn, NB_OUT_OF_MEMORY);
			return;
		}
		a->list = list;
		a->cap *= 2;
	}
	a->list[a->count] = (struct address_fact){
		.base = access->args[0],
		.from = from,
		.block = block,
		.previous = a->latest[root],
		.end = end,
	};
	a->latest[root] = a->count++;
}

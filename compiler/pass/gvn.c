/*
 * Global value numbering with memory.
 *
 * One sweep in reverse post order. The table holds, per operation and
 * arguments, the latest instruction that computes it; it may stand for another
 * one if its block dominates. What depends on state carries a version of that
 * state in its key.
 *
 * Versions. Each write to a part of the state, each call, and each join of
 * different versions begins a new version of it; the headers of loops that
 * write it do too. A version knows the store that began it and the version
 * before, so a load can look past stores that cannot overlap with it (the same
 * root, disjoint ranges of constants: address.h) and take the value of one that it
 * matches.
 *
 * A load that an earlier access of the same place dominates cannot trap: that
 * access would have trapped, and memories never shrink.
 *
 * Facts. What branches have told (facts.h) becomes constants: conditions, what they
 * compare, the opposites of what they compare, and what their own edges pass on.
 */
#include "compiler/pass/address.h"
#include "compiler/pass/effects.h"
#include "compiler/pass/facts.h"
#include "compiler/pass/pass.h"

#include "compiler/ir/analyze.h"
#include "compiler/ir/edit.h"
#include "compiler/ir/params.h"
#include "compiler/ir/simplify.h"

enum state_part { PART_MEM, PART_SIZE, PART_GLOBAL, PART_TABLE, PART_COUNT };
_Static_assert(IR_STATE_MEM == 1 << PART_MEM && IR_STATE_SIZE == 1 << PART_SIZE, "bits");
_Static_assert(IR_STATE_GLOBAL == 1 << PART_GLOBAL && IR_STATE_TABLE == 1 << PART_TABLE, "bits");

enum {
	MAX_LOOK_BACK = 16, /* stores that a load looks past */
	LEAST_TABLE = 64,
};

/* A version of a part of the state. */
struct version {
	uint32_t store;	 /* instruction that began it; IR_NONE: a call or a join */
	uint32_t before; /* version that the store changed */
};

struct entry {
	uint64_t hash; /* 0: empty */
	uint32_t inst;
	uint32_t version;
};

struct gvn {
	struct ir_function *fn;
	struct arena *scratch;
	struct version *versions;
	uint32_t version_count, version_cap;
	uint32_t (*leaving)[PART_COUNT]; /* versions at the end of each block */
	uint8_t *loop_writes;		 /* enum ir_state, by header */
	uint32_t now[PART_COUNT];
	struct entry *table;
	uint32_t entry_count, table_cap;
	struct facts facts;
	struct addresses addresses;
	uint32_t block;
};

/* --- versions ------------------------------------------------------------------- */

static uint32_t
new_version(struct gvn *g, uint32_t store, uint32_t before)
{
	if (g->version_count == g->version_cap) {
		uint32_t cap = g->version_cap * 2;
		void *moved = arena_extend_array(g->scratch, g->versions, g->version_cap, cap,
						 sizeof(*g->versions), 8);

		if (!moved) {
			ir_fail(g->fn, NB_OUT_OF_MEMORY);
			return 0;
		}
		g->versions = moved;
		g->version_cap = cap;
	}
	g->versions[g->version_count] = (struct version){ store, before };
	return g->version_count++;
}

/* The versions at the start of a block. */
static void
enter_versions(struct gvn *g, uint32_t b)
{
	struct ir_function *fn = g->fn;
	const struct ir_block *block = &fn->blocks[b];
	bool is_header = block->flags & IR_BLOCK_LOOP_HEADER;

	for (uint32_t part = 0; part < PART_COUNT; part++) {
		uint32_t version = IR_NONE;
		bool is_new = is_header && g->loop_writes[b] & 1 << part;

		for (uint32_t e = block->first_pred; e != IR_NONE && !is_new;
		     e = fn->edges[e].next_pred) {
			uint32_t from = fn->edges[e].from;

			if (is_header && ir_dominates(fn, b, from))
				continue;
			if (version == IR_NONE)
				version = g->leaving[from][part];
			is_new = version != g->leaving[from][part];
		}
		if (is_new || version == IR_NONE)
			version = new_version(g, IR_NONE, 0);
		g->now[part] = version;
	}
}

static void
advance_versions(struct gvn *g, uint32_t inst)
{
	const struct ir_op_info *info = ir_op_info(g->fn->insts[inst].op);
	uint32_t op = g->fn->insts[inst].op;
	bool is_barrier = info->flags & IR_OP_CALL || ir_op_is_atomic(op) ||
			  op == IR_ATOMIC_FENCE || ir_op_is_port(op);
	uint32_t store = is_barrier ? IR_NONE : inst;

	for (uint32_t part = 0; part < PART_COUNT; part++)
		if (info->writes & 1 << part)
			g->now[part] = new_version(g, store, g->now[part]);
}

/* --- the table ---------------------------------------------------------------------- */

static uint64_t
hash_of(const struct ir_inst *inst, uint32_t version)
{
	uint64_t hash = inst->op | (uint64_t)inst->type << 8 | (uint64_t)inst->args[0] << 32;

	hash = (hash ^ inst->imm) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	hash = (hash ^ inst->args[1] ^ (uint64_t)inst->args[2] << 32) *
	       UINT64_C(0xd6e8feb86659fd93);
	hash = (hash ^ version ^ hash >> 32) * UINT64_C(0x9e3779b97f4a7c15);
	return (hash ^ hash >> 32) | 1;
}

static bool
is_equal(const struct ir_inst *a, const struct ir_inst *b)
{
	return a->op == b->op && a->type == b->type && a->args[0] == b->args[0] &&
	       a->args[1] == b->args[1] && a->args[2] == b->args[2] && a->imm == b->imm;
}

/* The entry of an equal operation at that version, or the empty one where it
 * belongs. */
static struct entry *
table_find(struct gvn *g, const struct ir_inst *inst, uint32_t version)
{
	uint64_t hash = hash_of(inst, version);
	struct entry *entry;

	for (uint64_t at = hash;; at++) {
		entry = &g->table[at & (g->table_cap - 1)];
		if (entry->hash == 0 || (entry->hash == hash && entry->version == version &&
					 is_equal(&g->fn->insts[entry->inst], inst)))
			return entry;
	}
}

static void
table_grow(struct gvn *g)
{
	uint32_t cap = g->table_cap * 2;
	struct entry *table = arena_new_array(g->scratch, struct entry, cap);

	if (!table) {
		ir_fail(g->fn, NB_OUT_OF_MEMORY);
		return;
	}
	for (uint32_t i = 0; i < g->table_cap; i++) {
		uint64_t at = g->table[i].hash;

		if (at == 0)
			continue;
		while (table[at & (cap - 1)].hash)
			at++;
		table[at & (cap - 1)] = g->table[i];
	}
	g->table = table;
	g->table_cap = cap;
}

static void
table_set(struct gvn *g, uint32_t inst, uint32_t version)
{
	struct entry *entry;

	if (g->entry_count >= g->table_cap / 2)
		table_grow(g);
	if (g->fn->status != NB_OK)
		return;
	entry = table_find(g, &g->fn->insts[inst], version);
	if (entry->hash == 0)
		g->entry_count++;
	*entry = (struct entry){ hash_of(&g->fn->insts[inst], version), inst, version };
}

/* An instruction equal to `inst` at that version that dominates the present
 * block, or IR_NONE. */
static uint32_t
table_get(struct gvn *g, const struct ir_inst *inst, uint32_t version)
{
	const struct entry *entry = table_find(g, inst, version);

	if (entry->hash && ir_dominates(g->fn, g->fn->insts[entry->inst].block, g->block))
		return entry->inst;
	return IR_NONE;
}

/* --- memory -------------------------------------------------------------------------- */

/* The value of the operation *proto directly before `before`. */
static uint32_t
emit_proto(struct gvn *g, uint32_t before, struct ir_inst *proto)
{
	uint32_t value = ir_simplify(g->fn, proto);

	if (value != IR_NONE)
		return value;
	value = ir_new_inst(g->fn, proto->op, proto->type);
	if (value == 0)
		return 0;
	for (uint32_t i = 0; i < 3; i++)
		g->fn->insts[value].args[i] = proto->args[i];
	g->fn->insts[value].imm = proto->imm;
	g->fn->insts[value].flags = proto->flags;
	g->fn->insts[value].wasm_offset = g->fn->insts[before].wasm_offset;
	ir_insert_before(g->fn, before, value);
	return value;
}

static uint32_t
emit_before(struct gvn *g, uint32_t before, enum ir_op op, enum ir_type type,
	    const uint32_t args[2])
{
	struct ir_inst proto = {
		.op = (uint8_t)op,
		.type = (uint8_t)type,
		.args = { args[0], args[1], IR_NONE },
	};

	return emit_proto(g, before, &proto);
}

/* The low bits of the stored value as a narrow load sees them. */
static uint32_t
narrow_value(struct gvn *g, uint32_t load, uint32_t value)
{
	enum ir_type type = g->fn->insts[load].type;
	enum ir_op op = g->fn->insts[load].op;
	enum ir_type stored = g->fn->insts[value].type;
	uint64_t mask = 0;

	if (!ir_type_is_int(stored))
		return IR_NONE;
	if (stored != type)
		value = emit_before(g, load, type == IR_I32 ? IR_WRAP : IR_EXTEND_U, type,
				    (uint32_t[2]){ value, IR_NONE });
	switch ((uint32_t)op) {
	case IR_LOAD8_S:
		return emit_before(g, load, IR_EXTEND8_S, type, (uint32_t[2]){ value, IR_NONE });
	case IR_LOAD16_S:
		return emit_before(g, load, IR_EXTEND16_S, type, (uint32_t[2]){ value, IR_NONE });
	case IR_LOAD32_S:
		return emit_before(g, load, IR_EXTEND32_S, type, (uint32_t[2]){ value, IR_NONE });
	case IR_LOAD8_U:
		mask = 0xff;
		break;
	case IR_LOAD16_U:
		mask = 0xffff;
		break;
	case IR_LOAD32_U:
		mask = 0xffffffff;
		break;
	default:
		return value;
	}
	return emit_before(g, load, IR_AND, type,
			   (uint32_t[2]){ value, ir_const(g->fn, type, mask) });
}

/* What a scalar load gives of a stored vector. */
static uint32_t
first_lane(struct gvn *g, uint32_t load, uint32_t vector)
{
	static const uint8_t ops[IR_TYPE_COUNT] = {
		[IR_I32] = IR_I32X4_EXTRACT,
		[IR_I64] = IR_I64X2_EXTRACT,
		[IR_F32] = IR_F32X4_EXTRACT,
		[IR_F64] = IR_F64X2_EXTRACT,
	};
	enum ir_type type = g->fn->insts[load].type;
	struct ir_inst proto = {
		.op = IR_EXTRACT,
		.type = (uint8_t)type,
		.args = { vector, IR_NONE, IR_NONE },
		.imm = ops[type],
	};
	uint32_t value = emit_proto(g, load, &proto);

	return g->fn->insts[load].op == IR_LOAD ? value : narrow_value(g, load, value);
}

/* What a load gives that reads the first bytes of what `store` wrote; IR_NONE
 * if that is not worth an operation. */
static uint32_t
stored_value(struct gvn *g, uint32_t load, uint32_t store)
{
	const struct ir_inst *l = &g->fn->insts[load];
	const struct ir_inst *s = &g->fn->insts[store];
	uint32_t value = s->args[1];
	uint32_t stored = g->fn->insts[value].type;

	if (s->op == IR_STORE && l->op == IR_LOAD && stored == l->type)
		return value;
	if (l->type == IR_V128)
		return IR_NONE;
	if (stored == IR_V128)
		return first_lane(g, load, value);
	if (l->op != IR_LOAD)
		return narrow_value(g, load, value);
	if (s->op == IR_STORE && ir_type_bits(stored) == ir_type_bits(l->type))
		return emit_before(g, load, IR_BITCAST, l->type, (uint32_t[2]){ value, IR_NONE });
	return l->type == IR_I32 ? narrow_value(g, load, value) : IR_NONE;
}

enum overlap { OVERLAP_NONE, OVERLAP_MAYBE, OVERLAP_STARTS };

/* Whether two indices may mean one memory: an imported one may come twice. */
static bool
may_be_same(const struct ir_function *fn, uint32_t a, uint32_t b)
{
	uint32_t imports = fn->module ? fn->module->memory_import_count : UINT32_MAX;

	return a == b || (a < imports && b < imports);
}

/* How the bytes of a load lie to those of a store. STARTS: they are its first
 * ones, or all. */
static enum overlap
overlap_of(const struct gvn *g, const struct ir_inst *load, const struct ir_inst *store)
{
	struct place a, b;
	uint32_t load_bytes = ir_access_bytes(g->fn, load);
	uint32_t store_bytes = ir_access_bytes(g->fn, store);
	uint64_t after, before; /* from one to the other, either way round */

	if (ir_access_memory(load) != ir_access_memory(store))
		return may_be_same(g->fn, ir_access_memory(load), ir_access_memory(store))
			       ? OVERLAP_MAYBE
			       : OVERLAP_NONE;
	a = address_place(g->fn, load);
	b = address_place(g->fn, store);
	if (a.root != b.root)
		return OVERLAP_MAYBE;
	after = a.is_32 ? (uint32_t)(a.at - b.at) : a.at - b.at;
	before = a.is_32 ? (uint32_t)(b.at - a.at) : b.at - a.at;
	if (after >= store_bytes && before >= load_bytes)
		return OVERLAP_NONE;
	/* What did not trap from a higher offset does not from a lower one. */
	return after == 0 && load_bytes <= store_bytes &&
			       (load->args[0] == store->args[0] ||
				ir_access_offset(load) <= ir_access_offset(store))
		       ? OVERLAP_STARTS
		       : OVERLAP_MAYBE;
}

/* The value that the load certainly gives, or IR_NONE. */
static uint32_t
find_load(struct gvn *g, uint32_t load)
{
	uint32_t version = g->now[PART_MEM];

	for (uint32_t i = 0; i < MAX_LOOK_BACK; i++) {
		uint32_t value = table_get(g, &g->fn->insts[load], version);
		uint32_t store = g->versions[version].store;

		if (value != IR_NONE || store == IR_NONE)
			return value;
		switch (overlap_of(g, &g->fn->insts[load], &g->fn->insts[store])) {
		case OVERLAP_NONE:
			version = g->versions[version].before;
			break;
		case OVERLAP_STARTS:
			return stored_value(g, load, store);
		case OVERLAP_MAYBE:
			return IR_NONE;
		}
	}
	return IR_NONE;
}

/* The value of a global.get. Two imported globals may be the same one. */
static uint32_t
find_global(struct gvn *g, uint32_t get)
{
	const struct ir_inst *inst = &g->fn->insts[get];
	uint32_t imports = g->fn->module ? g->fn->module->global_import_count : UINT32_MAX;
	uint32_t version = g->now[PART_GLOBAL];

	for (uint32_t i = 0; i < MAX_LOOK_BACK; i++) {
		uint32_t value = table_get(g, inst, version);
		uint32_t store = g->versions[version].store;

		if (value != IR_NONE || store == IR_NONE)
			return value;
		if (g->fn->insts[store].imm == inst->imm)
			return g->fn->insts[store].args[0];
		if (inst->imm < imports && g->fn->insts[store].imm < imports)
			return IR_NONE;
		version = g->versions[version].before;
	}
	return IR_NONE;
}

/* --- facts ------------------------------------------------------------------------------ */

static inline void
replace_use(void *context, uint32_t *value)
{
	struct gvn *g = context;

	*value = facts_value(&g->facts, g->block, ir_resolve(g->fn, *value));
}

/* A comparison whose opposite, or the same with exchanged arguments, is known here. */
static uint32_t
known_comparison(struct gvn *g, const struct ir_inst *inst)
{
	struct ir_inst other = *inst;
	const struct ir_inst *second = &g->fn->insts[inst->args[1]];

	if (second->op == IR_CONST && second->imm == 0 &&
	    (inst->op == IR_EQ || inst->op == IR_NE) &&
	    facts_is_nonzero(&g->facts, g->block, inst->args[0]))
		return ir_const(g->fn, IR_I32, inst->op == IR_NE);
	for (uint32_t i = 1; i < 4; i++) {
		uint32_t op = i & 1 ? ir_inverse_comparison(inst->op) : inst->op;
		uint32_t value, constant;

		if (op == IR_OP_COUNT)
			continue;
		other.op = (uint8_t)(i & 2 ? ir_swapped_comparison(op) : op);
		other.args[0] = inst->args[i >> 1];
		other.args[1] = inst->args[1 - (i >> 1)];
		value = table_get(g, &other, 0);
		constant = value == IR_NONE ? IR_NONE : facts_value(&g->facts, g->block, value);
		if (constant != value)
			return ir_const(g->fn, IR_I32,
					g->fn->insts[constant].imm ^ (uint64_t)(i & 1));
	}
	return IR_NONE;
}

/* What the terminator's own condition says, for its edges and for itself. */
static void
visit_branch(struct gvn *g, uint32_t index)
{
	struct ir_function *fn = g->fn;

	for (uint32_t e = 0; e < 2; e++) {
		const struct ir_edge *edge = ir_inst_edge(fn, &fn->insts[index], e);

		for (uint32_t k = 0; k < edge->arg_count; k++) {
			uint32_t at = edge->first_arg + k;
			uint32_t value =
				facts_edge_value(&g->facts, &fn->insts[index], e, fn->lists[at]);

			fn->has_new_ways = fn->has_new_ways || value != fn->lists[at];
			fn->lists[at] = value;
		}
	}
	if (facts_is_nonzero(&g->facts, g->block, fn->insts[index].args[0])) {
		uint32_t one = ir_const(fn, IR_I32, 1);

		fn->insts[index].args[0] = one;
	}
}

/* --- the sweep ---------------------------------------------------------------------------- */

/* The value that the instruction equals, or IR_NONE. It may become a simpler
 * instruction. */
static uint32_t
find_value(struct gvn *g, uint32_t index)
{
	struct ir_inst proto = g->fn->insts[index];
	uint32_t value = ir_simplify(g->fn, &proto);
	struct ir_inst *inst = &g->fn->insts[index];
	const struct ir_op_info *info;

	if (value != IR_NONE)
		return value;
	inst->op = proto.op;
	inst->imm = proto.imm;
	inst->flags = proto.flags;
	for (uint32_t i = 0; i < 3; i++)
		inst->args[i] = proto.args[i];
	info = ir_op_info(inst->op);
	if (info->reads == 0) {
		value = table_get(g, inst, 0);
		if (value == IR_NONE && g->facts.count > 1 && ir_op_is_comparison(inst->op))
			value = known_comparison(g, inst);
		return value;
	}
	if (info->reads == IR_STATE_MEM)
		return find_load(g, index);
	if (info->reads == IR_STATE_GLOBAL)
		return find_global(g, index);
	return table_get(g, inst, g->now[PART_SIZE]);
}

/* The version under which the instruction goes into the table. */
static uint32_t
version_of(const struct gvn *g, uint32_t inst)
{
	switch (ir_op_info(g->fn->insts[inst].op)->reads) {
	case IR_STATE_MEM:
		return g->now[PART_MEM];
	case IR_STATE_GLOBAL:
		return g->now[PART_GLOBAL];
	case IR_STATE_SIZE:
		return g->now[PART_SIZE];
	default:
		return 0;
	}
}

/* Whether it is a load or store that may be changed. */
static bool
is_plain_access(const struct gvn *g, uint32_t index)
{
	uint32_t op = g->fn->insts[index].op;

	return op >= IR_LOAD && op < IR_MEMORY_SIZE && !g->fn->is_strict;
}

static void
visit_inst(struct gvn *g, uint32_t index)
{
	const struct ir_op_info *info;
	bool is_access;
	uint32_t value;

	ir_for_each_use(g->fn, index, replace_use, g);
	info = ir_op_info(g->fn->insts[index].op);
	is_access = is_plain_access(g, index);
	if (is_access)
		address_fold(&g->addresses, g->block, &g->fn->insts[index]);
	if (info->writes) {
		advance_versions(g, index);
		if (is_access)
			address_learn(&g->addresses, g->block, &g->fn->insts[index]);
		return;
	}
	if (g->fn->insts[index].op == IR_BRANCH)
		visit_branch(g, index);
	if (g->fn->insts[index].op == IR_BRANCH || g->fn->insts[index].op == IR_SWITCH)
		g->fn->has_new_ways = g->fn->has_new_ways ||
				      g->fn->insts[g->fn->insts[index].args[0]].op == IR_CONST;
	if (info->flags & IR_OP_END || info->reads == IR_STATE_FRAME ||
	    g->fn->insts[index].op == IR_RESULT || (g->fn->is_strict && info->reads & IR_STATE_MEM))
		return;
	value = find_value(g, index);
	if (value == IR_NONE) {
		table_set(g, index, version_of(g, index));
		if (is_access)
			address_learn(&g->addresses, g->block, &g->fn->insts[index]);
	} else if (g->fn->insts[index].type == IR_VOID) {
		ir_remove(g->fn, index);
	} else {
		ir_replace(g->fn, index, value);
	}
}

static void
visit_block(struct gvn *g, uint32_t block)
{
	struct ir_function *fn = g->fn;
	uint32_t next;

	g->block = block;
	enter_versions(g, block);
	facts_learn(&g->facts, block);
	for (uint32_t i = fn->blocks[block].first_inst; i != IR_NONE && ir_tick(fn, 1); i = next) {
		next = fn->insts[i].next;
		visit_inst(g, i);
	}
	for (uint32_t part = 0; part < PART_COUNT; part++)
		g->leaving[block][part] = g->now[part];
}

static bool
alloc_state(struct gvn *g)
{
	struct ir_function *fn = g->fn;

	g->version_cap = 256;
	g->table_cap = LEAST_TABLE;
	while (g->table_cap < fn->inst_count)
		g->table_cap *= 2;
	g->versions = arena_alloc(g->scratch, g->version_cap * sizeof(*g->versions), 8);
	g->leaving = arena_alloc(g->scratch, (size_t)fn->block_count * sizeof(*g->leaving), 8);
	g->loop_writes = arena_new_array(g->scratch, uint8_t, fn->block_count);
	g->table = arena_new_array(g->scratch, struct entry, g->table_cap);
	return facts_init(&g->facts, fn, g->scratch) &&
	       addresses_init(&g->addresses, fn, g->scratch) && g->versions && g->leaving &&
	       g->loop_writes && g->table;
}

enum nb_status
pass_gvn(struct ir_function *fn, struct pass_context *context)
{
	struct arena_mark mark = arena_mark_get(context->scratch);
	struct gvn g = { .fn = fn, .scratch = context->scratch };

	if (ir_analyze(fn, context->scratch) != NB_OK)
		return fn->status;
	if (!alloc_state(&g)) {
		ir_fail(fn, NB_OUT_OF_MEMORY);
	} else {
		pass_find_loop_writes(fn, g.loop_writes);
		for (uint32_t i = 0; i < fn->order_count && ir_tick(fn, 1); i++)
			visit_block(&g, fn->order[i]);
		if (fn->status == NB_OK) {
			ir_resolve_all(fn);
			ir_drop_trivial_params(fn);
		}
	}
	arena_release(context->scratch, mark);
	return fn->status;
}

/*
 * Multiplication of 64 by 64 to 128 bits.
 *
 * Compilers that have no such operation, LLVM's runtime for WebAssembly among
 * them, and portable programs put the product together from four products of
 * halves. With a = a1:a0, b = b1:b0 and carries gathered in the middle:
 *
 *	low    = a0 * b0
 *	other  = a1 * b0 + (low >> 32)		or  a1 * b0
 *	middle = a0 * b1 + (other mod 2^32)	or  a0 * b1 + (low >> 32) + (other mod 2^32)
 *	high 64 bits  a1 * b1 + (other >> 32) + (middle >> 32)
 *	low 64 bits   (middle << 32) | (low mod 2^32)
 *
 * and with b1 = 0, where `middle` is a1 * b0 + (low >> 32):
 *
 *	high 64 bits  middle >> 32
 *
 * No sum in it overflows, so both are exactly what MUL_HIGH_U and MUL give. It
 * is recognised by what is computed, in whatever order it is added up.
 */
#include "compiler/pass/pass.h"

#include "compiler/ir/edit.h"
#include "compiler/ir/simplify.h"

enum {
	MAX_TERMS = 8, /* of a sum that is looked at */
	HALF = 32,
};

static const uint64_t half_mask = UINT32_MAX;

struct terms {
	uint32_t values[MAX_TERMS];
	uint32_t count; /* MAX_TERMS + 1: there are more */
};

/* What `middle` has turned out to be the middle of. */
struct product {
	uint32_t a, b;
	uint32_t low;	/* a0 * b0 */
	uint32_t other; /* IR_NONE: b1 is 0 */
	uint32_t upper; /* a1 and b1, or anything for b1 = 0 */
	uint32_t upper_b;
};

struct wide {
	struct ir_function *fn;
	bool has_changed;
};

static const struct ir_inst *
inst_of(const struct wide *w, uint32_t value)
{
	return &w->fn->insts[value];
}

/* True if `value` is `op` with the constant `imm`; *out is the other argument. */
static bool
is_with_constant(const struct wide *w, uint32_t value, enum ir_op op, uint64_t imm, uint32_t *out)
{
	const struct ir_inst *inst = inst_of(w, value);
	const struct ir_inst *constant;

	if (inst->op != op || inst->type != IR_I64)
		return false;
	constant = inst_of(w, inst->args[1]);
	*out = inst->args[0];
	return constant->op == IR_CONST && constant->imm == imm;
}

static bool
is_high_half(const struct wide *w, uint32_t value, uint32_t *of)
{
	return is_with_constant(w, value, IR_SHR_U, HALF, of);
}

static bool
is_low_half(const struct wide *w, uint32_t value, uint32_t *of)
{
	return is_with_constant(w, value, IR_AND, half_mask, of);
}

static bool
is_product(const struct wide *w, uint32_t value)
{
	return inst_of(w, value)->op == IR_MUL && inst_of(w, value)->type == IR_I64;
}

static bool
is_sum(const struct wide *w, uint32_t value)
{
	return inst_of(w, value)->op == IR_ADD && inst_of(w, value)->type == IR_I64;
}

/* The terms of a sum of sums. */
static void
collect_terms(const struct wide *w, uint32_t sum, struct terms *terms)
{
	terms->count = 1;
	terms->values[0] = sum;
	for (uint32_t i = 0; i < terms->count;) {
		const struct ir_inst *inst = inst_of(w, terms->values[i]);

		if (!is_sum(w, terms->values[i])) {
			i++;
			continue;
		}
		if (terms->count == MAX_TERMS) {
			terms->count = MAX_TERMS + 1;
			return;
		}
		terms->values[i] = inst->args[0];
		terms->values[terms->count++] = inst->args[1];
	}
}

/* The value of which these are the halves, or IR_NONE. */
static uint32_t
join_halves(const struct wide *w, uint32_t low, uint32_t high)
{
	const struct ir_inst *l = inst_of(w, low), *h = inst_of(w, high);
	uint32_t of_low, of_high;

	if (l->op == IR_CONST && h->op == IR_CONST && l->imm <= half_mask && h->imm <= half_mask)
		return ir_const(w->fn, IR_I64, h->imm << HALF | l->imm);
	if (is_high_half(w, high, &of_high) && is_low_half(w, low, &of_low) && of_low == of_high)
		return of_low;
	return IR_NONE;
}

/* Whether `low`, `up_a` and `up_b` are a0 * b0, a1 * b0 and a0 * b1. */
static bool
match_products(const struct wide *w, uint32_t low, uint32_t up_a, uint32_t up_b,
	       struct product *out)
{
	const uint32_t *l = inst_of(w, low)->args;
	const uint32_t *p = inst_of(w, up_a)->args, *q = inst_of(w, up_b)->args;

	for (uint32_t i = 0; i < 8; i++) {
		uint32_t a0 = l[i & 1], b0 = l[1 - (i & 1)];
		uint32_t b0_again = p[i >> 1 & 1], a1 = p[1 - (i >> 1 & 1)];
		uint32_t a0_again = q[i >> 2 & 1], b1 = q[1 - (i >> 2 & 1)];

		if (b0 != b0_again || a0 != a0_again)
			continue;
		*out = (struct product){
			join_halves(w, a0, a1), join_halves(w, b0, b1), low, IR_NONE, a1, b1
		};
		if (out->a != IR_NONE && out->b != IR_NONE)
			return true;
	}
	return false;
}

/* middle = up_b + (other mod 2^32), other = up_a + (low >> 32). */
static bool
match_chained(const struct wide *w, uint32_t up_b, uint32_t other, struct product *out)
{
	for (uint32_t i = 0; is_sum(w, other) && i < 2; i++) {
		uint32_t up_a = inst_of(w, other)->args[i], low;

		if (!is_product(w, up_a) ||
		    !is_high_half(w, inst_of(w, other)->args[1 - i], &low) || !is_product(w, low))
			continue;
		if (!match_products(w, low, up_a, up_b, out))
			continue;
		out->other = other;
		return true;
	}
	return false;
}

/* middle = up_b + (low >> 32) + (other mod 2^32), other = up_a. */
static bool
match_gathered(const struct wide *w, const struct terms *terms, struct product *out)
{
	uint32_t up_b = IR_NONE, low = IR_NONE, other = IR_NONE;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t value = terms->values[i];

		if (is_product(w, value))
			up_b = value;
		else if (!is_high_half(w, value, &low) && !is_low_half(w, value, &other))
			return false;
	}
	if (up_b == IR_NONE || low == IR_NONE || other == IR_NONE || !is_product(w, low) ||
	    !is_product(w, other) || !match_products(w, low, other, up_b, out))
		return false;
	out->other = other;
	return true;
}

/* A value below 2^32; but the lower half of something is more likely that in a
 * whole product. */
static bool
is_half(const struct wide *w, uint32_t value)
{
	uint32_t of;

	return !is_low_half(w, value, &of) &&
	       (ir_known_zeros(w->fn, value) | half_mask) == UINT64_MAX;
}

/* middle = a1 * b + (low >> 32), b below 2^32. */
static bool
match_half(const struct wide *w, uint32_t up, uint32_t low, struct product *out)
{
	const uint32_t *l = inst_of(w, low)->args, *p = inst_of(w, up)->args;

	for (uint32_t i = 0; is_product(w, low) && i < 4; i++) {
		uint32_t b = l[i & 1], a0 = l[1 - (i & 1)];
		uint32_t a1 = p[1 - (i >> 1)];

		if (p[i >> 1] != b || !is_half(w, b))
			continue;
		*out = (struct product){ join_halves(w, a0, a1), b, low, IR_NONE, a1, IR_NONE };
		if (out->a != IR_NONE)
			return true;
	}
	return false;
}

static bool
match_middle(const struct wide *w, uint32_t middle, struct product *out)
{
	struct terms terms;
	uint32_t other;

	if (!is_sum(w, middle))
		return false;
	collect_terms(w, middle, &terms);
	if (terms.count == 3)
		return match_gathered(w, &terms, out);
	for (uint32_t i = 0; terms.count == 2 && i < 2; i++) {
		if (!is_product(w, terms.values[i]))
			continue;
		if (is_low_half(w, terms.values[1 - i], &other) &&
		    match_chained(w, terms.values[i], other, out))
			return true;
		if (is_high_half(w, terms.values[1 - i], &other) &&
		    match_half(w, terms.values[i], other, out))
			return true;
	}
	return false;
}

static uint32_t
emit(struct wide *w, uint32_t before, enum ir_op op, uint32_t a, uint32_t b)
{
	struct ir_inst proto = { .op = (uint8_t)op, .type = IR_I64, .args = { a, b, IR_NONE } };
	uint32_t value = ir_simplify(w->fn, &proto);

	if (value != IR_NONE)
		return value;
	value = ir_new_inst(w->fn, proto.op, IR_I64);
	if (value == 0)
		return 0;
	for (uint32_t i = 0; i < 3; i++)
		w->fn->insts[value].args[i] = proto.args[i];
	w->fn->insts[value].wasm_offset = w->fn->insts[before].wasm_offset;
	ir_insert_before(w->fn, before, value);
	return value;
}

static void
replace(struct wide *w, uint32_t old, uint32_t value)
{
	ir_replace(w->fn, old, value);
	w->has_changed = true;
}

/* Whether the product of the upper halves is among the terms: *at says where. */
static bool
find_upper(const struct wide *w, const struct terms *terms, const struct product *product,
	   uint32_t *at)
{
	for (uint32_t i = 0; i < terms->count; i++) {
		const uint32_t *args = inst_of(w, terms->values[i])->args;

		*at = i;
		if (is_product(w, terms->values[i]) &&
		    ((args[0] == product->upper && args[1] == product->upper_b) ||
		     (args[1] == product->upper && args[0] == product->upper_b)))
			return true;
	}
	return false;
}

static bool
find_high_half(const struct wide *w, const struct terms *terms, uint32_t of, uint32_t *at)
{
	uint32_t value;

	for (*at = 0; *at < terms->count; ++*at)
		if (is_high_half(w, terms->values[*at], &value) && value == of)
			return true;
	return false;
}

/* A sum with the three terms of the upper half gets their sum as one. */
static void
visit_sum(struct wide *w, uint32_t sum)
{
	struct terms terms;
	struct product product;
	uint32_t middle, upper, other, value;

	collect_terms(w, sum, &terms);
	if (terms.count < 3 || terms.count > MAX_TERMS)
		return;
	for (uint32_t i = 0; i < terms.count; i++) {
		if (!is_high_half(w, terms.values[i], &middle) ||
		    !match_middle(w, middle, &product) || product.other == IR_NONE ||
		    !find_high_half(w, &terms, product.other, &other) ||
		    !find_upper(w, &terms, &product, &upper))
			continue;
		value = emit(w, sum, IR_MUL_HIGH_U, product.a, product.b);
		for (uint32_t k = 0; k < terms.count && w->fn->status == NB_OK; k++)
			if (k != i && k != other && k != upper)
				value = emit(w, sum, IR_ADD, value, terms.values[k]);
		replace(w, sum, value);
		return;
	}
}

static void
visit_shift(struct wide *w, uint32_t shift)
{
	struct product product;
	uint32_t middle;

	if (is_high_half(w, shift, &middle) && match_middle(w, middle, &product) &&
	    product.other == IR_NONE)
		replace(w, shift, emit(w, shift, IR_MUL_HIGH_U, product.a, product.b));
}

/* (middle << 32) | (low mod 2^32), also as a sum. */
static void
visit_low(struct wide *w, uint32_t join)
{
	struct product product;
	uint32_t middle, low;

	for (uint32_t i = 0; i < 2; i++) {
		const uint32_t *args = inst_of(w, join)->args;

		if (!is_with_constant(w, args[i], IR_SHL, HALF, &middle) ||
		    !is_low_half(w, args[1 - i], &low) || !match_middle(w, middle, &product) ||
		    product.low != low)
			continue;
		replace(w, join, emit(w, join, IR_MUL, product.a, product.b));
		return;
	}
}

static void
visit_inst(struct wide *w, uint32_t index)
{
	struct ir_inst *inst = &w->fn->insts[index];

	if (inst->type != IR_I64 ||
	    (inst->op != IR_ADD && inst->op != IR_OR && inst->op != IR_SHR_U))
		return;
	inst->args[0] = ir_resolve(w->fn, inst->args[0]);
	inst->args[1] = ir_resolve(w->fn, inst->args[1]);
	if (inst->op == IR_SHR_U) {
		visit_shift(w, index);
		return;
	}
	visit_low(w, index);
	if (is_sum(w, index))
		visit_sum(w, index);
}

/* Most functions have no product that anything of this could be. */
static bool
has_low_half_products(const struct wide *w)
{
	const struct ir_function *fn = w->fn;
	uint32_t products = 0;

	for (uint32_t i = 0; i < fn->inst_count && products < 2; i++)
		products += is_product(w, i);
	return products >= 2;
}

enum nb_status
pass_wide(struct ir_function *fn, struct pass_context *context)
{
	struct wide w = { .fn = fn };

	(void)context;
	if (!has_low_half_products(&w))
		return fn->status;
	for (uint32_t b = 0; b < fn->block_count; b++) {
		uint32_t next;

		for (uint32_t i = fn->blocks[b].first_inst; i != IR_NONE && ir_tick(fn, 1);
		     i = next) {
			next = fn->insts[i].next;
			visit_inst(&w, i);
		}
	}
	if (w.has_changed && fn->status == NB_OK)
		ir_resolve_all(fn);
	return fn->status;
}

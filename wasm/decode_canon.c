/*
 * Canonical types: within a module equal types get one number.
 *
 * Each function type is a recursion group of its own: it may refer to itself
 * and to types of lower index, and two types are equal if they are after their
 * references to themselves are set equal and others are replaced by canonical
 * indices (Core 3.0, section 3.2.1). So equal types have the same level, which
 * is one more than the greatest level they refer to; and once the lower levels
 * are numbered, the types of a level can be compared word by word. Sorting them
 * keeps the time at n log n whatever the input.
 */
#include "wasm/decoder.h"

#include "lib/sort.h"
#include "lib/string.h"

static int
compare_valtypes(const enum wasm_valtype *a, uint32_t a_count, const enum wasm_valtype *b,
		 uint32_t b_count)
{
	if (a_count != b_count)
		return a_count < b_count ? -1 : 1;
	return a_count == 0 ? 0 : memcmp(a, b, a_count * sizeof(*a));
}

struct sort_context {
	const struct wasm_functype *types;
	const uint32_t *levels;
	struct wasm_input *in; /* for wasm_input_tick */
};

/* Any total order that makes equal types neighbours. */
static bool
is_type_before(const void *context, uint32_t a, uint32_t b)
{
	const struct sort_context *sort = context;
	const struct wasm_functype *types = sort->types;
	int order = compare_valtypes(types[a].params, types[a].param_count, types[b].params,
				     types[b].param_count);

	if (order == 0)
		order = compare_valtypes(types[a].results, types[a].result_count, types[b].results,
					 types[b].result_count);
	wasm_input_tick(sort->in);
	return order < 0;
}

static bool
is_level_before(const void *context, uint32_t a, uint32_t b)
{
	const struct sort_context *sort = context;

	wasm_input_tick(sort->in);
	return sort->levels[a] < sort->levels[b];
}

/* The level that these parts of type `self` ask for. */
static uint32_t
level_of(const enum wasm_valtype *parts, uint32_t count, const uint32_t *levels, uint32_t self)
{
	uint32_t level = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t idx = wasm_valtype_type_idx(parts[i]);

		if (wasm_valtype_is_typed(parts[i]) && idx != self && levels[idx] >= level)
			level = levels[idx] + 1;
	}
	return level;
}

/* Fills in levels[]; returns the greatest. */
static uint32_t
find_levels(struct wasm_decoder *d, uint32_t *levels)
{
	const struct wasm_module *module = d->module;
	uint32_t greatest = 0;

	for (uint32_t i = 0; i < module->type_count; i++) {
		const struct wasm_functype *type = &module->types[i];
		uint32_t params = level_of(type->params, type->param_count, levels, i);
		uint32_t results = level_of(type->results, type->result_count, levels, i);

		wasm_input_tick(&d->in);
		levels[i] = params > results ? params : results;
		greatest = levels[i] > greatest ? levels[i] : greatest;
	}
	return greatest;
}

/* The decoder's own array behind a type's constant pointer. */
static enum wasm_valtype *
own_parts(const enum wasm_valtype *parts)
{
	return (enum wasm_valtype *)(uintptr_t)parts;
}

/* Numbers the types order[0..count), which are of one level; lower levels are
 * done. Their references to themselves become WASM_TYPE_IDX_SELF. `numbers` is
 * the canonical index of each type so far. */
static void
number_level(struct wasm_decoder *d, uint32_t *order, uint32_t *scratch, uint32_t count,
	     uint32_t *numbers)
{
	struct wasm_functype *types = d->module->types;
	struct sort_context sort = { .types = types, .in = &d->in };

	for (uint32_t i = 0; i < count; i++) {
		struct wasm_functype *type = &types[order[i]];

		wasm_input_tick(&d->in);
		wasm_valtypes_rename(own_parts(type->params), type->param_count, numbers, order[i]);
		wasm_valtypes_rename(own_parts(type->results), type->result_count, numbers,
				     order[i]);
	}
	sort_indices(order, scratch, count, is_type_before, &sort);
	for (uint32_t i = 0; i < count; i++) {
		bool leads = i == 0 || !wasm_functype_equal(&types[order[i - 1]], &types[order[i]]);

		if (leads)
			types[order[i]].canonical_idx = order[i];
		else
			types[order[i]] = types[order[i - 1]];
		numbers[order[i]] = types[order[i]].canonical_idx;
	}
}

static void
name_itself(const enum wasm_valtype *parts, uint32_t count, uint32_t self)
{
	for (uint32_t i = 0; i < count; i++) {
		if (wasm_valtype_is_typed(parts[i]) &&
		    wasm_valtype_type_idx(parts[i]) == WASM_TYPE_IDX_SELF)
			own_parts(parts)[i] =
				wasm_valtype_typed(self, wasm_valtype_is_nullable(parts[i]));
	}
}

/* Both block types that return a reference to one type. */
struct ref_blocks {
	struct wasm_functype blocks[2]; /* by nullability */
	enum wasm_valtype results[2];
};

/* Replaces WASM_TYPE_IDX_SELF and sets ref_blocks. */
static void
finish_types(struct wasm_decoder *d, uint32_t leader_count)
{
	struct wasm_functype *types = d->module->types;
	struct ref_blocks *next = arena_new_array(d->arena, struct ref_blocks, leader_count);

	if (!next) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	for (uint32_t i = 0; i < d->module->type_count; i++) {
		uint32_t leader = types[i].canonical_idx;

		wasm_input_tick(&d->in);
		if (leader != i) {
			types[i].ref_blocks = types[leader].ref_blocks;
			continue;
		}
		name_itself(types[i].params, types[i].param_count, i);
		name_itself(types[i].results, types[i].result_count, i);
		for (unsigned nullable = 0; nullable < 2; nullable++) {
			next->results[nullable] = wasm_valtype_typed(i, nullable);
			next->blocks[nullable] = (struct wasm_functype){
				.results = &next->results[nullable],
				.result_count = 1,
				.canonical_idx = WASM_NO_INDEX,
			};
		}
		types[i].ref_blocks = next->blocks;
		next++;
	}
}

void
wasm_decode_canonical_types(struct wasm_decoder *d)
{
	struct wasm_functype *types = d->module->types;
	uint32_t count = d->module->type_count;
	struct arena_mark mark = arena_mark_get(d->arena);
	uint32_t *order = arena_new_array(d->arena, uint32_t, count);
	uint32_t *scratch = arena_new_array(d->arena, uint32_t, count);
	uint32_t *levels = arena_new_array(d->arena, uint32_t, count);
	uint32_t *numbers = arena_new_array(d->arena, uint32_t, count);
	struct sort_context sort = { types, levels, &d->in };
	uint32_t leader_count = 0;

	if (!order || !scratch || !levels || !numbers) {
		wasm_input_fail_memory(&d->in);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	if (find_levels(d, levels) > 0)
		sort_indices(order, scratch, count, is_level_before, &sort);
	for (uint32_t i = 0, end; i < count; i = end) {
		for (end = i + 1; end < count && levels[order[end]] == levels[order[i]];)
			end++;
		number_level(d, order + i, scratch, end - i, numbers);
	}
	for (uint32_t i = 0; i < count; i++)
		leader_count += types[i].canonical_idx == i;
	arena_release(d->arena, mark);
	if (wasm_input_has_feature(d->module, WASM_FEATURE_FUNCTION_REFERENCES))
		finish_types(d, leader_count);
}

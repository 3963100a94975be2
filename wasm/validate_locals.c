/*
 * Validation of function bodies: the types of locals, and which of those
 * without a default value have been assigned.
 */
#include "wasm/validate.h"

#include "lib/bitset.h"
#include "wasm/limits.h"
#include "wasm/reader.h"

enum wasm_valtype
wasm_validate_far_local(const struct wasm_validator *v, uint32_t idx)
{
	uint32_t low = 0;
	uint32_t high = v->spans.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (idx < v->spans.items[middle].end)
			high = middle;
		else
			low = middle + 1;
	}
	return v->spans.items[low].type;
}

void
wasm_validate_unassign(struct wasm_validator *v, uint32_t count)
{
	while (v->assigned.count > count)
		bitset_remove(v->assigned_set, v->assigned.items[--v->assigned.count]);
}

void
wasm_validate_track_local(struct wasm_validator *v, uint32_t idx)
{
	uint32_t *newest;

	if (idx < v->param_count || bitset_has(v->assigned_set, idx))
		return;
	if (v->op == WASM_OP_LOCAL_GET) {
		wasm_input_fail(&v->in, NB_INVALID, v->at, "uninitialized local %u (local.get)",
				idx);
		return;
	}
	newest = vec_push(v->arena, &v->assigned);
	if (!newest) {
		wasm_input_fail_memory(&v->in);
		return;
	}
	*newest = idx;
	bitset_add(v->assigned_set, idx);
}

/* Notes `count` more locals of `type`, which come behind *end. */
static void
add_locals(struct wasm_validator *v, uint32_t *end, uint32_t count, enum wasm_valtype type)
{
	struct wasm_local_span *span;

	for (uint32_t i = 0; i < count && *end + i < WASM_LOCALS_DIRECT; i++)
		v->direct[*end + i] = type;
	*end += count;
	if (!wasm_valtype_is_defaultable(type) && !v->assigned_set) {
		v->assigned_set =
			arena_new_array(v->arena, uint64_t, bitset_words(WASM_LIMIT_LOCALS));
		if (!v->assigned_set)
			wasm_input_fail_memory(&v->in);
	}
	if (count == 0 || *end <= WASM_LOCALS_DIRECT)
		return;
	span = vec_push(v->arena, &v->spans);
	if (span)
		*span = (struct wasm_local_span){ *end, type };
	else
		wasm_input_fail_memory(&v->in);
}

void
wasm_validate_set_locals(struct wasm_validator *v, const struct wasm_functype *type,
			 const struct wasm_code *code)
{
	struct wasm_locals locals = wasm_locals_begin(v->module, code);
	struct wasm_local_run run;
	uint32_t end = 0;

	v->spans.count = 0;
	v->local_count = code->local_count;
	v->param_count = type->param_count;
	wasm_validate_unassign(v, 0);
	for (uint32_t i = 0; i < type->param_count; i++)
		add_locals(v, &end, 1, type->params[i]);
	while (wasm_locals_next(&locals, &run))
		add_locals(v, &end, run.count, run.type);
	v->direct_count = 0;
	while (v->direct_count < end && v->direct_count < WASM_LOCALS_DIRECT &&
	       wasm_valtype_is_defaultable(v->direct[v->direct_count]))
		v->direct_count++;
}

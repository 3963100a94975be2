/*
 * Calls from C: values to places and back.
 */
#include "runtime/invoke.h"

#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "lib/string.h"
#include "runtime/signature.h"

enum { AREA_SLOTS_INLINE = 16 };

/* The words of a place; a vector uses two. */
static uint64_t *
place_words(struct guest_call *call, struct nb_place place, uint32_t gpr_ordinal)
{
	switch (place.kind) {
	case NB_PLACE_GPR:
		return &call->gpr[gpr_ordinal];
	case NB_PLACE_XMM:
		return (uint64_t *)(void *)call->xmm[place.index];
	case NB_PLACE_SLOT:
		break;
	}
	return &call->area[place.index];
}

static void
store_arguments(struct guest_call *call, const struct wasm_functype *type,
		const struct runtime_value *arguments)
{
	struct nb_placement placement = { 0 };

	for (uint32_t i = 0; i < type->param_count; i++) {
		enum nb_value_class value_class = signature_class(type->params[i]);
		uint32_t ordinal = placement.ints;
		struct nb_place place = nb_place_argument(&placement, value_class);
		memcpy(place_words(call, place, ordinal), arguments[i].bits,
		       value_class == NB_CLASS_VECTOR ? 16 : 8);
	}
}

static void
load_results(struct guest_call *call, const struct wasm_functype *type,
	     struct runtime_value *results)
{
	struct nb_placement placement = { 0 };

	for (uint32_t i = 0; i < type->result_count; i++) {
		enum nb_value_class value_class = signature_class(type->results[i]);
		uint32_t ordinal = placement.ints;
		struct nb_place place = nb_place_result(&placement, value_class);
		results[i] = (struct runtime_value){ 0 };
		memcpy(results[i].bits, place_words(call, place, ordinal),
		       value_class == NB_CLASS_VECTOR ? 16 : 8);
		/* The upper half of a 32-bit value is unspecified. */
		if (type->results[i] != WASM_I64 && type->results[i] != WASM_F64 &&
		    value_class != NB_CLASS_VECTOR)
			results[i].bits[0] = (uint32_t)results[i].bits[0];
	}
}

enum nb_trap
runtime_invoke(struct store *store, const struct nb_callee *callee,
	       const struct runtime_value *arguments, struct runtime_value *results)
{
	const struct wasm_functype *type = store_type_of(store, callee->signature);
	uint64_t area[AREA_SLOTS_INLINE] = { 0 };
	struct guest_call call = { .area = area };
	void *pages = NULL;
	size_t size = 0;

	call.area_slots = signature_area_slots(type);
	if (call.area_slots > AREA_SLOTS_INLINE) {
		size = (call.area_slots * sizeof(uint64_t) + PORT_PAGE_BYTES - 1) &
		       ~(size_t)(PORT_PAGE_BYTES - 1);
		if (port_pages_get(size, &pages) != NB_OK)
			return NB_TRAP_OUT_OF_MEMORY;
		call.area = pages;
	}
	store_arguments(&call, type, arguments);
	enum nb_trap trap = guest_enter(store->thread, callee, &call);
	if (trap == NB_TRAP_NONE)
		load_results(&call, type, results);
	if (pages)
		port_pages_put(pages, size);
	return trap;
}

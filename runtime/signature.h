/*
 * From WebAssembly types to the calling convention: places and areas.
 */
#ifndef RUNTIME_SIGNATURE_H
#define RUNTIME_SIGNATURE_H

#include "abi/code_contract.h"
#include "wasm/types.h"

/* How values of `type` travel; references are integers. */
static inline enum nb_value_class
signature_class(enum wasm_valtype type)
{
	if (type == WASM_F32 || type == WASM_F64)
		return NB_CLASS_FLOAT;
	return type == WASM_V128 ? NB_CLASS_VECTOR : NB_CLASS_INT;
}

/* Slots of the incoming-argument area of `type`. */
static inline uint32_t
signature_area_slots(const struct wasm_functype *type)
{
	struct nb_placement arguments = { 0 }, results = { 0 };

	for (uint32_t i = 0; i < type->param_count; i++)
		(void)nb_place_argument(&arguments, signature_class(type->params[i]));
	for (uint32_t i = 0; i < type->result_count; i++)
		(void)nb_place_result(&results, signature_class(type->results[i]));
	return nb_area_slots(&arguments, &results);
}

#endif

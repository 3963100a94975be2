/*
 * Making instances.
 */
#include "runtime/instance.h"

#include "kernel/port/guest.h"
#include "lib/string.h"
#include "runtime/instance_internal.h"
#include "runtime/link.h"
#include "runtime/segment.h"
#include "runtime/template.h"

/* Between two looks at who else wants to run. */
enum {
	PIECE_BYTES = 256 * 1024,
	STEPS_MOST = 64, /* of constant expressions */
};

/* ---- looking into a vmctx ---- */

const uint32_t *
instance_signatures(const struct instance *instance)
{
	return instance_type_slots(instance);
}

const struct nb_callee *
instance_function(const struct instance *instance, uint32_t func_idx)
{
	return &instance->store->callees[instance->vmctx->reference_base + func_idx];
}

uint32_t
instance_reference(const struct instance *instance, uint32_t func_idx)
{
	return instance->vmctx->reference_base + func_idx;
}

uint64_t *
instance_global(const struct instance *instance, uint32_t idx)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	uint64_t *slot = instance_global_slot(instance, idx);

	if (idx < wasm->global_import_count && wasm->globals[idx].type.is_mutable)
		return (uint64_t *)(uintptr_t)*slot;
	return slot;
}

struct runtime_extern
instance_extern(const struct instance *instance, enum wasm_extern_kind kind, uint32_t idx)
{
	struct runtime_extern result = { .kind = kind };

	switch (kind) {
	case WASM_EXTERN_FUNC:
		result.func = *instance_function(instance, idx);
		break;
	case WASM_EXTERN_TABLE:
		result.table = instance->tables[idx];
		break;
	case WASM_EXTERN_MEMORY:
		result.memory = instance->memories[idx];
		break;
	case WASM_EXTERN_GLOBAL:
		result.global = (struct runtime_global){
			instance->module->wasm.globals[idx].type,
			instance_global(instance, idx),
		};
		result.global.type.type =
			store_valtype(instance_type_slots(instance), result.global.type.type);
		break;
	case WASM_EXTERN_TAG:
		break;
	}
	return result;
}

bool
instance_export(const struct instance *instance, const char *name, size_t len,
		struct runtime_extern *out)
{
	const struct wasm_export *export =
		wasm_module_find_export(&instance->module->wasm, name, len);

	if (!export)
		return false;
	*out = instance_extern(instance, export->kind, export->idx);
	return true;
}

/* ---- creation ---- */

/* Zeroed, of any size. Gives way. */
static void *
allocate_context(struct arena *arena, size_t size)
{
	uint8_t *context = arena_alloc(arena, size, 64);

	if (!context)
		return NULL;
	for (size_t at = 0; at < size; at += PIECE_BYTES) {
		if (at)
			kernel_relax();
		memset(context + at, 0, size - at < PIECE_BYTES ? size - at : PIECE_BYTES);
	}
	return context;
}

enum nb_status
instance_allocate(struct store *store, const struct code_module *module, struct instance **out)
{
	const struct wasm_module *wasm = &module->wasm;
	struct arena *arena = &store->arena;
	struct nb_vmctx_counts counts = {
		.globals = wasm->global_count,
		.tables = wasm->table_count,
		.memories = wasm->memory_count,
		.imports = wasm->func_import_count,
		.types = wasm->type_count,
	};
	struct instance *instance = arena_new(arena, struct instance);

	if (!instance)
		return NB_OUT_OF_MEMORY;
	if (module->image.function_count != wasm->func_count - wasm->func_import_count)
		return NB_INTERNAL;
	if (!nb_vmctx_layout_compute(&counts, &instance->layout))
		return NB_LIMIT_EXCEEDED;
	instance->store = store;
	instance->module = module;
	instance->vmctx = allocate_context(arena, instance->layout.size);
	instance->memories = arena_new_array(arena, struct runtime_memory *, wasm->memory_count);
	instance->tables = arena_new_array(arena, struct runtime_table *, wasm->table_count);
	instance->dropped_elems = arena_new_array(arena, uint64_t, (wasm->elem_count + 63) / 64);
	instance->dropped_datas = arena_new_array(arena, uint64_t, (wasm->data_count + 63) / 64);
	if (!instance->vmctx || !instance->memories || !instance->tables ||
	    !instance->dropped_elems || !instance->dropped_datas)
		return NB_OUT_OF_MEMORY;
	instance->vmctx->instance = instance;
	instance->vmctx->thread = store->thread;
	instance->vmctx->references = &store->references;
	instance->vmctx->tail = (uint64_t)(uintptr_t)guest_tail_stub;
	instance->vmctx->tail_grow = (uint64_t)(uintptr_t)guest_tail_grow_stub;
	memcpy(instance->vmctx->builtins, guest_builtin_table, sizeof(instance->vmctx->builtins));
	*out = instance;
	return NB_OK;
}

/* The callee behind the reference to function `func_idx`. */
static struct nb_callee *
reference_slot(const struct instance *instance, uint32_t func_idx)
{
	return &instance->store->callees[instance->vmctx->reference_base + func_idx];
}

/* An imported function gets a reference of this instance, so that those of all
 * its functions are consecutive. */
static void
bind_function(struct instance *instance, uint32_t idx, const struct nb_callee *callee)
{
	struct nb_callee *slot = instance_import_slot(instance, idx);

	*slot = *callee;
	slot->reference = instance->vmctx->reference_base + idx;
	*reference_slot(instance, idx) = *slot;
}

static void
bind_global(struct instance *instance, uint32_t idx, const struct runtime_global *global)
{
	uint64_t *slot = instance_global_slot(instance, idx);

	if (global->type.is_mutable) {
		slot[0] = (uint64_t)(uintptr_t)global->cell;
	} else {
		slot[0] = global->cell[0];
		slot[1] = global->cell[1];
	}
}

static enum nb_status
bind(struct instance *instance, const struct wasm_import *import,
     const struct runtime_extern *given)
{
	switch (import->kind) {
	case WASM_EXTERN_FUNC:
		bind_function(instance, import->idx, &given->func);
		break;
	case WASM_EXTERN_TABLE:
		instance->tables[import->idx] = given->table;
		break;
	case WASM_EXTERN_MEMORY:
		instance->memories[import->idx] = given->memory;
		break;
	case WASM_EXTERN_GLOBAL:
		bind_global(instance, import->idx, &given->global);
		break;
	case WASM_EXTERN_TAG:
		return NB_NOT_SUPPORTED;
	}
	return NB_OK;
}

enum nb_status
instance_link_import(struct instance *instance, const struct wasm_import *import,
		     instance_resolve *resolve, void *context, struct diag *diag)
{
	struct runtime_extern given = { 0 };
	enum nb_status status = resolve(context, instance, import, &given);

	if (status == NB_NOT_FOUND)
		return link_unknown(import, diag);
	if (status == NB_OK)
		status = link_check(instance, import, &given, diag);
	return status == NB_OK ? bind(instance, import, &given) : status;
}

static enum nb_status
link_imports(struct instance *instance, instance_resolve *resolve, void *context, struct diag *diag)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < wasm->import_count && status == NB_OK; i++)
		status = instance_link_import(instance, &wasm->imports[i], resolve, context, diag);
	return status;
}

static void
define_functions(struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	const struct nb_code_image *image = &instance->module->image;
	struct nb_callee *callee = reference_slot(instance, wasm->func_import_count);
	for (uint32_t i = 0; i < image->function_count; i++, callee++) {
		uint32_t type = wasm->func_types[wasm->func_import_count + i];
		callee->code = (uint64_t)(uintptr_t)image->code + image->functions[i].code_offset;
		callee->vmctx = (uint64_t)(uintptr_t)instance->vmctx;
		callee->signature = instance_type_slots(instance)[type];
		callee->cross = (uint64_t)(uintptr_t)guest_cross_stub;
		store_give_way(i);
	}
}

static enum nb_status
define_memories(struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	struct nb_vmctx *vmctx = instance->vmctx;
	enum nb_status status = NB_OK;

	for (uint32_t i = wasm->memory_import_count; i < wasm->memory_count; i++) {
		const struct code_module *module = instance->module;

		status = store_memory_create_from(instance->store, &wasm->memories[i],
						  i == 0 && module->has_data ? &module->data : NULL,
						  &instance->memories[i]);
		if (status != NB_OK)
			return status;
	}
	for (uint32_t i = 0; i < wasm->memory_count; i++) {
		struct runtime_memory *memory = instance->memories[i];
		struct nb_vmctx_memory *entries =
			instance_vmctx_at(instance, instance->layout.memories);
		entries[i] = (struct nb_vmctx_memory){ .base = memory->desc.base,
						       .desc = &memory->desc,
						       .bound = memory->bound };
	}
	if (wasm->memory_count) {
		vmctx->memory = &instance->memories[0]->desc;
		vmctx->memory_base = vmctx->memory->base;
		return NB_OK;
	}
	status = store_guard_slot(instance->store, &vmctx->memory_base);
	vmctx->memory = &instance->store->no_memory;
	return status;
}

static enum nb_status
define_tables(struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;

	for (uint32_t i = wasm->table_import_count; i < wasm->table_count; i++) {
		struct wasm_table_type type = wasm->tables[i];
		enum nb_status status;

		type.type = store_valtype(instance_type_slots(instance), type.type);
		status = store_table_create(instance->store, &type, &instance->tables[i]);
		if (status != NB_OK)
			return status;
	}
	for (uint32_t i = 0; i < wasm->table_count; i++) {
		uint64_t *pair = instance_table_slot(instance, i);
		pair[0] = instance->tables[i]->desc.base;
		pair[1] = (uint64_t)(uintptr_t)&instance->tables[i]->desc;
	}
	return NB_OK;
}

static uint64_t
read_global(const void *context, uint32_t global_idx)
{
	return *instance_global(context, global_idx);
}

static void
evaluate(const struct instance *instance, const struct wasm_init_expr *init, uint64_t out[2])
{
	const uint64_t *global;

	out[0] = out[1] = 0;
	switch (init->kind) {
	case WASM_INIT_CONST:
		out[0] = init->bits[0];
		out[1] = init->bits[1];
		break;
	case WASM_INIT_GLOBAL_GET:
		global = instance_global(instance, init->idx);
		out[0] = global[0];
		out[1] = global[1];
		break;
	case WASM_INIT_REF_FUNC:
		out[0] = instance_reference(instance, init->idx);
		break;
	case WASM_INIT_PROGRAM:
		out[0] = wasm_init_run(init, read_global, instance);
		if (init->step_count > STEPS_MOST)
			kernel_relax();
		break;
	case WASM_INIT_REF_NULL:
		break;
	}
}

void
instance_set_globals(const struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;

	for (uint32_t i = wasm->global_import_count; i < wasm->global_count; i++) {
		evaluate(instance, &wasm->globals[i].init, instance_global_slot(instance, i));
		store_give_way(i);
	}
}

void
instance_fill_tables(const struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	uint64_t value[2];

	for (uint32_t i = wasm->table_import_count; i < wasm->table_count; i++) {
		struct runtime_table *table = instance->tables[i];
		if (wasm->table_inits[i].kind == WASM_INIT_REF_NULL)
			continue;
		evaluate(instance, &wasm->table_inits[i], value);
		for (uint32_t k = 0; k < table->desc.length; k++) {
			(void)runtime_table_set(table, k, (uint32_t)value[0]);
			store_give_way(k);
		}
	}
}

void
instance_enter(struct instance *instance)
{
	struct store *store = instance->store;

	instance->ordinal = store->instance_count++;
	instance->next = store->instances;
	store->instances = instance;
}

static enum nb_status
create(struct store *store, const struct code_module *module, instance_resolve *resolve,
       void *context, struct diag *diag, struct instance **out)
{
	const struct wasm_module *wasm = &module->wasm;
	struct instance *instance;
	enum nb_status status = instance_allocate(store, module, &instance);

	if (status == NB_OK)
		status = store_types_adopt(store, &module->types, wasm,
					   instance_type_slots(instance));
	if (status == NB_OK)
		status = store_references_take(store, wasm->func_count,
					       &instance->vmctx->reference_base);
	if (status == NB_OK)
		status = link_imports(instance, resolve, context, diag);
	if (status == NB_OK) {
		define_functions(instance);
		status = define_memories(instance);
	}
	if (status == NB_OK)
		status = define_tables(instance);
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "cannot instantiate: %s",
				   nb_status_text(status));
	instance_set_globals(instance);
	instance_fill_tables(instance);
	instance_enter(instance);
	*out = instance;
	return NB_OK;
}

enum nb_status
instance_create(struct store *store, const struct code_module *module, instance_resolve *resolve,
		void *context, struct diag *diag, struct instance **out)
{
	struct store_mark mark;
	enum nb_status status;

	if (template_fits(module, store))
		return template_copy(store, module, resolve, context, diag, out);
	store_mark_get(store, &mark);
	status = create(store, module, resolve, context, diag, out);
	if (status != NB_OK)
		store_rollback(store, &mark);
	return status;
}

/* Where an active segment goes. */
static uint64_t
segment_offset(const struct instance *instance, const struct wasm_init_expr *offset,
	       const struct wasm_limits *limits)
{
	uint64_t value[2];

	evaluate(instance, offset, value);
	return limits->is_64 ? value[0] : (uint32_t)value[0];
}

enum nb_trap
instance_apply_elems(struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	enum nb_trap trap = NB_TRAP_NONE;
	uint64_t to;

	for (uint32_t i = 0; i < wasm->elem_count && trap == NB_TRAP_NONE; i++) {
		const struct wasm_elem_segment *elem = &wasm->elems[i];
		if (elem->mode == WASM_SEGMENT_PASSIVE)
			continue;
		if (elem->mode == WASM_SEGMENT_ACTIVE) {
			to = segment_offset(instance, &elem->offset,
					    &wasm->tables[elem->table_idx].limits);
			struct segment_range range = { to, 0, elem->item_count };
			trap = segment_table_apply(instance, i, elem->table_idx, &range);
		}
		if (trap == NB_TRAP_NONE)
			segment_elem_drop(instance, i);
		store_give_way(i);
	}
	return trap;
}

/* One active segment; with an image its bytes are there already. */
static enum nb_trap
apply_data(struct instance *instance, uint32_t i)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	const struct wasm_data_segment *data = &wasm->datas[i];
	uint64_t to;

	if (instance->module->has_data)
		return NB_TRAP_NONE;
	to = segment_offset(instance, &data->offset, &wasm->memories[data->memory_idx].limits);
	struct segment_range range = { to, 0, data->bytes_len };
	return segment_memory_apply(instance, i, data->memory_idx, &range);
}

enum nb_trap
instance_initialize(struct instance *instance)
{
	const struct wasm_module *wasm = &instance->module->wasm;
	enum nb_trap trap;

	if (instance->is_initialized)
		return NB_TRAP_NONE;
	trap = instance_apply_elems(instance);
	for (uint32_t i = 0; i < wasm->data_count && trap == NB_TRAP_NONE; i++) {
		if (wasm->datas[i].mode == WASM_SEGMENT_PASSIVE)
			continue;
		trap = apply_data(instance, i);
		if (trap == NB_TRAP_NONE)
			segment_data_drop(instance, i);
		store_give_way(i);
	}
	return trap;
}

const struct nb_callee *
instance_start(const struct instance *instance)
{
	uint32_t func_idx = instance->module->wasm.start_func_idx;

	return func_idx == WASM_NO_INDEX ? NULL : instance_function(instance, func_idx);
}

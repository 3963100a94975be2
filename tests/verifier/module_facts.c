#include "tests/verifier/module_facts.h"

#include "lib/manifest.h"
#include "runtime/signature.h"

#include <stdlib.h>

static uint16_t *
areas_of(const struct wasm_module *module, const uint32_t *types, uint32_t count,
	 struct arena *arena)
{
	uint16_t *areas = arena_new_array(arena, uint16_t, count + 1);

	for (uint32_t i = 0; i < count; i++)
		areas[i] = (uint16_t)signature_area_slots(&module->types[types ? types[i] : i]);
	return areas;
}

static void
port_facts(const struct wasm_module *module, struct arena *arena, struct verifier_facts *out)
{
	const struct wasm_custom *custom = wasm_module_find_custom(module, NB_MANIFEST_SECTION);
	struct manifest *manifest = arena_new_array(arena, struct manifest, 1);
	struct manifest_error error;

	if (!custom || manifest_parse((const char *)module->bytes + custom->offset, custom->len,
				      manifest, &error) != NB_OK)
		return;
	out->ports = manifest->ports;
	out->port_count = manifest->counts[NB_MANIFEST_PORT];
}

void
module_facts(const struct wasm_module *module, uint32_t cpu_features, struct arena *arena,
	     struct verifier_facts *out)
{
	uint32_t imports = module->func_import_count;
	uint8_t *globals = arena_new_array(arena, uint8_t, module->global_count + 1);
	uint8_t *tables = arena_new_array(arena, uint8_t, module->table_count + 1);

	*out = (struct verifier_facts){
		.counts = { .globals = module->global_count,
			    .tables = module->table_count,
			    .memories = module->memory_count,
			    .imports = imports,
			    .types = module->type_count },
		.cpu_features = cpu_features,
		.function_count = module->func_count - imports,
		.function_areas = areas_of(module, module->func_types + imports,
					   module->func_count - imports, arena),
		.import_areas = areas_of(module, module->func_types, imports, arena),
		.type_areas = areas_of(module, NULL, module->type_count, arena),
		.globals = globals,
		.tables = tables,
	};
	for (uint32_t i = 0; i < module->global_count; i++) {
		globals[i] = VERIFIER_GLOBAL_CONSTANT;
		if (module->globals[i].type.is_mutable)
			globals[i] = i < module->global_import_count ? VERIFIER_GLOBAL_CELL
								     : VERIFIER_GLOBAL_VARIABLE;
	}
	for (uint32_t i = 0; i < module->table_count; i++)
		tables[i] = wasm_valtype_is_func_ref(module->tables[i].type) ? NB_TABLE_FUNCTIONS
									     : NB_TABLE_EXTERNS;
	port_facts(module, arena, out);
	if (!nb_vmctx_layout_compute(&out->counts, &out->layout))
		abort();
}

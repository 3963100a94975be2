/*
 * Making templates, and copies of them.
 */
#include "runtime/template.h"

#include "lib/string.h"
#include "runtime/instance_internal.h"
#include "runtime/segment.h"

enum {
	MODEL_BYTES = 8 * 1024, /* of the places where an instance is made to be compared */
	BLOCK_ALIGN = 64,	/* of the block that is copied */
	FUNCTIONS_MOST = 63,	/* so that references lie in the store's arena, */
	ENTRIES_MOST = 128,	/* and tables' entries, too */
};

struct template
{
	const uint8_t *bytes; /* the block; addresses in it are counted from its start, or from
			       * the store's */
	const uint16_t *block_words; /* where in it such addresses are: of the block, */
	const uint16_t *store_words; /* of the store */
	const uint32_t *pending;     /* imports that depend on the process */
	uint32_t size, block_count, store_count, pending_count;
	/* Where in the block the store's things begin. */
	uint32_t callees_at, instance_at, memories_at, tables_at;
	struct store store; /* the rest of what an instance changes there */
};

/* ---- making ---- */

/* An import for which the process must be known. */
struct probing {
	instance_resolve *resolve;
	void *context;
	uint32_t *pending; /* room for all */
	uint32_t pending_count;
};

static enum nb_status
probe(void *context, const struct instance *instance, const struct wasm_import *import,
      struct runtime_extern *out)
{
	struct probing *probing = context;
	const struct wasm_module *wasm = &instance->module->wasm;
	enum nb_status status = probing->resolve(probing->context, instance, import, out);

	if (status != NB_NOT_FOUND)
		return status;
	probing->pending[probing->pending_count++] = (uint32_t)(import - wasm->imports);
	*out = (struct runtime_extern){ .kind = WASM_EXTERN_FUNC };
	out->func.signature = instance_signatures(instance)[wasm->func_types[import->idx]];
	return NB_OK;
}

/* Whether all of an instance but its memories can lie in one small block. */
static bool
is_small(const struct wasm_module *wasm)
{
	if (wasm->func_count > FUNCTIONS_MOST || wasm->import_count != wasm->func_import_count ||
	    wasm->global_count > MODEL_BYTES / 64 || wasm->elem_count > MODEL_BYTES / 64 ||
	    wasm->data_count > MODEL_BYTES / 64)
		return false;
	for (uint32_t i = 0; i < wasm->table_count; i++) {
		const struct wasm_limits *limits = &wasm->tables[i].limits;

		if (!limits->has_max || limits->max > ENTRIES_MOST || limits->min > limits->max)
			return false;
	}
	return true;
}

static bool
has_active_data(const struct wasm_module *wasm)
{
	for (uint32_t i = 0; i < wasm->data_count; i++) {
		if (wasm->datas[i].mode != WASM_SEGMENT_PASSIVE)
			return true;
	}
	return false;
}

/* The only chunk of a model's arena. */
static void *
chunk_get(void *context, size_t size)
{
	void **chunk = context, *given = *chunk;

	*chunk = NULL;
	return size <= MODEL_BYTES ? given : NULL;
}

static void
chunk_put(void *context, void *chunk, size_t size)
{
	(void)size;
	*(void **)context = chunk;
}

/* Applies what each copy will have applied already, if that is possible. */
static bool
settle(struct instance *instance, const struct probing *probing)
{
	const struct code_module *module = instance->module;

	/* What depends on other imports, or has to be copied, is done for each copy. */
	if (probing->pending_count || (has_active_data(&module->wasm) && !module->has_data))
		return true;
	if (instance_initialize(instance) != NB_TRAP_NONE)
		return false;
	instance->is_initialized = true;
	return true;
}

/* An instance at a place of MODEL_BYTES. */
struct model {
	uint8_t *place;
	struct store *store;
	size_t size; /* from the start of the block, BLOCK_ALIGN behind that of the place */
};

static bool
make_model(const struct code_module *module, struct probing *probing, struct model *model)
{
	void *chunk = model->place;
	const struct arena_source source = { chunk_get, chunk_put, &chunk };
	struct store *store = model->store;
	struct instance *instance;
	struct diag diag;
	bool is_made;

	diag_init(&diag);
	memset(model->place, 0, MODEL_BYTES);
	store_init(store, &source, MODEL_BYTES, NULL);
	store->arena.first_bytes = MODEL_BYTES;
	store->is_model = true;
	probing->pending_count = 0;
	is_made = arena_alloc(&store->arena, 1, BLOCK_ALIGN) == model->place + BLOCK_ALIGN &&
		  instance_create(store, module, probe, probing, &diag, &instance) == NB_OK &&
		  store->types_are_shared && settle(instance, probing);
	model->size = (size_t)(store->arena.next - model->place) - BLOCK_ALIGN;
	arena_reset(&store->arena);
	return is_made;
}

/* What two models have in common, and in which words they differ. */
struct comparison {
	uint64_t block, other_block, store, other_store;
	uint64_t *words; /* of the first model; addresses are made relative */
	const uint64_t *other_words;
	uint16_t *block_words, *store_words;
	uint32_t block_count, store_count;
};

static bool
compare_word(struct comparison *c, uint32_t i)
{
	uint64_t difference = c->other_words[i] - c->words[i];

	if (difference == 0)
		return true;
	if (difference == c->other_block - c->block) {
		c->words[i] -= c->block;
		c->block_words[c->block_count++] = (uint16_t)(8 * i);
		return true;
	}
	if (difference == c->other_store - c->store) {
		c->words[i] -= c->store;
		c->store_words[c->store_count++] = (uint16_t)(8 * i);
		return true;
	}
	return false;
}

/* Takes over what was found, in the module's arena. */
static struct template *
keep(struct arena *arena, const struct comparison *c, const struct probing *probing,
     const struct model *model)
{
	struct template *template = arena_new(arena, struct template);
	uint8_t *bytes = arena_alloc(arena, model->size, BLOCK_ALIGN);
	uint16_t *block_words = arena_new_array(arena, uint16_t, c->block_count);
	uint16_t *store_words = arena_new_array(arena, uint16_t, c->store_count);
	uint32_t *pending = arena_new_array(arena, uint32_t, probing->pending_count);
	const struct store *store = model->store;
	uint64_t block = c->block;

	if (!template || !bytes || !block_words || !store_words || !pending)
		return NULL;
	memcpy(bytes, c->words, model->size);
	memcpy(block_words, c->block_words, c->block_count * sizeof *block_words);
	memcpy(store_words, c->store_words, c->store_count * sizeof *store_words);
	memcpy(pending, probing->pending, probing->pending_count * sizeof *pending);
	*template = (struct template){
		.bytes = bytes,
		.block_words = block_words,
		.store_words = store_words,
		.pending = pending,
		.size = (uint32_t)model->size,
		.block_count = c->block_count,
		.store_count = c->store_count,
		.pending_count = probing->pending_count,
		.callees_at = (uint32_t)((uintptr_t)store->callees - block),
		.instance_at = (uint32_t)((uintptr_t)store->instances - block),
		.memories_at = (uint32_t)((uintptr_t)store->memories - block),
		.tables_at = (uint32_t)((uintptr_t)store->tables - block),
		.store = *store,
	};
	return template;
}

static struct template *
compare(struct code_module *module, const struct probing *probing, const struct model models[2])
{
	struct comparison c = {
		.block = (uint64_t)(uintptr_t)models[0].place + BLOCK_ALIGN,
		.other_block = (uint64_t)(uintptr_t)models[1].place + BLOCK_ALIGN,
		.store = (uint64_t)(uintptr_t)models[0].store,
		.other_store = (uint64_t)(uintptr_t)models[1].store,
		.words = (uint64_t *)(void *)(models[0].place + BLOCK_ALIGN),
		.other_words = (const uint64_t *)(const void *)(models[1].place + BLOCK_ALIGN),
		.block_words = (uint16_t *)(void *)(models[0].place + MODEL_BYTES),
		.store_words = (uint16_t *)(void *)(models[1].place + MODEL_BYTES),
	};

	if (models[0].size != models[1].size || c.other_block - c.block == c.other_store - c.store)
		return NULL;
	for (uint32_t i = 0; i < models[0].size / 8; i++) {
		if (!compare_word(&c, i))
			return NULL;
	}
	return keep(&module->arena, &c, probing, &models[0]);
}

static struct template *
make(struct code_module *module, struct probing *probing, struct store *const stores[2],
     struct arena *scratch)
{
	struct model models[2];

	probing->pending = arena_new_array(scratch, uint32_t, module->wasm.import_count);
	for (int i = 0; i < 2; i++) {
		models[i].store = stores[i];
		/* With room for the numbers of words. */
		models[i].place =
			arena_alloc(scratch, MODEL_BYTES + MODEL_BYTES / 4, PORT_PAGE_BYTES);
	}
	if (!probing->pending || !models[0].place || !models[1].place ||
	    !make_model(module, probing, &models[0]) || !make_model(module, probing, &models[1]))
		return NULL;
	models[0].size = (models[0].size + 7) & ~(size_t)7;
	models[1].size = (models[1].size + 7) & ~(size_t)7;
	return compare(module, probing, models);
}

void
template_make(struct code_module *module, instance_resolve *resolve, void *context,
	      struct store *const stores[2])
{
	struct probing probing = { .resolve = resolve, .context = context };
	struct arena scratch;

	if (!is_small(&module->wasm))
		return;
	arena_init(&scratch, module->arena.source, SIZE_MAX);
	module->template = make(module, &probing, stores, &scratch);
	arena_reset(&scratch);
}

/* ---- copying ---- */

/* Gives the copied memories their places; on an error none has one. */
static enum nb_status
place_memories(struct instance *instance)
{
	const struct code_module *module = instance->module;
	uint32_t count = module->wasm.memory_count;
	struct nb_vmctx_memory *entries = instance_vmctx_at(instance, instance->layout.memories);

	if (!count)
		return store_guard_slot(instance->store, &instance->vmctx->memory_base);
	for (uint32_t i = 0; i < count; i++) {
		const struct port_image *image = i == 0 && module->has_data ? &module->data : NULL;
		struct runtime_memory *memory = instance->memories[i];
		enum nb_status status = store_memory_place(memory, image);

		if (status != NB_OK) {
			while (i > 0)
				store_memory_release(instance->memories[--i]);
			return status;
		}
		entries[i].base = memory->desc.base;
	}
	instance->vmctx->memory_base = entries[0].base;
	return NB_OK;
}

/* The block with its addresses; NULL: no memory. */
static uint8_t *
copy_block(const struct template *template, struct store *store)
{
	uint8_t *block = arena_alloc(&store->arena, template->size, BLOCK_ALIGN);

	if (!block)
		return NULL;
	memcpy(block, template->bytes, template->size);
	for (uint32_t i = 0; i < template->block_count; i++)
		*(uint64_t *)(void *)(block + template->block_words[i]) += (uintptr_t)block;
	for (uint32_t i = 0; i < template->store_count; i++)
		*(uint64_t *)(void *)(block + template->store_words[i]) += (uintptr_t)store;
	return block;
}

/* What the model did to its store. */
static void
copy_store(const struct template *template, struct store *store, uint8_t *block)
{
	const struct store *model = &template->store;

	store->types = model->types;
	store->type_buckets = model->type_buckets;
	store->type_count = model->type_count;
	store->type_cap = model->type_cap;
	store->types_are_shared = true;
	if (model->callees) {
		store->callees = (struct nb_callee *)(void *)(block + template->callees_at);
		store->references.base = (uint64_t)(uintptr_t)store->callees;
	}
	store->references.mask = model->references.mask;
	store->reference_count = model->reference_count;
	store->callee_bytes = model->callee_bytes;
	store->instances = (struct instance *)(void *)(block + template->instance_at);
	store->instance_count = model->instance_count;
	if (model->memories)
		store->memories = (struct runtime_memory *)(void *)(block + template->memories_at);
	if (model->tables)
		store->tables = (struct runtime_table *)(void *)(block + template->tables_at);
	store->table_count = model->table_count;
}

static enum nb_status
link_pending(const struct template *template, struct instance *instance, instance_resolve *resolve,
	     void *context, struct diag *diag)
{
	const struct wasm_import *imports = instance->module->wasm.imports;
	enum nb_status status = NB_OK;

	for (uint32_t i = 0; i < template->pending_count && status == NB_OK; i++)
		status = instance_link_import(instance, &imports[template->pending[i]], resolve,
					      context, diag);
	if (status == NB_OK && template->pending_count)
		instance_fill_tables(instance);
	return status;
}

/* The store again as it was without the instance, which has no memories. */
static void
give_up(struct store *store, struct arena_mark mark)
{
	struct store before = { .reference_count = 1,
				.account = store->account,
				.thread = store->thread };

	if (store->guard_slot)
		port_slot_release(store->guard_slot, 0);
	arena_release(&store->arena, mark);
	before.arena = store->arena;
	*store = before;
}

enum nb_status
template_copy(struct store *store, const struct code_module *module, instance_resolve *resolve,
	      void *context, struct diag *diag, struct instance **out)
{
	const struct template *template = module->template;
	struct arena_mark mark = arena_mark_get(&store->arena);
	enum nb_status status = NB_OUT_OF_MEMORY;
	uint8_t *block = copy_block(template, store);
	struct instance *instance;

	if (block) {
		copy_store(template, store, block);
		instance = store->instances;
		instance->vmctx->thread = store->thread;
		status = place_memories(instance);
		if (status == NB_OK) {
			status = link_pending(template, instance, resolve, context, diag);
			for (uint32_t i = 0; status != NB_OK && i < module->wasm.memory_count; i++)
				store_memory_release(instance->memories[i]);
		}
		*out = instance;
	}
	if (status == NB_OK)
		return NB_OK;
	give_up(store, mark);
	return diag_report(diag, status, DIAG_NO_OFFSET, "cannot instantiate: %s",
			   nb_status_text(status));
}

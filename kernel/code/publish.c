/*
 * Publishing. Compiling takes long, so a worker thread does it: it is charged
 * to who asked, yields at every poll, and stops when nobody holds a handle to
 * the module any more.
 */
#include "kernel/code/publish.h"

#include "compiler/compiler.h"
#include "compiler/device.h"
#include "kernel/code/artifact.h"
#include "kernel/code/verify.h"
#include "kernel/mm/account.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/thread.h"
#include "kernel/sys/table.h"
#include "lib/string.h"

#ifdef __SANITIZE_ADDRESS__
enum { WORKER_STACK_BYTES = 1024 * 1024 };
#else
enum { WORKER_STACK_BYTES = 256 * 1024 };
#endif

enum { NAMESPACES_MAX = 128, PIECE_BYTES = 1024 * 1024 };

/* For the registry of all modules' code; and module->worker. */
static struct spinlock seal_lock = SPINLOCK_INIT(LOCK_RANK_MODULE);
static uint32_t live_workers; /* atomic */

uint32_t
publish_live_count(void)
{
	return __atomic_load_n(&live_workers, __ATOMIC_RELAXED);
}

void
publish_release(struct code_module *code)
{
	spinlock_lock(&seal_lock);
	code_module_leave(code);
	spinlock_unlock(&seal_lock);
	code_module_release(code);
}

void
publish_cancel(struct module *module)
{
	__atomic_store_n(&module->is_canceled, true, __ATOMIC_RELEASE);
	spinlock_lock(&seal_lock);
	/* It may be waiting for its budget. */
	if (module->worker)
		thread_set_pending(module->worker, THREAD_PENDING_DIE);
	spinlock_unlock(&seal_lock);
}

/* ---- what both ways share ---- */

/* Between any two steps: lets others run. NB_CANCELED: nobody wants the module any more, or
 * who publishes it is ending. */
static enum nb_status
go_on(void *context)
{
	const struct module *module = context;

	sched_relax();
	if (__atomic_load_n(&module->is_canceled, __ATOMIC_ACQUIRE) || kernel_is_canceled())
		return NB_CANCELED;
	return NB_OK;
}

/* In a loop over items that may be a million: the same now and then. */
static enum nb_status
go_on_at(struct module *module, uint32_t i)
{
	return i % 1024 == 1023 ? go_on(module) : NB_OK;
}

static bool
name_is(const struct wasm_name *name, const char *text)
{
	return name->len == strlen(text) && memcmp(name->bytes, text, name->len) == 0;
}

static bool
names_are_equal(const struct wasm_name *a, const struct wasm_name *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Finds the distinct namespaces of the imports; NB_LIMIT_EXCEEDED if there are
 * more than `cap`. Equal neighbours, the usual case, cost little. */
static enum nb_status
find_namespaces(struct module *module, const struct wasm_name **found, uint32_t cap,
		uint32_t *out_count)
{
	const struct wasm_module *wasm = &module->code.wasm;
	enum nb_status status = NB_OK;
	uint32_t count = 0;

	for (uint32_t i = 0; i < wasm->import_count && status == NB_OK; i++) {
		const struct wasm_name *name = &wasm->imports[i].module;
		uint32_t known = count;

		status = go_on_at(module, i);
		while (known && !names_are_equal(found[known - 1], name))
			known--;
		if (known)
			continue;
		if (count == cap)
			return NB_LIMIT_EXCEEDED;
		found[count++] = name;
	}
	*out_count = count;
	return status;
}

/* Keeps their names for NB_INFO_IMPORTS. */
static enum nb_status
collect_imports(struct module *module)
{
	const struct wasm_name *found[NAMESPACES_MAX];
	uint32_t count;
	enum nb_status status = find_namespaces(module, found, NAMESPACES_MAX, &count);
	size_t len = 0;
	char *text;

	if (status != NB_OK)
		return status;
	for (uint32_t i = 0; i < count; i++)
		len += found[i]->len + 1;
	text = arena_alloc(&module->code.arena, len, 1);
	if (!text)
		return NB_OUT_OF_MEMORY;
	module->imports = text;
	module->imports_len = len;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(text, found[i]->bytes, found[i]->len);
		text[found[i]->len] = 0;
		text += found[i]->len + 1;
		module->imports_client |= name_is(found[i], NB_NAMESPACE_CLIENT);
	}
	return NB_OK;
}

static void
name_default(struct module *module)
{
	struct wasm_name name;

	if (module->code.name[0])
		return;
	if (wasm_module_name(&module->code.wasm, &name) && name.len)
		code_module_set_name(&module->code, name.bytes, name.len);
	else
		code_module_set_name(&module->code, "module", 6);
}

/* Proves the placed code confined, byte for byte as it will be sealed. */
static enum nb_status
verify(struct module *module, struct diag *diag)
{
	struct arena scratch;
	struct code_verify job = {
		.module = &module->code.wasm,
		.image = &module->code.image,
		.cpu_features = port_cpu_features(),
		.poll = go_on,
		.poll_context = module,
		.scratch = &scratch,
	};

	arena_init(&scratch, &module->object.account->source, SIZE_MAX);
	enum nb_status status = code_verify(&job, NULL, diag);
	arena_reset(&scratch);
	return status;
}

/* The manifest, and whether imports need more than it says. */
static enum nb_status
read_manifest(struct module *module, struct diag *diag)
{
	struct device_rules rules;
	const struct device_poll poll = { go_on, module };
	enum nb_status status =
		device_read(&module->code.wasm, &module->code.arena, &poll, &rules, diag);

	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "%s", nb_status_text(status));
	module->manifest = rules.manifest;
	if (module->manifest) {
		const struct wasm_module *wasm = &module->code.wasm;
		const struct wasm_custom *text = wasm_module_find_custom(wasm, NB_MANIFEST_SECTION);

		module->manifest_text = (const char *)wasm->bytes + text->offset;
		module->manifest_len = text->len;
	}
	return NB_OK;
}

/* What linking and starting would otherwise find out for each instance: types, native
 * calls, entries. */
static enum nb_status
prepare_link(struct module *module)
{
	const struct wasm_module *wasm = &module->code.wasm;
	struct arena *arena = &module->code.arena;
	enum nb_status status = store_types_make(wasm, arena, &module->code.types);

	code_module_find_entries(&module->code);
	module->calls = arena_new_array(arena, const struct sys_call *, wasm->import_count);
	if (status != NB_OK || !module->calls)
		return NB_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < wasm->import_count && status == NB_OK; i++) {
		const struct wasm_import *import = &wasm->imports[i];
		const struct sys_call *call = sys_call_find(import->field.bytes, import->field.len);

		if (call && import->kind == WASM_EXTERN_FUNC &&
		    wasm_functype_equal(&call->type, wasm_module_function_type(wasm, import->idx)))
			module->calls[i] = call;
		status = go_on_at(module, i);
	}
	return status;
}

/* An image of the data, if there is room for it; without one instances copy. */
static void
make_data(struct module *module)
{
	struct account *account = module->object.account;
	uint64_t at, size;

	if (!code_module_data_extent(&module->code, &at, &size) ||
	    account_charge(account, ACCOUNT_MEMORY, size) != NB_OK)
		return;
	if (code_module_make_data(&module->code, at, size) == NB_OK)
		module->data_charged = size;
	else
		account_uncharge(account, ACCOUNT_MEMORY, size);
}

/* From a decoded module and its image to runnable code. */
static enum nb_status
place_and_seal(struct module *module, struct diag *diag)
{
	enum nb_status status = read_manifest(module, diag);

	if (status != NB_OK)
		return status;
	status = collect_imports(module);
	if (status == NB_OK)
		status = prepare_link(module);
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "the imports cannot be listed: %s",
				   nb_status_text(status));
	status = code_module_place(&module->code);
	if (status == NB_OK) {
		status = verify(module, diag);
		if (status != NB_OK)
			return status;
		status = code_module_seal(&module->code);
	}
	if (status == NB_OK) {
		spinlock_lock(&seal_lock);
		status = code_module_enter(&module->code);
		spinlock_unlock(&seal_lock);
	}
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "no memory for the machine code");
	make_data(module);
	process_template(module);
	name_default(module);
	module->total = module->code.image.function_count;
	module->done = module->total;
	return NB_OK;
}

/* ---- artifacts ---- */

static enum nb_status
publish_artifact(struct module *module, struct diag *diag)
{
	enum nb_status status;

	status =
		artifact_read(module->bytes, module->len, port_cpu_features(), diag, &module->code);
	return status == NB_OK ? place_and_seal(module, diag) : status;
}

/* ---- WebAssembly ---- */

static enum nb_status
poll_compiler(void *context, uint32_t done, uint32_t total)
{
	struct module *module = context;

	__atomic_store_n(&module->done, done, __ATOMIC_RELAXED);
	__atomic_store_n(&module->total, total, __ATOMIC_RELAXED);
	return go_on(module);
}

static void
relax_decoder(void *context)
{
	(void)context;
	sched_relax();
}

/* `bytes` of `from` in the arena, or NULL. Gives way. */
static void *
keep_bytes(struct arena *arena, const void *from, size_t bytes)
{
	uint8_t *to = arena_alloc(arena, bytes, 16);

	for (size_t at = 0; to && at < bytes; at += PIECE_BYTES) {
		size_t left = bytes - at;

		memcpy(to + at, (const uint8_t *)from + at,
		       left < PIECE_BYTES ? left : PIECE_BYTES);
		sched_relax();
	}
	return to;
}

/* The tables of `from` move to the module's arena; the code itself stays where
 * it is until it is placed. */
static enum nb_status
keep_image(struct module *module, const struct nb_code_image *from)
{
	struct arena *arena = &module->code.arena;
	struct nb_code_image *image = &module->code.image;

	*image = *from;
	image->functions =
		keep_bytes(arena, from->functions, from->function_count * sizeof *from->functions);
	image->sites = keep_bytes(arena, from->sites, from->site_count * sizeof *from->sites);
	image->claims = keep_bytes(arena, from->claims, from->claim_count * sizeof *from->claims);
	return image->functions && image->sites && image->claims ? NB_OK : NB_OUT_OF_MEMORY;
}

static enum nb_status
compile(struct module *module, struct arena *scratch, struct diag *diag)
{
	const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						.code = WASM_CODE_DEFER,
						.relax = relax_decoder };
	struct account *account = module->object.account;
	struct compiler_options options;
	struct nb_code_image image;
	enum nb_status status;

	status = wasm_module_decode(&module->code.wasm, &module->code.arena, module->bytes,
				    module->len, &features, diag);
	if (status != NB_OK)
		return status;
	compiler_options_init(&options);
	options.cpu_features = port_cpu_features();
	options.poll = poll_compiler;
	options.poll_context = module;
	status = compiler_compile(&module->code.wasm, &options, &account->source, scratch, &image,
				  diag);
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "%s", nb_status_text(status));
	status = keep_image(module, &image);
	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "no memory for the code's tables");
	return place_and_seal(module, diag);
}

/* A worker thread's whole life. */
static void
worker_main(void *argument)
{
	struct module *module = argument;
	enum nb_status status;
	struct arena scratch;
	struct diag diag;

	diag_init(&diag);
	arena_init(&scratch, &module->object.account->source, SIZE_MAX);
	status = compile(module, &scratch, &diag);
	if (!module->code.is_findable)
		module->code.image.code = NULL;
	arena_reset(&scratch);
	spinlock_lock(&seal_lock);
	module->worker = NULL;
	spinlock_unlock(&seal_lock);
	module_finish(module, status, &diag);
	object_put(&module->object);
	__atomic_fetch_sub(&live_workers, 1, __ATOMIC_RELEASE);
	thread_exit();
}

static enum nb_status
worker_start(struct module *module, uint32_t priority)
{
	struct thread_options options = {
		.account = module->object.account,
		.priority = priority,
		.stack_bytes = WORKER_STACK_BYTES,
		.entry = worker_main,
		.argument = module,
	};
	struct thread *thread;
	enum nb_status status = thread_create(&options, &thread);

	if (status != NB_OK)
		return status;
	object_get(&module->object);
	module->worker = thread;
	__atomic_fetch_add(&live_workers, 1, __ATOMIC_RELAXED);
	thread_start(thread);
	return NB_OK;
}

enum nb_status
publish_begin(struct account *account, uint32_t priority, const struct module_source *source,
	      struct module **out)
{
	struct module *module;
	enum nb_status status = module_create(account, source, &module);
	struct diag diag;

	if (status != NB_OK)
		return status;
	module->is_artifact = artifact_is_one(module->bytes, module->len);
	if (module->is_artifact) {
		diag_init(&diag);
		module_finish(module, publish_artifact(module, &diag), &diag);
	} else {
		status = worker_start(module, priority);
	}
	if (status != NB_OK) {
		object_put(&module->object);
		return status;
	}
	*out = module;
	return NB_OK;
}

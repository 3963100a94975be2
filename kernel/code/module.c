/*
 * Module objects.
 */
#include "kernel/code/module.h"

#include "kernel/code/publish.h"
#include "kernel/mm/account.h"
#include "kernel/port/cpu.h"
#include "lib/string.h"

static void
source_release(struct account *account, const struct module_source *source)
{
	if (source->owned_bytes)
		account_free_much(account, (void *)(uintptr_t)source->bytes, source->owned_bytes);
	if (source->backing)
		object_put(source->backing);
}

static void
module_destroy(struct object *object)
{
	struct module *module = module_of(object);
	struct module_source source = { module->bytes, module->len, module->owned_bytes,
					module->backing };

	publish_release(&module->code);
	account_uncharge(object->account, ACCOUNT_MEMORY, module->data_charged);
	source_release(object->account, &source);
	object_free(object);
}

static void
module_handles_gone(struct object *object)
{
	publish_cancel(module_of(object));
}

static void
module_named(struct object *object)
{
	struct module *module = module_of(object);
	char name[NB_NAME_MAX + 1];
	size_t len = object_name_get(object, name, sizeof name);

	code_module_set_name(&module->code, name, len);
}

static enum nb_status
info_module(const struct module *module, uint32_t state, struct object_info *out)
{
	struct nb_module_info info = {
		.state = state,
		.functions_done = __atomic_load_n(&module->done, __ATOMIC_RELAXED),
		.functions_total = __atomic_load_n(&module->total, __ATOMIC_RELAXED),
		.binary_bytes = module->len,
		.is_artifact = module->is_artifact,
	};

	if (state != NB_MODULE_PUBLISHING) {
		info.status = module->status;
		info.publish_ns = module->publish_ns;
	}
	if (state == NB_MODULE_READY) {
		info.code_bytes = module->code.image.code_size;
		info.imports_client = module->imports_client;
	}
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

static enum nb_status
module_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct module *module = module_of(object);
	uint32_t state = module_state(module);

	if (topic == NB_INFO_MODULE)
		return info_module(module, state, out);
	if (topic == NB_INFO_DIAGNOSTIC) {
		out->bytes = module->diagnostic;
		out->len = state == NB_MODULE_FAILED ? strlen(module->diagnostic) : 0;
		return NB_OK;
	}
	if ((topic == NB_INFO_IMPORTS || topic == NB_INFO_MANIFEST) && state != NB_MODULE_READY)
		return NB_BAD_STATE;
	if (topic == NB_INFO_MANIFEST) {
		out->bytes = module->manifest_text;
		out->len = module->manifest_len;
		return NB_OK;
	}
	if (topic == NB_INFO_IMPORTS) {
		out->bytes = module->imports;
		out->len = module->imports_len;
		return NB_OK;
	}
	return NB_NOT_SUPPORTED;
}

const struct object_type module_type = {
	.number = NB_OBJECT_MODULE,
	.rights = NB_RIGHT_EXECUTE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
		  NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = module_destroy,
	.handles_gone = module_handles_gone,
	.named = module_named,
	.info = module_info,
};

enum nb_status
module_create(struct account *account, const struct module_source *source, struct module **out)
{
	struct module *module = module_of(object_alloc(&module_type, sizeof *module, account));

	if (!module) {
		source_release(account, source);
		return NB_OUT_OF_MEMORY;
	}
	module->bytes = source->bytes;
	module->len = source->len;
	module->owned_bytes = source->owned_bytes;
	module->backing = source->backing;
	module->begun_ns = port_time_monotonic_ns();
	code_module_init(&module->code, &account->source, SIZE_MAX);
	*out = module;
	return NB_OK;
}

void
module_finish(struct module *module, enum nb_status status, const struct diag *diag)
{
	module->status = status;
	module->publish_ns = port_time_monotonic_ns() - module->begun_ns;
	if (status != NB_OK)
		(void)diag_format(diag, module->diagnostic, sizeof module->diagnostic);
	__atomic_store_n(&module->state, status == NB_OK ? NB_MODULE_READY : NB_MODULE_FAILED,
			 __ATOMIC_RELEASE);
	object_signals_change(&module->object, 0, NB_SIGNAL_SIGNALED);
}

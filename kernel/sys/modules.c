/*
 * Native calls: publishing modules.
 */
#include "kernel/code/publish.h"
#include "kernel/mm/account.h"
#include "kernel/object/memory.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

enum { ARTIFACT_ALIGN = 16 };

static int64_t
publish(const struct nb_vmctx *vmctx, const struct module_source *source)
{
	struct process *process = guest_process(vmctx);
	struct module *module;
	enum nb_status status = publish_begin(process->account, process->priority, source, &module);

	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &module->object, module_type.rights);
}

/* Copies `len` bytes at `from` to heap memory charged to the process. */
static enum nb_status
copy_bytes(const struct nb_vmctx *vmctx, uint64_t from, size_t len, struct module_source *out)
{
	struct account *account = guest_process(vmctx)->account;
	/* No bytes at all are owned memory, too. */
	size_t owned = len ? len : 1;
	uint8_t *copy;
	enum nb_status status = NB_OK;

	if (len > PUBLISH_BYTES_MAX)
		return NB_LIMIT_EXCEEDED;
	copy = account_alloc_much(account, owned);
	if (!copy)
		return NB_OUT_OF_MEMORY;
	for (size_t at = 0; at < len && status == NB_OK; at += GUEST_PIECE_BYTES) {
		size_t piece = len - at < GUEST_PIECE_BYTES ? len - at : GUEST_PIECE_BYTES;

		status = port_guest_read(copy + at, from + at, piece);
		if (status == NB_OK)
			status = guest_relax();
	}
	if (status != NB_OK) {
		account_free_much(account, copy, owned);
		return status;
	}
	*out = (struct module_source){ .bytes = copy, .len = len, .owned_bytes = owned };
	return NB_OK;
}

int64_t
sys_module_publish(struct nb_vmctx *vmctx, uint32_t bytes, uint32_t len)
{
	struct module_source source;
	uint64_t from;
	enum nb_status status = guest_range(vmctx, bytes, len, &from);

	if (status == NB_OK)
		status = copy_bytes(vmctx, from, len, &source);
	return status == NB_OK ? publish(vmctx, &source) : guest_result(status);
}

int64_t
sys_module_publish_object(struct nb_vmctx *vmctx, uint32_t handle, uint64_t offset, uint64_t len)
{
	struct module_source source;
	struct handle_use use;
	struct memory *memory;
	uint8_t *at;
	enum nb_status status = guest_handle(vmctx, handle, &memory_type, NB_RIGHT_READ, &use);

	if (status != NB_OK)
		return guest_result(status);
	memory = memory_of(use.object);
	if (offset > memory->size || len > memory->size - offset) {
		object_put(use.object);
		return guest_result(NB_OUT_OF_RANGE);
	}
	at = memory->bytes + offset;
	if (memory->is_device) {
		object_put(use.object);
		return guest_result(NB_NOT_SUPPORTED);
	}
	if (memory_is_constant(memory) && (uintptr_t)at % ARTIFACT_ALIGN == 0) {
		source = (struct module_source){ .bytes = at, .len = len, .backing = use.object };
	} else {
		status = copy_bytes(vmctx, (uint64_t)(uintptr_t)at, len, &source);
		object_put(use.object);
	}
	return status == NB_OK ? publish(vmctx, &source) : guest_result(status);
}

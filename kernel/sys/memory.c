/*
 * Native calls: memory objects mapped into linear memories.
 */
#include "kernel/object/mapping.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

int64_t
sys_memory_map(struct nb_vmctx *vmctx, uint32_t handle, uint64_t offset, uint32_t len, uint32_t at,
	       uint32_t flags)
{
	const struct mapping_request request = { offset, len, at, flags };
	uint32_t rights = NB_RIGHT_MAP | NB_RIGHT_READ;
	struct handle_use use;
	uint32_t mapped_at = 0;
	enum nb_status status;

	if (flags & NB_MAP_WRITE)
		rights |= NB_RIGHT_WRITE;
	status = guest_handle(vmctx, handle, &memory_type, rights, &use);
	if (status != NB_OK)
		return guest_result(status);
	status = mapping_create(guest_process(vmctx), vmctx->memory, memory_of(use.object),
				&request, &mapped_at);
	object_put(use.object);
	return status == NB_OK ? (int64_t)mapped_at : guest_result(status);
}

int64_t
sys_memory_unmap(struct nb_vmctx *vmctx, uint32_t at)
{
	return guest_result(mapping_remove(guest_process(vmctx), vmctx->memory, at));
}

int64_t
sys_memory_info(struct nb_vmctx *vmctx, uint32_t from, uint32_t out)
{
	struct nb_mapping found;
	enum nb_status status = mapping_next(guest_process(vmctx), vmctx->memory, from, &found);

	if (status == NB_OK)
		status = guest_copy_out(vmctx, out, &found, sizeof found);
	return guest_result(status);
}

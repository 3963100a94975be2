/*
 * What the native calls share.
 */
#include "kernel/sys/guest.h"

#include "kernel/sched/sched.h"

enum nb_status
guest_copy_in(const struct nb_vmctx *vmctx, void *to, uint32_t address, size_t len)
{
	uint64_t from;
	enum nb_status status = guest_range(vmctx, address, len, &from);

	return status == NB_OK ? port_guest_read(to, from, len) : status;
}

enum nb_status
guest_copy_out(const struct nb_vmctx *vmctx, uint32_t address, const void *from, size_t len)
{
	uint64_t to;
	enum nb_status status = guest_range(vmctx, address, len, &to);

	return status == NB_OK ? port_guest_write(to, from, len) : status;
}

enum nb_status
guest_handle(const struct nb_vmctx *vmctx, uint32_t handle, const struct object_type *type,
	     uint32_t rights, struct handle_use *out)
{
	return handle_use(&guest_process(vmctx)->handles, handle, type, rights, out);
}

int64_t
guest_handle_add(const struct nb_vmctx *vmctx, struct object *object, uint32_t rights)
{
	uint32_t handle;
	enum nb_status status = handle_add(&guest_process(vmctx)->handles, object, rights, &handle);

	object_put(object);
	return status == NB_OK ? (int64_t)handle : guest_result(status);
}

enum nb_status
guest_relax(void)
{
	sched_relax();
	return thread_is_canceled() ? NB_CANCELED : NB_OK;
}

/*
 * What the native calls share.
 */
#include "kernel/sys/guest.h"

#include "kernel/sched/sched.h"

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

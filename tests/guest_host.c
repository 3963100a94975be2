/*
 * The kernel's part for test programs; see guest_host.h.
 */
#include "tests/guest_host.h"

struct guest_host guest_host;

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	enum nb_trap trap;

	if (!runtime_fault_resolve(kind, address, state, &guest_host.stack, &trap))
		return false;
	runtime_backtrace_capture(&guest_host.backtrace, &guest_host.head, state);
	guest_state_redirect_unwind(state, &guest_host.head, trap);
	return true;
}

enum nb_status
guest_host_init(size_t stack_bytes)
{
	enum nb_status status = port_stack_create(stack_bytes, &guest_host.stack);

	if (status == NB_OK)
		status = port_stack_commit(&guest_host.stack, guest_host.stack.limit);
	guest_host.head.stack_floor = guest_host.stack.limit + GUEST_KERNEL_HEADROOM;
	guest_host.head.stack_limit = guest_host.head.stack_floor;
	return status;
}

void
guest_host_exit(void)
{
	port_stack_destroy(&guest_host.stack);
}

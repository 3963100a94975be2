/*
 * The kernel's part for test programs; see guest_host.h.
 */
#include "tests/guest_host.h"

#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "kernel/port/platform.h"

struct guest_host guest_host;

/* ---- upcalls ---- */

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

/* Nothing that interrupts a guest here wants anything of it. */
void
kernel_guest_interrupted(struct guest_state *state)
{
	(void)state;
}

/* Test programs ask for no timer, no input and no devices. */
void
kernel_timer_expired(void)
{
}

void
kernel_panicking(void)
{
}

void
kernel_serial_ready(enum port_serial port)
{
	(void)port;
}

void
kernel_interrupt_arrived(uint32_t slot)
{
	(void)slot;
}

void
kernel_relax(void)
{
}

void
kernel_guest_pending(struct nb_thread_head *head)
{
	head->pending = 0;
}

/* Nobody wakes anybody here. */
enum guest_wait_result
kernel_guest_wait(struct nb_thread_head *head, const struct guest_wait *wait)
{
	uint64_t found = 0;

	(void)head;
	if (port_guest_read(&found, wait->address, wait->bytes) != NB_OK)
		return GUEST_WAIT_NO_MEMORY;
	if (found != wait->expected)
		return GUEST_WAIT_DIFFERS;
	while (port_time_monotonic_ns() < wait->deadline_ns)
		;
	return GUEST_WAIT_TIMED_OUT;
}

uint32_t
kernel_guest_wake(struct nb_thread_head *head, uint64_t address, uint32_t count)
{
	(void)head;
	(void)address;
	(void)count;
	return 0;
}

/* ---- memory ---- */

static void *
chunk_get(void *context, size_t size)
{
	void *pages;

	(void)context;
	return port_pages_get(size, &pages) == NB_OK ? pages : NULL;
}

static void
chunk_put(void *context, void *chunk, size_t size)
{
	(void)context;
	port_pages_put(chunk, size);
}

const struct arena_source guest_host_source = { chunk_get, chunk_put, NULL };

/* ---- life ---- */

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

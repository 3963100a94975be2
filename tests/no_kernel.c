/*
 * The ports without a kernel; see no_kernel.h.
 */
#include "tests/no_kernel.h"

#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"

/* ---- upcalls ---- */

#define UPCALL __attribute__((weak))

/* No fault is a guest's. */
UPCALL bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	(void)kind;
	(void)address;
	(void)state;
	return false;
}

UPCALL void
kernel_guest_interrupted(struct guest_state *state)
{
	(void)state;
}

UPCALL void
kernel_timer_expired(void)
{
}

UPCALL void
kernel_panicking(void)
{
}

UPCALL void
kernel_serial_ready(enum port_serial port)
{
	(void)port;
}

UPCALL void
kernel_interrupt_arrived(uint32_t slot)
{
	(void)slot;
}

UPCALL void
kernel_relax(void)
{
}

UPCALL bool
kernel_is_canceled(void)
{
	return false;
}

UPCALL void
kernel_guest_pending(struct nb_thread_head *head)
{
	head->pending = 0;
}

/* Nobody wakes anybody. */
UPCALL enum guest_wait_result
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

UPCALL uint32_t
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

const struct arena_source page_source = { chunk_get, chunk_put, NULL };

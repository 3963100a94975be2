/*
 * The upcalls of the ports: faults and interrupts in guest code, interrupts
 * in general, and the slow path at the end of kernel calls.
 */
#include "kernel/port/guest.h"
#include "kernel/mm/heap.h"
#include "kernel/object/mapping.h"
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "kernel/sched/futex.h"
#include "kernel/sched/sched.h"
#include "kernel/sched/sched_private.h"
#include "kernel/sched/thread.h"
#include "lib/string.h"
#include "runtime/trap.h"

/* Notes where the thread's guest code is: `state`, or if NULL in the kernel
 * call that head.guest_sp records. The first note stays. On the fault stack, too:
 * who comes from guest code holds no lock, and the heap is one of the innermost. */
static void
thread_trace(struct thread *thread, const struct guest_state *state)
{
	if (!thread->trace)
		thread->trace = heap_new(struct runtime_backtrace);
	else
		return;
	if (thread->trace)
		runtime_backtrace_capture(thread->trace, &thread->seat->head, state);
}

void
thread_condemn_interrupted(struct thread *thread)
{
	uint64_t pending = __atomic_load_n(&thread->seat->head.pending, __ATOMIC_ACQUIRE);

	if (!(pending & THREAD_PENDING_DIE) || thread->is_condemned)
		return;
	thread->is_condemned = true;
	thread_trace(thread, &thread->state);
	guest_state_redirect_unwind(&thread->state, &thread->seat->head, NB_TRAP_KILLED);
}

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	struct thread *thread = thread_current();
	enum nb_trap trap;

	if (!thread || !thread->process)
		return false;
	if (!runtime_fault_resolve(kind, address, state, &thread->seat->stack, &trap))
		return false;
	thread_trace(thread, state);
	guest_state_redirect_unwind(state, &thread->seat->head, trap);
	return true;
}

void
kernel_guest_interrupted(struct guest_state *state)
{
	struct cpu *cpu = port_cpu_current();
	struct thread *thread = cpu->current;

	memcpy(&thread->state, state, sizeof *state);
	thread->is_interrupted = true;
	/* No second look is needed: the scheduler comes next and arms anew. */
	cpu->armed_ns = UINT64_MAX;
	guest_state_redirect_call(state, &cpu->stack, sched_interrupted, cpu);
}

void
kernel_guest_pending(struct nb_thread_head *head)
{
	struct thread *thread = thread_of_seat((struct guest_seat *)head);
	uint64_t pending;

	while ((pending = __atomic_load_n(&head->pending, __ATOMIC_ACQUIRE))) {
		if (pending & THREAD_PENDING_DIE) {
			thread_trace(thread, NULL);
			guest_unwind(head, NB_TRAP_KILLED);
		}
		__atomic_fetch_and(&head->pending, ~pending, __ATOMIC_RELAXED);
		if (pending & THREAD_PENDING_EVENTS)
			sched_poll();
		pending |= __atomic_load_n(&head->pending, __ATOMIC_RELAXED);
		if (pending & (THREAD_PENDING_YIELD | THREAD_PENDING_LIMIT))
			sched_preempt(true);
	}
}

enum guest_wait_result
kernel_guest_wait(struct nb_thread_head *head, const struct guest_wait *wait)
{
	struct guest_wait at_home = *wait;
	struct object *object;
	enum nb_status status;

	at_home.address = mapping_home(((struct guest_seat *)head)->owner, wait->address, &object);
	status = futex_wait(&at_home);
	if (object)
		object_put(object);
	if (status == NB_OK)
		return GUEST_WAIT_WOKEN;
	if (status == NB_SHOULD_WAIT)
		return GUEST_WAIT_DIFFERS;
	return status == NB_OUT_OF_MEMORY ? GUEST_WAIT_NO_MEMORY : GUEST_WAIT_TIMED_OUT;
}

uint32_t
kernel_guest_wake(struct nb_thread_head *head, uint64_t address, uint32_t count)
{
	return futex_wake(mapping_home(((struct guest_seat *)head)->owner, address, NULL), count);
}

void
kernel_relax(void)
{
	sched_relax();
}

bool
kernel_is_canceled(void)
{
	/* At boot there is no thread yet. */
	const struct thread *self = thread_current();

	return self &&
	       __atomic_load_n(&self->seat->head.pending, __ATOMIC_ACQUIRE) & THREAD_PENDING_DIE;
}

void
kernel_timer_expired(void)
{
	struct cpu *cpu = port_cpu_current();

	cpu->armed_ns = UINT64_MAX;
	sched_note_event(cpu, CPU_EVENT_TIMER);
}

void
sched_note_interrupt(void)
{
	sched_note_event(port_cpu_current(), CPU_EVENT_INTERRUPT);
}

void
kernel_serial_ready(enum port_serial port)
{
	(void)port;
	sched_note_event(port_cpu_current(), CPU_EVENT_SERIAL);
}

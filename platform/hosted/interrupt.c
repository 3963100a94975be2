/*
 * Interrupts of the hosted platform: signals to the pthread that is a processor.
 *
 * A timer signal stands for the processor's timer, another for the serial
 * ports. "Interrupts off" is a flag: a handler that finds it set notes the
 * cause, which is delivered when they are on again. Guest code always runs
 * with interrupts on. In guest code the handler hands the registers to the
 * kernel and returns to wherever that wants to go on; nothing is switched on
 * the signal stack.
 */
#include "platform/hosted/interrupt.h"
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum hosted_cause { CAUSE_TIMER = 1, CAUSE_SERIAL = 2, CAUSE_DEVICE = 4 };

/* One processor. Its pthread and the signal handlers on it use it. */
struct hosted_cpu {
	struct cpu *cpu;
	bool is_ready; /* timer and handlers exist */
	timer_t timer;
	pthread_t thread;
	volatile uint64_t deadline_ns; /* UINT64_MAX: none */
	volatile bool is_disabled;
	volatile uint32_t deferred; /* enum hosted_cause */
};

static _Thread_local struct hosted_cpu this_cpu;
/* The processor that the signals of serial ports and devices go to. */
static struct hosted_cpu *volatile serial_cpu;

#define SIGNAL_TIMER  SIGRTMIN
#define SIGNAL_SERIAL (SIGRTMIN + 1)
#define SIGNAL_DEVICE (SIGRTMIN + 2)

/* Not inlined: a thread may have moved to another pthread since the last call. */
static __attribute__((noinline)) struct hosted_cpu *
hosted_cpu(void)
{
	return &this_cpu;
}

__attribute__((noinline)) struct cpu *
port_cpu_current(void)
{
	return this_cpu.cpu;
}

static void
deliver(struct hosted_cpu *cpu, uint32_t causes)
{
	if ((causes & CAUSE_TIMER) && cpu->deadline_ns <= port_time_monotonic_ns()) {
		cpu->deadline_ns = UINT64_MAX;
		kernel_timer_expired();
	}
	if (causes & CAUSE_SERIAL) {
		for (int port = 0; port < PORT_SERIAL_COUNT; port++)
			kernel_serial_ready((enum port_serial)port);
	}
	if (causes & CAUSE_DEVICE)
		hosted_device_deliver();
}

static uint32_t
cause_of(int signal_number)
{
	if (signal_number == SIGNAL_TIMER)
		return CAUSE_TIMER;
	return signal_number == SIGNAL_SERIAL ? CAUSE_SERIAL : CAUSE_DEVICE;
}

static void
handle_interrupt(int signal_number, siginfo_t *info, void *opaque)
{
	struct hosted_cpu *cpu = hosted_cpu();
	ucontext_t *context = opaque;
	bool is_guest = hosted_pc_is_guest((uint64_t)context->uc_mcontext.gregs[REG_RIP]);
	uint32_t cause = cause_of(signal_number);
	int saved_errno = errno;
	struct guest_state state;

	(void)info;
	if (cpu->is_disabled && !is_guest) {
		cpu->deferred |= cause;
		errno = saved_errno;
		return;
	}
	deliver(cpu, cause);
	if (is_guest) {
		hosted_state_load(&state, context);
		kernel_guest_interrupted(&state);
		hosted_state_store(&state, context);
	}
	errno = saved_errno;
}

static void
interrupt_mask(sigset_t *out)
{
	sigemptyset(out);
	sigaddset(out, SIGNAL_TIMER);
	sigaddset(out, SIGNAL_SERIAL);
	sigaddset(out, SIGNAL_DEVICE);
}

static void
install_handlers(void)
{
	struct sigaction action = { .sa_sigaction = handle_interrupt,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	interrupt_mask(&action.sa_mask);
	if (sigaction(SIGNAL_TIMER, &action, NULL) || sigaction(SIGNAL_SERIAL, &action, NULL) ||
	    sigaction(SIGNAL_DEVICE, &action, NULL))
		port_panic("the host refuses signal handlers");
}

void
port_cpu_set_current(struct cpu *current)
{
	struct hosted_cpu *cpu = hosted_cpu();
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL_TIMER };

	cpu->cpu = current;
	cpu->deadline_ns = UINT64_MAX;
	cpu->is_disabled = false;
	cpu->deferred = 0;
	serial_cpu = cpu;
	if (cpu->is_ready)
		return;
	if (hosted_fault_thread_init() != NB_OK)
		port_panic("no memory for a signal stack");
	install_handlers();
	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &cpu->timer))
		port_panic("the host has no timer");
	cpu->thread = pthread_self();
	cpu->is_ready = true;
}

void
port_timer_arm(uint64_t deadline_ns)
{
	struct hosted_cpu *cpu = hosted_cpu();
	struct itimerspec when = { { 0, 0 }, { 0, 0 } };
	bool enabled = port_interrupts_disable();

	/* A handler between here and timer_settime would arm the timer for
	 * something else, which the latter would undo. */
	cpu->deadline_ns = deadline_ns;
	if (deadline_ns != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
		/* All zero would mean: disarm. */
		when.it_value.tv_nsec = (long)(deadline_ns % 1000000000u) | (deadline_ns == 0);
	}
	(void)timer_settime(cpu->timer, TIMER_ABSTIME, &when, NULL);
	port_interrupts_restore(enabled);
}

bool
port_interrupts_disable(void)
{
	struct hosted_cpu *cpu = hosted_cpu();
	bool was_enabled = !cpu->is_disabled;

	cpu->is_disabled = true;
	return was_enabled;
}

static void
deliver_deferred(struct hosted_cpu *cpu)
{
	uint32_t causes = __atomic_exchange_n(&cpu->deferred, 0, __ATOMIC_RELAXED);

	if (causes)
		deliver(cpu, causes);
}

void
port_interrupts_restore(bool were_enabled)
{
	struct hosted_cpu *cpu = hosted_cpu();

	if (!were_enabled)
		return;
	deliver_deferred(cpu);
	cpu->is_disabled = false;
	/* What came between the two lines. */
	deliver_deferred(cpu);
}

void
port_cpu_idle(void)
{
	struct hosted_cpu *cpu = hosted_cpu();
	sigset_t blocked, before;

	interrupt_mask(&blocked);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	cpu->is_disabled = false;
	if (cpu->deferred)
		deliver_deferred(cpu);
	else
		(void)sigsuspend(&before);
	cpu->is_disabled = true;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void
raise_signal(int signal_number)
{
	struct hosted_cpu *cpu = serial_cpu;

	if (cpu)
		(void)pthread_kill(cpu->thread, signal_number);
}

void
hosted_interrupt_serial(void)
{
	raise_signal(SIGNAL_SERIAL);
}

void
hosted_interrupt_device(void)
{
	raise_signal(SIGNAL_DEVICE);
}

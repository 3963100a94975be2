/*
 * The scheduler: strict priorities, fair among threads of one priority.
 *
 * Fairness follows virtual run time: the ready thread that has run least goes
 * next. Run time counts as many times as its process has threads that want to
 * run, so processes share, not threads. A thread that slept begins at most one
 * slice ahead, which lets it preempt but not make up for long sleep. A tick
 * comes only when somebody else waits at the same priority.
 *
 * Interrupt handlers only set flags (cpu->events, head.pending); what they ask
 * for is done by sched_poll in kernel context: before guest code goes on, in
 * the loop, and in sched_relax.
 */
#ifndef KERNEL_SCHED_SCHED_H
#define KERNEL_SCHED_SCHED_H

#include "abi/status.h"
#include "kernel/sched/cpu.h"

#include <stdbool.h>

/* Makes *cpu this processor's record. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status sched_cpu_init(struct cpu *cpu, uint32_t index);
/* Gives back what sched_cpu_init took; no thread may be left. */
void sched_cpu_exit(struct cpu *cpu);

/* Runs threads on the calling stack until is_done() is true while no thread
 * wants to run. */
void sched_run(bool (*is_done)(void));

/* Lets equal or more urgent threads run first; returns at once if none waits.
 * The calling thread holds no lock. */
void sched_yield_turn(void);
/* Before guest code is entered from C: waits until the calling thread may run it, for its
 * budget's sake. No lock held. */
void sched_before_guest(void);
/* For long kernel work: does what interrupts left to do, and lets somebody else
 * run who should. Cheap when there is nothing. No lock held. */
void sched_relax(void);
/* Does what interrupt handlers left to do. No lock held. */
void sched_poll(void);

/* Something to be done at a time. Its user serialises calls for one timer. */
struct sched_timer {
	struct pairing_node node; /* key: deadline */
	struct cpu *cpu;	  /* in whose heap it is or was last */
	void (*expired)(struct sched_timer *timer);
	void (*told)(struct sched_timer *timer); /* behind `expired`: it may go */
	struct cpu_budget *budget; /* pays for expiries, which wait for it; NULL: no limit */
};

/* `expired`, and then `told`, are called in kernel context with no lock held; until `told`
 * the timer and the budget stay. */
void sched_timer_init(struct sched_timer *timer, void (*expired)(struct sched_timer *timer),
		      void (*told)(struct sched_timer *timer), struct cpu_budget *budget);
/* Needs: it is not set. */
void sched_timer_set(struct sched_timer *timer, uint64_t deadline_ns);
/* True if it was set; then it will not expire. */
bool sched_timer_cancel(struct sched_timer *timer);
bool sched_timer_is_set(struct sched_timer *timer);

/* Accounts the run time of the current thread up to now. */
void sched_account_current(void);
/* The current thread, whose share has a budget, has just left the seat that it had, and what
 * keeps that may go: accounts what it did there, and settles anew who pays. */
void sched_seat_left(void);

/* What sched_poll calls for CPU_EVENT_SERIAL and CPU_EVENT_INTERRUPT; set once at
 * start. */
struct sched_handlers {
	void (*serial)(void);
	void (*interrupt)(void);
};
void sched_set_handlers(const struct sched_handlers *handlers);

/* From interrupt context: asks for handlers.interrupt. */
void sched_note_interrupt(void);

#endif

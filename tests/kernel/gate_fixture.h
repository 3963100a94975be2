/*
 * What the tests of gates share: processes that are bound to gates, and cycles of
 * them.
 */
#ifndef TESTS_KERNEL_GATE_FIXTURE_H
#define TESTS_KERNEL_GATE_FIXTURE_H

#include "kernel/object/gate_private.h"
#include "tests/kernel/harness.h"

/* The n-th gate among a process's handles; fails the test if there is none. */
struct gate *gates_at(struct process *process, uint32_t n);
/* A process of one instance of `module` (whose reference it takes), not started. */
struct process *gates_process(struct module *module, const char *name, uint32_t priority,
			      const struct process_binding *bindings, uint32_t count);
/* The same, charged to an account. */
struct process *
gates_process_in(struct account *account, struct module *module, const char *name,
		 uint32_t priority, const struct process_binding *bindings, uint32_t count);
/* Binds what is linked already to `gate` instead: linking alone makes no cycles. Nobody
 * is inside the process. */
void gates_rebind(struct process *process, struct gate *gate);
/* The process's first thread. */
struct thread *gates_thread_in(struct process *process);

#endif

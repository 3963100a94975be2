/*
 * A kernel core around each test: begun before, checked for leaks after.
 */
#ifndef TESTS_KERNEL_HARNESS_H
#define TESTS_KERNEL_HARNESS_H

#include "kernel/code/module.h"
#include "kernel/object/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's setup and teardown; teardown fails the test on any leak. */
int kernel_setup(void **state);
int kernel_teardown(void **state);
#define kernel_test(function) \
	cmocka_unit_test_setup_teardown(function, kernel_setup, kernel_teardown)

/* Runs threads until none wants to run; some may wait. */
void kernel_run_idle(void);
/* Runs threads until none wants to run and `done` says so. */
void kernel_run_until(bool (*done)(void));
/* Runs until every process has ended. After `ms` calls at_deadline, if that is
 * not NULL, and kills what is left; without it being late fails the test. */
void kernel_run_all(uint32_t ms, void (*at_deadline)(void));

/* Runs for `ms`, within which not every process ends, and kills what is left. */
void kernel_run_out(uint32_t ms);
/* Runs for so long, calls `then`, and runs on until no thread wants to. */
void kernel_run_for(uint32_t ms, void (*then)(void));

/* Publishes a binary and waits until nothing wants to run; the module has one
 * reference. Not while a guest loops. */
struct module *kernel_publish(const uint8_t *bytes, size_t len);
#define GUEST(name)                                                                        \
	({                                                                                 \
		extern const uint8_t guest_##name[], guest_##name##_end[];                 \
		kernel_publish(guest_##name, (size_t)(guest_##name##_end - guest_##name)); \
	})

/* A process of one instance of `module` (whose reference it takes), or NULL, not started. */
struct process *kernel_process(struct module *module, const char *name);
/* Adds an instance of `module`, whose reference it takes. */
void kernel_instantiate(struct process *process, struct module *module);
/* Grants a handle to `object` (whose reference stays with the caller). */
uint32_t kernel_grant(struct process *process, struct object *object, uint32_t rights);
/* Starts instance 0 with `count` words as startup block. */
void kernel_start(struct process *process, const uint32_t *words, uint32_t count);
/* Fails unless the process has ended with that status and trap. */
void kernel_expect_end(struct process *process, int32_t status, enum nb_trap trap);
/* Starts instance 0 with those words, runs everything, expects that end and gives the process up. */
void kernel_run_process(struct process *process, const uint32_t *words, uint32_t count,
			int32_t status, enum nb_trap trap);

/* Repeats the attempt, whose requests for memory `fail_after` makes fail from the first on, from
 * the second on and so forth, until none fails and it says true. How often that was. */
uint64_t kernel_fail_each(void (*fail_after)(uint64_t count), bool (*attempt)(void));

#endif

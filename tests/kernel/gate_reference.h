/*
 * What threads inside of gates must have from those who wait, found in the simplest way:
 * all pools and threads again and again until nothing changes.
 */
#ifndef TESTS_KERNEL_GATE_REFERENCE_H
#define TESTS_KERNEL_GATE_REFERENCE_H

#include "kernel/object/gate_private.h"

enum { REFERENCE_POOLS_MAX = 64, REFERENCE_THREADS_MAX = 512 };

struct gate_reference {
	const struct gate_pool *pools[REFERENCE_POOLS_MAX];
	uint32_t pool_count;
	struct {
		const struct thread *thread;
		uint32_t priority;
		bool has_free; /* somebody lends it time without a limit */
	} threads[REFERENCE_THREADS_MAX];
	uint32_t thread_count;
};

/* Adds a pool; the same again does not matter. */
void gate_reference_add(struct gate_reference *reference, const struct gate_pool *pool);
/* NULL, or what is not so of a thread inside of the pools. All pools at which those wait
 * have been added, and everybody has what he inherits. */
const char *gate_reference_compare(struct gate_reference *reference);

#endif

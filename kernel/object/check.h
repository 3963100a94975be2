/*
 * What holds in the kernel whenever threads may be switched, looked at by debug
 * kernels.
 */
#ifndef KERNEL_OBJECT_CHECK_H
#define KERNEL_OBJECT_CHECK_H

struct gate_pool;

/* check.c has these in debug kernels only. */

/* Looks at all processes, their tables, threads, accounts and gates, and panics over
 * what is not as it must be. No lock held. */
void check_invariants(void);
/* One pool of activations, open or closed. */
void check_gate_pool(const struct gate_pool *pool);

#ifdef NB_DEBUG
/* The same as check_invariants, but so rarely that it takes at most a tenth of the
 * processor's time. */
void check_invariants_at_times(void);
#else
static inline void
check_invariants_at_times(void)
{
}
#endif

#endif

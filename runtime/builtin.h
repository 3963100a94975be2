/*
 * The C side of abi/builtin.def. Only the thunks of arch/ call these, on the
 * guest's stack, in the kernel-call convention.
 */
#ifndef RUNTIME_BUILTIN_H
#define RUNTIME_BUILTIN_H

#include "abi/code_contract.h"
#include "abi/trap.h"
#include "kernel/port/guest.h"

#define BUILTIN_RESULT_I64	int64_t
#define BUILTIN_RESULT_VALUE	int64_t
#define BUILTIN_RESULT_TRAP	enum nb_trap
#define BUILTIN_RESULT_VOID	void
#define BUILTIN_PARAMETERS(...) (struct nb_vmctx * vmctx, __VA_ARGS__)
#define NB_BUILTIN(name, result, parameters) \
	BUILTIN_RESULT_##result runtime_builtin_##name BUILTIN_PARAMETERS parameters;
#include "abi/builtin.def"
#undef NB_BUILTIN
#undef BUILTIN_RESULT_I64
#undef BUILTIN_RESULT_VALUE
#undef BUILTIN_RESULT_TRAP
#undef BUILTIN_RESULT_VOID
#undef BUILTIN_PARAMETERS

/* Between two pieces of a long operation: lets others run, or ends the thread.
 * The builtin owns nothing then and checks its ranges anew. */
static inline void
builtin_give_way(struct nb_vmctx *vmctx)
{
	if (__atomic_load_n(&vmctx->thread->pending, __ATOMIC_RELAXED))
		kernel_guest_pending(vmctx->thread);
}

#endif

/*
 * The thunks of the native calls, an object of its own.
 */
#define GUEST_STUBS_CALLS
#include "arch/x86_64/guest_stubs.S"

/* guest_call_NAME_code and guest_call_NAME_cross around sys_NAME, for every row of
 * abi/calls.def. */
	.macro native_call name
	guest_thunk guest_call_\name, sys_\name
	.endm
	.macro native_call_but_two name
	.ifnc \name, clock_get
	.ifnc \name, thread_yield
	native_call \name
	.endif
	.endif
	.endm
#define NB_CALL(name, ...) native_call_but_two name
#include "abi/calls.def"
#undef NB_CALL

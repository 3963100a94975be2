/*
 * Thunks of the native calls: guest_call_NAME_code and guest_call_NAME_cross
 * around the kernel's sys_NAME, for every row of abi/calls.def.
 */
#include "arch/x86_64/thunk.inc"

	.text

	.macro native_call name
	guest_thunk guest_call_\name, sys_\name
	.endm
#define NB_CALL(name, ...) native_call name
#include "abi/calls.def"
#undef NB_CALL

	.section .note.GNU-stack, "", @progbits

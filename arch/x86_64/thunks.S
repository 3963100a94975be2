/*
 * The thunks of builtins and host functions, an object of its own.
 */
#define GUEST_STUBS_THUNKS
#include "arch/x86_64/guest_stubs.S"

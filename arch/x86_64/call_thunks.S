/*
 * The thunks of the native calls, an object of its own.
 */
#define GUEST_STUBS_CALLS
#include "arch/x86_64/guest_stubs.S"

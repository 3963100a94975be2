/*
 * The stubs into the kernel core, the native calls' and those of gates: an object
 * of its own.
 */
#define GUEST_STUBS_CALLS
#include "arch/x86_64/guest_stubs.S"

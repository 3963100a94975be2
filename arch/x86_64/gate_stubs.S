/*
 * The stubs of gates, an object of its own.
 */
#define GUEST_STUBS_GATES
#include "arch/x86_64/guest_stubs.S"

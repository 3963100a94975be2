/*
 * What the fault handlers of the hosted platform need to know of stacks.
 */
#ifndef PLATFORM_HOSTED_STACK_H
#define PLATFORM_HOSTED_STACK_H

#include <stdint.h>

enum hosted_stack_fault {
	HOSTED_STACK_NONE,     /* the address is in no stack's usable part, or accessible */
	HOSTED_STACK_EXTENDED, /* it is accessible now */
	HOSTED_STACK_REFUSED,  /* the host has no memory for it */
};

/* A fault at `address`: makes it accessible if it is in a stack. In signal handlers. */
enum hosted_stack_fault hosted_stack_extend(uint64_t address);

#endif

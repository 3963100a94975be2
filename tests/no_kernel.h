/*
 * What the ports ask of a kernel, for test programs that have none. The upcalls of
 * kernel/port want nothing and are weak: a program that watches one defines it.
 */
#ifndef TESTS_NO_KERNEL_H
#define TESTS_NO_KERNEL_H

#include "lib/arena.h"

/* Kernel pages, straight from the platform. */
extern const struct arena_source page_source;

#endif

/*
 * The assembly routines of guest_copy.S.
 */
#ifndef ARCH_X86_64_PRIV_GUEST_MEMORY_H
#define ARCH_X86_64_PRIV_GUEST_MEMORY_H

#include "abi/status.h"

#include <stddef.h>
#include <stdint.h>

/* Copies upward: right unless `to` lies inside the source. */
enum nb_status guest_copy_up(void *to, const void *from, size_t len) NB_MUST_USE;
/* Copies downward: right unless `from` lies inside the target. */
enum nb_status guest_copy_down(void *to, const void *from, size_t len) NB_MUST_USE;
/* `pattern` holds the byte eight times. */
enum nb_status guest_fill_bytes(void *to, uint64_t pattern, size_t len) NB_MUST_USE;

#endif

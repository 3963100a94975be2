/*
 * The assembly routines of guest_copy.S, and where a fault in them continues.
 */
#ifndef ARCH_X86_64_GUEST_MEMORY_H
#define ARCH_X86_64_GUEST_MEMORY_H

#include "abi/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the processor has vector registers of 32 bytes that may be used. False at first;
 * the platform says so before guests run. */
extern bool guest_copy_is_wide;

/* Copies upward: right unless `to` lies inside the source. */
enum nb_status guest_copy_up(void *to, const void *from, size_t len) NB_MUST_USE;
/* Copies downward: right unless `from` lies inside the target. */
enum nb_status guest_copy_down(void *to, const void *from, size_t len) NB_MUST_USE;
/* `pattern` holds the byte eight times. */
enum nb_status guest_fill_bytes(void *to, uint64_t pattern, size_t len) NB_MUST_USE;

/* Whether a fault at `pc` is one of theirs, and where they go on with the status
 * to return in RAX. Reads constants only. */
bool guest_copy_fixup(uint64_t pc, uint64_t *out_target);

#endif

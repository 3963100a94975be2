/*
 * The count of pages given out, shared by the memory files of hosted.
 */
#ifndef PLATFORM_HOSTED_ACCOUNT_H
#define PLATFORM_HOSTED_ACCOUNT_H

#include "abi/status.h"
#include "kernel/port/memory.h"

#include <stddef.h>
#include <stdint.h>

enum hosted_kind { HOSTED_SLOT, HOSTED_STACK, HOSTED_AREA, HOSTED_KIND_COUNT };

/* Counts `size` bytes as given out; NB_OUT_OF_MEMORY beyond the limit or when
 * a test has asked for a failure. */
NB_MUST_USE enum nb_status hosted_account_take(size_t size);
void hosted_account_give(size_t size);
/* Live slots, stacks and areas; bytes of code. */
void hosted_account_live(enum hosted_kind kind, int change);
void hosted_account_code(int64_t change);

/* An inaccessible reservation of `size` bytes, or NULL. */
void *hosted_reserve(size_t size);
/* Makes [at, at + size) inaccessible again and drops its contents. Panics if
 * the host refuses, which it cannot do for a reservation of ours. */
void hosted_decommit(void *at, size_t size);
/* Gives a reservation back to the host. */
void hosted_unmap(void *at, size_t size);

#endif

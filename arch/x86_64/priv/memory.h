/*
 * Pieces of the memory port that its files share.
 */
#ifndef ARCH_X86_64_PRIV_MEMORY_H
#define ARCH_X86_64_PRIV_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* After space_init: makes what every first use would otherwise allocate for
 * ever, so that leak checks see only real owners. Panics when memory is short. */
void memory_init(void);

/* Gives back what pooled slots and stacks keep; false: there was nothing. */
bool memory_reclaim(void);
/* Whether a frame can be had for what a guest touches, to whom the last ones are not given
 * (frames_are_scarce), perhaps after reclaiming. */
bool memory_has_frame_for_guest(void);

/* The same for each kind. */
bool slots_drain(void);
bool stacks_drain(void);

uint64_t slots_live(void);
uint64_t stacks_live(void);

#endif

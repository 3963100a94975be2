/*
 * Interrupt objects: SIGNALED when the device's interrupt has arrived, which then
 * stays away until it is acknowledged.
 *
 *     quiet --arrives--> noted --arrives again--> noted, more, masked
 *       ^                  |                            |
 *       +------- ack ------+            ack: noted, unmasked, SIGNALED again
 *
 * A line that a device asserts until it is served is masked at its first
 * arrival; one with edges only at the second, so that no edge is lost and yet a device
 * that never stops costs one interrupt an acknowledgement. Messages cannot be masked;
 * they are counted.
 *
 * Of a line of the first kind there may be several objects, as several devices may share it. All are
 * SIGNALED when it arrives, and it can arrive again when each has been acknowledged or has
 * ended: until then the device that asserted it may still do so.
 *
 * The interrupt handler changes slots and leaves a note; object signals are set
 * by interrupt_poll in kernel context.
 */
#ifndef KERNEL_OBJECT_INTERRUPT_H
#define KERNEL_OBJECT_INTERRUPT_H

#include "kernel/object/object.h"

struct interrupt {
	struct object object;
	uint32_t number;	/* as resources count them. Constant */
	uint32_t slot;		/* of the port. Constant */
	uint32_t round;		/* the last arrival that it has acknowledged */
	struct interrupt *next; /* of the same line */
	uint32_t message_data;
	uint64_t message_address;
};

extern const struct object_type interrupt_type;

/* An object for that interrupt, which is open from now on, with one reference.
 * NB_OUT_OF_RANGE, NB_ALREADY_EXISTS (and it has edges or is the kernel's), NB_LIMIT_EXCEEDED, NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
interrupt_create(struct account *account, uint32_t number, struct interrupt **out);

/* Lets it arrive again; returns how often it has arrived. */
uint64_t interrupt_ack(struct interrupt *interrupt);

/* Sets the signals that interrupt handlers have noted. Kernel context. */
void interrupt_poll(void);

static inline struct interrupt *
interrupt_of(struct object *object)
{
	return (struct interrupt *)object;
}

#endif

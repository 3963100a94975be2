/*
 * Resources: the right to parts of the machine's hardware.
 *
 * A resource is a kind and a range [first, first + count) of ports, physical
 * addresses or interrupts, or a number of bytes of memory for DMA. It is made
 * by dividing another one; the root, which the kernel gives to init, has
 * everything that is not the kernel's. Ranges are not exclusive: a creator
 * decides whom it gives which. DMA is: what was divided off or allocated is
 * missing from where it came until it is given back.
 */
#ifndef KERNEL_OBJECT_RESOURCE_H
#define KERNEL_OBJECT_RESOURCE_H

#include "kernel/object/object.h"

#include <stdbool.h>

struct process;

/* The most that is in a row. */
enum { RESOURCE_DMA_PAGES = 1024 };

struct resource {
	struct object object;
	uint32_t kind;	/* NB_RESOURCE_*. Constant, like the range */
	bool is_logged; /* that somebody was trusted with it; under the object's lock */
	uint64_t first, count;
	struct resource *parent; /* DMA: owns a reference; NULL: the root */
	/* DMA, under the object's lock: */
	uint64_t used;	      /* bytes gone from `count` */
	uint8_t *dma_bytes;   /* all `count`, in a row; NULL: nobody has asked yet */
	uint64_t dma_address; /* of them for devices */
	uint64_t dma_taken[RESOURCE_DMA_PAGES / 64]; /* a bit a page */
};

extern const struct object_type resource_type;

/* The root, with one reference. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status resource_create_root(struct account *account, struct resource **out);

/* A part of `parent`; see resource_divide in abi/calls.def for the errors. */
NB_MUST_USE enum nb_status
resource_divide(struct resource *parent, struct account *account,
		const struct nb_resource_info *part, struct resource **out);

/* Takes bytes of a DMA resource: NB_LIMIT_EXCEEDED. And gives them back. */
NB_MUST_USE enum nb_status resource_take(struct resource *resource, uint64_t bytes);
void resource_give(struct resource *resource, uint64_t bytes);

/* Whole pages in a row, zeroed, of a DMA resource; *out_address is for devices. The pages go back
 * to the machine with the resource, not before: a device may still write to what a
 * process gave back, until whoever has the resource has stopped it. NB_LIMIT_EXCEEDED
 * (so much is not left, or not in a row, or the resource is over RESOURCE_DMA_PAGES),
 * NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
resource_dma_take(struct resource *resource, uint64_t bytes, uint8_t **out, uint64_t *out_address);
void resource_dma_give(struct resource *resource, uint8_t *at, uint64_t bytes);

/* Whether a single handle of the process names a resource of `kind` with the whole
 * range and has all of `rights`. */
bool process_has_resource(struct process *process, uint32_t kind, uint64_t first, uint64_t count,
			  uint32_t rights);

/* To be called when `process` is given a handle to `object`: says in the log, once
 * for each resource, if that means trusting it with all of memory. */
void resource_note_grant(struct object *object, struct process *process);

static inline struct resource *
resource_of(struct object *object)
{
	return (struct resource *)object;
}

#endif

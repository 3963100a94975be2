/*
 * Virtio devices on PCI, for drivers: setting up, split queues.
 *
 * What the device says is not believed: places of registers, indices and lengths are
 * checked, and a device that breaks a rule is broken for good (VIRTIO_BROKEN):
 * its driver should end, and is started anew with a device that has been reset.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.1, sections 2.6, 3.1, 4.1.
 */
#ifndef USER_LIBS_VIRTIO_VIRTIO_H
#define USER_LIBS_VIRTIO_VIRTIO_H

#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

#define VIRTIO_QUEUE_MAX 256u

enum virtio_feature {
	VIRTIO_VERSION_1 = 1, /* in the high word */
};

struct virtio_common; /* registers */

struct virtio {
	volatile struct virtio_common *common;
	volatile uint8_t *device; /* registers of the device's type, device_bytes of them */
	uint32_t device_bytes;
	volatile uint8_t *notify;
	uint32_t notify_bytes, notify_multiplier;
	volatile uint8_t *line; /* to be read when it interrupts by a line; NULL: by messages */
};

struct virtio_descriptor {
	uint64_t address;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

/* What the driver remembers of a chain, by its first descriptor. */
struct virtio_chain {
	bool is_with_device;
	uint16_t count;
	uint32_t writable; /* bytes that the device may write */
	uint64_t cookie;
};

struct virtio_queue {
	uint16_t index, size;
	volatile struct virtio_descriptor *descriptors;
	volatile uint16_t *available; /* flags, index, ring */
	volatile uint16_t *used;      /* flags, index, ring of { u32 id, u32 len } */
	volatile uint16_t *doorbell;
	uint16_t available_index, used_index;
	uint16_t free_first, free_count;
	uint16_t next[VIRTIO_QUEUE_MAX]; /* of free ones and of chains; not the device's copy */
	struct virtio_chain chains[VIRTIO_QUEUE_MAX];
};

/* A part of a request. */
struct virtio_piece {
	uint64_t address; /* for the device */
	uint32_t len;
	bool is_written; /* by the device */
};

/* Memory for devices, mapped. */
struct virtio_memory {
	uint8_t *bytes;
	uint64_t address; /* for the device */
	uint32_t handle;
};

/* Resets the device and begins to set it up: `features` are what the driver wants of
 * the low word; *out_features what it gets. The BAR is the handle "mmio0". NOT_SUPPORTED: no
 * virtio 1 device that makes sense. */
NB_MUST_USE enum nb_status
virtio_begin(struct virtio *virtio, uint32_t features, uint32_t *out_features);
/* Sets up queue `index`, with at most VIRTIO_QUEUE_MAX descriptors, in DMA memory. */
NB_MUST_USE enum nb_status
virtio_queue_create(struct virtio *virtio, uint16_t index, struct virtio_queue *queue);
/* To be called first when the interrupt has come: one that asserts a line lets go of it. */
void virtio_interrupted(const struct virtio *virtio);
/* The device may begin. */
void virtio_ready(struct virtio *virtio);
/* Whether it is still there and has not given up: false for one that was pulled out, has been
 * reset, or wants to be. */
bool virtio_is_sound(const struct virtio *virtio);
/* Reads 64 bits of the registers of the device's type, not torn; `at` is within device_bytes.
 * IO_ERROR: they never hold still. */
NB_MUST_USE enum nb_status virtio_read64(const struct virtio *virtio, uint32_t at, uint64_t *out);

/* DMA memory of the handle "dma", mapped at out->bytes, or if that is NULL at the end of
 * the module's memory. */
NB_MUST_USE enum nb_status virtio_memory_create(uint32_t size, struct virtio_memory *out);

/* Hands the device a chain; `cookie` comes back with it. SHOULD_WAIT: no descriptors are
 * free. The device sees it at virtio_notify. */
NB_MUST_USE enum nb_status
virtio_queue_add(struct virtio_queue *queue, const struct virtio_piece *pieces, uint32_t count,
		 uint64_t cookie);
void virtio_notify(struct virtio_queue *queue);

enum virtio_result { VIRTIO_NONE, VIRTIO_DONE, VIRTIO_BROKEN };

/* Takes a chain that the device is done with: its cookie, and how much the device says it
 * wrote, no more than there was room for. */
enum virtio_result
virtio_queue_take(struct virtio_queue *queue, uint64_t *cookie, uint32_t *written);

#endif

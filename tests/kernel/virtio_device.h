/*
 * A made-up virtio device that lies, and the process of a driver for it.
 *
 * The device is a page of registers that do nothing, which virtio's may, and a pthread
 * that looks into the driver's queue in DMA memory and does what the case says.
 */
#ifndef TESTS_KERNEL_VIRTIO_DEVICE_H
#define TESTS_KERNEL_VIRTIO_DEVICE_H

#include "kernel/ipc/channel.h"
#include "tests/kernel/harness.h"

enum virtio_kind { VIRTIO_KIND_RNG, VIRTIO_KIND_BLOCK };

enum {
	VIRTIO_SIZE = 64,     /* of the queue */
	VIRTIO_SECTORS = 128, /* of the disk */
	VIRTIO_RNG_BYTE = 0x5a,
};

/* What a case does to an honest device. */
struct virtio_lie {
	const char *name;
	/* Before the driver starts; registers and configuration space are set up. */
	void (*set_up)(uint8_t *registers, uint8_t *config);
	/* With request `at`, from 0 on: */
	uint32_t at;
	uint32_t id_more;    /* added to the id of the used chain */
	uint16_t index_more; /* added to the used index */
	bool is_len_said;    /* `len` is said to be written */
	uint32_t len;
	bool is_twice;			 /* the chain is given back twice */
	uint8_t status;			 /* of a disk, instead of 0 */
	bool is_silent;			 /* it does not answer, then or later */
	void (*act)(uint8_t *registers); /* does this besides */
	/* Before each answer, with nothing to say. */
	uint32_t interrupts;
	/* What comes of it. */
	bool is_honest;	 /* the driver goes on */
	int32_t outcome; /* exit status of a client */
};

/* Sets the registers up; the device begins with its driver. */
void virtio_device_start(enum virtio_kind kind, const struct virtio_lie *lie);
/* After virtio_driver_start: the device is gone; what a disk holds stays for the next one. */
void virtio_device_stop(void);
/* Forgets what the disk holds. */
void virtio_disk_clear(void);

/* A process of the driver in those bytes, started, for the device there is; it has `bus`, whose
 * reference it takes, and so much DMA. */
struct process *virtio_driver_start(const char *name, const uint8_t *bytes, size_t len,
				    uint64_t dma_bytes, struct object *bus);

/* Startup blocks. */
struct virtio_block {
	uint8_t bytes[1024];
	uint32_t size;
};

/* Grants `object`, whose reference it takes, under that name. */
void virtio_give(struct process *process, struct virtio_block *block, const char *name,
		 struct object *object, uint32_t rights);
/* Starts instance 0 with that block. */
void virtio_start(struct process *process, const struct virtio_block *block);

/* ---- lies about what there is; all drivers end ---- */

#define VIRTIO_SETUP_LIES 9
extern const struct virtio_lie virtio_setup_lies[VIRTIO_SETUP_LIES];

/* Acts: all registers read as ones; it has reset itself. */
void virtio_pull_out(uint8_t *registers);
void virtio_forget(uint8_t *registers);

#endif

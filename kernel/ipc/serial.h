/*
 * Serial ports as objects: a stream in both directions whose other end is
 * outside the machine. READABLE while bytes have arrived, WRITABLE while the
 * port takes some. The kernel puts no framing on them.
 */
#ifndef KERNEL_IPC_SERIAL_H
#define KERNEL_IPC_SERIAL_H

#include "kernel/object/object.h"
#include "kernel/port/platform.h"

enum { SERIAL_BUFFER_BYTES = 4096 };

struct serial {
	struct object object;
	enum port_serial port;
	struct spinlock lock;
	bool is_released; /* nothing arrives any more */
	/* Under the lock: what has arrived and was not read. */
	uint32_t first, used;
	uint8_t received[SERIAL_BUFFER_BYTES];
};

extern const struct object_type serial_type;

/* The object of `port`, with one reference; once for each port. */
NB_MUST_USE enum nb_status
serial_create(struct account *account, enum port_serial port, struct serial **out);

/* As stream_write and stream_read. */
NB_MUST_USE enum nb_status
serial_write(struct serial *serial, uint64_t address, uint32_t len, uint32_t *out_moved);
NB_MUST_USE enum nb_status
serial_read(struct serial *serial, uint64_t address, uint32_t len, uint32_t *out_moved);

/* Leaves the port to a driver: what has arrived is still read, then comes the end. Errors of
 * port_serial_release. */
NB_MUST_USE enum nb_status serial_release(struct serial *serial);

/* The scheduler's handler: takes in what has arrived, on all ports, and says
 * again that they are writable. */
void serial_poll(void);

static inline struct serial *
serial_of(struct object *object)
{
	return (struct serial *)object;
}

#endif

/*
 * Serial ports as objects. Bytes are taken from the port only while there is
 * room for them, so the port's own flow control works.
 */
#include "kernel/ipc/serial.h"

#include "kernel/port/memory.h"

/* Of one call at most WRITE_MOST_BYTES: on pc each byte is a write to a port,
 * which takes microseconds where the machine is a virtual one. */
enum { WRITE_PIECE_BYTES = 512, WRITE_MOST_BYTES = 1024 };

static struct serial *serials[PORT_SERIAL_COUNT]; /* NULL: has no object */

static void
serial_destroy(struct object *object)
{
	serials[serial_of(object)->port] = NULL;
	object_free(object);
}

static enum nb_status
serial_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct serial *serial = serial_of(object);
	struct nb_stream_info info = { .capacity = SERIAL_BUFFER_BYTES };

	if (topic != NB_INFO_STREAM)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&serial->lock);
	info.readable_bytes = serial->used;
	spinlock_unlock(&serial->lock);
	if (object_signals(object) & NB_SIGNAL_WRITABLE)
		info.writable_bytes = 1;
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type serial_type = {
	.number = NB_OBJECT_SERIAL,
	.rights = NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER |
		  NB_RIGHT_SIGNAL | NB_RIGHT_WAIT | NB_RIGHT_INSPECT,
	.destroy = serial_destroy,
	.info = serial_info,
};

enum nb_status
serial_create(struct account *account, enum port_serial port, struct serial **out)
{
	struct serial *serial;

	if (serials[port])
		return NB_ALREADY_EXISTS;
	serial = serial_of(object_alloc(&serial_type, sizeof *serial, account));
	if (!serial)
		return NB_OUT_OF_MEMORY;
	serial->port = port;
	spinlock_init(&serial->lock, LOCK_RANK_STREAM);
	serial->is_released = false;
	object_signals_change(&serial->object, 0, NB_SIGNAL_WRITABLE);
	serials[port] = serial;
	*out = serial;
	serial_poll();
	return NB_OK;
}

/* Takes in as much as has arrived and fits, and says whether there is any. */
static void
receive_locked(struct serial *serial)
{
	size_t got = 1;

	while (got && serial->used < SERIAL_BUFFER_BYTES) {
		uint32_t at = (serial->first + serial->used) % SERIAL_BUFFER_BYTES;
		uint32_t room = SERIAL_BUFFER_BYTES - serial->used;

		if (room > SERIAL_BUFFER_BYTES - at)
			room = SERIAL_BUFFER_BYTES - at;
		got = port_serial_read(serial->port, serial->received + at, room);
		serial->used += (uint32_t)got;
	}
	got = serial->used || serial->is_released;
	object_signals_change(&serial->object, got ? 0 : NB_SIGNAL_READABLE,
			      got ? NB_SIGNAL_READABLE : 0);
}

void
serial_poll(void)
{
	for (uint32_t port = 0; port < PORT_SERIAL_COUNT; port++) {
		struct serial *serial = serials[port];

		if (!serial)
			continue;
		spinlock_lock(&serial->lock);
		receive_locked(serial);
		if (!serial->is_released)
			object_signals_change(&serial->object, 0, NB_SIGNAL_WRITABLE);
		spinlock_unlock(&serial->lock);
	}
}

enum nb_status
serial_release(struct serial *serial)
{
	enum nb_status status;

	spinlock_lock(&serial->lock);
	status = port_serial_release(serial->port);
	if (status == NB_OK) {
		serial->is_released = true;
		object_signals_change(&serial->object, NB_SIGNAL_WRITABLE, NB_SIGNAL_PEER_CLOSED);
		receive_locked(serial);
	}
	spinlock_unlock(&serial->lock);
	return status;
}

enum nb_status
serial_write(struct serial *serial, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	uint8_t piece[WRITE_PIECE_BYTES];
	enum nb_status status = NB_OK;
	uint32_t done = 0;

	if (len > WRITE_MOST_BYTES)
		len = WRITE_MOST_BYTES;
	spinlock_lock(&serial->lock);
	if (serial->is_released) {
		spinlock_unlock(&serial->lock);
		return NB_PEER_CLOSED;
	}
	while (done < len) {
		uint32_t want = len - done < sizeof piece ? len - done : sizeof piece;
		uint32_t put;

		status = port_guest_read(piece, address + done, want);
		if (status != NB_OK)
			break;
		put = (uint32_t)port_serial_write(serial->port, piece, want);
		done += put;
		if (put < want) {
			object_signals_change(&serial->object, NB_SIGNAL_WRITABLE, 0);
			break;
		}
	}
	spinlock_unlock(&serial->lock);
	*out_moved = done;
	if (done || !len)
		return NB_OK;
	return status != NB_OK ? status : NB_SHOULD_WAIT;
}

enum nb_status
serial_read(struct serial *serial, uint64_t address, uint32_t len, uint32_t *out_moved)
{
	enum nb_status status = NB_OK;
	uint32_t done = 0;

	spinlock_lock(&serial->lock);
	while (done < len && serial->used) {
		uint32_t count = SERIAL_BUFFER_BYTES - serial->first;

		if (count > serial->used)
			count = serial->used;
		if (count > len - done)
			count = len - done;
		status = port_guest_write(address + done, serial->received + serial->first, count);
		if (status != NB_OK)
			break;
		serial->first = (serial->first + count) % SERIAL_BUFFER_BYTES;
		serial->used -= count;
		done += count;
	}
	receive_locked(serial);
	spinlock_unlock(&serial->lock);
	*out_moved = done;
	if (done || !len || (status == NB_OK && serial->is_released))
		return NB_OK;
	return status != NB_OK ? status : NB_SHOULD_WAIT;
}

/*
 * Native calls: streams and memory objects.
 */
#include "kernel/ipc/serial.h"
#include "kernel/ipc/stream.h"
#include "kernel/object/memory.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

static enum nb_status
add_ends(struct handle_table *table, struct stream *writer, struct stream *reader,
	 struct nb_stream_ends *out)
{
	enum nb_status status =
		handle_add(table, &writer->object, stream_rights(STREAM_WRITER), &out->writer);

	if (status != NB_OK)
		return status;
	status = handle_add(table, &reader->object, stream_rights(STREAM_READER), &out->reader);
	if (status != NB_OK)
		(void)!handle_close(table, out->writer);
	return status;
}

int64_t
sys_stream_create(struct nb_vmctx *vmctx, uint32_t ends, uint32_t capacity)
{
	struct process *process = guest_process(vmctx);
	struct stream *writer, *reader;
	struct nb_stream_ends made;
	uint64_t unused;
	enum nb_status status = guest_range(vmctx, ends, sizeof made, &unused);

	if (status == NB_OK)
		status = stream_create(process->account,
				       capacity ? capacity : NB_STREAM_CAPACITY_DEFAULT, &writer,
				       &reader);
	if (status != NB_OK)
		return guest_result(status);
	status = add_ends(&process->handles, writer, reader, &made);
	object_put(&writer->object);
	object_put(&reader->object);
	if (status != NB_OK)
		return guest_result(status);
	status = guest_copy_out(vmctx, ends, &made, sizeof made);
	if (status != NB_OK) {
		(void)!handle_close(&process->handles, made.writer);
		(void)!handle_close(&process->handles, made.reader);
	}
	return guest_result(status);
}

/* The stream or serial object behind a handle. */
static enum nb_status
use_stream(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t rights, struct handle_use *out)
{
	enum nb_status status = guest_handle(vmctx, handle, NULL, 0, out);

	if (status != NB_OK)
		return status;
	if (out->object->type != &stream_type && out->object->type != &serial_type)
		status = NB_WRONG_TYPE;
	else if (rights & ~out->rights)
		status = NB_ACCESS_DENIED;
	if (status != NB_OK)
		object_put(out->object);
	return status;
}

static enum nb_status
transfer(struct object *object, uint32_t right, uint64_t at, uint32_t len, uint32_t *moved)
{
	if (object->type == &stream_type)
		return right == NB_RIGHT_READ ? stream_read(stream_of(object), at, len, moved)
					      : stream_write(stream_of(object), at, len, moved);
	return right == NB_RIGHT_READ ? serial_read(serial_of(object), at, len, moved)
				      : serial_write(serial_of(object), at, len, moved);
}

/* Reads or writes, as the right to do so says; the number of bytes moved. */
static int64_t
stream_use(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t right, uint32_t buffer,
	   uint32_t len)
{
	struct handle_use use;
	uint32_t moved = 0;
	uint64_t at;
	enum nb_status status = guest_range(vmctx, buffer, len, &at);

	if (status == NB_OK)
		status = use_stream(vmctx, handle, right, &use);
	if (status != NB_OK)
		return guest_result(status);
	status = transfer(use.object, right, at, len, &moved);
	object_put(use.object);
	return status == NB_OK ? (int64_t)moved : guest_result(status);
}

int64_t
sys_stream_write(struct nb_vmctx *vmctx, uint32_t handle, uint32_t bytes, uint32_t len)
{
	return stream_use(vmctx, handle, NB_RIGHT_WRITE, bytes, len);
}

int64_t
sys_stream_read(struct nb_vmctx *vmctx, uint32_t handle, uint32_t buffer, uint32_t len)
{
	return stream_use(vmctx, handle, NB_RIGHT_READ, buffer, len);
}

int64_t
sys_serial_release(struct nb_vmctx *vmctx, uint32_t handle)
{
	struct handle_use use;
	enum nb_status status =
		guest_handle(vmctx, handle, &serial_type, NB_RIGHT_READ | NB_RIGHT_WRITE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = serial_release(serial_of(use.object));
	object_put(use.object);
	return guest_result(status);
}

/* ---- memory objects ---- */

int64_t
sys_memory_create(struct nb_vmctx *vmctx, uint64_t size)
{
	struct memory *memory;
	enum nb_status status = memory_create(guest_process(vmctx)->account, size, &memory);

	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &memory->object, memory_type.rights);
}

int64_t
sys_memory_size(struct nb_vmctx *vmctx, uint32_t handle)
{
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &memory_type, NB_RIGHT_READ, &use);
	uint64_t size;

	if (status != NB_OK)
		return guest_result(status);
	size = memory_of(use.object)->size;
	object_put(use.object);
	return (int64_t)size;
}

/* How many of `len` bytes from `offset` on the object has. */
static uint32_t
bytes_there(const struct memory *memory, uint64_t offset, uint32_t len)
{
	uint64_t left = offset < memory->size ? memory->size - offset : 0;

	return left < len ? (uint32_t)left : len;
}

/* Copies to the guest or from it, as the right to the object says, piece by piece, so that
 * others may run meanwhile. */
static enum nb_status
copy_pieces(uint32_t right, uint8_t *bytes, uint64_t address, uint32_t len)
{
	enum nb_status status = NB_OK;

	while (len && status == NB_OK) {
		uint32_t piece = len < GUEST_PIECE_BYTES ? len : GUEST_PIECE_BYTES;

		status = right == NB_RIGHT_READ ? port_guest_write(address, bytes, piece)
						: port_guest_read(bytes, address, piece);
		bytes += piece;
		address += piece;
		len -= piece;
		if (len && status == NB_OK)
			status = guest_relax();
	}
	return status;
}

/* Reads or writes; the number of bytes copied. */
static int64_t
memory_use(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t right, uint64_t offset,
	   uint32_t buffer, uint32_t len)
{
	struct handle_use use;
	struct memory *memory;
	uint32_t count;
	uint64_t at;
	enum nb_status status = guest_range(vmctx, buffer, len, &at);

	if (status == NB_OK)
		status = guest_handle(vmctx, handle, &memory_type, right, &use);
	if (status != NB_OK)
		return guest_result(status);
	memory = memory_of(use.object);
	count = bytes_there(memory, offset, len);
	if (memory->is_device)
		status = NB_NOT_SUPPORTED;
	else if (right == NB_RIGHT_WRITE && memory_is_constant(memory))
		status = NB_ACCESS_DENIED;
	else if (count)
		status = copy_pieces(right, memory->bytes + offset, at, count);
	object_put(use.object);
	return status == NB_OK ? (int64_t)count : guest_result(status);
}

int64_t
sys_memory_read(struct nb_vmctx *vmctx, uint32_t handle, uint64_t offset, uint32_t buffer,
		uint32_t len)
{
	return memory_use(vmctx, handle, NB_RIGHT_READ, offset, buffer, len);
}

int64_t
sys_memory_write(struct nb_vmctx *vmctx, uint32_t handle, uint64_t offset, uint32_t bytes,
		 uint32_t len)
{
	return memory_use(vmctx, handle, NB_RIGHT_WRITE, offset, bytes, len);
}

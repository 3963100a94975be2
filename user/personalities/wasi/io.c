/*
 * Reading and writing: streams block in the kernel until something moves,
 * files are copied from the RAM disk. Bytes go straight to and from the
 * client's memory.
 */
#include "user/personalities/wasi/wasi.h"

#define IOVEC_BATCH 16u

/* The client's scatter/gather list, fetched in pieces. */
struct iovecs {
	struct wasi_iovec batch[IOVEC_BATCH];
	uint32_t address; /* of the next piece */
	uint32_t left;	  /* not fetched yet */
	uint32_t at;	  /* in batch */
	uint32_t count;	  /* of batch */
};

/* The next part that is not empty; len 0 at the end. */
static enum wasi_errno
iovecs_next(struct iovecs *list, struct wasi_iovec *out)
{
	enum wasi_errno error;

	for (;;) {
		while (list->at < list->count) {
			*out = list->batch[list->at++];
			if (out->len)
				return WASI_SUCCESS;
		}
		if (!list->left) {
			*out = (struct wasi_iovec){ 0 };
			return WASI_SUCCESS;
		}
		list->count = list->left < IOVEC_BATCH ? list->left : IOVEC_BATCH;
		error = client_get(list->batch, list->address,
				   list->count * (uint32_t)sizeof list->batch[0]);
		if (error)
			return error;
		list->address += list->count * (uint32_t)sizeof list->batch[0];
		list->left -= list->count;
		list->at = 0;
	}
}

/* Moves bytes between one part and the descriptor; *moved may be less than
 * asked for. */
typedef enum wasi_errno
mover(struct fd *fd, struct wasi_iovec part, uint64_t offset, uint32_t *moved);

struct transfer {
	mover *move;
	uint64_t offset;
	bool is_stopped_by_short; /* a short move ends the transfer */
};

/* An error counts only if nothing has moved before it. */
static enum wasi_errno
transfer(struct fd *fd, struct iovecs *list, struct transfer how, uint32_t *total)
{
	struct wasi_iovec part;
	enum wasi_errno error;
	uint32_t moved;

	*total = 0;
	while (!(error = iovecs_next(list, &part)) && part.len) {
		/* The sum is returned in 32 bits. */
		if (part.len > UINT32_MAX - *total)
			part.len = UINT32_MAX - *total;
		error = how.move(fd, part, how.offset + *total, &moved);
		if (error)
			break;
		*total += moved;
		if (moved < part.len && how.is_stopped_by_short)
			break;
		if (*total == UINT32_MAX)
			break;
	}
	return *total ? WASI_SUCCESS : error;
}

static enum wasi_errno
wait_for(const struct fd *fd, uint32_t signals)
{
	uint32_t handle = fd->handle;
	int64_t result;

	if (fd->flags & WASI_FDFLAG_NONBLOCK)
		return WASI_AGAIN;
	wasi_leave();
	result = nb_object_wait_one(handle, signals | NB_SIGNAL_PEER_CLOSED, NB_DEADLINE_NEVER);
	wasi_enter();
	if (fd->kind != FD_STREAM || fd->handle != handle)
		return WASI_BADF; /* another thread has closed it */
	return errno_of(result);
}

/* Blocks only for the first byte of a transfer (offset 0). */
static enum wasi_errno
stream_take(struct fd *fd, struct wasi_iovec part, uint64_t offset, uint32_t *moved)
{
	enum wasi_errno error = WASI_SUCCESS;
	int64_t got;

	*moved = 0;
	while ((got = nb_client_stream_read(fd->handle, part.address, part.len)) ==
	       -NB_SHOULD_WAIT) {
		if (offset)
			return WASI_SUCCESS;
		error = wait_for(fd, NB_SIGNAL_READABLE);
		if (error)
			return error;
	}
	if (got < 0)
		return errno_of(got);
	*moved = (uint32_t)got;
	return WASI_SUCCESS;
}

/* Blocks until all is written, unless the descriptor says not to. */
static enum wasi_errno
stream_give(struct fd *fd, struct wasi_iovec part, uint64_t offset, uint32_t *moved)
{
	enum wasi_errno error = WASI_SUCCESS;
	int64_t put;

	(void)offset;
	*moved = 0;
	while (*moved < part.len) {
		put = nb_client_stream_write(fd->handle, part.address + *moved, part.len - *moved);
		if (put == -NB_SHOULD_WAIT) {
			error = wait_for(fd, NB_SIGNAL_WRITABLE);
		} else if (put < 0) {
			error = errno_of(put);
		} else {
			*moved += (uint32_t)put;
		}
		if (error)
			return *moved ? WASI_SUCCESS : error;
	}
	return WASI_SUCCESS;
}

static enum wasi_errno
file_take(struct fd *fd, struct wasi_iovec part, uint64_t offset, uint32_t *moved)
{
	return files_read(fd->node, offset, part.address, part.len, moved);
}

uint32_t
wasi_fd_read(uint32_t number, uint32_t iovs, uint32_t count, uint32_t read_out)
{
	struct iovecs list = { .address = iovs, .left = count };
	struct transfer how = { .is_stopped_by_short = true };
	struct fd *fd;
	uint32_t total;
	enum wasi_errno error = fd_get_bytes(number, WASI_RIGHT_FD_READ, &fd);

	if (error)
		return error;
	how.move = fd->kind == FD_FILE ? file_take : stream_take;
	how.offset = fd->kind == FD_FILE ? fd->offset : 0;
	error = transfer(fd, &list, how, &total);
	if (error)
		return error;
	if (fd->kind == FD_FILE)
		fd->offset += total;
	return client_put_u32(read_out, total);
}

uint32_t
wasi_fd_write(uint32_t number, uint32_t iovs, uint32_t count, uint32_t written_out)
{
	struct iovecs list = { .address = iovs, .left = count };
	struct transfer how = { .move = stream_give, .is_stopped_by_short = true };
	struct fd *fd;
	uint32_t total;
	/* No file ever has the right, so this is a stream. */
	enum wasi_errno error = fd_get_bytes(number, WASI_RIGHT_FD_WRITE, &fd);

	if (!error)
		error = transfer(fd, &list, how, &total);
	return error ? error : client_put_u32(written_out, total);
}

/* The file behind a descriptor for a call at an offset. */
static enum wasi_errno
get_file(uint32_t number, uint64_t rights, struct fd **out)
{
	enum wasi_errno error = fd_get_bytes(number, 0, out);

	if (error)
		return error;
	return (*out)->kind == FD_STREAM ? WASI_SPIPE : fd_get(number, rights, out);
}

uint32_t
wasi_fd_pread(uint32_t number, uint32_t iovs, uint32_t count, uint64_t offset, uint32_t read_out)
{
	struct iovecs list = { .address = iovs, .left = count };
	struct transfer how = { .move = file_take, .offset = offset, .is_stopped_by_short = true };
	struct fd *fd;
	uint32_t total;
	enum wasi_errno error = get_file(number, WASI_RIGHT_FD_READ | WASI_RIGHT_FD_SEEK, &fd);

	if (!error)
		error = transfer(fd, &list, how, &total);
	return error ? error : client_put_u32(read_out, total);
}

uint32_t
wasi_fd_pwrite(uint32_t number, uint32_t iovs, uint32_t count, uint64_t offset,
	       uint32_t written_out)
{
	struct fd *fd;

	(void)iovs;
	(void)count;
	(void)offset;
	(void)written_out;
	/* No file ever has the right to be written. */
	return get_file(number, WASI_RIGHT_FD_WRITE | WASI_RIGHT_FD_SEEK, &fd);
}

uint32_t
wasi_fd_seek(uint32_t number, int64_t offset, uint32_t whence, uint32_t offset_out)
{
	struct fd *fd;
	int64_t base, target;
	enum wasi_errno error = get_file(
		number, offset == 0 && whence == WASI_WHENCE_CUR ? 0 : WASI_RIGHT_FD_SEEK, &fd);

	if (error)
		return error;
	switch (whence) {
	case WASI_WHENCE_SET:
		base = 0;
		break;
	case WASI_WHENCE_CUR:
		base = (int64_t)fd->offset;
		break;
	case WASI_WHENCE_END:
		base = (int64_t)fd->node->size;
		break;
	default:
		return WASI_INVAL;
	}
	if (__builtin_add_overflow(base, offset, &target))
		return WASI_OVERFLOW;
	if (target < 0)
		return WASI_INVAL;
	error = client_put_u64(offset_out, (uint64_t)target);
	if (!error)
		fd->offset = (uint64_t)target;
	return error;
}

uint32_t
wasi_unstable_fd_seek(uint32_t number, int64_t offset, uint32_t whence, uint32_t offset_out)
{
	static const uint8_t whences[] = { WASI_WHENCE_CUR, WASI_WHENCE_END, WASI_WHENCE_SET };

	if (whence >= sizeof whences)
		return WASI_INVAL;
	return wasi_fd_seek(number, offset, whences[whence], offset_out);
}

uint32_t
wasi_fd_tell(uint32_t number, uint32_t offset_out)
{
	struct fd *fd;
	enum wasi_errno error = get_file(number, WASI_RIGHT_FD_TELL, &fd);

	return error ? error : client_put_u64(offset_out, fd->offset);
}

uint32_t
wasi_fd_advise(uint32_t number, uint64_t offset, uint64_t len, uint32_t advice)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	(void)len;
	if (error)
		return error;
	if (fd->kind == FD_STREAM)
		return WASI_SPIPE;
	error = fd_get(number, WASI_RIGHT_FD_ADVISE, &fd);
	if (error)
		return error;
	return advice > WASI_ADVICE_LAST || offset > INT64_MAX ? WASI_INVAL : WASI_SUCCESS;
}

uint32_t
wasi_fd_allocate(uint32_t number, uint64_t offset, uint64_t len)
{
	struct fd *fd;

	(void)offset;
	(void)len;
	return get_file(number, WASI_RIGHT_FD_ALLOCATE, &fd);
}

/* Nothing waits to be written to the RAM disk; a stream cannot be synchronised. */
static enum wasi_errno
synchronize(uint32_t number, uint64_t right)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error)
		return error;
	if (fd->kind == FD_STREAM)
		return WASI_INVAL;
	return fd_get(number, fd->kind == FD_FILE ? right : 0, &fd);
}

uint32_t
wasi_fd_sync(uint32_t number)
{
	return synchronize(number, WASI_RIGHT_FD_SYNC);
}

uint32_t
wasi_fd_datasync(uint32_t number)
{
	return synchronize(number, WASI_RIGHT_FD_DATASYNC);
}

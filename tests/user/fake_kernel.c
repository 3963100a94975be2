/* Native calls for tests; see fake_kernel.h. */
#include "tests/user/fake_kernel.h"

#include "user/sdk/heap.h"

#include "nebulet.h"

#include <stdlib.h>
#include <string.h>

struct fake_kernel fake;

static uint8_t heap[16u << 20];
static uint32_t heap_used;

void *
heap_take(uint32_t len)
{
	void *at = heap + heap_used;

	if (len > sizeof heap - heap_used - 16)
		return NULL;
	heap_used += (len + 15) & ~15u;
	return at;
}

void
fake_startup_add(uint16_t kind, const void *contents, uint32_t len)
{
	struct nb_startup_record record = { .kind = kind, .length = len };
	uint64_t size = nb_startup_record_size(len);

	if (size > sizeof fake.startup - fake.startup_size)
		abort();
	memcpy(fake.startup + fake.startup_size, &record, sizeof record);
	memcpy(fake.startup + fake.startup_size + sizeof record, contents, len);
	fake.startup_size += (uint32_t)size;
}

void
fake_startup_add_handle(const char *name, uint32_t handle)
{
	char contents[64];

	memcpy(contents, &handle, sizeof handle);
	memcpy(contents + sizeof handle, name, strlen(name));
	fake_startup_add(NB_STARTUP_HANDLE, contents, (uint32_t)(sizeof handle + strlen(name)));
}

static bool
is_in_client(uint32_t address, uint32_t len)
{
	return address <= FAKE_CLIENT_BYTES && len <= FAKE_CLIENT_BYTES - address;
}

static struct fake_stream *
find_stream(uint32_t handle)
{
	uint32_t index = handle - FAKE_STREAM_HANDLE;

	return index < 3 && !fake.streams[index].is_closed ? &fake.streams[index] : NULL;
}

int64_t
nb_client_read(void *own, uint32_t client, uint32_t len)
{
	if (!is_in_client(client, len))
		return -NB_INVALID_ADDRESS;
	memcpy(own, fake.client + client, len);
	return len;
}

int64_t
nb_client_write(uint32_t client, const void *own, uint32_t len)
{
	if (!is_in_client(client, len))
		return -NB_INVALID_ADDRESS;
	memcpy(fake.client + client, own, len);
	return len;
}

int64_t
nb_process_startup(void *buffer, uint32_t len)
{
	memcpy(buffer ? buffer : heap, fake.startup,
	       len < fake.startup_size ? len : fake.startup_size);
	return fake.startup_size;
}

void
nb_process_exit(int32_t status)
{
	fake.exit_status = status;
	longjmp(fake.exit, 1);
}

int64_t
nb_handle_close(uint32_t handle)
{
	struct fake_stream *stream = find_stream(handle);

	if (!stream)
		return -NB_BAD_HANDLE;
	stream->is_closed = true;
	return 0;
}

int64_t
nb_memory_size(uint32_t handle)
{
	return handle == FAKE_DISK_HANDLE ? (int64_t)fake.disk.size : -NB_BAD_HANDLE;
}

int64_t
nb_memory_read(uint32_t handle, uint64_t offset, void *buffer, uint32_t len)
{
	if (handle != FAKE_DISK_HANDLE)
		return -NB_BAD_HANDLE;
	return fake.disk.source.read(fake.disk.source.context, offset, buffer, len);
}

int64_t
nb_client_memory_read(uint32_t handle, uint64_t offset, uint32_t buffer, uint32_t len)
{
	if (!is_in_client(buffer, len))
		return -NB_INVALID_ADDRESS;
	return nb_memory_read(handle, offset, fake.client + buffer, len);
}

int64_t
nb_client_stream_write(uint32_t handle, uint32_t bytes, uint32_t len)
{
	struct fake_stream *stream = find_stream(handle);
	uint32_t room;

	if (!stream)
		return -NB_BAD_HANDLE;
	if (!is_in_client(bytes, len))
		return -NB_INVALID_ADDRESS;
	if (stream->is_peer_closed)
		return -NB_PEER_CLOSED;
	room = FAKE_STREAM_BYTES - stream->len;
	if (!room)
		return -NB_SHOULD_WAIT;
	if (len > room)
		len = room;
	memcpy(stream->bytes + stream->len, fake.client + bytes, len);
	stream->len += len;
	return len;
}

int64_t
nb_client_stream_read(uint32_t handle, uint32_t buffer, uint32_t len)
{
	struct fake_stream *stream = find_stream(handle);

	if (!stream)
		return -NB_BAD_HANDLE;
	if (!is_in_client(buffer, len))
		return -NB_INVALID_ADDRESS;
	if (!stream->len)
		return stream->is_peer_closed ? 0 : -NB_SHOULD_WAIT;
	if (len > stream->len)
		len = stream->len;
	memcpy(fake.client + buffer, stream->bytes, len);
	stream->len -= len;
	memmove(stream->bytes, stream->bytes + len, stream->len);
	return len;
}

static uint32_t
signals_of(const struct fake_stream *stream)
{
	uint32_t signals = stream->is_peer_closed ? NB_SIGNAL_PEER_CLOSED : 0;

	if (stream->len || stream->is_peer_closed)
		signals |= NB_SIGNAL_READABLE;
	if (stream->len < FAKE_STREAM_BYTES)
		signals |= NB_SIGNAL_WRITABLE;
	return signals;
}

/* Nothing is ready: lets the test act, or time pass. */
static int64_t
block(int64_t deadline_ns)
{
	fake.waits++;
	if (fake.on_wait) {
		fake.on_wait();
		return 0;
	}
	if (deadline_ns == NB_DEADLINE_NEVER)
		return -NB_CANCELED;
	if (deadline_ns > fake.monotonic_ns) {
		fake.realtime_ns += deadline_ns - fake.monotonic_ns;
		fake.monotonic_ns = deadline_ns;
	}
	return -NB_TIMED_OUT;
}

int64_t
nb_object_wait_many(struct nb_wait_item *items, uint32_t count, int64_t deadline_ns)
{
	int64_t ready = 0, result = 0;

	for (int round = 0; round < 2 && !ready && result >= 0; round++) {
		if (round)
			result = block(deadline_ns);
		for (uint32_t i = 0; i < count; i++) {
			const struct fake_stream *stream = find_stream(items[i].handle);

			if (!stream)
				return -NB_BAD_HANDLE;
			items[i].seen = signals_of(stream);
			ready += (items[i].seen & items[i].wanted) != 0;
		}
	}
	return ready ? ready : result < 0 ? result : -NB_TIMED_OUT;
}

int64_t
nb_object_wait_one(uint32_t handle, uint32_t signals, int64_t deadline_ns)
{
	struct nb_wait_item item = { .handle = handle, .wanted = signals };
	int64_t result = nb_object_wait_many(&item, 1, deadline_ns);

	return result < 0 ? result : item.seen;
}

int64_t
nb_object_info(uint32_t handle, uint32_t topic, void *buffer, uint32_t len)
{
	const struct fake_stream *stream = find_stream(handle);
	struct nb_stream_info info;

	if (!stream || topic != NB_INFO_STREAM || len < sizeof info)
		return -NB_NOT_SUPPORTED;
	info = (struct nb_stream_info){ FAKE_STREAM_BYTES, stream->len,
					FAKE_STREAM_BYTES - stream->len };
	memcpy(buffer, &info, sizeof info);
	return sizeof info;
}

int64_t
nb_thread_sleep(int64_t deadline_ns)
{
	(void)block(deadline_ns);
	return 0;
}

void
nb_thread_yield(void)
{
}

int64_t
nb_clock_get(uint32_t clock)
{
	switch (clock) {
	case NB_CLOCK_MONOTONIC:
		return fake.monotonic_ns;
	case NB_CLOCK_REALTIME:
		return fake.realtime_ns;
	case NB_CLOCK_PROCESS:
	case NB_CLOCK_THREAD:
		return 5;
	default:
		return -NB_INVALID_ARGUMENT;
	}
}

int64_t
nb_clock_resolution(uint32_t clock)
{
	return clock <= NB_CLOCK_THREAD ? 1 : -NB_INVALID_ARGUMENT;
}

int64_t
nb_client_random_fill(uint32_t buffer, uint32_t len)
{
	if (!is_in_client(buffer, len))
		return -NB_INVALID_ADDRESS;
	memset(fake.client + buffer, 0xa5, len);
	return 0;
}

/*
 * Threads: the lock, the exported functions, which take it, and `thread-spawn`.
 *
 * Each thread of a process has a clone of this module that shares its memory and
 * has a stack of its own there: the first the linker's, others one from here. All
 * state is under one lock. Whatever may block gives it up meanwhile (io.c, poll.c).
 *
 * Source: wasi-threads, https://github.com/WebAssembly/wasi-threads.
 */
#include "user/personalities/wasi/wasi.h"

#ifdef __wasm__

#include "user/sdk/heap.h"
#include "user/sdk/lock.h"

#define STACK_BYTES 65536u
#define THREADS_MAX 256u
#define ID_MAX	    0x1fffffffu

/* ---- the lock ---- */

static struct lock lock;

void
wasi_enter(void)
{
	lock_take(&lock);
}

void
wasi_leave(void)
{
	lock_give(&lock);
}

/* ---- the functions that clients import ---- */

#define LOCKED(export, function, parameters, names)                                   \
	__attribute__((export_name(export))) uint32_t exported_##function parameters; \
	uint32_t exported_##function parameters                                       \
	{                                                                             \
		uint32_t result;                                                      \
                                                                                      \
		wasi_enter();                                                         \
		result = wasi_##function names;                                       \
		wasi_leave();                                                         \
		return result;                                                        \
	}
#define WASI(name, parameters, names) LOCKED(#name, name, parameters, names)
#include "user/personalities/wasi/wasi.def"
#undef WASI

LOCKED("unstable.fd_seek", unstable_fd_seek,
       (uint32_t fd, int64_t offset, uint32_t whence, uint32_t offset_out),
       (fd, offset, whence, offset_out))
LOCKED("unstable.fd_filestat_get", unstable_fd_filestat_get, (uint32_t fd, uint32_t stat_out),
       (fd, stat_out))
LOCKED("unstable.path_filestat_get", unstable_path_filestat_get,
       (uint32_t fd, uint32_t lookup, uint32_t path, uint32_t path_len, uint32_t stat_out),
       (fd, lookup, path, path_len, stat_out))
LOCKED("unstable.poll_oneoff", unstable_poll_oneoff,
       (uint32_t in, uint32_t out, uint32_t count, uint32_t events_out),
       (in, out, count, events_out))

/* ---- spawning ---- */

/* One that was started here; its stack serves the next when it has ended. */
struct started {
	uint32_t handle; /* NB_HANDLE_NONE: nobody uses the stack */
	uint8_t *stack;	 /* NULL: none was needed yet */
};

static struct started threads[THREADS_MAX];
static uint32_t last_id;

static bool
has_ended(const struct started *thread)
{
	return nb_object_wait_one(thread->handle, NB_SIGNAL_TERMINATED, NB_DEADLINE_POLL) >= 0;
}

/* A place without a thread; NULL: too many run. */
static struct started *
find_place(void)
{
	for (uint32_t i = 0; i < THREADS_MAX; i++) {
		struct started *thread = &threads[i];

		if (thread->handle != NB_HANDLE_NONE && has_ended(thread)) {
			(void)nb_handle_close(thread->handle);
			thread->handle = NB_HANDLE_NONE;
		}
		if (thread->handle == NB_HANDLE_NONE)
			return thread;
	}
	return NULL;
}

static int32_t
spawn(uint32_t argument)
{
	static const char entry[] = "wasi_thread_start";
	struct started *place = find_place();
	uint32_t id = last_id == ID_MAX ? 1 : last_id + 1;
	int64_t handle;

	if (place && !place->stack)
		place->stack = heap_take(STACK_BYTES);
	if (!place || !place->stack)
		return -WASI_AGAIN;
	handle = nb_thread_spawn_export(entry, sizeof entry - 1, id, argument,
					(uint32_t)(uintptr_t)place->stack + STACK_BYTES);
	if (handle < 0)
		return -WASI_AGAIN;
	place->handle = (uint32_t)handle;
	last_id = id;
	return (int32_t)id;
}

/* Its number, or less than 0. */
__attribute__((export_name("thread-spawn"))) int32_t wasi_thread_spawn(uint32_t argument);
int32_t
wasi_thread_spawn(uint32_t argument)
{
	int32_t result;

	wasi_enter();
	result = spawn(argument);
	wasi_leave();
	return result;
}

#endif

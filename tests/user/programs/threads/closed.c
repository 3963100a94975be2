/*
 * Two threads wait for standard input, one reading and one in poll_oneoff; a third closes it.
 * Ends with status 0 if both were told that the descriptor is none (BADF).
 */
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
#define THREADS	   2
#define STACK	   4096u
#define SECOND	   1000000000ll
#define BADF	   8

struct iovec {
	void *bytes;
	uint32_t len;
};

struct subscription {
	uint64_t userdata;
	uint8_t type; /* 1: reading */
	uint32_t fd;
	uint8_t unused[28];
};

struct event {
	uint64_t userdata;
	uint16_t error;
	uint8_t type;
	uint64_t bytes;
	uint16_t flags;
};

/* What a thread finds at its argument: its stack first. */
struct start {
	uint32_t stack;
	uint32_t job;
};

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int32_t
thread_spawn(struct start *start);
WASI("fd_read")
uint32_t fd_read(uint32_t fd, const struct iovec *parts, uint32_t count, uint32_t *got);
WASI("fd_close") uint32_t fd_close(uint32_t fd);
WASI("poll_oneoff")
uint32_t
poll_oneoff(const struct subscription *in, struct event *out, uint32_t count, uint32_t *events);
WASI("proc_exit") _Noreturn void proc_exit(uint32_t status);

static _Alignas(16) uint8_t stacks[THREADS][STACK];
static struct start starts[THREADS];
static uint32_t began, ended;

static void
count(uint32_t *word)
{
	(void)__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	(void)__builtin_wasm_memory_atomic_notify((int *)word, ~0u);
}

static void
wait_for(uint32_t *word, uint32_t status)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_SEQ_CST)) < THREADS)
		if (__builtin_wasm_memory_atomic_wait32((int *)word, (int)seen, 10 * SECOND) == 2)
			proc_exit(status);
}

/* Called by wasi_thread_start (start.s) on the thread's own stack. */
void run(int32_t id, const struct start *start);
void
run(int32_t id, const struct start *start)
{
	static char buffer[16];
	struct iovec part = { buffer, sizeof buffer };
	struct subscription wish = { .type = 1 };
	struct event event = { 0 };
	uint32_t got = 0;

	(void)id;
	count(&began);
	if (start->job == 0 && fd_read(0, &part, 1, &got) != BADF)
		proc_exit(10);
	if (start->job == 1 &&
	    (poll_oneoff(&wish, &event, 1, &got) || got != 1 || event.error != BADF))
		proc_exit(11);
	count(&ended);
}

__attribute__((export_name("_start"))) void
_start(void)
{
	static int never;

	for (uint32_t i = 0; i < THREADS; i++) {
		starts[i] = (struct start){ (uint32_t)(uintptr_t)stacks[i] + STACK, i };
		if (thread_spawn(&starts[i]) < 0)
			proc_exit(2);
	}
	wait_for(&began, 3);
	/* Until they wait. */
	(void)__builtin_wasm_memory_atomic_wait32(&never, 0, SECOND / 20);
	if (ended || fd_close(0))
		proc_exit(4);
	wait_for(&ended, 5);
	proc_exit(0);
}

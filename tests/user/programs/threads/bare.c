/*
 * wasi-threads without a library: threads on stacks of their own count together and
 * write while one waits for standard input; then too many are started. Prints
 *
 *     counted 40000
 *     read N            bytes of standard input
 *     refused 1
 */
#include <stdint.h>

#define WASI(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
#define THREADS	   4u
#define TURNS	   10000u
#define STACK	   4096u

struct iovec {
	const void *bytes;
	uint32_t len;
};

/* What a thread finds at its argument: its stack first. */
struct start {
	uint32_t stack;
	uint32_t job;
};

__attribute__((import_module("wasi"), import_name("thread-spawn"))) int32_t
thread_spawn(struct start *start);
WASI("fd_write")
uint32_t fd_write(uint32_t fd, const struct iovec *parts, uint32_t count, uint32_t *written);
WASI("fd_read")
uint32_t fd_read(uint32_t fd, const struct iovec *parts, uint32_t count, uint32_t *got);
WASI("proc_exit") _Noreturn void proc_exit(uint32_t status);

static _Alignas(16) uint8_t stacks[THREADS + 1][STACK];
static struct start starts[THREADS + 1];
static uint32_t counter, finished, read_bytes, reader_finished, never;

static void
wait_for(uint32_t *word, uint32_t value)
{
	uint32_t seen;

	while ((seen = __atomic_load_n(word, __ATOMIC_SEQ_CST)) < value)
		(void)__builtin_wasm_memory_atomic_wait32((int *)word, (int)seen, -1);
}

static void
finish(uint32_t *word)
{
	(void)__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	(void)__builtin_wasm_memory_atomic_notify((int *)word, ~0u);
}

static void
print(const char *what, uint32_t number)
{
	char text[32];
	uint32_t len = 0, written;
	struct iovec part = { text, 0 };

	while (what[len]) {
		text[len] = what[len];
		len++;
	}
	for (uint32_t scale = 1000000000, begun = 0; scale; scale /= 10) {
		uint32_t digit = number / scale % 10;

		begun |= digit || scale == 1;
		if (begun)
			text[len++] = (char)('0' + digit);
	}
	text[len++] = '\n';
	part.len = len;
	if (fd_write(1, &part, 1, &written) || written != len)
		proc_exit(2);
}

/* Called by wasi_thread_start (start.s) on the thread's own stack. */
void run(int32_t id, const struct start *start);
void
run(int32_t id, const struct start *start)
{
	static char buffer[256];
	struct iovec part = { buffer, sizeof buffer };
	uint32_t got;

	if (id <= 0)
		proc_exit(3);
	if (start->job == 2)
		wait_for(&never, 1);
	if (start->job) {
		while (!fd_read(0, &part, 1, &got) && got)
			read_bytes += got;
		finish(&reader_finished);
		return;
	}
	for (uint32_t i = 0; i < TURNS; i++)
		(void)__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	finish(&finished);
}

static int32_t
start(uint32_t place, uint32_t job)
{
	starts[place] = (struct start){ (uint32_t)(uintptr_t)stacks[place] + STACK, job };
	return thread_spawn(&starts[place]);
}

__attribute__((export_name("_start"))) void
_start(void)
{
	uint32_t refused = 0;

	if (start(THREADS, 1) < 0)
		proc_exit(4);
	for (uint32_t i = 0; i < THREADS; i++)
		if (start(i, 0) < 0)
			proc_exit(4);
	wait_for(&finished, THREADS);
	print("counted ", counter);
	wait_for(&reader_finished, 1);
	print("read ", read_bytes);
	/* They wait for ever, more than there can be. */
	for (uint32_t i = 0; i < 1000 && !refused; i++)
		refused = start(0, 2) < 0;
	print("refused ", refused);
	proc_exit(5);
}

/*
 * The same primitives of Linux on the host: getppid, a byte through two pipes and
 * back, a futex round trip between two threads, creating and joining a thread,
 * creating a process that exits at once, and waiting for it. And the clock: by a system
 * call, as the C library reads it, and what it would cost in line: the counter, scaled, and
 * the same as a call. All on one processor.
 * Prints `NAME MEDIAN P99` in cycles of the time stamp counter, and first
 * `hz N`: cycles a second.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

enum { SAMPLES = 1000, CALLS = 200 };

static uint64_t samples[SAMPLES];

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
measure(const char *name, void (*work)(void), int count, int batch)
{
	for (int s = 0; s < count; s++) {
		uint64_t begin = __rdtsc();

		for (int i = 0; i < batch; i++)
			work();
		samples[s] = (__rdtsc() - begin) / (uint64_t)batch;
	}
	qsort(samples, (size_t)count, sizeof samples[0], compare);
	printf("%s %lu %lu\n", name, (unsigned long)samples[count / 2],
	       (unsigned long)samples[count - 1 - count / 100]);
}

static void
null_call(void)
{
	(void)syscall(SYS_getppid);
}

/* ---- the clock ---- */

static struct {
	volatile uint32_t version;
	volatile uint64_t base_ticks, base_ns, rate, next_ns;
} page = { 2, 0, 0, UINT64_C(1) << 31, UINT64_MAX };
static volatile uint64_t told;

static void
clock_by_syscall(void)
{
	struct timespec now;

	(void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
}

static void
clock_of_libc(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
}

static inline uint64_t
clock_read(void)
{
	uint32_t version = page.version;
	uint64_t ticks = __rdtsc() - page.base_ticks;
	uint64_t ns = page.base_ns + (uint64_t)((unsigned __int128)ticks * page.rate >> 32);

	return ns < page.next_ns && page.version == version ? ns : 0;
}

static __attribute__((noinline)) uint64_t
clock_call(void)
{
	return clock_read();
}

/* Reads it so often that the call of this does not count. */
enum { CLOCK_READINGS = 16 };
static void
clock_in_line(void)
{
	for (int i = 0; i < CLOCK_READINGS; i++)
		told = clock_read();
}

static void
clock_called(void)
{
	for (int i = 0; i < CLOCK_READINGS; i++)
		told = clock_call();
}

/* ---- pipes ---- */

static int there[2], back[2];

static void *
echo(void *argument)
{
	char byte;

	(void)argument;
	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
		;
	return NULL;
}

static void
pipe_round_trip(void)
{
	char byte = 0;

	if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
		abort();
}

/* ---- futexes ---- */

static uint32_t turn;

static void
futex_take_turns(uint32_t own)
{
	while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != own)
		(void)syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, own ^ 1, NULL, NULL, 0);
	__atomic_store_n(&turn, own ^ 1, __ATOMIC_RELEASE);
	(void)syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *
futex_other(void *argument)
{
	(void)argument;
	for (;;)
		futex_take_turns(1);
}

static void
futex_round_trip(void)
{
	futex_take_turns(0);
}

/* ---- creation ---- */

static void *
nothing(void *argument)
{
	return argument;
}

static void
thread_life(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL))
		abort();
	pthread_join(thread, NULL);
}

static char *self_path;

static void
process_life(void)
{
	char *const arguments[] = { self_path, "exit", NULL };
	char *const environment[] = { NULL };
	pid_t pid;
	int status;

	if (posix_spawn(&pid, self_path, NULL, NULL, arguments, environment))
		abort();
	(void)waitpid(pid, &status, 0);
}

static double
counter_hz(void)
{
	struct timespec a, b;
	uint64_t begin, end;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &a);
	begin = __rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		seconds = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	} while (seconds < 0.2);
	end = __rdtsc();
	return (double)(end - begin) / seconds;
}

int
main(int argc, char **argv)
{
	cpu_set_t one;
	pthread_t thread;

	if (argc > 1)
		return 0;
	self_path = argv[0];
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	(void)sched_setaffinity(0, sizeof one, &one);
	printf("hz %.0f\n", counter_hz());
	measure("getppid", null_call, SAMPLES, CALLS);
	measure("clock-syscall", clock_by_syscall, SAMPLES, CALLS);
	measure("clock-libc", clock_of_libc, SAMPLES, CALLS);
	measure("clock-line-16", clock_in_line, SAMPLES, CALLS);
	measure("clock-call-16", clock_called, SAMPLES, CALLS);
	if (pipe(there) || pipe(back) || pthread_create(&thread, NULL, echo, NULL))
		return 1;
	measure("pipe", pipe_round_trip, SAMPLES, CALLS);
	if (pthread_create(&thread, NULL, futex_other, NULL))
		return 1;
	measure("futex", futex_round_trip, SAMPLES, CALLS);
	measure("thread", thread_life, SAMPLES, 10);
	measure("process", process_life, 200, 1);
	return 0;
}

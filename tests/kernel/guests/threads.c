/*
 * Threads of one process: spawn, join, exit, priorities, futexes, atomic waits.
 */
#include "guest.h"

enum { THREADS = 8, ROUNDS = 2000, STACK = 4096 };

static _Alignas(16) char stacks[THREADS + 1][STACK];
static uint32_t lock_word, shared_count, stage;

static int64_t
now(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC);
}

static uint32_t
spawn(void *function, uint32_t argument, uint32_t stack)
{
	int64_t handle = nb_thread_spawn((uint32_t)(uintptr_t)function, argument,
					 (uint32_t)(uintptr_t)(stacks[stack] + STACK));

	EXPECT(handle > 0);
	return (uint32_t)handle;
}

/* A lock of three states: 0 free, 1 held, 2 held and somebody waits. */
static void
lock(void)
{
	uint32_t seen = 0;

	if (__atomic_compare_exchange_n(&lock_word, &seen, 1, 0, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_SEQ_CST))
		(void)nb_futex_wait((void *)&lock_word, 2, NB_DEADLINE_NEVER);
}

static void
unlock(void)
{
	if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_SEQ_CST) == 2)
		EXPECT(nb_futex_wake((void *)&lock_word, 1) <= 1);
}

static int
count_up(int argument)
{
	volatile char frame[512];

	frame[argument] = (char)argument;
	for (int i = 0; i < ROUNDS; i++) {
		lock();
		uint32_t before = *(volatile uint32_t *)&shared_count;

		if (i % 16 == argument)
			nb_thread_yield();
		*(volatile uint32_t *)&shared_count = before + 1;
		unlock();
	}
	EXPECT(frame[argument] == argument);
	return 1000 + argument;
}

static void
test_counting(void)
{
	uint32_t threads[THREADS];
	struct nb_thread_info info;

	lock();
	for (uint32_t i = 0; i < THREADS; i++)
		threads[i] = spawn(count_up, i, i);
	nb_thread_yield();
	EXPECT(nb_thread_join(threads[0], NB_DEADLINE_POLL) == ERR(TIMED_OUT));
	unlock();
	for (uint32_t i = 0; i < THREADS; i++) {
		EXPECT(nb_thread_join(threads[i], NB_DEADLINE_NEVER) == 1000 + i);
		EXPECT(nb_object_info(threads[i], NB_INFO_THREAD, &info, sizeof info) ==
		       sizeof info);
		EXPECT(info.state == NB_THREAD_ENDED && info.result == 1000 + i && info.run_ns);
		EXPECT(nb_handle_close(threads[i]) == 0);
	}
	EXPECT(shared_count == THREADS * ROUNDS);
}

/* ---- ends ---- */

static void
exit_early(int argument)
{
	nb_thread_exit((uint32_t)argument);
}

static int
sleep_long(int argument)
{
	(void)argument;
	return (int)nb_thread_sleep(NB_DEADLINE_NEVER);
}

static int
wrong_type(void)
{
	return 1;
}

__attribute__((export_name("begin"))) void
begin(uint32_t first, uint32_t second)
{
	EXPECT(first == 11 && second == 22);
	stage = first + second;
}

static void
test_ends(void)
{
	uint32_t thread = spawn(exit_early, 77, 0);
	uint32_t narrow;

	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 77);
	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 77);
	EXPECT(nb_thread_set_priority(thread, 1) == ERR(BAD_STATE));
	EXPECT(nb_handle_close(thread) == 0);
	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == ERR(BAD_HANDLE));
	EXPECT(nb_thread_spawn(1000000, 0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_thread_spawn(0, 0, 0) == ERR(NOT_FOUND));
	EXPECT(nb_thread_spawn((uint32_t)(uintptr_t)wrong_type, 0, 0) == ERR(UNLINKABLE));
	EXPECT(nb_thread_spawn_export("nobody", 6, 0, 0, 0) == ERR(NOT_FOUND));
	EXPECT(nb_thread_spawn_export("memory", 6, 0, 0, 0) == ERR(NOT_FOUND));
	EXPECT(nb_thread_spawn_export("_start", 6, 0, 0, 0) == ERR(UNLINKABLE));
	EXPECT(nb_thread_spawn_export("x", 65, 0, 0, 0) == ERR(OUT_OF_RANGE));
	thread = (uint32_t)nb_thread_spawn_export("begin", 5, 11, 22,
						  (uint32_t)(uintptr_t)(stacks[0] + STACK));
	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 0 && stage == 33);
	narrow = (uint32_t)nb_handle_duplicate(thread, NB_RIGHT_INSPECT);
	EXPECT(nb_thread_join(narrow, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_thread_set_priority(narrow, 1) == ERR(ACCESS_DENIED));
	EXPECT(nb_thread_join(0, 0) == ERR(BAD_HANDLE));
}

/* ---- priorities ---- */

static int
note_stage(int argument)
{
	stage = stage * 10 + (uint32_t)argument;
	return 0;
}

/* A thread of low priority; it may have had its turn before it got that. */
static uint32_t
spawn_low(void)
{
	for (;;) {
		uint32_t low = spawn(note_stage, 1, 0);

		stage = 0;
		if (nb_thread_set_priority(low, 2) == 0)
			return low;
		EXPECT(nb_handle_close(low) == 0);
	}
}

static void
test_priorities(void)
{
	uint32_t low = spawn_low(), high;

	EXPECT(nb_thread_set_priority(0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_thread_set_priority(0, NB_PRIORITY_NORMAL + 1) == ERR(OUT_OF_RANGE));
	high = spawn(note_stage, 2, 1);
	/* Both want to run; this thread goes below the first and above the second. */
	EXPECT(nb_thread_set_priority(0, 4) == 0);
	nb_thread_yield();
	EXPECT(stage == 2);
	EXPECT(nb_thread_set_priority(0, 1) == 0);
	nb_thread_yield();
	EXPECT(stage == 21);
	EXPECT(nb_thread_set_priority(0, NB_PRIORITY_NORMAL) == 0);
	EXPECT(nb_thread_join(low, NB_DEADLINE_NEVER) == 0);
	EXPECT(nb_thread_join(high, NB_DEADLINE_NEVER) == 0);
}

/* ---- waiting for words ---- */

static uint32_t word;
static uint64_t wide_word;

static int
wait_for_word(int argument)
{
	if (argument == 0)
		return (int)nb_futex_wait((void *)&word, 5, NB_DEADLINE_NEVER);
	if (argument == 1)
		return __builtin_wasm_memory_atomic_wait32((int *)&word, 5, -1);
	return __builtin_wasm_memory_atomic_wait64((long long *)&wide_word, 7, -1);
}

static void
test_words(void)
{
	uint32_t threads[3];
	int64_t start = now();

	word = 5;
	wide_word = 7;
	EXPECT(nb_futex_wait((void *)&word, 4, NB_DEADLINE_NEVER) == ERR(SHOULD_WAIT));
	EXPECT(nb_futex_wait((void *)&word, 5, NB_DEADLINE_POLL) == ERR(TIMED_OUT));
	EXPECT(nb_futex_wait((void *)&word, 5, start + 2000000) == ERR(TIMED_OUT));
	EXPECT(now() >= start + 2000000);
	EXPECT(nb_futex_wait((void *)((char *)&word + 1), 5, 0) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_futex_wait((void *)0xfffffffc, 5, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_futex_wake((void *)0xfffffffc, 5) == ERR(INVALID_ADDRESS));
	EXPECT(nb_futex_wake((void *)&word, 100) == 0);
	EXPECT(__builtin_wasm_memory_atomic_wait32((int *)&word, 4, -1) == 1);
	EXPECT(__builtin_wasm_memory_atomic_wait32((int *)&word, 5, 1000000) == 2);
	for (uint32_t i = 0; i < 3; i++)
		threads[i] = spawn(wait_for_word, i, i);
	EXPECT(nb_thread_sleep(now() + 3000000) == 0);
	for (uint32_t i = 0; i < 3; i++)
		EXPECT(nb_thread_join(threads[i], 0) == ERR(TIMED_OUT));
	EXPECT(__builtin_wasm_memory_atomic_notify((int *)&wide_word, 9) == 1);
	/* Native and atomic waits are the same, and the oldest is first. */
	EXPECT(__builtin_wasm_memory_atomic_notify((int *)&word, 1) == 1);
	EXPECT(nb_thread_join(threads[2], NB_DEADLINE_NEVER) == 0);
	EXPECT(nb_thread_join(threads[0], NB_DEADLINE_NEVER) == 0);
	EXPECT(nb_thread_join(threads[1], 0) == ERR(TIMED_OUT));
	EXPECT(nb_futex_wake((void *)&word, 100) == 1);
	EXPECT(nb_thread_join(threads[1], NB_DEADLINE_NEVER) == 0);
}

/* ---- handles that go while somebody waits by them ---- */

static uint32_t waited_for, another;

static int
wait_one(int unused)
{
	(void)unused;
	return -(int)nb_object_wait_one(waited_for, NB_SIGNAL_USER_0, NB_DEADLINE_NEVER);
}

static int
wait_many(int unused)
{
	struct nb_wait_item items[2] = { { another, NB_SIGNAL_USER_0, 0 },
					 { waited_for, NB_SIGNAL_USER_0, 0 } };

	(void)unused;
	return -(int)nb_object_wait_many(items, 2, NB_DEADLINE_NEVER);
}

static int
wait_set(int unused)
{
	struct nb_waitset_event ready;

	(void)unused;
	return -(int)nb_waitset_wait(waited_for, &ready, 1, NB_DEADLINE_NEVER);
}

static int
join(int unused)
{
	(void)unused;
	return -(int)nb_thread_join(waited_for, NB_DEADLINE_NEVER);
}

static int
wait_for_another(int unused)
{
	(void)unused;
	return (int)nb_object_wait_one(another, NB_SIGNAL_USER_0, NB_DEADLINE_NEVER);
}

/* Each wait ends with BAD_HANDLE when its handle is closed, replaced or sent. */
static void
test_going_handles(void)
{
	int (*const waits[])(int) = { wait_one, wait_many, wait_set, join };
	struct nb_channel_ends channel;
	uint32_t waiter, copy;
	int64_t result;

	another = (uint32_t)nb_event_create();
	EXPECT(nb_channel_create(&channel, 0) == 0);
	for (uint32_t i = 0; i < 3 * 4; i++) {
		uint32_t kind = i / 3;

		waited_for = kind == 2	 ? (uint32_t)nb_waitset_create()
			     : kind == 3 ? spawn(wait_for_another, 0, 1)
					 : (uint32_t)nb_event_create();
		waiter = spawn(waits[kind], 0, 0);
		EXPECT(nb_thread_sleep(now() + 1000000) == 0);
		copy = (uint32_t)nb_handle_duplicate(waited_for, NB_RIGHTS_SAME);
		EXPECT(nb_thread_join(waiter, 0) == ERR(TIMED_OUT));
		if (i % 3 == 0)
			result = nb_handle_close(waited_for);
		else if (i % 3 == 1)
			result = nb_handle_replace(waited_for, NB_RIGHTS_SAME);
		else
			result = nb_channel_send(channel.ends[0], "", 0, &waited_for, 1);
		EXPECT(result >= 0);
		EXPECT(nb_thread_join(waiter, now() + 1000000000) == NB_BAD_HANDLE);
		EXPECT(nb_handle_close(waiter) == 0);
		if (kind == 3) {
			EXPECT(nb_object_signal(another, 0, NB_SIGNAL_USER_0) == 0);
			EXPECT(nb_thread_join(copy, NB_DEADLINE_NEVER) == NB_SIGNAL_USER_0);
			EXPECT(nb_object_signal(another, NB_SIGNAL_USER_0, 0) == 0);
		}
		EXPECT(nb_handle_close(copy) == 0);
	}
	EXPECT(nb_handle_close(another) == 0);
	EXPECT(nb_handle_close(channel.ends[0]) == 0 && nb_handle_close(channel.ends[1]) == 0);
}

void
_start(void)
{
	uint32_t waiting;

	test_counting();
	test_ends();
	test_priorities();
	test_words();
	test_going_handles();
	/* The end of the process finds two threads that sleep, one of which nobody
	 * has a handle to. */
	waiting = spawn(sleep_long, 0, 0);
	EXPECT(nb_handle_close(waiting) == 0);
	waiting = spawn(sleep_long, 0, 1);
	EXPECT(nb_thread_sleep(now() + 1000000) == 0);
	EXPECT(nb_thread_join(waiting, 0) == ERR(TIMED_OUT));
	nb_process_exit(0);
}

/*
 * HANDLE_CLOSED and PEER_SIGNALED more closely: every kind of object, every way in which a handle
 * goes, and what must not end a wait.
 */
#include "abi.h"
#include "little_module.h"

enum { STACK = 8192, PATIENCE = 100 };

static _Alignas(16) char stack[STACK];
static uint32_t waited_for, wanted;
static int64_t seen;

static void
wait(uint32_t argument)
{
	(void)argument;
	seen = -1000;
	seen = object_wait_one(waited_for, wanted);
}

static int64_t
spawn_waiter(uint32_t handle, uint32_t signals)
{
	int64_t thread;

	waited_for = handle;
	wanted = signals;
	thread = thread_spawn((void *)wait, 0, stack + STACK);
	EXPECT(thread > 0);
	for (uint32_t i = 0; i < PATIENCE; i++)
		thread_yield();
	EXPECT(*(volatile int64_t *)&seen == -1000);
	return thread;
}

static void
expect_end(int64_t thread, int64_t result)
{
	EXPECT(thread_join((uint32_t)thread) == 0);
	EXPECT(*(volatile int64_t *)&seen == result);
}

static void
expect_closed(uint32_t handle)
{
	int64_t copy = handle_duplicate(handle, DUPLICATE), thread;

	/* Another handle to the same object. */
	thread = spawn_waiter(handle, HANDLE_CLOSED);
	EXPECT(copy < 0 || handle_close((uint32_t)copy) == 0);
	for (uint32_t i = 0; i < PATIENCE; i++)
		thread_yield();
	EXPECT(*(volatile int64_t *)&seen == -1000);
	EXPECT(handle_close(handle) == 0);
	expect_end(thread, HANDLE_CLOSED);
	EXPECT(object_wait_one(handle, HANDLE_CLOSED) == ERROR_BAD_HANDLE);
}

static void
test_closed(void)
{
	uint32_t tx, rx;
	int64_t thread, code;

	expect_closed((uint32_t)event_create());
	EXPECT(channel_create(&tx, &rx) == 0);
	expect_closed(rx);
	expect_closed(tx);
	EXPECT(stream_create(&tx, &rx) == 0);
	expect_closed(tx);
	expect_closed(rx);
	/* Given to a process: gone, though the channel is not. */
	code = wasm_compile(little_module, sizeof little_module);
	EXPECT(channel_create(&tx, &rx) == 0);
	thread = spawn_waiter(rx, USER_0);
	EXPECT(process_create((uint32_t)code, rx) > 0);
	expect_end(thread, HANDLE_CLOSED);
	EXPECT(channel_send(tx, "x", 1) == 0);
}

static void
expect_sign(uint32_t from, uint32_t to)
{
	int64_t thread = spawn_waiter(to, PEER_SIGNALED);

	EXPECT(object_signal(from, USER_1, 0) == 0);
	EXPECT(thread_join((uint32_t)thread) == 0);
	EXPECT(*(volatile int64_t *)&seen & PEER_SIGNALED);
	EXPECT(!(*(volatile int64_t *)&seen & USER_1));
	EXPECT(object_signal(to, 0, PEER_SIGNALED) == 0);
	/* Clearing is no sign. */
	thread = spawn_waiter(to, PEER_SIGNALED);
	EXPECT(object_signal(from, 0, USER_1) == 0);
	for (uint32_t i = 0; i < PATIENCE; i++)
		thread_yield();
	EXPECT(*(volatile int64_t *)&seen == -1000);
	EXPECT(object_signal(from, PEER_SIGNALED, 0) == 0);
	EXPECT(thread_join((uint32_t)thread) == 0);
	EXPECT(object_signal(from, EVENT_SIGNALED, 0) == ERROR_INVALID_ARGUMENT);
	EXPECT(object_signal(from, HANDLE_CLOSED, 0) == ERROR_INVALID_ARGUMENT);
	EXPECT(object_signal(from, PEER_CLOSED, 0) == ERROR_INVALID_ARGUMENT);
}

static void
test_signs(void)
{
	uint32_t tx, rx;
	int64_t weak;

	EXPECT(channel_create(&tx, &rx) == 0);
	expect_sign(tx, rx);
	expect_sign(rx, tx);
	weak = handle_duplicate(tx, DUPLICATE | TRANSFER);
	EXPECT(weak > 0 && object_signal((uint32_t)weak, USER_0, 0) == ERROR_ACCESS_DENIED);
	EXPECT(stream_create(&tx, &rx) == 0);
	expect_sign(tx, rx);
	expect_sign(rx, tx);
	/* Nobody is there to see it; one's own signals are. */
	EXPECT(handle_close(rx) == 0);
	EXPECT(object_signal(tx, PEER_SIGNALED, 0) == ERROR_PEER_CLOSED);
	EXPECT(object_signal(tx, USER_2, 0) == 0);
	EXPECT(object_wait_one(tx, USER_2) & USER_2);
}

void
main_of_2018(void)
{
	test_closed();
	test_signs();
}

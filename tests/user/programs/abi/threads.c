/*
 * thread_spawn, thread_join, thread_yield, pfex_acquire and pfex_release; calls
 * from several threads at once.
 */
#include "abi.h"

enum { THREADS = 4, ROUNDS = 500, STACK = 8192 };

static _Alignas(16) char stacks[THREADS][STACK];
static uint32_t lock, counter;

static void
count_up(uint32_t argument)
{
	uint32_t tx, rx, len, got;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		pfex_acquire(&lock);
		uint32_t before = *(volatile uint32_t *)&counter;

		if (i % 8 == argument)
			thread_yield();
		*(volatile uint32_t *)&counter = before + 1;
		pfex_release(&lock);
		/* Calls that use the personality's own memory. */
		EXPECT(channel_create(&tx, &rx) == 0);
		EXPECT(channel_send(tx, &i, sizeof i) == 0);
		EXPECT(channel_recv(rx, &got, sizeof got, &len) == 0 && got == i);
		EXPECT(handle_close(tx) == 0 && handle_close(rx) == 0);
	}
}

void
main_of_2018(void)
{
	int64_t threads[THREADS];

	EXPECT(thread_spawn((void *)9999, 0, 0) == ERROR_OUT_OF_RANGE);
	for (uint32_t i = 0; i < THREADS; i++) {
		threads[i] = thread_spawn((void *)count_up, i, stacks[i] + STACK);
		EXPECT(threads[i] > 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		EXPECT(thread_join((uint32_t)threads[i]) == 0);
		EXPECT(thread_join((uint32_t)threads[i]) == ERROR_BAD_HANDLE);
	}
	EXPECT(counter == THREADS * ROUNDS && lock == 0);
}

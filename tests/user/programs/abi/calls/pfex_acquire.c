/*
 * pfex_acquire(&word): the thread goes on when it has the lock. It has no result: an address
 * that is not that of a word is a trap.
 *
 * Prints: first the main thread
 * Prints: then the other
 */
#include "tests/user/programs/abi/abi.h"

static _Alignas(16) char stack[4096];
static uint32_t lock;

static void
work(uint32_t argument)
{
	(void)argument;
	pfex_acquire(&lock);
	SAY("then the other");
	pfex_release(&lock);
}

void
main_of_2018(void)
{
	int64_t thread;

	pfex_acquire(&lock);
	thread = thread_spawn((void *)work, 0, stack + sizeof stack);
	for (uint32_t i = 0; i < 100; i++)
		thread_yield();
	SAY("first the main thread");
	pfex_release(&lock);
	EXPECT(thread_join((uint32_t)thread) == 0);
}

/*
 * thread_spawn(function, argument, stack): a thread with the same memory. The function is an
 * entry of the table; there must be one.
 *
 * Prints: the thread got 2018
 */
#include "tests/user/programs/abi/abi.h"

static _Alignas(16) char stack[4096];

static void
work(uint32_t argument)
{
	if (argument == 2018)
		SAY("the thread got 2018");
}

void
main_of_2018(void)
{
	int64_t thread = thread_spawn((void *)work, 2018, stack + sizeof stack);

	EXPECT(thread > 0);
	EXPECT(thread_spawn((void *)9999, 0, 0) == ERROR_OUT_OF_RANGE);
	EXPECT(thread_join((uint32_t)thread) == 0);
}

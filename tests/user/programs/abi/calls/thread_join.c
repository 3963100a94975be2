/*
 * thread_join(thread): waits until it has ended; then it is forgotten.
 *
 * Prints: the thread is done
 * Prints: joined
 */
#include "tests/user/programs/abi/abi.h"

static _Alignas(16) char stack[4096];

static void
work(uint32_t argument)
{
	(void)argument;
	SAY("the thread is done");
}

void
main_of_2018(void)
{
	int64_t thread = thread_spawn((void *)work, 0, stack + sizeof stack);

	EXPECT(thread_join((uint32_t)thread) == 0);
	EXPECT(thread_join((uint32_t)thread) == ERROR_BAD_HANDLE);
	SAY("joined");
}

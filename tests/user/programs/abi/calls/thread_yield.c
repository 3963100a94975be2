/*
 * thread_yield(): lets the other threads run; here until one has stored a word. There is no use
 * of it that is refused.
 *
 * Prints: seen
 */
#include "tests/user/programs/abi/abi.h"

static _Alignas(16) char stack[4096];
static volatile uint32_t word;

static void
work(uint32_t argument)
{
	word = argument;
}

void
main_of_2018(void)
{
	int64_t thread = thread_spawn((void *)work, 1, stack + sizeof stack);

	while (!word)
		thread_yield();
	SAY("seen");
	EXPECT(thread_join((uint32_t)thread) == 0);
}

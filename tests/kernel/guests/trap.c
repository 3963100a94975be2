/* Traps in the way that the first word of the startup block names. */
#include "guest.h"

static volatile int zero;
static volatile char *volatile far = (volatile char *)0x7fff0000;

/* Called indirectly, so that no compiler makes it a part of its caller. */
static int
divide(int a)
{
	return a / zero;
}

static volatile int depth;

/* Uses the machine's stack, not the one in memory. */
__attribute__((noinline)) static int
recurse(int n)
{
	depth = n;
	return zero ? 0 : recurse(n + 1) + depth;
}

static int
takes_two(int a, int b)
{
	return a + b;
}

void
_start(void)
{
	uint32_t kind = guest_handle(0);
	int (*volatile wrong)(int, int) = takes_two;
	int (*volatile indirect)(int) = divide;

	if (kind == NB_TRAP_UNREACHABLE)
		__builtin_trap();
	if (kind == NB_TRAP_INTEGER_DIVIDE_BY_ZERO)
		zero = indirect(100);
	if (kind == NB_TRAP_MEMORY_OUT_OF_BOUNDS)
		*far = 1;
	if (kind == NB_TRAP_STACK_OVERFLOW)
		zero = recurse(0);
	if (kind == NB_TRAP_INDIRECT_CALL_TYPE)
		((void (*)(void))wrong)();
	nb_process_exit(17);
}

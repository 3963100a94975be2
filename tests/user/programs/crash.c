/*
 * Ends in the way the argument names: unreachable, divide, overflow, bounds,
 * stack, stack-call, signature, element, conversion, memory, abort, loop.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int zero;
static volatile int minus_one = -1;

__attribute__((noinline)) static int
divide_by(int divisor)
{
	return __builtin_wasm_memory_size(0) / divisor;
}

__attribute__((noinline)) static int
smallest_by(int divisor)
{
	volatile int smallest = INT32_MIN;

	return smallest / divisor;
}

__attribute__((noinline)) static int
read_outside(uint32_t address)
{
	return *(volatile int *)(uintptr_t)address;
}

static volatile int step = 1;

/* Keeps nothing in memory, so that the machine stack is what ends. */
__attribute__((noinline)) static int
recurse(int depth)
{
	return depth < 0 ? 0 : recurse(depth + step) ^ step;
}

/* The same with a call into the kernel at every level: the stack ends where the
 * kernel's share of it begins. */
__attribute__((noinline)) static int
recurse_and_call(int depth)
{
	step += (int)__builtin_wasm_memory_grow(0, 0) < 0;
	return depth < 0 ? 0 : recurse_and_call(depth + step) ^ step;
}

static double
takes_double(double value)
{
	return value + 1;
}

__attribute__((noinline)) static int
call_wrong_signature(void)
{
	double (*volatile right)(double) = takes_double;
	int (*wrong)(int, int) = (int (*)(int, int))(uintptr_t)right;

	return wrong(1, 2);
}

__attribute__((noinline)) static int
call_nothing(void)
{
	int (*volatile outside)(void) = (int (*)(void))(uintptr_t)0x7fffffff;

	return outside();
}

__attribute__((noinline)) static int
convert(void)
{
	volatile double large = 1e300;
	int result;

	/* The trapping instruction, whatever the compiler would choose. */
	__asm__("local.get %1\ni32.trunc_f64_s\nlocal.set %0" : "=r"(result) : "r"(large));
	return result;
}

static int
use_all_memory(void)
{
	/* Takes and touches 64 KiB at a time. */
	for (;;) {
		size_t old = __builtin_wasm_memory_grow(0, 1);

		if (old == (size_t)-1)
			return 3;
		memset((void *)(old << 16), 0x5a, 65536);
	}
}

int
main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	printf("about to %s\n", how);
	fflush(stdout);
	if (strcmp(how, "unreachable") == 0)
		__builtin_trap();
	if (strcmp(how, "divide") == 0)
		return divide_by(zero);
	if (strcmp(how, "overflow") == 0)
		return smallest_by(minus_one);
	if (strcmp(how, "bounds") == 0)
		return read_outside(0xfffffff0u);
	if (strcmp(how, "stack") == 0)
		return recurse(0);
	if (strcmp(how, "stack-call") == 0)
		return recurse_and_call(0);
	if (strcmp(how, "signature") == 0)
		return call_wrong_signature();
	if (strcmp(how, "element") == 0)
		return call_nothing();
	if (strcmp(how, "conversion") == 0)
		return convert();
	if (strcmp(how, "memory") == 0)
		return use_all_memory();
	if (strcmp(how, "abort") == 0)
		abort();
	while (strcmp(how, "loop") == 0)
		;
	return 99;
}

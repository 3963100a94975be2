/*
 * print(text, len): bytes to the log and, in a run, to standard output. It has no result:
 * what lies outside of the memory is not printed.
 *
 * Prints: hello, 2018
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	SAY("hello, 2018");
	print((const char *)0xfffffff0, 16);
}

/*
 * exit(status): ends the process at once. There is no use of it that is refused.
 *
 * Prints: before exit
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	SAY("before exit");
	(void)exit_now(0);
	SAY("never printed");
}

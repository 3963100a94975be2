/*
 * handle_close(handle): the number is nobody's afterwards.
 *
 * Prints: closed once
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t event = (uint32_t)event_create();

	EXPECT(handle_close(event) == 0);
	EXPECT(handle_close(event) == ERROR_BAD_HANDLE);
	SAY("closed once");
}

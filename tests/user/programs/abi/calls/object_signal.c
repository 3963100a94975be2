/*
 * object_signal(handle, set, clear): USER_0 to USER_7 of any object, EVENT_SIGNALED of an event.
 *
 * Prints: USER_0, then USER_7
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t event = (uint32_t)event_create();

	EXPECT(object_signal(event, USER_0, 0) == 0);
	EXPECT(object_wait_one(event, USER_0 | USER_7) == USER_0);
	EXPECT(object_signal(event, USER_7, USER_0) == 0);
	EXPECT(object_wait_one(event, USER_0 | USER_7) == (uint32_t)USER_7);
	EXPECT(object_signal(event, READABLE, 0) == ERROR_INVALID_ARGUMENT);
	SAY("USER_0, then USER_7");
}

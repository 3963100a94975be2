/*
 * event_create(): an object with nothing but signals.
 *
 * Prints: signaled
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	int64_t event = event_create();

	EXPECT(event > 0);
	EXPECT(object_signal((uint32_t)event, EVENT_SIGNALED, 0) == 0);
	EXPECT(object_wait_one((uint32_t)event, EVENT_SIGNALED) == EVENT_SIGNALED);
	EXPECT(channel_send((uint32_t)event, "x", 1) == ERROR_WRONG_TYPE);
	SAY("signaled");
}

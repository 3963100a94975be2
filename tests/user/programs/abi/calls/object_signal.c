/*
 * object_signal(handle, set, clear): USER_0 to USER_7 of any object, EVENT_SIGNALED of an event. What is
 * set at an end of a channel or stream is PEER_SIGNALED at its other end.
 *
 * Prints: USER_0, then USER_7
 * Prints: the other end has signaled
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t event = (uint32_t)event_create(), tx, rx;

	EXPECT(object_signal(event, USER_0, 0) == 0);
	EXPECT(object_wait_one(event, USER_0 | USER_7) == USER_0);
	EXPECT(object_signal(event, USER_7, USER_0) == 0);
	EXPECT(object_wait_one(event, USER_0 | USER_7) == (uint32_t)USER_7);
	EXPECT(object_signal(event, READABLE, 0) == ERROR_INVALID_ARGUMENT);
	EXPECT(object_signal(event, PEER_SIGNALED, 0) == ERROR_INVALID_ARGUMENT);
	SAY("USER_0, then USER_7");

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(object_signal(tx, PEER_SIGNALED, 0) == 0);
	EXPECT(object_wait_one(rx, READABLE | PEER_SIGNALED) & PEER_SIGNALED);
	EXPECT(object_signal(rx, USER_3, PEER_SIGNALED) == 0);
	EXPECT(object_wait_one(tx, PEER_SIGNALED) & PEER_SIGNALED);
	EXPECT((object_wait_one(rx, USER_3) & (USER_3 | PEER_SIGNALED)) == USER_3);
	EXPECT(handle_close(rx) == 0);
	EXPECT(object_signal(tx, PEER_SIGNALED, 0) == ERROR_PEER_CLOSED);
	SAY("the other end has signaled");
}

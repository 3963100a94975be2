/*
 * handle_duplicate(handle, rights): another handle to the same object, with a subset of the
 * rights. A right that was given up does not come back.
 *
 * Prints: a copy that can be copied, and no more
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t event = (uint32_t)event_create();
	uint32_t copy = (uint32_t)handle_duplicate(event, DUPLICATE);

	EXPECT(object_signal(event, USER_0, 0) == 0);
	EXPECT(object_wait_one(copy, USER_0) == USER_0);
	EXPECT(object_signal(copy, USER_0, 0) == ERROR_ACCESS_DENIED);
	EXPECT(handle_duplicate(copy, DUPLICATE | WRITE) == ERROR_ACCESS_DENIED);
	SAY("a copy that can be copied, and no more");
}

/*
 * object_wait_one(handle, signals): blocks until one of the signals is there and returns all
 * that are.
 *
 * Prints: readable, and the peer is gone
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t tx, rx;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_send(tx, "x", 1) == 0 && handle_close(tx) == 0);
	EXPECT((object_wait_one(rx, READABLE) & (READABLE | PEER_CLOSED)) ==
	       (READABLE | PEER_CLOSED));
	EXPECT(object_wait_one(tx, WRITABLE) == ERROR_BAD_HANDLE);
	SAY("readable, and the peer is gone");
}

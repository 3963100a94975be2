/*
 * Waits for a sign of its creator, takes messages from handle 0, what that gave it, and prints them,
 * to the first of three bytes.
 */
#include "abi.h"

static char bytes[256];

void
main_of_2018(void)
{
	uint32_t len;

	EXPECT(object_wait_one(0, PEER_SIGNALED) & PEER_SIGNALED);
	EXPECT(object_signal(0, PEER_SIGNALED, PEER_SIGNALED) == 0);
	for (;;) {
		int64_t result = channel_recv(0, bytes, sizeof bytes, &len);

		if (result == 0 && len == 3)
			return;
		if (result == ERROR_SHOULD_WAIT)
			EXPECT(object_wait_one(0, READABLE | PEER_CLOSED) > 0);
		else {
			EXPECT(result == 0);
			print(bytes, len);
		}
	}
}

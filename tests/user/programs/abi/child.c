/*
 * Takes messages from handle 0, what its creator gave it, and prints them, to the
 * first of three bytes.
 */
#include "abi.h"

static char bytes[256];

void
main_of_2018(void)
{
	uint32_t len;

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

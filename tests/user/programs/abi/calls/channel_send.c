/*
 * channel_send(handle, bytes, len): queues a message of up to 64 KiB; the thousand and first
 * is refused until one was received.
 *
 * Prints: sent 1000 messages
 */
#include "tests/user/programs/abi/abi.h"

static const char big[65537];

void
main_of_2018(void)
{
	uint32_t tx, rx;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_send(tx, big, sizeof big) == ERROR_OUT_OF_RANGE);
	for (uint32_t i = 0; i < 1000; i++)
		EXPECT(channel_send(tx, &i, sizeof i) == 0);
	EXPECT(channel_send(tx, "one more", 8) == ERROR_SHOULD_WAIT);
	EXPECT(handle_close(rx) == 0);
	EXPECT(channel_send(tx, "one more", 8) == ERROR_PEER_CLOSED);
	SAY("sent 1000 messages");
}

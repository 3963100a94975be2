/*
 * channel_recv(handle, bytes, cap, &len): takes the oldest message. One that does not fit
 * stays, and its length is told.
 *
 * Prints: the message
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	static char bytes[100];
	uint32_t tx, rx, len = 0;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(channel_recv(rx, bytes, sizeof bytes, &len) == ERROR_SHOULD_WAIT);
	EXPECT(channel_send(tx, "the message\n", 12) == 0);
	EXPECT(channel_recv(rx, bytes, 5, &len) == ERROR_BUFFER_TOO_SMALL && len == 12);
	EXPECT(channel_recv(rx, bytes, sizeof bytes, &len) == 0 && len == 12);
	print(bytes, len);
	EXPECT(handle_close(tx) == 0);
	EXPECT(channel_recv(rx, bytes, sizeof bytes, &len) == ERROR_PEER_CLOSED);
}

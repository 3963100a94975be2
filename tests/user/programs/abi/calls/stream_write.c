/*
 * stream_write(handle, bytes, len, &count): as many bytes as there is room for; a full stream
 * refuses.
 *
 * Prints: 65536 of 65537 bytes
 */
#include "tests/user/programs/abi/abi.h"

static const char bytes[65537];

void
main_of_2018(void)
{
	uint32_t tx, rx, count = 0;

	EXPECT(stream_create(&tx, &rx) == 0);
	EXPECT(stream_write(tx, bytes, sizeof bytes, &count) == 0 && count == 65536);
	EXPECT(stream_write(tx, bytes, 1, &count) == ERROR_SHOULD_WAIT);
	EXPECT(handle_close(rx) == 0);
	EXPECT(stream_write(tx, bytes, 1, &count) == ERROR_PEER_CLOSED);
	SAY("65536 of 65537 bytes");
}

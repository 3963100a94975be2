/*
 * stream_read(handle, bytes, len, &count): as many bytes as there are; an empty stream refuses,
 * in one way while there is a writer and in another afterwards.
 *
 * Prints: five bytes
 * Prints: and the rest
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	static char bytes[100];
	uint32_t tx, rx, count = 0;

	EXPECT(stream_create(&tx, &rx) == 0);
	EXPECT(stream_read(rx, bytes, sizeof bytes, &count) == ERROR_SHOULD_WAIT);
	EXPECT(stream_write(tx, "five bytes\nand the rest\n", 24, &count) == 0 && count == 24);
	EXPECT(handle_close(tx) == 0);
	EXPECT(stream_read(rx, bytes, 11, &count) == 0 && count == 11);
	print(bytes, count);
	EXPECT(stream_read(rx, bytes, sizeof bytes, &count) == 0 && count == 13);
	print(bytes, count);
	EXPECT(stream_read(rx, bytes, sizeof bytes, &count) == ERROR_PEER_CLOSED);
}

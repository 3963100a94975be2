/*
 * stream_create(&tx, &rx): a queue of 64 KiB between an end to write and one to read.
 *
 * Prints: two ends
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t tx = 0, rx = 0, count = 0;

	EXPECT(stream_create((uint32_t *)0xfffffffd, &rx) == ERROR_INVALID_ADDRESS && rx == 0);
	EXPECT(stream_create(&tx, &rx) == 0 && tx != rx);
	EXPECT(stream_read(tx, &count, 4, &count) == ERROR_ACCESS_DENIED);
	EXPECT(channel_send(tx, "x", 1) == ERROR_WRONG_TYPE);
	SAY("two ends");
}

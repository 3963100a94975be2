/*
 * channel_create(&tx, &rx): an end to send and one to receive.
 *
 * Prints: two ends
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint32_t tx = 0, rx = 0;

	EXPECT(channel_create(&tx, (uint32_t *)0xfffffffd) == ERROR_INVALID_ADDRESS && tx == 0);
	EXPECT(channel_create(&tx, &rx) == 0 && tx != rx);
	EXPECT(channel_send(rx, "x", 1) == ERROR_ACCESS_DENIED);
	EXPECT(handle_close(tx) == 0 && handle_close(rx) == 0);
	SAY("two ends");
}

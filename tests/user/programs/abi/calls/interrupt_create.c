/*
 * interrupt_create(channel, vector): messages when the device interrupts, for those who were
 * granted it. This process was not.
 *
 * Prints: no interrupt
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name interrupt_create", "irq platform");

void
main_of_2018(void)
{
	uint32_t tx, rx;

	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(interrupt_create(tx, 33) == ERROR_ACCESS_DENIED);
	SAY("no interrupt");
}

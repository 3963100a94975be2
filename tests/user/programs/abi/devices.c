/*
 * What asks for devices, in a process that has been granted none.
 */
#include "abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name devices-of-2018", "mmio platform", "irq platform");

void
main_of_2018(void)
{
	uint32_t tx, rx;

	EXPECT(physical_map(0xb8000, 4096) == ERROR_ACCESS_DENIED);
	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(interrupt_create(tx, 33) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_ack(tx) == ERROR_WRONG_TYPE);
	EXPECT(interrupt_ack(77) == ERROR_BAD_HANDLE);
}

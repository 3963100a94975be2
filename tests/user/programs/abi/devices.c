/*
 * What asks for devices, in a process that has been granted none.
 */
#include "abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name devices-of-2018", "port 0x60 1 r", "port 0x80 1 w", "mmio 0xb8000 4K",
		 "dma 4K", "irq 1");

void
main_of_2018(void)
{
	uint32_t address = 1, tx, rx;

	EXPECT(physical_map(0xb8000, 4096) == ERROR_ACCESS_DENIED);
	EXPECT(physical_alloc(4096, &address) == ERROR_ACCESS_DENIED && address == 1);
	write_port_u8(0x80, 1);
	EXPECT(read_port_u8(0x60) <= 0xff);
	EXPECT(channel_create(&tx, &rx) == 0);
	EXPECT(interrupt_create(tx, 33) == ERROR_ACCESS_DENIED);
	EXPECT(interrupt_ack(tx) == ERROR_WRONG_TYPE);
	EXPECT(interrupt_ack(77) == ERROR_BAD_HANDLE);
}

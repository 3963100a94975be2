/*
 * What wants ports and DMA by its manifest: nobody who was granted none may run it.
 */
#include "abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name ports-of-2018", "dma 4K", "port 0x60 1 r", "port 0x80 1 w");

void
main_of_2018(void)
{
	uint64_t address = 1;

	EXPECT(physical_alloc(4096, &address) == ERROR_ACCESS_DENIED && address == 1);
	write_port_u8(0x80, 1);
	EXPECT(read_port_u8(0x60) <= 0xff);
}

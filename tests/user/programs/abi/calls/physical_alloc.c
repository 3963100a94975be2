/*
 * physical_alloc(size, &address): memory that devices reach, for those whose manifest was
 * granted it. This one was not, and is not even started.
 *
 * Refused: wants bytes of DMA 0x1000
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name physical_alloc", "dma 4K");

void
main_of_2018(void)
{
	uint32_t address;

	(void)physical_alloc(4096, &address);
	SAY("never printed");
}

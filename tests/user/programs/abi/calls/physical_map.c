/*
 * physical_map(address, size): device registers, for those who were granted them. This process
 * was not.
 *
 * Prints: no registers
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name physical_map", "mmio platform");

void
main_of_2018(void)
{
	EXPECT(physical_map(0xb8000, 4096) == ERROR_ACCESS_DENIED);
	SAY("no registers");
}

/*
 * What asks for a port without a manifest.
 */
#include "abi.h"

void
main_of_2018(void)
{
	write_port_u8(0x80, 1);
}

/*
 * read_port_u8(port): an `in` instruction, in programs whose manifest was granted the port. This
 * one was not, and is not even started.
 *
 * Refused: wants port 0x60
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name read_port_u8", "port 0x60 1 r");

void
main_of_2018(void)
{
	(void)read_port_u8(0x60);
	SAY("never printed");
}

/*
 * write_port_u8(port, value): an `out` instruction, in programs whose manifest was granted the
 * port. This one was not, and is not even started.
 *
 * Refused: wants port 0x80
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name write_port_u8", "port 0x80 1 w");

void
main_of_2018(void)
{
	write_port_u8(0x80, 1);
	SAY("never printed");
}

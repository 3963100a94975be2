/*
 * The machine's first serial port, the console's; user/libs/uart/uart.h has the code.
 */
#include "user/libs/uart/uart.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

NEBULET_MANIFEST("name serial1", "platform serial1", "port 0x3f8 8 rw", "irq 4");

int
module_main(void)
{
	return uart_main(0x3f8);
}

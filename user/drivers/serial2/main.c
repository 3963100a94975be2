/*
 * The machine's second serial port, the link's; user/libs/uart/uart.h has the code.
 */
#include "user/libs/uart/uart.h"
#include "user/sdk/manifest.h"
#include "user/sdk/start.h"

NEBULET_MANIFEST("name serial2", "platform serial2", "port 0x2f8 8 rw", "irq 3");

int
module_main(void)
{
	return uart_main(0x2f8);
}

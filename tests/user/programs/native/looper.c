/* Computes for ever. */
#include "user/sdk/start.h"

#include <stdint.h>

static volatile uint32_t count;

int
module_main(void)
{
	for (;;)
		count++;
}

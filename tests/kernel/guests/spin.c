/* Loops for ever, doing a little work. */
#include "guest.h"

static volatile uint32_t counter;

void
_start(void)
{
	for (;;)
		counter = counter * 3 + 1;
}

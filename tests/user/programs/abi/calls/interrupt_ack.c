/*
 * interrupt_ack(handle): lets the interrupt come again. Only interrupts can be acknowledged.
 *
 * Prints: nothing to acknowledge
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	EXPECT(interrupt_ack((uint32_t)event_create()) == ERROR_WRONG_TYPE);
	EXPECT(interrupt_ack(77) == ERROR_BAD_HANDLE);
	SAY("nothing to acknowledge");
}

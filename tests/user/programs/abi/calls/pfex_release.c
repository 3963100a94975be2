/*
 * pfex_release(&word): frees the lock, a word that is 0 again, and wakes one thread that waits.
 * As with pfex_acquire, a bad address is a trap.
 *
 * Prints: free
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	static uint32_t lock;

	pfex_acquire(&lock);
	pfex_release(&lock);
	/* Would never return if it were still held. */
	pfex_acquire(&lock);
	pfex_release(&lock);
	EXPECT(lock == 0);
	SAY("free");
}

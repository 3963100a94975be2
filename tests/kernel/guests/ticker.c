/*
 * Wakes every 100 ms and notes in the memory object (handle 0) how late it
 * was, in nanoseconds.
 */
#include "guest.h"

enum { TICKS = 8 };
static const int64_t interval_ns = 100000000;

void
_start(void)
{
	uint32_t memory = guest_handle(0);
	int64_t next = nb_clock_get(NB_CLOCK_MONOTONIC);

	for (int i = 0; i < TICKS; i++) {
		int64_t late;

		next += interval_ns;
		EXPECT(nb_thread_sleep(next) == 0);
		late = nb_clock_get(NB_CLOCK_MONOTONIC) - next;
		EXPECT(late >= 0);
		EXPECT(nb_memory_write(memory, (uint64_t)i * 8, &late, 8) == 8);
	}
	nb_process_exit(0);
}

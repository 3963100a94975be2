/* Waits for ever for SIGNALED on handle 0; a second wait item is there, too. */
#include "guest.h"

void
_start(void)
{
	struct nb_wait_item items[2] = {
		{ guest_handle(0), NB_SIGNAL_SIGNALED, 0 },
		{ guest_handle(1), NB_SIGNAL_USER_3, 0 },
	};

	EXPECT(nb_object_wait_many(items, 2, NB_DEADLINE_NEVER) == 1);
	EXPECT(items[0].seen & NB_SIGNAL_SIGNALED);
	EXPECT(!(items[1].seen & NB_SIGNAL_USER_3));
	nb_process_exit(23);
}

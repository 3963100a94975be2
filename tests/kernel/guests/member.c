/*
 * One of a crowd (tests/user/crowd.py): says its number on a channel, then waits until
 * the event is signaled and ends with its number as status. Startup: handles of the
 * channel and the event, the number.
 */
#include "nebulet.h"

#include <stdint.h>

void
_start(void)
{
	uint32_t words[3] = { 0 };

	(void)nb_process_startup(words, sizeof words);
	while (nb_channel_send(words[0], &words[2], sizeof words[2], 0, 0) == -NB_SHOULD_WAIT)
		(void)nb_object_wait_one(words[0], NB_SIGNAL_WRITABLE, NB_DEADLINE_NEVER);
	(void)nb_object_wait_one(words[1], NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER);
	nb_process_exit((int32_t)words[2]);
}

/*
 * A client of the block service that has no room for the handle to the pages it asks for, more
 * often than the driver has pages; then it has. Exit status 0, or an outcome.
 */
#include "user/libs/block/block.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

enum outcome { NOT_REFUSED = 100, NOT_SERVED = 101 };
/* A connection takes two handles, its pages a third. */
enum { TRIES = 60, TOO_FEW = 2, ENOUGH = 8 };

static struct block block;

int
module_main(void)
{
	uint32_t services = startup_handle("services"), last[ENOUGH], count = 0;
	int64_t end_ns = nb_clock_get(NB_CLOCK_MONOTONIC) + 20000000000ll, copy;

	while ((copy = nb_handle_duplicate(services, NB_RIGHTS_SAME)) >= 0)
		last[count++ % ENOUGH] = (uint32_t)copy;
	for (uint32_t i = 0; i < TOO_FEW; i++)
		(void)nb_handle_close(last[i]);
	for (uint32_t i = 0; i < TRIES; i++) {
		if (block_open(&block, services, end_ns) != NB_LIMIT_EXCEEDED)
			return NOT_REFUSED;
	}
	for (uint32_t i = TOO_FEW; i < ENOUGH; i++)
		(void)nb_handle_close(last[i]);
	return block_open(&block, services, end_ns) ? NOT_SERVED : 0;
}

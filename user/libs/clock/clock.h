/*
 * The service "clock": requests are one byte, the reply a struct clock_reply.
 */
#ifndef USER_LIBS_CLOCK_CLOCK_H
#define USER_LIBS_CLOCK_CLOCK_H

#include <stdint.h>

enum clock_request {
	CLOCK_READ = 1,	       /* answered at once */
	CLOCK_NEXT_SECOND = 2, /* answered when the clock's next second begins */
};

struct clock_reply {
	int64_t seconds; /* since 1970-01-01, as the clock counts */
};

#endif

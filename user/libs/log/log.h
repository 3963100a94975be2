/*
 * Showing the kernel's log: the lines that it would print itself if nobody followed it.
 */
#ifndef USER_LIBS_LOG_LOG_H
#define USER_LIBS_LOG_LOG_H

#include <stdint.h>

/* Room for any line. */
#define LOG_LINE_MAX 1088u

struct log_follower {
	uint32_t log; /* handle of log_follow; NB_HANDLE_NONE: there never is a line */
	uint64_t next;
};

/* The next line, with its end (CR, LF), and its length; 0: there is none now, and the handle is not
 * READABLE. To ask for the next one is to say that the one before has been shown. */
uint32_t log_line(struct log_follower *follower, char line[LOG_LINE_MAX]);

#endif

/*
 * Ends that cause ends: a message that nobody receives holds the last handle to a
 * channel full of messages, a process not started holds that to another. The chain may be
 * as long as its maker liked, so they do not recurse: whoever returns the first one
 * returns what comes to it meanwhile afterwards. Each thread does what it has caused by
 * itself; none waits for another, which may be of lower priority.
 */
#ifndef KERNEL_SCHED_REAPING_H
#define KERNEL_SCHED_REAPING_H

#include "lib/list.h"

/* Lists on the stack of who works on them; NULL: nobody does. */
struct reaping {
	struct list_link *messages;  /* struct channel_message, by link */
	struct list_link *processes; /* struct process, by doomed_link */
};

/* The calling thread's; or the processor's, in its loop. */
struct reaping *reaping_current(void);

#endif

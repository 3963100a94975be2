/*
 * The serial ports' descriptors.
 */
#ifndef PLATFORM_HOSTED_SERIAL_H
#define PLATFORM_HOSTED_SERIAL_H

#include "kernel/port/platform.h"

#include <stdbool.h>

struct hosted_serial_fds {
	int in, out; /* -1: none. May be the same */
};

/* Connects the ports; once in a process. False: the host refuses. */
bool hosted_serial_start(const struct hosted_serial_fds fds[PORT_SERIAL_COUNT]);

#endif

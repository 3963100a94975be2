/*
 * What the bus server tells a driver besides its handles (user/servers/bus/drivers.c).
 */
#ifndef USER_LIBS_DRIVER_DRIVER_H
#define USER_LIBS_DRIVER_DRIVER_H

#include "abi/startup.h"

enum {
	/* Startup record: the 256 bytes of the PCI function's configuration space. */
	DRIVER_RECORD_PCI = NB_STARTUP_PRIVATE + 0x100,
};

#endif

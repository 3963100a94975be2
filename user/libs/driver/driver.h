/*
 * What all drivers have in common: what the bus server tells them besides their
 * handles (user/servers/bus/drivers.c), and the loop of events.
 */
#ifndef USER_LIBS_DRIVER_DRIVER_H
#define USER_LIBS_DRIVER_DRIVER_H

#include "user/libs/service/service.h"

#include "abi/startup.h"
#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	/* Startup record: the 256 bytes of the PCI function's configuration space. */
	DRIVER_RECORD_PCI = NB_STARTUP_PRIVATE + 0x100,
	/* Exit status of a driver whose device breaks the rules, or has gone. */
	DRIVER_BROKEN = 3,
};

/* What a driver does when something happens; what is NULL does not concern it. */
struct driver_events {
	/* Prepares the device; clients can come already. An error ends the driver. */
	enum nb_status (*set_up)(void);
	/* A client's message. */
	void (*request)(const struct service_event *event);
	/* A client has gone; its number will be another's. */
	void (*gone)(uint32_t client);
	/* The interrupt, which is acknowledged after that. False: the device is broken. */
	bool (*interrupted)(void);
	/* Called every second for which `is_waiting` says that the device owes something.
	 * False: the device is broken. */
	bool (*look)(void);
	bool (*is_waiting)(void);
};

/* Maps the registers that the handle names, "mmio0" for the first `mmio` line of the manifest, at
 * the end of the module's memory: *size bytes. NULL: it has no such handle, or no memory. */
volatile uint8_t *driver_map(const char *name, uint32_t *size);

/* Serves clients and the device (handles "bus", "interrupt") until the bus server has
 * gone or the device is broken; returns the exit status. `service` lives as long as the
 * module. */
int driver_run(struct service *service, const struct driver_events *events);

#endif

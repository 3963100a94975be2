/*
 * The bus server: finds devices, matches them to drivers by the drivers' manifests,
 * starts each driver with exactly what its manifest names, restarts those that die,
 * and passes clients on to whoever offers the service they name.
 *
 * It has the root resource and PCI's configuration ports; no driver has either.
 *
 *   devices.c  what a PC has besides PCI, and who drives what
 *   config.c   PCI's configuration space
 *   pci.c      PCI functions: registers, message interrupts, bus mastering
 *   drivers.c  starting and stopping a driver
 *   keep.c     what the next bus server must know, should this one die
 *   main.c     events: clients, ends of drivers, restarts
 */
#ifndef USER_SERVERS_BUS_BUS_H
#define USER_SERVERS_BUS_BUS_H

#include "lib/manifest.h"
#include "user/sdk/text.h"

#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	DEVICES_MAX = 64,
	DRIVERS_MAX = 24,
	WAITING_MAX = 16,
	OLD_MAX = 1024,
	BARS = 6,
	CONFIG_BYTES = 256,
};

struct bar {
	uint64_t base;
	uint64_t size; /* bytes; 0: none */
	bool is_ports;
};

struct device {
	const char *platform; /* its name, NULL: a PCI function */
	/* Valid for PCI: */
	uint32_t address; /* as the configuration ports take it */
	uint16_t vendor, product;
	uint32_t class_code; /* class << 16 | subclass << 8 | interface */
	struct bar bars[BARS];
	uint8_t express;	 /* offset of its capability PCI Express, 0: none */
	uint8_t message_table;	 /* offset of its capability for many messages, 0: none */
	bool uses_line;		 /* its driver has its line: else it must not assert it */
	uint32_t message_number; /* of the interrupt it has got; 0: none yet */
	bool is_taken;
};

struct driver {
	char path[64];
	uint32_t module; /* published */
	struct manifest manifest;
	struct device *device;
	uint32_t process; /* NB_HANDLE_NONE: it does not run */
	uint32_t channel; /* to it, while it runs */
	uint32_t dma;	  /* its DMA, perhaps of a failed predecessor's, or NB_HANDLE_NONE */
	uint32_t
		dma_before; /* of its predecessor, kept until the device has certainly been reset */
	uint32_t failures;
	int64_t started_ns;
	int64_t retry_ns; /* when to start it again; valid while it does not run */
	/* Ends of clients that wait for it. */
	uint32_t waiting[WAITING_MAX];
	uint32_t waiting_count;
};

struct bus {
	uint32_t ramdisk, root;
	uint32_t services, clients; /* the two ends of the channel that clients come over */
	struct device devices[DEVICES_MAX];
	uint32_t device_count;
	bool is_pci_known; /* its functions are among the devices */
	struct driver drivers[DRIVERS_MAX];
	uint32_t driver_count;
	uint32_t keep, kept; /* the two ends of the channel that outlives us, or none */
	uint32_t kept_count; /* messages in it */
	uint32_t old
		[OLD_MAX]; /* DMA of drivers of our predecessor, whose devices may still use it */
	uint32_t old_count;
};

/* Adds the devices that every PC has. Those of PCI are looked for when a driver wants one. */
void devices_find(struct bus *bus);
/* Now, unless they are known. */
void devices_find_pci(struct bus *bus);
/* A device that nobody has taken and that the manifest says it drives, or NULL. */
struct device *devices_match(struct bus *bus, const struct manifest *manifest);
/* Whether a platform device has those ports, registers, or that interrupt: kind is
 * NB_RESOURCE_*. */
bool devices_has(const struct device *device, uint32_t kind, uint64_t first, uint64_t count);

/* Finds out how the configuration space is reached. */
void config_open(const struct bus *bus);
/* 32 bits of it, `at` a multiple of 4: `address` as the configuration ports take it. */
uint32_t config_read(uint32_t address, uint32_t at);
void config_write(uint32_t address, uint32_t at, uint32_t value);

void pci_find(struct bus *bus);
/* Copies the configuration space. */
void pci_read_config(const struct device *device, uint8_t config[CONFIG_BYTES]);
/* Lets the function answer, and if `is_master` reach memory. */
void pci_enable(const struct device *device, bool is_master);
/* The function neither answers nor reaches memory any more, and forgets what it was told if it
 * can be reset. */
void pci_disable(struct device *device);
/* Which BAR has the table of messages; valid if there is one. */
uint32_t pci_message_bar(const struct device *device);
/* A new interrupt object for the function's first message, or its line if it sends none.
 * NOT_SUPPORTED: it has neither, or the line is not known. */
NB_MUST_USE enum nb_status
pci_interrupt(struct bus *bus, struct device *device, uint32_t *interrupt);

/* Starts the driver; the reason of a failure is in the log. */
NB_MUST_USE enum nb_status driver_start(struct bus *bus, struct driver *driver);
/* After its process has ended: stops the device, then gives back what it had. `has_lasted`:
 * it ran so long that it has certainly reset the device. */
void driver_stopped(struct driver *driver, bool has_lasted);

/* At the beginning: ends the drivers of a predecessor that has died, and stops the devices. */
void keep_take(struct bus *bus);
/* What is to be known of the drivers has changed, or is about to. */
void keep_update(struct bus *bus);
/* All devices have been reset by drivers of ours. */
void keep_forget(struct bus *bus);

void bus_log(uint32_t level, const char *name, const char *what, const char *detail);

#endif

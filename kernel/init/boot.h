/*
 * From the first C function to init, and from power-off to the end.
 */
#ifndef KERNEL_INIT_BOOT_H
#define KERNEL_INIT_BOOT_H

#include "abi/status.h"

#include <stdbool.h>
#include <stdint.h>

struct account;

struct boot_facts {
	uint64_t entry_ns;	 /* monotonic time of kernel_main */
	uint64_t ticks_to_guest; /* cycles, kernel entry to first guest code; 0: not yet */
};
void boot_facts_get(struct boot_facts *out);

/* Makes the core work on this processor: scheduler, root account, log. For
 * kernel_main, and for tests of the core. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status boot_core_init(void);
/* The root of all accounts. */
struct account *boot_account(void);
/* Compares what is taken now with what was at the end of boot_core_init, logs
 * every imbalance as "leak: ..." and returns how many there are. */
uint32_t boot_core_exit(void);

/* Keeps `ticks`, the cycles from kernel entry to the first guest instruction,
 * at the first call. */
void boot_note_guest_start(uint64_t ticks);

/* Ends every process; when they have ended, the machine is powered off with
 * `status` (0 to 255). The first request counts. */
void boot_power_off(int status);
/* Whether that has been asked for, and with which status. */
bool boot_is_ending(int *out_status);
/* True if no process, thread or publication is left. */
bool boot_is_over(void);

#endif

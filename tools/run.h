/*
 * `nebulet run`: what was asked for, and the parts that do it.
 */
#ifndef TOOLS_RUN_H
#define TOOLS_RUN_H

#include "tools/programs.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	RUN_ITEMS_MAX = 64,
	RUN_MEMORY_MIN_MIB = 64,
	RUN_MEMORY_MAX_MIB = 1024 * 1024,
};

enum run_platform { RUN_PC, RUN_HOSTED };

/* A folder of the host that the program sees as `guest`. */
struct run_directory {
	const char *host;
	const char *guest;
};

struct run_options {
	enum run_platform platform;
	bool is_verbose;
	bool lists;
	bool tells_needs;
	bool counts_boot;
	bool counts_instructions; /* virtual time is 1 ns an instruction */
	bool debugs;
	const char *described;		    /* --describe NAME */
	const char *disk;		    /* image for the machine's block device, or NULL */
	const char *drivers[RUN_ITEMS_MAX]; /* modules of drivers on the host */
	const char *devices[RUN_ITEMS_MAX]; /* more devices, as QEMU's -device takes them */
	size_t driver_count, device_count;
	uint32_t memory_mib; /* 0: default */
	double timeout_s;    /* 0: none */
	struct run_directory directories[RUN_ITEMS_MAX];
	const char *variables[RUN_ITEMS_MAX]; /* "NAME=value" */
	size_t directory_count;
	size_t variable_count;
	const struct program *program; /* bundled, or NULL */
	const char *path;	       /* of a module on the host, or NULL */
	char **arguments;	       /* argv of the program; argument 0 as it was typed */
	int argument_count;
};

/* ---- image.c ---- */

/* Makes the RAM disk for what was asked for in a memory file; its descriptor,
 * or -1 after an error, which is reported. Standard input that is a file goes
 * along: *has_input, and it is at its end. */
int image_create(const struct run_options *options, bool *has_input);

/* ---- machine.c ---- */

/* A kernel that runs: a virtual machine or the hosted kernel. */
struct machine {
	pid_t pid;
	int console; /* our ends of its serial ports; -1 when closed */
	int link;
};

/* Starts it with the RAM disk `image`. False after an error, which is reported. */
bool machine_start(struct machine *machine, const struct run_options *options, int image);

/* Waits at most `timeout_ms` for it to end; false if it still runs. Stores the
 * wait status. */
bool machine_wait(struct machine *machine, int timeout_ms, int *wait_status);

/* Ends it at once and closes everything. */
void machine_destroy(struct machine *machine);

/* The exit status that a machine that powered itself off means; -1 if it did
 * not end that way. */
int machine_power_status(const struct run_options *options, int wait_status);

/* ---- session.c ---- */

/* Serves one program to its end; the exit status. `has_input`: the program has
 * its standard input already. */
int session_serve(struct machine *machine, const struct run_options *options, bool has_input);

/* ---- prompt.c ---- */

/* Connects this terminal with the console until the machine ends; the exit status. */
int prompt_serve(struct machine *machine, const struct run_options *options);

/* ---- signals.c ---- */

/* Blocks SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD and returns a descriptor
 * that becomes readable with them; ignores SIGPIPE. */
int signals_open(void);

/* The next signal waiting there, or 0. */
int signals_next(int fd);

#endif

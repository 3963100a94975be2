/*
 * Making a process of a published module: the personality it imports, its
 * handles, its startup block.
 *
 * The life of a launch: disk_publish the module and wait for SIGNALED; then
 * launch_process. Everything the new process gets is named here; it has no
 * other authority.
 */
#ifndef USER_LIBS_LAUNCH_LAUNCH_H
#define USER_LIBS_LAUNCH_LAUNCH_H

#include "user/sdk/text.h"

#include "abi/status.h"

#include <stdint.h>

struct launch_handle {
	const char *name;
	uint32_t handle; /* stays the caller's; the process gets a duplicate */
	uint32_t rights; /* NB_RIGHTS_SAME: all */
};

struct launch {
	const char *name;	     /* of the process, for logs and backtraces */
	uint32_t module;	     /* published: MODULE_READY or FAILED */
	uint32_t ramdisk;	     /* where personalities are found */
	uint32_t priority;	     /* NB_PRIORITY_* */
	uint32_t threads;	     /* at most; 0: no limit */
	uint64_t memory_bytes;	     /* likewise */
	uint32_t processor_permille; /* of processor time; 0: no limit */
	const struct launch_handle *handles;
	uint32_t handle_count;
	const void *records; /* further startup records, 8-aligned */
	uint32_t records_size;
};

/* Creates and starts the process; *process is a handle to it. On an error the
 * reason is appended to `error` and nothing is left behind. */
NB_MUST_USE enum nb_status
launch_process(const struct launch *launch, uint32_t *process, struct text *error);

/* Waits until a module is published; the reason is appended to `error` if that
 * failed. */
NB_MUST_USE enum nb_status launch_module_result(uint32_t module, struct text *error);

/* A process that has run so long had begun well. */
#define LAUNCH_SOUND_NS 20000000ll

/* When to start again what has ended after `ran_ns`, or could not be started (0): at once if it
 * had begun well, else the later, the more often it has failed in a row, which *failures counts. */
int64_t launch_retry_ns(uint32_t *failures, int64_t ran_ns);

/* How a process that trapped came to its end: cause and backtrace in
 * bytes[0..cap); the cause alone if the kernel had no memory for more. Returns
 * the length. */
uint32_t launch_trap_text(uint32_t process, const char *name, char *bytes, uint32_t cap);

/* Three streams for a program's standard input, output and error. */
struct launch_streams {
	uint32_t near[3]; /* our ends: 0 writes, 1 and 2 read; NB_HANDLE_NONE when closed */
	uint32_t far[3];  /* the program's ends, to be closed after launch_process */
};

NB_MUST_USE enum nb_status launch_streams_create(struct launch_streams *streams);
void launch_streams_close_near(struct launch_streams *streams, uint32_t which);

/* Closes the program's ends; one that is needed longer is taken out before, by
 * setting it to NB_HANDLE_NONE. */
void launch_streams_close_far(struct launch_streams *streams);

#endif

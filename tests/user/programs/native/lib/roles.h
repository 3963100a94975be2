/*
 * What native test programs share that start themselves, or others, in several roles.
 * Whatever fails ends the program with a status of its own.
 */
#ifndef TESTS_USER_PROGRAMS_NATIVE_LIB_ROLES_H
#define TESTS_USER_PROGRAMS_NATIVE_LIB_ROLES_H

#include "user/libs/launch/launch.h"

#include <stdint.h>

enum { ROLE_BYTES = 8, ROLE_HANDLES_MAX = 2 };

struct role {
	const char *path;  /* of the module in the RAM disk */
	const char *name;  /* of the role, at most ROLE_BYTES, and the process */
	int64_t value;	   /* for role_value */
	uint32_t priority; /* NB_PRIORITY_*; 0: the caller's */
	uint32_t permille; /* of processor time; 0: no limit */
	struct launch_handle handles[ROLE_HANDLES_MAX]; /* besides "ramdisk" and "stdout" */
	uint32_t handle_count;
};

/* Publishes a module of the RAM disk, and waits until that is done; its handle. */
uint32_t role_publish(const char *path);

/* Starts a process; its handle. A module is published once and kept. */
uint32_t role_start(const struct role *role);
/* What this process was started as: the first letter, 0 if it is the test itself. */
char role_letter(void);
int64_t role_value(void);

/* A running process's. */
uint64_t role_run_ns(uint32_t process);
/* Kills it and waits for its end. */
void role_kill(uint32_t process);
/* Waits for its end. */
void role_wait(uint32_t process);

/* A line of a word and numbers on standard output. */
void role_print(const char *word, const uint64_t *numbers, uint32_t count);

#endif

/*
 * What the creator told this process (abi/startup.h), loaded on first use.
 */
#ifndef USER_SDK_STARTUP_H
#define USER_SDK_STARTUP_H

#include "abi/startup.h"

#include <stdint.h>

struct startup {
	const void *block; /* 8-aligned records; NULL when there is none or no memory for it */
	uint32_t size;	   /* bytes */
};

/* The process's startup block; it lives as long as the instance. */
struct startup startup_get(void);

/* The handle that was passed under `name`, or NB_HANDLE_NONE. */
uint32_t startup_handle(const char *name);

/* The contents of a record. */
static inline const char *
startup_contents(const struct nb_startup_record *record)
{
	return (const char *)(record + 1);
}

#endif

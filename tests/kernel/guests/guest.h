/*
 * What the test guests share. A guest ends with the status of the first line
 * whose EXPECT fails, or with the status it chooses.
 */
#ifndef TESTS_KERNEL_GUEST_H
#define TESTS_KERNEL_GUEST_H

#include "nebulet.h"

#define EXPECT(condition)                          \
	do {                                       \
		if (!(condition))                  \
			nb_process_exit(__LINE__); \
	} while (0)

/* What an error looks like. */
#define ERR(name) (-(int64_t)NB_##name)

/* The startup block of test guests is an array of handles. */
static inline uint32_t
guest_handle(uint32_t idx)
{
	uint32_t handles[8] = { 0 };

	(void)nb_process_startup(handles, sizeof handles);
	return handles[idx];
}

/* Copies `len` bytes without a library. */
static inline void
guest_copy(void *to, const void *from, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		((volatile char *)to)[i] = ((const char *)from)[i];
}

void _start(void);

#endif

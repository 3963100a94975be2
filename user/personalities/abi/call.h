/*
 * What the exported functions have in common: the lock, and the client's memory.
 */
#ifndef USER_PERSONALITIES_ABI_CALL_H
#define USER_PERSONALITIES_ABI_CALL_H

#include "user/personalities/abi/abi.h"
#include "user/sdk/lock.h"

extern struct lock abi_lock;

static inline void
abi_enter(void)
{
	lock_take(&abi_lock);
}

static inline void
abi_leave(void)
{
	lock_give(&abi_lock);
}

/* An exported function all of which runs under the lock. */
#define ABI_CALL(name, parameters, arguments)               \
	ABI_LOCKED static int64_t locked_##name parameters; \
	ABI_EXPORT(name) int64_t abi_##name parameters;     \
	int64_t abi_##name parameters                       \
	{                                                   \
		abi_enter();                                \
		int64_t result = locked_##name arguments;   \
		abi_leave();                                \
		return result;                              \
	}                                                   \
	ABI_LOCKED static int64_t locked_##name parameters

static inline bool
is_client_range(uint32_t address, uint32_t len)
{
	return (uint64_t)address + len <= (uint64_t)nb_client_size();
}

static inline int64_t
put_word(uint32_t address, uint32_t word)
{
	return nb_client_write(address, &word, sizeof word);
}

#endif

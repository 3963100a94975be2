/*
 * What the exported functions have in common: the lock, and the client's memory.
 */
#ifndef USER_PERSONALITIES_ABI_CALL_H
#define USER_PERSONALITIES_ABI_CALL_H

#include "user/personalities/abi/abi.h"

#include "nebulet.h"

#include <stdbool.h>

/* 0 free, 1 held, 2 held and somebody waits. */
extern struct nb_futex abi_lock;

static inline void
abi_enter(void)
{
	uint32_t free_word = 0;

	if (__atomic_compare_exchange_n(&abi_lock.word, &free_word, 1, false, __ATOMIC_SEQ_CST,
					__ATOMIC_SEQ_CST))
		return;
	while (__atomic_exchange_n(&abi_lock.word, 2, __ATOMIC_SEQ_CST))
		(void)nb_futex_wait(&abi_lock, 2, NB_DEADLINE_NEVER);
}

static inline void
abi_leave(void)
{
	if (__atomic_exchange_n(&abi_lock.word, 0, __ATOMIC_SEQ_CST) == 2)
		(void)nb_futex_wake(&abi_lock, 1);
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

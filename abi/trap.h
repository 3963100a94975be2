/*
 * Trap kinds, from trap.def. Freestanding.
 */
#ifndef ABI_TRAP_H
#define ABI_TRAP_H

#include <stdbool.h>
#include <stdint.h>

enum nb_trap {
#define NB_TRAP(name, number, text) NB_TRAP_##name = number,
#include "abi/trap.def"
#undef NB_TRAP
};

/* Whether some trap has this number. */
static inline bool
nb_trap_exists(uint32_t number)
{
	switch (number) {
#define NB_TRAP(name, number, text) case NB_TRAP_##name:
#include "abi/trap.def"
#undef NB_TRAP
		return true;
	default:
		return false;
	}
}

/* Exit status of a program ended by trap t is NB_TRAP_EXIT_BASE + t. */
enum { NB_TRAP_EXIT_BASE = 128 };

/* The English text of `trap`, without a full stop; never NULL. */
static inline const char *
nb_trap_text(enum nb_trap trap)
{
	switch (trap) {
#define NB_TRAP(name, number, text) \
	case NB_TRAP_##name:        \
		return text;
#include "abi/trap.def"
#undef NB_TRAP
	}
	return "unknown trap";
}

#endif

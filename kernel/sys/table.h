/*
 * The native calls as linking sees them.
 */
#ifndef KERNEL_SYS_TABLE_H
#define KERNEL_SYS_TABLE_H

#include "runtime/signature.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sys_call {
	const char *name;
	const uint8_t *code;  /* for struct nb_callee.code */
	const uint8_t *cross; /* likewise */
	struct wasm_functype type;
	bool own_only; /* not in namespace nebulet:client */
};

/* The call of that name (any bytes), or NULL. */
const struct sys_call *sys_call_find(const char *name, size_t len);

#endif

/*
 * WASI preview 0 (`wasi_unstable`): a module that only forwards.
 *
 * Linked between a client that imports `wasi_unstable` and the instance of
 * personalities/wasi that serves its process. Four calls differ from preview 1
 * and go to exports of their own there; the rest is the same.
 */
#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
#define EXPORT(name) __attribute__((export_name(name)))

#define FORWARD(name, target, parameters, names)            \
	IMPORT(target) uint32_t preview1_##name parameters; \
	EXPORT(#name) uint32_t unstable_##name parameters;  \
	uint32_t unstable_##name parameters                 \
	{                                                   \
		return preview1_##name names;               \
	}
#define WASI(name, parameters, names)	      FORWARD(name, #name, parameters, names)
#define WASI_DIFFERS(name, parameters, names) FORWARD(name, "unstable." #name, parameters, names)
#include "user/personalities/wasi/wasi.def"
#undef WASI

IMPORT("proc_exit") __attribute__((noreturn)) void preview1_proc_exit(uint32_t status);
EXPORT("proc_exit") __attribute__((noreturn)) void unstable_proc_exit(uint32_t status);

void
unstable_proc_exit(uint32_t status)
{
	preview1_proc_exit(status);
}

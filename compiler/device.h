/*
 * What a module may do to devices: its manifest, and which of its imports are
 * accesses to ports.
 *
 *   nebulet.manifest ── device_read ──> struct device_rules ──> build, x64/
 *
 * The rules are found before anything is compiled; they depend on the module's
 * bytes alone.
 */
#ifndef COMPILER_DEVICE_H
#define COMPILER_DEVICE_H

#include "lib/arena.h"
#include "lib/diag.h"
#include "lib/manifest.h"
#include "wasm/module.h"

/* A port access: log2 of its bytes, direction, constant port. */
struct device_port {
	uint8_t width;	/* logarithm */
	uint8_t access; /* enum nb_port_access; 0: no access to ports at all */
};

struct device_rules {
	const struct wasm_module *module;
	const struct manifest *manifest; /* NULL: the module has none */
	/* Per imported function; NULL if none of them accesses ports. */
	const struct device_port *ports;
};

/* What is asked now and then during long work, and ends it with its error. */
struct device_poll {
	enum nb_status (*poll)(void *context);
	void *context;
};

/*
 * Reads the manifest of `module` and checks its imports against it, all but the
 * ports of the single accesses; *out lives in `arena`. `poll` may be NULL.
 *
 * Errors, reported in *diag: NB_MALFORMED (the manifest), NB_ACCESS_DENIED (an
 * import of abi/device_call.def without the manifest, or the line of it, that it
 * needs; a port access that is exported or taken by reference), NB_UNLINKABLE (a
 * port access of another type), NB_OUT_OF_MEMORY; what `poll` returned, not reported.
 */
NB_MUST_USE enum nb_status
device_read(const struct wasm_module *module, struct arena *arena, const struct device_poll *poll,
	    struct device_rules *out, struct diag *diag);

/*
 * Whether the access *port may be made at constant port number `number`. If not,
 * NB_ACCESS_DENIED, with a report for function `func_idx` and byte `offset` of the
 * module that shows the line that would allow it.
 */
NB_MUST_USE enum nb_status
device_check_port(const struct device_rules *rules, const struct device_port *port, uint32_t number,
		  uint32_t func_idx, uint32_t offset, struct diag *diag);

/* Likewise for a port that is computed: some line must allow some such access. */
NB_MUST_USE enum nb_status
device_check_computed(const struct device_rules *rules, const struct device_port *port,
		      uint32_t func_idx, uint32_t offset, struct diag *diag);

#endif

/*
 * Module objects: code on its way to being, or being, published.
 *
 * State machine (NB_MODULE_*): PUBLISHING -> READY or FAILED, once, by whoever
 * publishes; SIGNALED is set with the change. Fields marked so may be read
 * only after the state has been seen with module_state.
 */
#ifndef KERNEL_CODE_MODULE_H
#define KERNEL_CODE_MODULE_H

#include "kernel/object/object.h"
#include "lib/diag.h"
#include "lib/manifest.h"
#include "runtime/code_module.h"

#include <stdbool.h>

enum { MODULE_DIAGNOSTIC_BYTES = 384 };

struct sys_call;
struct thread;

struct module {
	struct object object;

	/* Where the binary lies; constant. */
	const uint8_t *bytes;
	size_t len;
	size_t owned_bytes;	/* heap memory at `bytes`; 0: in `backing` */
	struct object *backing; /* memory object, referenced; or NULL */
	bool is_artifact;
	uint64_t begun_ns;

	uint32_t state;	       /* atomic: NB_MODULE_* */
	bool is_canceled;      /* atomic: nobody wants it any more; see publish_cancel */
	struct thread *worker; /* that publishes it, or NULL. Under the lock of publish.c */
	uint32_t done, total;  /* atomic: functions compiled, and in all */

	/* Valid unless PUBLISHING: */
	enum nb_status status;
	uint64_t publish_ns;
	/* Valid when READY: */
	struct code_module code; /* its arena is valid always */
	const char *imports;	 /* namespaces, each ended by a zero byte */
	size_t imports_len;
	bool imports_client;
	const struct manifest *manifest; /* NULL: it has none */
	const char *manifest_text;
	size_t manifest_len;
	const struct sys_call **calls; /* by import: the native call that it is, whose type it
					* has; NULL: to be looked for */
	uint64_t data_charged;	       /* for code.data */
	/* Valid when FAILED: */
	char diagnostic[MODULE_DIAGNOSTIC_BYTES];
};

extern const struct object_type module_type;

/* A module in state PUBLISHING with one reference; it takes over `owned_bytes`
 * of heap memory charged to `account`, or a reference to `backing`, also when it
 * fails with NB_OUT_OF_MEMORY. */
struct module_source {
	const uint8_t *bytes;
	size_t len;
	size_t owned_bytes;
	struct object *backing;
};
NB_MUST_USE enum nb_status
module_create(struct account *account, const struct module_source *source, struct module **out);

static inline uint32_t
module_state(const struct module *module)
{
	return __atomic_load_n(&module->state, __ATOMIC_ACQUIRE);
}

/* Ends publishing: with NB_OK module->code is sealed, else `diag` tells why. */
void module_finish(struct module *module, enum nb_status status, const struct diag *diag);

static inline struct module *
module_of(struct object *object)
{
	return (struct module *)object;
}

#endif

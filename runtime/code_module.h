/*
 * A module as it exists in the system: decoded, compiled, published.
 *
 * kernel/code makes one (decode, compile, place, verify, seal) and counts its
 * users; instances of any process share it. While it is sealed, every address
 * of its code leads back to it through code_module_find, which fault handlers
 * may call: it takes no lock, and a module whose code some thread executes is
 * never released.
 */
#ifndef RUNTIME_CODE_MODULE_H
#define RUNTIME_CODE_MODULE_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "kernel/port/memory.h"
#include "lib/arena.h"
#include "runtime/store.h"
#include "wasm/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CODE_MODULE_NAME_BYTES = 64 };

struct template;

/* Functions that are exported by these names for whoever starts an instance. */
enum code_entry { CODE_ENTRY_INITIALIZE, CODE_ENTRY_START, CODE_ENTRY_MAIN, CODE_ENTRY_COUNT };

struct code_module {
	struct arena arena;		    /* owns whatever wasm and image point to */
	struct wasm_module wasm;	    /* with the bytes its names and data lie in */
	struct nb_code_image image;	    /* image.code: the placed code, once placed */
	struct port_code code;		    /* size 0: not placed, or no functions */
	struct store_types types;	    /* of wasm, if made */
	struct port_image data;		    /* what memory 0 holds at first, if has_data */
	uint32_t entries[CODE_ENTRY_COUNT]; /* WASM_NO_INDEX: there is none. Of the decoded one */
	const struct template *template;    /* of instances (runtime/template.h), or NULL */
	bool has_data;
	bool is_findable;
	char name[CODE_MODULE_NAME_BYTES]; /* zero-terminated, for messages */
};

/* An empty module whose arena takes at most `limit_bytes` from `source`. */
void
code_module_init(struct code_module *module, const struct arena_source *source, size_t limit_bytes);

/* Finds the entries of the decoded module: `_initialize`, `_start` and `main`. */
void code_module_find_entries(struct code_module *module);

/* The first CODE_MODULE_NAME_BYTES - 1 bytes of `name` become the name;
 * control characters become '?'. */
void code_module_set_name(struct code_module *module, const char *name, size_t len);

/* Copies image.code to where it will run, writable and not executable;
 * trapping bytes fill what is left of the last page. Afterwards image.code is
 * that place. NB_OUT_OF_MEMORY leaves the module as it was. Gives way to others. */
NB_MUST_USE enum nb_status code_module_place(struct code_module *module);

/* Whether the active data segments of the decoded module are worth an image, and which
 * pages of memory 0 it would have. Takes time with the number of segments. */
bool
code_module_data_extent(const struct code_module *module, uint64_t *out_at, uint64_t *out_size);
/* Makes that image. NB_OUT_OF_MEMORY changes nothing: instances copy then. Gives way to
 * others. */
NB_MUST_USE enum nb_status
code_module_make_data(struct code_module *module, uint64_t at, uint64_t size);

/* Makes the placed code executable. NB_OUT_OF_MEMORY changes nothing. Gives way to
 * others. */
NB_MUST_USE enum nb_status code_module_seal(struct code_module *module);
/* Makes the sealed code findable: from then on it may run. Callers serialise this and
 * code_module_leave among all modules. NB_OUT_OF_MEMORY changes nothing. */
NB_MUST_USE enum nb_status code_module_enter(struct code_module *module);
/* Undoes that, if it was done. No instance may be left. */
void code_module_leave(struct code_module *module);
/* Returns everything, after code_module_leave if the module is findable still; it is empty
 * then. Gives way to others. */
void code_module_release(struct code_module *module);

/* The sealed module that holds `pc`, or NULL. Any context. */
const struct code_module *code_module_find(uint64_t pc);

/* What lies at an address of published code. */
struct code_place {
	const struct code_module *module;
	const struct nb_code_function *function;
	uint32_t func_idx;		 /* in the module's function index space */
	const struct nb_code_site *site; /* the site exactly there, or NULL */
	uint32_t wasm_offset;		 /* in the module's bytes; of the body if no site */
	uint32_t origin_idx;		 /* function in whose body that is: another than
					  * func_idx if it was inlined there */
	uint32_t frame_size;		 /* bytes from RSP to the return address, at pc */
};

/* Finds what is at `pc`, which is a return address or an instruction. False if
 * no function of a sealed module is there. Any context. */
bool code_module_locate(uint64_t pc, bool is_return_address, struct code_place *out);

/* The name of function `func_idx`: from the name section, else of an export
 * among the first few thousand; false if it has neither. Any context. */
bool code_module_function_name(const struct code_module *module, uint32_t func_idx,
			       struct wasm_name *out);

#endif

/*
 * The store: everything that the instances of one process share.
 *
 *   types       canonical numbers, so that equal types have equal signature words
 *   references  struct nb_callee for each function that can be referred to; a
 *               funcref is an index into it, 0 is null. An externref is any
 *               other nonzero 32-bit number, of which the store knows nothing.
 *   memories, tables, host functions, instances
 *
 * All live until store_destroy, which returns every page, slot and area. An
 * instance may thus be left half initialised and still be referred to from
 * another's table, as the specification wants it. Not thread safe: the owner
 * serialises calls, those of builtins included, with the process's lock or by
 * having one thread.
 */
#ifndef RUNTIME_STORE_H
#define RUNTIME_STORE_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "abi/trap.h"
#include "lib/arena.h"
#include "lib/diag.h"
#include "wasm/module.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct instance;
struct store;

/* Bounds what guests make the store commit: memories and tables. (The arena
 * is bounded by its source and limit.) `charge` may refuse with
 * NB_LIMIT_EXCEEDED or NB_OUT_OF_MEMORY. Both may be NULL: no bound. */
struct store_account {
	enum nb_status (*charge)(void *context, uint64_t bytes);
	void (*uncharge)(void *context, uint64_t bytes);
	void *context;
};

struct runtime_memory {
	struct nb_memory_desc desc;
	uint64_t bound;		   /* addressable bytes of its slot */
	struct wasm_limits limits; /* as declared; pages */
	struct store *store;
	struct runtime_memory *next;
};

struct runtime_table {
	struct nb_table_desc desc;
	struct wasm_table_type type; /* as declared, the element type by store_valtype */
	struct store *store;
	struct runtime_table *next;
	uint32_t ordinal;	/* how many were made before it in the store */
	size_t area_bytes;	/* reserved; 0: storage is in the store's arena */
	size_t committed_bytes; /* of the area */
};

/* A global's place; cells are 16 bytes and do not move. */
struct runtime_global {
	struct wasm_global_type type; /* by store_valtype */
	uint64_t *cell;
};

/* Something that can be imported or has been exported. */
struct runtime_extern {
	enum wasm_extern_kind kind;
	union {
		/* signature is the store's; reference is not used. */
		struct nb_callee func;
		struct runtime_memory *memory;
		struct runtime_table *table;
		struct runtime_global global;
	};
};

struct store_type {
	struct wasm_functype type; /* arrays in the store's arena; type indices in it are
				    * numbers of the store, see store_types.c */
	uint32_t signature;
	uint32_t hash;
	uint32_t next; /* in the same bucket; number, 0: none */
};

struct store_host_function {
	struct nb_vmctx *context;
	struct store_host_function *next;
};

struct store {
	struct arena arena;
	struct store_account account;
	struct nb_thread_head *thread;
	struct store_type *types; /* type n is types[n - 1] */
	uint32_t *type_buckets;	  /* type_cap of them, a power of two */
	uint32_t type_count;
	uint32_t type_cap;
	bool types_are_shared;	   /* types and buckets are a module's, or another store's */
	struct nb_callee *callees; /* in the arena, or if area_bytes an area; or NULL */
	struct nb_reference_desc references; /* what machine code knows of it */
	uint32_t reference_count;	     /* callees in use, the null one included */
	size_t callee_bytes;		     /* storage: a power of two */
	size_t area_bytes;		     /* reserved for more of them; 0: none */
	bool is_model;	     /* its memories have no place: template.c compares it */
	uint64_t guard_slot; /* base of R14 without a memory; 0: none yet */
	struct nb_memory_desc no_memory;
	struct instance *instances; /* newest first */
	uint32_t instance_count;
	struct runtime_memory *memories;
	struct runtime_table *tables; /* newest first */
	uint32_t table_count;
	struct store_host_function *host_functions;
};

/* An empty store. `account` is copied. Its arena never holds more than
 * `limit_bytes`. */
void store_init(struct store *store, const struct arena_source *source, size_t limit_bytes,
		const struct store_account *account);

/* Returns everything. No thread may be inside any instance. */
void store_destroy(struct store *store);

/* All instances, present and future, run on the thread of `head`. */
void store_set_thread(struct store *store, struct nb_thread_head *head);

/* The signature word of `type`, the same for equal types. Type indices in it are
 * numbers of the store. NB_OUT_OF_MEMORY; NB_LIMIT_EXCEEDED after 2^20 types. */
NB_MUST_USE enum nb_status
store_signature(struct store *store, const struct wasm_functype *type, uint32_t *out);

/* The signature words of all types of a module, into signatures[0..type_count).
 * Errors as above. */
NB_MUST_USE enum nb_status
store_signatures(struct store *store, const struct wasm_module *module, uint32_t *signatures);

/* The types of a module as a store has them whose first instance it is; made once, in
 * `arena`, which outlives all such stores. */
struct store_types {
	struct store_type *types; /* NULL: not made */
	uint32_t *buckets;
	uint32_t count, cap;
	uint32_t *signatures; /* of the module's types */
};
NB_MUST_USE enum nb_status
store_types_make(const struct wasm_module *module, struct arena *arena, struct store_types *out);
/* As store_signatures for the module of which `types` were made. */
NB_MUST_USE enum nb_status
store_types_adopt(struct store *store, const struct store_types *types,
		  const struct wasm_module *module, uint32_t *signatures);

/* A type of a module with those signature words as the store's instances name it
 * to each other: with a number of the store in place of a type index. */
enum wasm_valtype store_valtype(const uint32_t *signatures, enum wasm_valtype type);

/* The number of the type behind a signature word. */
static inline uint32_t
store_type_number(uint32_t signature)
{
	return signature & ((UINT32_C(1) << NB_SIGNATURE_TYPE_BITS) - 1);
}

/* The type behind a signature word of this store, or NULL. */
const struct wasm_functype *store_type_of(const struct store *store, uint32_t signature);

/* The callee of a funcref; NULL for null and for what is no reference. Valid
 * until references are taken. */
const struct nb_callee *store_callee(const struct store *store, uint32_t reference);

/* `count` consecutive new references; their callees are null until written to
 * store->callees, with the `reference` field set. Those that there were may move:
 * nobody runs in the store. NB_OUT_OF_MEMORY. */
NB_MUST_USE enum nb_status
store_references_take(struct store *store, uint32_t count, uint32_t *out_first);

/* A function that C code implements: R function(struct nb_vmctx *context, ...)
 * in the kernel-call convention of code_contract.h (at most 5 integers), with
 * context->instance == `argument`. */
NB_MUST_USE enum nb_status
store_host_function(struct store *store, const struct wasm_functype *type, uint64_t function,
		    void *argument, struct runtime_extern *out);

/* A memory of limits.min pages, zeroed. NB_OUT_OF_MEMORY, NB_LIMIT_EXCEEDED. */
NB_MUST_USE enum nb_status
store_memory_create(struct store *store, const struct wasm_memory_type *type,
		    struct runtime_memory **out);

/* A table of limits.min null entries. Errors as above. */
NB_MUST_USE enum nb_status
store_table_create(struct store *store, const struct wasm_table_type *type,
		   struct runtime_table **out);

/* A global outside any instance, with the value bits[0..2). */
NB_MUST_USE enum nb_status
store_global_create(struct store *store, const struct wasm_global_type *type,
		    const uint64_t bits[2], struct runtime_global *out);

/* Old size in pages or entries, or -1 (and no change) if the maximum, the
 * account or memory forbids. */
int64_t runtime_memory_grow(struct runtime_memory *memory, uint64_t delta_pages);
int64_t runtime_table_grow(struct runtime_table *table, uint64_t delta, uint32_t reference);

/* Entries of a table by reference; false if out of range (or, for get, set
 * with a function table and a number that is no reference). */
bool runtime_table_get(const struct runtime_table *table, uint64_t index, uint32_t *out);
bool runtime_table_set(struct runtime_table *table, uint64_t index, uint32_t reference);

/* Bytes of one entry. */
static inline size_t
runtime_table_entry_bytes(const struct runtime_table *table)
{
	return table->desc.element == NB_TABLE_FUNCTIONS ? sizeof(struct nb_callee)
							 : sizeof(uint32_t);
}

#endif

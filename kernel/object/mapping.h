/*
 * Mappings: pages of memory objects that are part of linear memories.
 *
 * A process keeps a record of each, which holds a reference to the object. A
 * mapping takes the place of the pages that were there, and zero pages take its
 * place when it goes; the memory's length and what is charged for it do not
 * depend on it. Mappings do not overlap. At its end a process unmaps all before
 * its memories are returned, so a pooled slot never shows an object.
 */
#ifndef KERNEL_OBJECT_MAPPING_H
#define KERNEL_OBJECT_MAPPING_H

#include "kernel/object/memory.h"
#include "kernel/object/process.h"

/* At most so many in a process. */
enum { MAPPINGS_MAX = 1024 };

/* What to map where; all but `flags` in whole pages of PORT_PAGE_BYTES. */
struct mapping_request {
	uint64_t offset; /* in the object */
	uint32_t len;	 /* bytes, not 0 */
	uint32_t at;	 /* address; with NB_MAP_APPEND not used */
	uint32_t flags;	 /* NB_MAP_* */
};

/* Maps pages of `memory` into `target`, a memory of `process`, whose thread
 * calls, and tells the address. Errors as the native call. Gives way to others. */
NB_MUST_USE enum nb_status
mapping_create(struct process *process, struct nb_memory_desc *target, struct memory *memory,
	       const struct mapping_request *request, uint32_t *out_at);

/* Unmaps the mapping that begins at `at` of `target`. NB_NOT_FOUND; NB_BAD_STATE: somebody
 * is about to map or unmap it. Gives way to others. */
NB_MUST_USE enum nb_status
mapping_remove(struct process *process, const struct nb_memory_desc *target, uint32_t at);

/* Tells of the first mapping in `target` that ends behind `from`. NB_NOT_FOUND. */
NB_MUST_USE enum nb_status
mapping_next(struct process *process, const struct nb_memory_desc *target, uint32_t from,
	     struct nb_mapping *out);

/* Where the bytes at `address`, inside a memory of `process`, are in an object's own pages;
 * `address` itself when nothing is mapped there, or a device. Unless `out_object` is NULL, it
 * gets the object with a reference, which keeps others from having pages there, or NULL. */
uint64_t mapping_home(struct process *process, uint64_t address, struct object **out_object);

/* Unmaps everything. Nobody is inside the process. Gives way to others. */
void mapping_remove_all(struct process *process);

#endif

/*
 * What the native calls share: the caller, its memory, results.
 *
 * A call decodes and checks everything first and copies what it reads from
 * guest memory once; then it commits. Addresses come as the guest gave them
 * and are checked here, against the memory that the call's import is bound to.
 */
#ifndef KERNEL_SYS_GUEST_H
#define KERNEL_SYS_GUEST_H

#include "abi/code_contract.h"
#include "abi/status.h"
#include "kernel/object/process.h"
#include "kernel/port/memory.h"
#include "kernel/sched/thread.h"

#include <stddef.h>
#include <stdint.h>

/* Where the call is made from, by which thread, and for which process: inside a
 * gate that is the gate's, and the thread may be another's. */
static inline struct guest_seat *
guest_seat(const struct nb_vmctx *vmctx)
{
	return (struct guest_seat *)vmctx->thread;
}

static inline struct thread *
guest_thread(const struct nb_vmctx *vmctx)
{
	return thread_of_seat(guest_seat(vmctx));
}

static inline struct process *
guest_process(const struct nb_vmctx *vmctx)
{
	return guest_seat(vmctx)->owner;
}

static inline int64_t
guest_result(enum nb_status status)
{
	return -(int64_t)status;
}

/* Where [address, address + len) of `memory` lies; NB_INVALID_ADDRESS. */
NB_MUST_USE static inline enum nb_status
guest_range_of(const struct nb_memory_desc *memory, uint32_t address, uint64_t len, uint64_t *out)
{
	uint64_t length = __atomic_load_n(&memory->length, __ATOMIC_ACQUIRE);

	if (address > length || len > length - address)
		return NB_INVALID_ADDRESS;
	*out = memory->base + address;
	return NB_OK;
}

/* The same in the memory of the call's import. */
NB_MUST_USE static inline enum nb_status
guest_range(const struct nb_vmctx *vmctx, uint32_t address, uint64_t len, uint64_t *out)
{
	return guest_range_of(vmctx->memory, address, len, out);
}

/* Copies checked ranges. NB_INVALID_ADDRESS, NB_OUT_OF_MEMORY. */
NB_MUST_USE static inline enum nb_status
guest_copy_in(const struct nb_vmctx *vmctx, void *to, uint32_t address, size_t len)
{
	uint64_t from;
	enum nb_status status = guest_range(vmctx, address, len, &from);

	return status == NB_OK ? port_guest_read(to, from, len) : status;
}

NB_MUST_USE static inline enum nb_status
guest_copy_out(const struct nb_vmctx *vmctx, uint32_t address, const void *from, size_t len)
{
	uint64_t to;
	enum nb_status status = guest_range(vmctx, address, len, &to);

	return status == NB_OK ? port_guest_write(to, from, len) : status;
}

/* As handle_use in the calling process's table. */
NB_MUST_USE static inline enum nb_status
guest_handle(const struct nb_vmctx *vmctx, uint32_t handle, const struct object_type *type,
	     uint32_t rights, struct handle_use *out)
{
	return handle_use(&guest_process(vmctx)->handles, handle, type, rights, out);
}

/* Gives the calling process a handle to `object`, whose reference the caller
 * passes on in any case; returns the handle, or minus the error. */
int64_t guest_handle_add(const struct nb_vmctx *vmctx, struct object *object, uint32_t rights);

/* Long copies call this every GUEST_PIECE_BYTES: others may run meanwhile.
 * NB_CANCELED if the process is ending. No lock held. */
enum { GUEST_PIECE_BYTES = 256 * 1024 };
NB_MUST_USE enum nb_status guest_relax(void);

#endif

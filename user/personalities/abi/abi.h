/*
 * Personality `abi`: the interface of the first Nebulet (2018) on top of the
 * native calls.
 *
 * Programs see handles of this personality's table, which carry the first
 * Nebulet's four rights; behind each is a native handle, or a process that has
 * not been started yet. Every call's addresses are the client's.
 *
 * Threads of a process run in clones of this module that share its memory, and
 * all begin at the same place of its stack. So whatever uses memory runs under
 * one lock (abi_enter, abi_leave), and the exported functions, which block
 * outside of it, use nothing but their locals and are compiled so that they have no frame in
 * memory. They are in calls.c and devices.c.
 */
#ifndef USER_PERSONALITIES_ABI_ABI_H
#define USER_PERSONALITIES_ABI_ABI_H

#include "abi/status.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stdint.h>

#define ABI_EXPORT(name) __attribute__((export_name(#name)))
/* Not inlined into an exported function, which has no frame. */
#define ABI_LOCKED __attribute__((noinline))

#define ABI_ERROR(status) (-(int64_t)NB_##status)

enum {
	ABI_RIGHT_DUPLICATE = 1,
	ABI_RIGHT_TRANSFER = 2,
	ABI_RIGHT_READ = 4,
	ABI_RIGHT_WRITE = 8,
	ABI_RIGHTS_ALL = 15,
	ABI_MESSAGES = 1000,
	ABI_MESSAGE_BYTES = 64 * 1024,
	ABI_STREAM_BYTES = 64 * 1024,
	ABI_CONFIG_BYTES = 256,
};

enum abi_signal {
	ABI_SIGNAL_PEER = 8,   /* PEER_SIGNALED; SIGNALED of an end natively */
	ABI_SIGNAL_EVENT = 16, /* EVENT_SIGNALED; SIGNALED of others natively */
	ABI_SIGNAL_HANDLE_CLOSED = 32,
	ABI_SIGNALS_PLAIN = 7,	       /* READABLE, WRITABLE, PEER_CLOSED: as natively */
	ABI_SIGNALS_USER = -0x1000000, /* USER_0 to USER_7: as natively */
};

enum abi_kind {
	ABI_FREE,
	ABI_CODE,
	ABI_PROCESS,
	ABI_CHANNEL,
	ABI_STREAM,
	ABI_EVENT,
	ABI_THREAD, /* its number is the thread's id */
	ABI_INTERRUPT,
};

/* What a process is sent when its device has interrupted. */
struct abi_interrupt_message {
	uint64_t seconds; /* of the monotonic clock */
	uint32_t nanoseconds;
	uint32_t unused; /* 0 */
};

/* ---- table.c: all under the lock ---- */

struct abi_entry {
	enum abi_kind kind;
	uint32_t rights;
	uint32_t generation; /* of the number */
	uint32_t native;     /* handle; 0: a process that is not started */
	/* Of a process that is not started: native handles, 0: none. */
	uint32_t code;
	uint32_t channel;      /* of an interrupt: where its messages go */
	struct nb_futex state; /* of an interrupt; see devices.c */
};

/* A number for `native`, which is closed if there is none: LIMIT_EXCEEDED. */
int64_t abi_add(enum abi_kind kind, uint32_t rights, uint32_t native);
/* The entry of that number, kind (ABI_FREE: any) and rights; BAD_HANDLE, WRONG_TYPE
 * or ACCESS_DENIED. */
enum nb_status
abi_find(uint32_t number, enum abi_kind kind, uint32_t rights, struct abi_entry **out);
/* Whether an entry of that kind has that native handle. */
bool abi_has(enum abi_kind kind, uint32_t native);
/* The state of the entry of that number: its place, whatever is there; needs no lock. */
struct nb_futex *abi_state_of(uint32_t number);
/* Frees the number and closes what is behind it. */
void abi_remove(struct abi_entry *entry);
/* Frees the number of a thread that has been joined. */
void abi_forget_thread(uint32_t number);

/* ---- process.c: under the lock ---- */

/* Starts the process of an entry that is not started. */
enum nb_status abi_start(struct abi_entry *entry);

/* ---- devices.c: under the lock ---- */

/* The ABI_CONFIG_BYTES of the configuration space of the PCI function that this process drives, or
 * NULL. */
const uint8_t *abi_pci_config(void);

#endif

/*
 * Numbers and structures that native calls pass through memory.
 *
 * Little-endian, naturally aligned without padding; used alike by the kernel
 * and by modules (through the SDK). Addresses are 32-bit offsets into the
 * memory that the call's namespace binds. Freestanding.
 */
#ifndef ABI_TYPES_H
#define ABI_TYPES_H

#include <stdint.h>

#define NB_NAMESPACE	    "nebulet"
#define NB_NAMESPACE_CLIENT "nebulet:client"

/* The import "gate_call:SIGNATURE" of these namespaces calls the gate with that signature whose
 * handle [EXECUTE] is its first argument; the others, at most six integers, are the signature's. Before
 * the gate's own results: BAD_HANDLE, WRONG_TYPE, ACCESS_DENIED, UNLINKABLE (it has another
 * signature), and what every call of a gate can give (gate_create). */
#define NB_GATE_CALL "gate_call:"

/* No handle has this number. */
#define NB_HANDLE_NONE 0u
/* handle_duplicate, process_grant: the rights of the original. */
#define NB_RIGHTS_SAME 0xffffffffu
/* Deadlines. */
#define NB_DEADLINE_POLL  INT64_C(0)
#define NB_DEADLINE_NEVER INT64_MAX

enum {
	NB_ABI_VERSION = 1,
	NB_NAME_MAX = 63,	/* bytes of an object's name */
	NB_LOG_TEXT_MAX = 1024, /* bytes of a log record */
	NB_WAIT_ITEMS_MAX = 64, /* of one object_wait_many */
	NB_STREAM_CAPACITY_DEFAULT = 64 * 1024,
	NB_STREAM_CAPACITY_MAX = 1024 * 1024,
	NB_CHANNEL_MESSAGES_DEFAULT = 64,
	NB_CHANNEL_MESSAGES_MAX = 1024,	  /* queued in one direction */
	NB_CHANNEL_BYTES_MAX = 64 * 1024, /* of one message */
	NB_CHANNEL_HANDLES_MAX = 16,	  /* of one message */
	NB_TIMER_PERIOD_MIN = 100 * 1000, /* nanoseconds */
	NB_STARTUP_MAX = 1024 * 1024,	  /* bytes of a startup block */
	NB_TRACE_RECORDS_MAX = 32,	  /* of one trace_read */
	NB_BINDINGS_MAX = 64,		  /* of one process_instantiate */
	NB_REPLY_HANDLES_MAX = 16,	  /* moved to its caller by one call of a gate */
};

enum nb_right {
#define NB_RIGHT(name, bit, text) NB_RIGHT_##name = 1 << bit,
#include "abi/rights.def"
#undef NB_RIGHT
};

enum nb_signal {
#define NB_SIGNAL(name, bit, text) NB_SIGNAL_##name = (int)(1u << bit),
#include "abi/signals.def"
#undef NB_SIGNAL
};
#define NB_SIGNALS_USER 0xff000000u

/* NB_OBJECT_*, NB_INFO_*, NB_PROCESS_*, NB_MODULE_*, NB_CLOCK_*, NB_LOG_*,
 * NB_SYSTEM_*, NB_TRACE_*, NB_POWER_*, NB_PRIORITY_*. */
enum nb_value {
#define NB_VALUE(group, name, number, text) NB_##group##_##name = number,
#include "abi/values.def"
#undef NB_VALUE
};

/* One of the waits of object_wait_many. */
struct nb_wait_item {
	uint32_t handle;
	uint32_t wanted; /* signals */
	uint32_t seen;	 /* stored by the call: all signals set at its end */
};

/* 0 in a field: no limit of its own. Everything is charged to the creator,
 * too, so its limits hold for the sum of what it creates. */
struct nb_limits {
	uint64_t memory_bytes; /* linear memories, tables, kernel memory */
	uint32_t handles;
	uint32_t priority; /* NB_PRIORITY_*, at most the creator's; 0: the creator's */
	uint32_t threads;
	uint32_t processor_permille; /* of one processor's time, 1 to 1000 */
	uint64_t reserved;	     /* must be 0 */
};

/* What stands for an import namespace: an instance of the same process with all its
 * exports, or for one function of it: a gate. */
struct nb_binding {
	uint32_t name;	   /* address of the namespace's name */
	uint32_t name_len; /* bytes */
	/* Index that process_instantiate returned, if `gate` is none; else 0, or
	 * NB_BINDING_CLIENT: of a personality, that lends its client's memory. */
	uint32_t instance;
	uint32_t gate;	    /* NB_HANDLE_NONE, or the gate [EXECUTE] for the function `field` */
	uint32_t field;	    /* address of its name */
	uint32_t field_len; /* bytes */
};

enum { NB_BINDING_CLIENT = 1 };

/* Shadow stacks of a gate's activations, in memory 0: activation k gets the bytes
 * [base + k * bytes_each, base + (k + 1) * bytes_each). Multiples of 16. */
struct nb_gate_stacks {
	uint32_t base;
	uint32_t bytes_each;
};

struct nb_gate_info {
	uint64_t calls;	      /* made so far, through whatever badge */
	uint64_t badge;	      /* of the handle's object, 0: none */
	uint32_t activations; /* of gates on the creator's own instance, 1 for all of them */
	uint32_t busy;	      /* calls inside now */
};

/* Flags of memory_map. */
enum nb_map_flag {
	NB_MAP_WRITE = 1,  /* for writing, too */
	NB_MAP_APPEND = 2, /* behind the memory's end, which grows */
};

/* What memory_info tells. */
struct nb_mapping {
	uint64_t memory; /* id of the object */
	uint64_t offset; /* in it */
	uint32_t at;	 /* address */
	uint32_t len;	 /* bytes */
	uint32_t flags;	 /* NB_MAP_WRITE, or 0 */
	uint32_t reserved;
};

/* Where to put a zero-terminated text. */
struct nb_text_buffer {
	uint32_t address;
	uint32_t capacity; /* bytes, the zero included */
};

struct nb_stream_ends {
	uint32_t writer;
	uint32_t reader;
};

struct nb_futex {
	uint32_t word;
};

struct nb_channel_ends {
	uint32_t ends[2];
};

/* Of a message. */
struct nb_message_counts {
	uint32_t bytes;
	uint32_t handles; /* given: how many the buffer holds */
};

/* What waitset_wait reports of an entry. */
struct nb_waitset_event {
	uint64_t key;	/* as given to waitset_add */
	uint32_t entry; /* number of the entry */
	uint32_t seen;	/* all signals set */
};

struct nb_object_info {
	uint64_t id;	  /* unique since boot */
	uint32_t type;	  /* NB_OBJECT_* */
	uint32_t rights;  /* of the handle used */
	uint32_t signals; /* set now */
	uint32_t handles; /* open handles to the object, in all processes */
};

struct nb_process_info {
	uint32_t state;	       /* NB_PROCESS_* */
	int32_t status;	       /* exit status; a trap's is 128 + its number. Valid when ENDED */
	uint32_t trap;	       /* enum nb_trap that ended it, 0: exited. Valid when ENDED */
	uint32_t handles;      /* open now */
	uint64_t run_ns;       /* processor time */
	uint64_t memory_bytes; /* charged now */
	uint64_t memory_peak_bytes;
	uint32_t instances;
	uint32_t threads;
};

/* What system_process tells. */
struct nb_process_entry {
	uint64_t id;
	uint32_t state; /* NB_PROCESS_* */
	uint32_t handles;
	uint64_t run_ns;
	uint64_t memory_bytes;
	uint64_t gate_calls; /* made so far into its gates */
	uint32_t threads;
	uint32_t processor_permille; /* the least of its and its creators' limits, 0: none */
	uint32_t name_len;
	uint32_t reserved;
	uint8_t name[64]; /* zero-terminated */
};

/* What system_trap tells. */
struct nb_trap_entry {
	uint64_t sequence; /* counts from 1 */
	uint64_t time_ns;  /* monotonic; when the process had ended */
	uint64_t process;  /* id of the object */
	uint32_t trap;	   /* enum nb_trap */
	uint32_t name_len;
	uint8_t name[64]; /* zero-terminated */
};

/* What process_handle tells. */
struct nb_handle_entry {
	uint64_t id;	 /* of the object */
	uint32_t handle; /* its number in the process */
	uint32_t rights;
	uint32_t type;	  /* NB_OBJECT_* */
	uint32_t signals; /* set now */
	uint32_t handles; /* to the object, in all processes */
	uint32_t name_len;
	uint8_t name[64]; /* zero-terminated */
};

struct nb_module_info {
	uint32_t state;		  /* NB_MODULE_* */
	uint32_t status;	  /* enum nb_status: why it FAILED */
	uint32_t functions_done;  /* compiled so far */
	uint32_t functions_total; /* 0: not known yet */
	uint64_t binary_bytes;
	uint64_t code_bytes;	 /* machine code. Valid when READY */
	uint64_t publish_ns;	 /* time it took. Valid when not PUBLISHING */
	uint32_t is_artifact;	 /* 1: was compiled before */
	uint32_t imports_client; /* 1: imports from nebulet:client, so it is a personality */
};

struct nb_stream_info {
	uint32_t capacity;	 /* bytes */
	uint32_t readable_bytes; /* now, whichever end the handle is of */
	uint32_t writable_bytes; /* now, likewise */
};

struct nb_channel_info {
	uint32_t capacity;     /* messages in each direction */
	uint32_t readable;     /* messages to be received at this end */
	uint32_t writable;     /* messages that can be sent before the queue is full */
	uint32_t next_len;     /* bytes of the next one to be received, valid if readable */
	uint32_t next_handles; /* its handles, likewise */
};

struct nb_thread_info {
	uint32_t state;	   /* NB_THREAD_* */
	uint32_t priority; /* NB_PRIORITY_*; valid if RUNNING */
	uint32_t result;   /* what it returned; valid if ENDED */
	uint32_t reserved;
	uint64_t run_ns; /* processor time */
};

struct nb_timer_info {
	uint64_t deadline_ns; /* of the next expiry, INT64_MAX: none */
	uint64_t period_ns;   /* 0: once */
	uint64_t expirations; /* since it was set */
};

struct nb_waitset_info {
	uint32_t entries;
	uint32_t waiters; /* threads in waitset_wait */
};

struct nb_resource_info {
	uint32_t kind; /* NB_RESOURCE_* */
	uint32_t reserved;
	uint64_t first; /* number, or physical address */
	uint64_t count; /* numbers, or bytes */
	uint64_t used;	/* DMA: bytes of it in memory objects and in parts divided off */
};

struct nb_interrupt_info {
	uint32_t number;	  /* as resources count them */
	uint32_t message_data;	  /* what the device writes for it; of message interrupts */
	uint64_t message_address; /* and where to; 0: it has a line */
	uint64_t arrivals;	  /* how often it has arrived */
	uint64_t arrived_ns;	  /* monotonic time of the last arrival; 0: there was none */
};

/* The text follows in a buffer of its own. */
struct nb_log_record {
	uint64_t sequence; /* counts from 0 */
	uint64_t time_ns;  /* monotonic */
	uint32_t level;	   /* NB_LOG_* */
	uint32_t len;	   /* bytes of the text */
};

struct nb_trace_record {
	uint64_t sequence; /* counts from 0 */
	uint64_t time_ns;  /* monotonic */
	uint32_t event;	   /* NB_TRACE_* */
	uint32_t detail;
	uint64_t process; /* id of an object */
	uint64_t value;
};

/* PCI's configuration space as registers: 1 MiB a bus from the address of bus 0 on. */
struct nb_pci_info {
	uint64_t config_address; /* physical */
	uint32_t first_bus, last_bus;
};

struct nb_system_info {
	uint32_t abi_version; /* NB_ABI_VERSION */
	uint32_t processors;
	uint64_t boot_ns;	 /* monotonic time when the kernel was entered */
	uint64_t boot_ticks;	 /* time stamp counter, kernel entry to first guest instruction */
	uint64_t counter_hz;	 /* of the time stamp counter, 0: not known */
	uint32_t processes_live; /* until their exit record is gone, too */
	uint32_t threads_live;	 /* those of the kernel not counted */
	uint32_t objects_live;	 /* all kernel objects */
	uint32_t handles_live;	 /* in all processes */
};

struct nb_memory_info {
	uint64_t total_bytes;
	uint64_t free_bytes;
	uint32_t slots_live;	  /* linear memories */
	uint32_t stacks_live;	  /* thread stacks */
	uint64_t code_bytes_live; /* published code */
};

_Static_assert(sizeof(struct nb_wait_item) == 12, "layout");
_Static_assert(sizeof(struct nb_limits) == 32, "layout");
_Static_assert(sizeof(struct nb_binding) == 24, "layout");
_Static_assert(sizeof(struct nb_gate_stacks) == 8, "layout");
_Static_assert(sizeof(struct nb_gate_info) == 24, "layout");
_Static_assert(sizeof(struct nb_mapping) == 32, "layout");
_Static_assert(sizeof(struct nb_text_buffer) == 8, "layout");
_Static_assert(sizeof(struct nb_stream_ends) == 8, "layout");
_Static_assert(sizeof(struct nb_futex) == 4, "layout");
_Static_assert(sizeof(struct nb_channel_ends) == 8, "layout");
_Static_assert(sizeof(struct nb_message_counts) == 8, "layout");
_Static_assert(sizeof(struct nb_waitset_event) == 16, "layout");
_Static_assert(sizeof(struct nb_channel_info) == 20, "layout");
_Static_assert(sizeof(struct nb_thread_info) == 24, "layout");
_Static_assert(sizeof(struct nb_timer_info) == 24, "layout");
_Static_assert(sizeof(struct nb_waitset_info) == 8, "layout");
_Static_assert(sizeof(struct nb_object_info) == 24, "layout");
_Static_assert(sizeof(struct nb_process_info) == 48, "layout");
_Static_assert(sizeof(struct nb_process_entry) == 120, "layout");
_Static_assert(sizeof(struct nb_trap_entry) == 96, "layout");
_Static_assert(sizeof(struct nb_handle_entry) == 96, "layout");
_Static_assert(sizeof(struct nb_module_info) == 48, "layout");
_Static_assert(sizeof(struct nb_stream_info) == 12, "layout");
_Static_assert(sizeof(struct nb_resource_info) == 32, "layout");
_Static_assert(sizeof(struct nb_interrupt_info) == 32, "layout");
_Static_assert(sizeof(struct nb_log_record) == 24, "layout");
_Static_assert(sizeof(struct nb_trace_record) == 40, "layout");
_Static_assert(sizeof(struct nb_system_info) == 48, "layout");
_Static_assert(sizeof(struct nb_memory_info) == 32, "layout");

#endif

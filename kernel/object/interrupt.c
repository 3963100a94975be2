/*
 * Interrupt objects; see the states in the header.
 */
#include "kernel/object/interrupt.h"

#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "kernel/sched/sched.h"

_Static_assert(PORT_INTERRUPT_SLOTS <= 32, "bits of `noted`");

/* What the interrupt handler knows of an open interrupt; changed by it, or with interrupts
 * off. */
struct interrupt_slot {
	bool is_level;
	bool is_unserved; /* arrived and not acknowledged */
	bool has_more;	  /* arrived again meanwhile */
	uint64_t arrivals;
	uint64_t arrived_ns; /* the last time */
};

static struct interrupt_slot slots[PORT_INTERRUPT_SLOTS];
static uint32_t noted; /* atomic: slots whose object is to be signaled */

/* Orders interrupt_poll and the end of objects. */
static struct spinlock objects_lock = SPINLOCK_INIT(LOCK_RANK_INTERRUPTS);
static struct interrupt *objects[PORT_INTERRUPT_SLOTS]; /* NULL: closed */

static void
interrupt_destroy(struct object *object)
{
	struct interrupt *interrupt = interrupt_of(object);

	port_interrupt_close(interrupt->slot);
	__atomic_fetch_and(&noted, ~(1u << interrupt->slot), __ATOMIC_RELAXED);
	spinlock_lock(&objects_lock);
	objects[interrupt->slot] = NULL;
	spinlock_unlock(&objects_lock);
	object_free(object);
}

static enum nb_status
interrupt_info(struct object *object, uint32_t topic, struct object_info *out)
{
	const struct interrupt *interrupt = interrupt_of(object);
	const struct interrupt_slot *slot = &slots[interrupt->slot];
	struct nb_interrupt_info info = {
		.number = interrupt->number,
		.message_data = interrupt->message_data,
		.message_address = interrupt->message_address,
		.arrivals = __atomic_load_n(&slot->arrivals, __ATOMIC_RELAXED),
		.arrived_ns = __atomic_load_n(&slot->arrived_ns, __ATOMIC_RELAXED),
	};

	if (topic != NB_INFO_INTERRUPT)
		return NB_NOT_SUPPORTED;
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

const struct object_type interrupt_type = {
	.number = NB_OBJECT_INTERRUPT,
	.rights = NB_RIGHT_READ | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_SIGNAL |
		  NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = interrupt_destroy,
	.info = interrupt_info,
};

enum nb_status
interrupt_create(struct account *account, uint32_t number, struct interrupt **out)
{
	struct interrupt *interrupt =
		interrupt_of(object_alloc(&interrupt_type, sizeof *interrupt, account));
	struct port_interrupt port;
	enum nb_status status;
	bool enabled;

	if (!interrupt)
		return NB_OUT_OF_MEMORY;
	enabled = port_interrupts_disable();
	status = port_interrupt_open(number, &port);
	if (status == NB_OK)
		slots[port.slot] = (struct interrupt_slot){ .is_level = port.is_level };
	port_interrupts_restore(enabled);
	if (status != NB_OK) {
		interrupt->object.refs = 0;
		object_free(&interrupt->object);
		return status;
	}
	interrupt->number = number;
	interrupt->slot = port.slot;
	interrupt->message_address = port.message_address;
	interrupt->message_data = port.message_data;
	spinlock_lock(&objects_lock);
	objects[port.slot] = interrupt;
	spinlock_unlock(&objects_lock);
	*out = interrupt;
	return NB_OK;
}

static void
note(uint32_t slot)
{
	__atomic_fetch_or(&noted, 1u << slot, __ATOMIC_RELEASE);
	sched_note_interrupt();
}

void
kernel_interrupt_arrived(uint32_t number)
{
	struct interrupt_slot *slot = &slots[number];

	__atomic_fetch_add(&slot->arrivals, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&slot->arrived_ns, port_time_monotonic_ns(), __ATOMIC_RELAXED);
	if (slot->is_unserved) {
		slot->has_more = true;
		port_interrupt_mask(number, true);
		return;
	}
	slot->is_unserved = true;
	if (slot->is_level)
		port_interrupt_mask(number, true);
	note(number);
}

uint64_t
interrupt_ack(struct interrupt *interrupt)
{
	struct interrupt_slot *slot = &slots[interrupt->slot];
	uint64_t arrivals;
	bool enabled;

	object_signals_change(&interrupt->object, NB_SIGNAL_SIGNALED, 0);
	enabled = port_interrupts_disable();
	arrivals = slot->arrivals;
	if (slot->has_more) {
		slot->has_more = false;
		note(interrupt->slot);
		port_interrupt_mask(interrupt->slot, false);
	} else if (slot->is_unserved) {
		slot->is_unserved = false;
		if (slot->is_level)
			port_interrupt_mask(interrupt->slot, false);
	}
	port_interrupts_restore(enabled);
	return arrivals;
}

void
interrupt_poll(void)
{
	uint32_t left = __atomic_exchange_n(&noted, 0, __ATOMIC_ACQUIRE);

	spinlock_lock(&objects_lock);
	for (; left; left &= left - 1) {
		struct interrupt *interrupt = objects[__builtin_ctz(left)];

		if (interrupt)
			object_signals_change(&interrupt->object, 0, NB_SIGNAL_SIGNALED);
	}
	spinlock_unlock(&objects_lock);
}

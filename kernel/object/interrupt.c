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
	bool has_more;	   /* arrived again before it was acknowledged; of one with edges */
	uint32_t sharers;  /* objects that there are */
	uint32_t unserved; /* those that have not acknowledged the last arrival */
	uint32_t round;	   /* arrivals that objects are to acknowledge */
	uint64_t arrivals;
	uint64_t arrived_ns; /* the last time */
};

static struct interrupt_slot slots[PORT_INTERRUPT_SLOTS];
static uint32_t noted; /* atomic: slots whose object is to be signaled */

/* Orders interrupt_poll and the beginning and end of objects. */
static struct spinlock objects_lock = SPINLOCK_INIT(LOCK_RANK_INTERRUPTS);
static struct interrupt *objects[PORT_INTERRUPT_SLOTS]; /* NULL: closed; else the first */

/* The object has nothing to serve any more; the last of a line's lets it arrive
 * again. Interrupts off. */
static void
served(struct interrupt *interrupt)
{
	struct interrupt_slot *slot = &slots[interrupt->slot];

	if (interrupt->round == slot->round)
		return;
	interrupt->round = slot->round;
	if (--slot->unserved == 0 && slot->is_level)
		port_interrupt_mask(interrupt->slot, false);
}

static void
interrupt_destroy(struct object *object)
{
	struct interrupt *interrupt = interrupt_of(object), **at;
	bool enabled;

	spinlock_lock(&objects_lock);
	for (at = &objects[interrupt->slot]; *at != interrupt;)
		at = &(*at)->next;
	*at = interrupt->next;
	if (objects[interrupt->slot]) {
		enabled = port_interrupts_disable();
		served(interrupt);
		slots[interrupt->slot].sharers--;
		port_interrupts_restore(enabled);
	} else {
		port_interrupt_close(interrupt->slot);
		__atomic_fetch_and(&noted, ~(1u << interrupt->slot), __ATOMIC_RELAXED);
	}
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

/* The slot in which the line is open, if it may be shared: one with edges could lose some. */
static bool
find_shared_locked(uint32_t number, uint32_t *out)
{
	for (uint32_t i = 0; i < PORT_INTERRUPT_SLOTS; i++) {
		if (objects[i] && objects[i]->number == number && slots[i].is_level) {
			*out = i;
			return true;
		}
	}
	return false;
}

static enum nb_status
open_locked(struct interrupt *interrupt)
{
	bool enabled = port_interrupts_disable();
	enum nb_status status = NB_OK;
	struct port_interrupt port;
	struct interrupt_slot *slot;

	if (!find_shared_locked(interrupt->number, &interrupt->slot)) {
		status = port_interrupt_open(interrupt->number, &port);
		if (status == NB_OK) {
			interrupt->slot = port.slot;
			interrupt->message_address = port.message_address;
			interrupt->message_data = port.message_data;
			slots[port.slot] = (struct interrupt_slot){ .is_level = port.is_level };
		}
	}
	if (status == NB_OK) {
		slot = &slots[interrupt->slot];
		slot->sharers++;
		interrupt->round = slot->round;
		interrupt->next = objects[interrupt->slot];
		objects[interrupt->slot] = interrupt;
	}
	port_interrupts_restore(enabled);
	return status;
}

enum nb_status
interrupt_create(struct account *account, uint32_t number, struct interrupt **out)
{
	struct interrupt *interrupt =
		interrupt_of(object_alloc(&interrupt_type, sizeof *interrupt, account));
	enum nb_status status;

	if (!interrupt)
		return NB_OUT_OF_MEMORY;
	interrupt->number = number;
	interrupt->message_address = 0;
	interrupt->message_data = 0;
	spinlock_lock(&objects_lock);
	status = open_locked(interrupt);
	spinlock_unlock(&objects_lock);
	if (status != NB_OK) {
		interrupt->object.refs = 0;
		object_free(&interrupt->object);
		return status;
	}
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
	if (slot->unserved) {
		slot->has_more = !slot->is_level;
		port_interrupt_mask(number, true);
		return;
	}
	slot->unserved = slot->sharers;
	slot->round++;
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
	} else {
		served(interrupt);
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

		for (; interrupt; interrupt = interrupt->next)
			object_signals_change(&interrupt->object, 0, NB_SIGNAL_SIGNALED);
	}
	spinlock_unlock(&objects_lock);
}

/*
 * Devices of the hosted machine; see device.h.
 */
#include "platform/hosted/device.h"

#include "abi/types.h"
#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "platform/hosted/interrupt.h"

#include <pthread.h>

struct slot {
	bool is_open, is_masked, is_level;
	bool is_raised; /* not delivered yet; a level stays so until lowered */
	uint32_t number;
};

static struct hosted_devices devices;

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot slots[PORT_INTERRUPT_SLOTS];

void
hosted_devices_set(const struct hosted_devices *given)
{
	devices = given ? *given : (struct hosted_devices){ 0 };
}

uint32_t
port_io_read(uint32_t port, unsigned bytes)
{
	return devices.port_read ? devices.port_read(devices.context, port, bytes) : UINT32_MAX;
}

void
port_io_write(uint32_t port, unsigned bytes, uint32_t value)
{
	if (devices.port_write)
		devices.port_write(devices.context, port, bytes, value);
}

bool
port_io_is_free(uint32_t first, uint32_t count)
{
	(void)first;
	(void)count;
	return true;
}

bool
port_mmio_is_free(uint64_t first, uint64_t len)
{
	return first >= devices.mmio_base && len <= devices.mmio_bytes &&
	       first - devices.mmio_base <= devices.mmio_bytes - len;
}

bool
port_pci_config(struct nb_pci_info *out)
{
	(void)out;
	return false;
}

const void *
port_mmio_pages(uint64_t physical)
{
	return devices.mmio_pages + (physical - devices.mmio_base);
}

/* ---- interrupts ---- */

static struct slot *
find(uint32_t number)
{
	for (uint32_t i = 0; i < PORT_INTERRUPT_SLOTS; i++) {
		if (slots[i].is_open && slots[i].number == number)
			return &slots[i];
	}
	return NULL;
}

/* Interrupts off around the lock: their handler takes it, too. */
static bool
lock_slots(void)
{
	bool enabled = port_interrupts_disable();

	pthread_mutex_lock(&slots_lock);
	return enabled;
}

static void
unlock_slots(bool enabled)
{
	pthread_mutex_unlock(&slots_lock);
	port_interrupts_restore(enabled);
}

enum nb_status
port_interrupt_open(uint32_t number, struct port_interrupt *out)
{
	bool is_message = number >= NB_IRQ_MESSAGE;
	enum nb_status status = NB_LIMIT_EXCEEDED;
	bool enabled = lock_slots();

	if (find(number))
		status = NB_ALREADY_EXISTS;
	for (uint32_t i = 0; i < PORT_INTERRUPT_SLOTS && status == NB_LIMIT_EXCEEDED; i++) {
		if (slots[i].is_open)
			continue;
		slots[i] = (struct slot){ .is_open = true,
					  .number = number,
					  .is_level = !is_message && devices.lines_are_level };
		*out = (struct port_interrupt){ .slot = i,
						.is_level = slots[i].is_level,
						.message_address = is_message ? 0xfee00000 : 0,
						.message_data = is_message ? i : 0 };
		status = NB_OK;
	}
	unlock_slots(enabled);
	return status;
}

void
port_interrupt_close(uint32_t slot)
{
	bool enabled = lock_slots();

	slots[slot].is_open = false;
	unlock_slots(enabled);
}

void
port_interrupt_mask(uint32_t slot, bool is_masked)
{
	struct slot *changed = &slots[slot];
	bool enabled;

	if (changed->number >= NB_IRQ_MESSAGE)
		return;
	enabled = lock_slots();
	changed->is_masked = is_masked;
	if (!is_masked && changed->is_raised)
		hosted_interrupt_device();
	unlock_slots(enabled);
}

static bool
take_raised(struct slot *slot)
{
	bool arrives, enabled = lock_slots();

	arrives = slot->is_open && !slot->is_masked && slot->is_raised;
	slot->is_raised = slot->is_raised && slot->is_level;
	unlock_slots(enabled);
	return arrives;
}

void
hosted_device_deliver(void)
{
	for (uint32_t i = 0; i < PORT_INTERRUPT_SLOTS; i++) {
		if (take_raised(&slots[i]))
			kernel_interrupt_arrived(i);
	}
}

static void
change(uint32_t number, bool is_raised)
{
	bool enabled = lock_slots();
	struct slot *slot = find(number);
	bool was_raised = slot && slot->is_raised;
	bool is_news;

	/* A masked edge is lost, as it is on pc. */
	if (slot)
		slot->is_raised = is_raised && (slot->is_level || !slot->is_masked);
	is_news = slot && slot->is_raised && !was_raised;
	unlock_slots(enabled);
	if (is_news)
		hosted_interrupt_device();
}

void
hosted_interrupt_raise(uint32_t number)
{
	change(number, true);
}

void
hosted_interrupt_lower(uint32_t number)
{
	change(number, false);
}

bool
hosted_interrupt_is_open(uint32_t number, bool *out_masked)
{
	bool enabled = lock_slots();
	const struct slot *slot = find(number);

	*out_masked = slot && slot->is_masked;
	unlock_slots(enabled);
	return slot != NULL;
}

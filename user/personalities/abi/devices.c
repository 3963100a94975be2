/*
 * The calls for devices: what the process was granted (docs/drivers.md), in the terms of
 * 2018, which are physical addresses and interrupt vectors. Ports are instructions.
 *
 * An interrupt is a native interrupt object and a thread that waits for it, sends the message,
 * and waits until it has been acknowledged:
 *
 *     QUIET --arrives, message sent--> SENT --interrupt_ack--> QUIET
 *
 * Closing its handle closes the native ones, which ends the thread's wait wherever it is.
 */
#include "user/libs/driver/driver.h"
#include "user/personalities/abi/call.h"
#include "user/sdk/bytes.h"
#include "user/sdk/startup.h"

#include <stddef.h>

enum {
	PAGE = 4096,
	VECTOR_FIRST = 32,   /* of interrupt 0 */
	AT_INTERRUPT = 0x3c, /* in PCI's configuration space: the number of its line */
	ADDRESS_BYTES = 8,   /* of a physical address */
	STATE_QUIET = 0,     /* abi_entry.state */
	STATE_SENT = 1,
};

/* ---- what the process was granted ---- */

/* The next handle in the startup block behind *at; NB_HANDLE_NONE: no more. */
static uint32_t
next_granted(uint32_t *at)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t handle;

	while ((record = nb_startup_next(startup.block, startup.size, at))) {
		if (record->kind != NB_STARTUP_HANDLE || record->length < sizeof handle)
			continue;
		bytes_copy(&handle, startup_contents(record), sizeof handle);
		return handle;
	}
	return NB_HANDLE_NONE;
}

static bool
is_resource(uint32_t handle, uint32_t kind, struct nb_resource_info *info)
{
	return nb_object_info(handle, NB_INFO_RESOURCE, info, sizeof *info) > 0 &&
	       info->kind == kind;
}

const uint8_t *
abi_pci_config(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind == DRIVER_RECORD_PCI && record->length == ABI_CONFIG_BYTES)
			return (const uint8_t *)startup_contents(record);
	}
	return NULL;
}

/* ---- memory ---- */

/* Appends the memory object, whose handle is closed, to the client's memory. */
static int64_t
map(uint32_t memory, uint32_t len)
{
	int64_t at = nb_client_memory_map(memory, 0, len, 0, NB_MAP_WRITE | NB_MAP_APPEND);

	(void)nb_handle_close(memory);
	return at;
}

ABI_CALL(physical_map, (uint64_t address, uint32_t size), (address, size))
{
	struct nb_resource_info info;
	uint32_t at = 0, granted;

	if (!size)
		return ABI_ERROR(INVALID_ARGUMENT);
	while ((granted = next_granted(&at)) != NB_HANDLE_NONE) {
		uint64_t inside, first, len;
		int64_t result;

		if (!is_resource(granted, NB_RESOURCE_MMIO, &info) || address < info.first)
			continue;
		inside = address - info.first;
		if (inside > info.count || size > info.count - inside)
			continue;
		first = inside & ~(PAGE - 1ull);
		len = (inside + size - first + PAGE - 1) & ~(PAGE - 1ull);
		if (len > UINT32_MAX)
			return ABI_ERROR(LIMIT_EXCEEDED);
		result = nb_client_mmio_create(granted, first, len);
		if (result >= 0)
			result = map((uint32_t)result, (uint32_t)len);
		return result < 0 ? result : result + (int64_t)(inside - first);
	}
	return ABI_ERROR(ACCESS_DENIED);
}

/* Takes `len` bytes of one of the DMA resources. */
static int64_t
take_dma(uint64_t len, uint32_t address)
{
	struct nb_resource_info info;
	int64_t result = ABI_ERROR(ACCESS_DENIED);
	uint32_t at = 0, granted;

	while (result < 0 && (granted = next_granted(&at)) != NB_HANDLE_NONE) {
		if (is_resource(granted, NB_RESOURCE_DMA, &info))
			result = nb_client_dma_create(granted, len, address);
	}
	return result;
}

ABI_CALL(physical_alloc, (uint32_t size, uint32_t address), (size, address))
{
	uint64_t len = ((uint64_t)size + PAGE - 1) & ~(PAGE - 1ull);
	uint8_t before[ADDRESS_BYTES];
	int64_t result;

	if (!size)
		return ABI_ERROR(INVALID_ARGUMENT);
	if (nb_client_read(before, address, sizeof before) < 0)
		return ABI_ERROR(INVALID_ADDRESS);
	if (len > UINT32_MAX)
		return ABI_ERROR(LIMIT_EXCEEDED);
	result = take_dma(len, address);
	if (result < 0)
		return result;
	result = map((uint32_t)result, (uint32_t)len);
	if (result < 0)
		(void)nb_client_write(address, before, sizeof before);
	return result;
}

/* ---- ports: compiled as instructions, under the program's manifest ---- */

/* Called in another way, they are what an empty bus answers. */
ABI_EXPORT(read_port_u8) uint32_t abi_read_port_u8(uint32_t port);
uint32_t
abi_read_port_u8(uint32_t port)
{
	(void)port;
	return 0xff;
}

ABI_EXPORT(write_port_u8) void abi_write_port_u8(uint32_t port, uint32_t value);
void
abi_write_port_u8(uint32_t port, uint32_t value)
{
	(void)port;
	(void)value;
}

/* ---- interrupts ---- */

/* The native interrupt to wait for. */
ABI_LOCKED static int64_t
interrupt_handle(uint32_t number)
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_INTERRUPT, 0, &entry);

	return status == NB_OK ? (int64_t)entry->native : -(int64_t)status;
}

/* Sends the message. 0: it is there, or nobody can receive it any more; else the
 * channel's handle, since it is full, or an error: the interrupt is closed. */
ABI_LOCKED static int64_t
deliver(uint32_t number)
{
	struct nb_interrupt_info info = { 0 };
	struct abi_interrupt_message message;
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_INTERRUPT, 0, &entry);

	if (status != NB_OK)
		return -(int64_t)status;
	(void)nb_object_info(entry->native, NB_INFO_INTERRUPT, &info, sizeof info);
	message = (struct abi_interrupt_message){
		.seconds = info.arrived_ns / 1000000000,
		.nanoseconds = (uint32_t)(info.arrived_ns % 1000000000),
	};
	if (nb_channel_send(entry->channel, &message, sizeof message, 0, 0) ==
	    ABI_ERROR(SHOULD_WAIT))
		return entry->channel;
	entry->state.word = STATE_SENT;
	return 0;
}

/* The thread of an interrupt; has no frame, like an exported function. */
static void
interrupt_main(uint32_t number)
{
	struct nb_futex *state = abi_state_of(number);
	int64_t result;

	for (;;) {
		abi_enter();
		result = interrupt_handle(number);
		abi_leave();
		if (result < 0 ||
		    nb_object_wait_one((uint32_t)result, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) < 0)
			return;
		for (;;) {
			abi_enter();
			result = deliver(number);
			abi_leave();
			if (result <= 0)
				break;
			(void)nb_object_wait_one((uint32_t)result,
						 NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
						 NB_DEADLINE_NEVER);
		}
		if (result < 0)
			return;
		(void)nb_futex_wait(state, STATE_SENT, NB_DEADLINE_NEVER);
	}
}

/* The interrupt that the process was granted and calls that, or NB_HANDLE_NONE. A PCI
 * function's goes by the number in its configuration, too, which it is not if it is a message. */
static uint32_t
find_interrupt(uint32_t vector)
{
	const uint8_t *config = abi_pci_config();
	struct nb_interrupt_info info;
	uint32_t at = 0, granted;

	while ((granted = next_granted(&at)) != NB_HANDLE_NONE) {
		if (nb_object_info(granted, NB_INFO_INTERRUPT, &info, sizeof info) <= 0)
			continue;
		if (vector == VECTOR_FIRST + (uint64_t)info.number ||
		    (config && vector == VECTOR_FIRST + (uint32_t)config[AT_INTERRUPT]))
			return granted;
	}
	return NB_HANDLE_NONE;
}

/* Lets the thread begin; nothing is left if it cannot. */
static int64_t
begin(struct abi_entry *entry, uint32_t number, uint32_t interrupt)
{
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)interrupt_main, number, 0);

	if (thread < 0) {
		abi_remove(entry);
		return thread;
	}
	(void)nb_handle_close((uint32_t)thread);
	entry->native = interrupt;
	return number;
}

ABI_CALL(interrupt_create, (uint32_t channel, uint32_t vector), (channel, vector))
{
	struct abi_entry *sender, *made;
	uint32_t interrupt;
	enum nb_status status = abi_find(channel, ABI_CHANNEL, ABI_RIGHT_WRITE, &sender);
	int64_t copy, number;

	if (status != NB_OK)
		return -(int64_t)status;
	interrupt = find_interrupt(vector);
	if (interrupt == NB_HANDLE_NONE)
		return ABI_ERROR(ACCESS_DENIED);
	if (abi_has(ABI_INTERRUPT, interrupt))
		return ABI_ERROR(ALREADY_EXISTS);
	copy = nb_handle_duplicate(sender->native, NB_RIGHT_WRITE | NB_RIGHT_WAIT);
	if (copy < 0)
		return copy;
	number = abi_add(ABI_INTERRUPT, ABI_RIGHT_READ | ABI_RIGHT_WRITE, NB_HANDLE_NONE);
	if (number < 0 || abi_find((uint32_t)number, ABI_INTERRUPT, 0, &made) != NB_OK) {
		(void)nb_handle_close((uint32_t)copy);
		return number;
	}
	made->channel = (uint32_t)copy;
	return begin(made, (uint32_t)number, interrupt);
}

ABI_CALL(interrupt_ack, (uint32_t number), (number))
{
	struct abi_entry *entry;
	enum nb_status status = abi_find(number, ABI_INTERRUPT, ABI_RIGHT_WRITE, &entry);
	int64_t result;

	if (status == NB_OK && entry->state.word != STATE_SENT)
		status = NB_BAD_STATE;
	if (status != NB_OK)
		return -(int64_t)status;
	result = nb_interrupt_ack(entry->native);
	entry->state.word = STATE_QUIET;
	(void)nb_futex_wake(&entry->state, UINT32_MAX);
	return result < 0 ? result : 0;
}

/*
 * The table of handles. Number 0 is the channel that a process was given by its
 * creator, if it was; that of a PCI driver receives one message, the function's
 * configuration space.
 */
#include "user/personalities/abi/abi.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stddef.h>

#define INDEX_BITS  12
#define ENTRIES_MAX (1u << INDEX_BITS)

static struct abi_entry entries[ENTRIES_MAX];
static uint32_t next_free = 1; /* where the search for a free entry begins */
static bool is_prepared;

/* The reading end of a channel with the configuration space, or none. */
static uint32_t
config_channel(void)
{
	const uint8_t *config = abi_pci_config();
	struct nb_channel_ends ends;

	if (!config || nb_channel_create(&ends, 1) < 0)
		return NB_HANDLE_NONE;
	(void)nb_channel_send(ends.ends[0], config, ABI_CONFIG_BYTES, 0, 0);
	(void)nb_handle_close(ends.ends[0]);
	return ends.ends[1];
}

static void
prepare(void)
{
	uint32_t given;

	if (is_prepared)
		return;
	is_prepared = true;
	given = startup_handle("abi");
	if (given == NB_HANDLE_NONE)
		given = config_channel();
	if (given != NB_HANDLE_NONE)
		entries[0] = (struct abi_entry){ .kind = ABI_CHANNEL,
						 .rights = ABI_RIGHTS_ALL & ~ABI_RIGHT_WRITE,
						 .native = given };
}

static uint32_t
number_of(const struct abi_entry *entry)
{
	return entry->generation << INDEX_BITS | (uint32_t)(entry - entries);
}

int64_t
abi_add(enum abi_kind kind, uint32_t rights, uint32_t native)
{
	struct abi_entry *entry;

	prepare();
	for (uint32_t tries = 1; tries < ENTRIES_MAX; tries++) {
		entry = &entries[next_free];
		next_free = next_free + 1 < ENTRIES_MAX ? next_free + 1 : 1;
		if (entry->kind != ABI_FREE)
			continue;
		*entry = (struct abi_entry){ .kind = kind,
					     .rights = rights,
					     .generation = entry->generation,
					     .native = native };
		return number_of(entry);
	}
	if (native != NB_HANDLE_NONE)
		(void)nb_handle_close(native);
	return ABI_ERROR(LIMIT_EXCEEDED);
}

enum nb_status
abi_find(uint32_t number, enum abi_kind kind, uint32_t rights, struct abi_entry **out)
{
	struct abi_entry *entry = &entries[number & (ENTRIES_MAX - 1)];

	prepare();
	if (entry->kind == ABI_FREE || number_of(entry) != number)
		return NB_BAD_HANDLE;
	if (kind != ABI_FREE && entry->kind != kind)
		return NB_WRONG_TYPE;
	*out = entry;
	return rights & ~entry->rights ? NB_ACCESS_DENIED : NB_OK;
}

static void
close_native(uint32_t handle)
{
	if (handle != NB_HANDLE_NONE)
		(void)nb_handle_close(handle);
}

bool
abi_has(enum abi_kind kind, uint32_t native)
{
	for (uint32_t i = 0; i < ENTRIES_MAX; i++) {
		if (entries[i].kind == kind && entries[i].native == native)
			return true;
	}
	return false;
}

struct nb_futex *
abi_state_of(uint32_t number)
{
	return &entries[number & (ENTRIES_MAX - 1)].state;
}

void
abi_remove(struct abi_entry *entry)
{
	bool is_interrupt = entry->kind == ABI_INTERRUPT;

	close_native(entry->native);
	close_native(entry->code);
	close_native(entry->channel);
	/* Positive as an i32 for ever. */
	*entry = (struct abi_entry){ .generation = (entry->generation + 1) &
						   ((1u << (31 - INDEX_BITS)) - 1) };
	/* Its thread sees that it is gone. */
	if (is_interrupt)
		(void)nb_futex_wake(&entry->state, UINT32_MAX);
}

void
abi_forget_thread(uint32_t number)
{
	struct abi_entry *entry;

	if (abi_find(number, ABI_THREAD, 0, &entry) == NB_OK)
		abi_remove(entry);
}

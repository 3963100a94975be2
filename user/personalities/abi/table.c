/*
 * The table of handles. Number 0 is the channel that a process was given by its
 * creator, if it was.
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

static void
prepare(void)
{
	uint32_t given;

	if (is_prepared)
		return;
	is_prepared = true;
	given = startup_handle("abi");
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

void
abi_remove(struct abi_entry *entry)
{
	close_native(entry->native);
	close_native(entry->code);
	close_native(entry->channel);
	/* Positive as an i32 for ever. */
	*entry = (struct abi_entry){ .generation = (entry->generation + 1) &
						   ((1u << (31 - INDEX_BITS)) - 1) };
}

void
abi_forget_thread(uint32_t number)
{
	struct abi_entry *entry;

	if (abi_find(number, ABI_THREAD, 0, &entry) == NB_OK)
		abi_remove(entry);
}

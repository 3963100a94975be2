/*
 * Accounts. The path to the root is charged from below; when a limit refuses,
 * what was charged below it is taken back.
 */
#include "kernel/mm/account.h"

#include "kernel/init/panic.h"
#include "kernel/mm/heap.h"
#include "kernel/sched/lock.h"

#include <stdbool.h>

static void *
account_chunk_get(void *context, size_t size)
{
	return account_alloc_much(context, size);
}

static void
account_chunk_put(void *context, void *chunk, size_t size)
{
	account_free_much(context, chunk, size);
}

enum nb_status
account_create(struct account *parent, const uint64_t limit[ACCOUNT_RESOURCE_COUNT],
	       struct account **out)
{
	struct account *account;

	if (parent && parent->depth == ACCOUNT_DEPTH_MAX)
		return NB_LIMIT_EXCEEDED;
	account = parent ? account_alloc(parent, sizeof *account) : heap_new(struct account);
	if (!account)
		return NB_OUT_OF_MEMORY;
	account->parent = parent ? account_get(parent) : NULL;
	account->depth = parent ? parent->depth + 1 : 0;
	account->refs = 1;
	for (int i = 0; i < ACCOUNT_RESOURCE_COUNT; i++)
		account->limit[i] = limit[i] ? limit[i] : UINT64_MAX;
	account->nearest_budget = account_budget(parent);
	account->source = (struct arena_source){ account_chunk_get, account_chunk_put, account };
	*out = account;
	return NB_OK;
}

void
account_limit_processor(struct account *account, uint32_t permille)
{
	budget_init(&account->budget, account_budget(account->parent), permille);
	account->nearest_budget = &account->budget;
}

struct account *
account_get(struct account *account)
{
	count_up(&account->refs);
	return account;
}

void
account_put(struct account *account)
{
	while (account && count_down(&account->refs) == 0) {
		struct account *parent = account->parent;

		for (int i = 0; i < ACCOUNT_RESOURCE_COUNT; i++) {
			if (account->used[i])
				panic("account ends with %lu of resource %d charged",
				      (unsigned long)account->used[i], i);
		}
		if (parent)
			account_free(parent, account, sizeof *account);
		else
			heap_delete(account);
		account = parent;
	}
}

static bool
charge_one_shared(struct account *account, enum account_resource resource, uint64_t amount)
{
	uint64_t used = __atomic_load_n(&account->used[resource], __ATOMIC_RELAXED);
	uint64_t peak;

	do {
		if (amount > account->limit[resource] - used)
			return false;
	} while (!__atomic_compare_exchange_n(&account->used[resource], &used, used + amount, true,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	used += amount;
	peak = __atomic_load_n(&account->peak[resource], __ATOMIC_RELAXED);
	while (used > peak &&
	       !__atomic_compare_exchange_n(&account->peak[resource], &peak, used, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
	return true;
}

/* Charges from `account` upward; the account that refuses, or NULL. */
static struct account *
charge_path_shared(struct account *account, enum account_resource resource, uint64_t amount)
{
	while (account && charge_one_shared(account, resource, amount))
		account = account->parent;
	return account;
}

/* The same without another processor: nobody counts meanwhile. */
static struct account *
charge_path(struct account *account, enum account_resource resource, uint64_t amount)
{
	uint64_t used;

	for (; account; account = account->parent) {
		used = account->used[resource];
		if (__builtin_expect(amount > account->limit[resource] - used, 0))
			return account;
		used += amount;
		account->used[resource] = used;
		if (used > account->peak[resource])
			account->peak[resource] = used;
	}
	return NULL;
}

/* Returns what was charged before. */
static inline uint64_t
uncharge_one(struct account *account, enum account_resource resource, uint64_t amount)
{
	uint64_t before = account->used[resource];

	if (__builtin_expect(lock_is_shared, 0))
		return __atomic_fetch_sub(&account->used[resource], amount, __ATOMIC_RELAXED);
	account->used[resource] = before - amount;
	return before;
}

enum nb_status
account_charge(struct account *account, enum account_resource resource, uint64_t amount)
{
	struct account *refusing = __builtin_expect(lock_is_shared, 0)
					   ? charge_path_shared(account, resource, amount)
					   : charge_path(account, resource, amount);

	if (__builtin_expect(!refusing, 1))
		return NB_OK;
	for (; account != refusing; account = account->parent)
		(void)uncharge_one(account, resource, amount);
	return NB_LIMIT_EXCEEDED;
}

void
account_uncharge(struct account *account, enum account_resource resource, uint64_t amount)
{
	for (; account; account = account->parent) {
		if (uncharge_one(account, resource, amount) < amount)
			panic("account returns more of resource %d than was charged", resource);
	}
}

uint64_t
account_room(const struct account *account, enum account_resource resource)
{
	uint64_t room = UINT64_MAX;

	for (; account; account = account->parent) {
		uint64_t used = __atomic_load_n(&account->used[resource], __ATOMIC_RELAXED);

		if (account->limit[resource] - used < room)
			room = account->limit[resource] - used;
	}
	return room;
}

void *
account_alloc(struct account *account, size_t size)
{
	void *memory;

	if (account_charge(account, ACCOUNT_MEMORY, size) != NB_OK)
		return NULL;
	memory = heap_alloc(size);
	if (!memory)
		account_uncharge(account, ACCOUNT_MEMORY, size);
	return memory;
}

void
account_free(struct account *account, void *memory, size_t size)
{
	if (!memory)
		return;
	heap_free(memory, size);
	account_uncharge(account, ACCOUNT_MEMORY, size);
}

void *
account_alloc_much(struct account *account, size_t size)
{
	void *memory;

	if (account_charge(account, ACCOUNT_MEMORY, size) != NB_OK)
		return NULL;
	memory = heap_alloc_much(size);
	if (!memory)
		account_uncharge(account, ACCOUNT_MEMORY, size);
	return memory;
}

void
account_free_much(struct account *account, void *memory, size_t size)
{
	if (!memory)
		return;
	heap_free_much(memory, size);
	account_uncharge(account, ACCOUNT_MEMORY, size);
}

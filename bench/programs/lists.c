/* Pointers: linked lists, sorted by merging, reversed and spliced. */
#include "bench.h"

enum { COUNT = 8000 };

struct item {
	struct item *next;
	uint32_t key;
	uint32_t value;
};

static struct item items[COUNT];

static struct item *
merge(struct item *a, struct item *b)
{
	struct item head, *last = &head;

	while (a && b) {
		struct item **less = b->key < a->key ? &b : &a;
		last->next = *less;
		last = *less;
		*less = (*less)->next;
	}
	last->next = a ? a : b;
	return head.next;
}

static struct item *
sort(struct item *list)
{
	struct item *slow = list, *fast = list ? list->next : NULL;

	if (!fast)
		return list;
	for (; fast && fast->next; fast = fast->next->next)
		slow = slow->next;
	struct item *rest = slow->next;
	slow->next = NULL;
	return merge(sort(list), sort(rest));
}

static struct item *
reverse(struct item *list)
{
	struct item *done = NULL;

	while (list) {
		struct item *next = list->next;
		list->next = done;
		done = list;
		list = next;
	}
	return done;
}

static void
bench_round(void)
{
	uint64_t seed = 1, digest = 0;

	for (int i = 0; i < COUNT; i++) {
		items[i].next = i + 1 < COUNT ? &items[(i + 1)] : NULL;
		items[i].key = bench_random(&seed);
		items[i].value = (uint32_t)i;
	}
	struct item *list = sort(items);
	for (int i = 0; i < 8; i++)
		list = reverse(list);
	for (; list; list = list->next)
		digest = digest * 31 + list->value;
	bench_put_integer("digest", digest);
}

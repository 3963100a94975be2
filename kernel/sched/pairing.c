/*
 * Pairing heap. The root's `next` is NULL. Every node but a detached one is
 * reached through exactly one pointer, which `place` names, so that a member
 * can be cut out without a search.
 */
#include "kernel/sched/pairing.h"

static void
attach(struct pairing_node **place, struct pairing_node *node)
{
	*place = node;
	if (node)
		node->place = place;
}

/* Joins two roots whose `next` is NULL; either may be NULL. */
static struct pairing_node *
meld(struct pairing_node *a, struct pairing_node *b)
{
	struct pairing_node *child;

	if (!a || !b)
		return a ? a : b;
	if (b->key < a->key) {
		struct pairing_node *swap = a;

		a = b;
		b = swap;
	}
	child = a->child;
	attach(&b->next, child);
	attach(&a->child, b);
	return a;
}

/* Joins a list of siblings into one root: neighbours first, then the pairs
 * from the last to the first. */
static struct pairing_node *
meld_siblings(struct pairing_node *list)
{
	struct pairing_node *pairs = NULL;
	struct pairing_node *root = NULL;

	while (list) {
		struct pairing_node *a = list;
		struct pairing_node *b = a->next;
		struct pairing_node *pair;

		list = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct pairing_node *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		root = meld(root, pair);
	}
	return root;
}

void
pairing_insert(struct pairing *heap, struct pairing_node *node)
{
	node->child = NULL;
	node->next = NULL;
	attach(&heap->root, meld(heap->root, node));
}

void
pairing_remove(struct pairing *heap, struct pairing_node *node)
{
	struct pairing_node *rest = meld_siblings(node->child);

	attach(node->place, node->next);
	node->place = NULL;
	node->child = NULL;
	node->next = NULL;
	attach(&heap->root, meld(heap->root, rest));
}

/*
 * Pairing heap: an intrusive priority queue.
 *
 * The least key is found at once; insertion is constant, removal of any member
 * amortised logarithmic. The node lives inside its object, so nothing is
 * allocated and nothing fails. Equal keys leave in no particular order.
 * Locking is the user's.
 */
#ifndef KERNEL_SCHED_PAIRING_H
#define KERNEL_SCHED_PAIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pairing_node {
	uint64_t key;		     /* constant while in a heap */
	struct pairing_node *child;  /* first child */
	struct pairing_node *next;   /* next sibling */
	struct pairing_node **place; /* the pointer to this node; NULL: in no heap */
};

struct pairing {
	struct pairing_node *root; /* NULL: empty */
};

static inline bool
pairing_contains(const struct pairing_node *node)
{
	return node->place != NULL;
}

/* The node of the least key, or NULL. */
static inline struct pairing_node *
pairing_first(const struct pairing *heap)
{
	return heap->root;
}

/* Needs: `node` is in no heap and its key is set. */
void pairing_insert(struct pairing *heap, struct pairing_node *node);
/* Needs: `node` is in `heap`. */
void pairing_remove(struct pairing *heap, struct pairing_node *node);

#endif

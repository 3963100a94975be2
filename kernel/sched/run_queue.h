/*
 * The threads that are ready at one priority, by virtual run time.
 *
 * Who has just run mostly goes behind all others. So the queue is a list in the order
 * of keys, to whose end such a one is appended, and a heap for whoever belongs further
 * ahead than the last in the list: both in constant time when threads take turns,
 * however many they are. The node lies inside its object. Equal keys leave in no
 * particular order. Locking is the user's.
 */
#ifndef KERNEL_SCHED_RUN_QUEUE_H
#define KERNEL_SCHED_RUN_QUEUE_H

#include "kernel/sched/pairing.h"
#include "lib/list.h"

/* A node in the list is its own `child`. */
struct run_queue {
	struct pairing heap;
	struct pairing_node *list; /* by `next`, in the order of keys; NULL: empty */
	struct pairing_node **end; /* where the list's last NULL is */
	uint64_t floor_ns;	   /* where new threads begin; never falls */
};

static inline void
run_queue_init(struct run_queue *queue)
{
	*queue = (struct run_queue){ .end = &queue->list };
}

/* The node of the least key, or NULL. */
static inline struct pairing_node *
run_queue_first(const struct run_queue *queue)
{
	struct pairing_node *top = pairing_first(&queue->heap), *first = queue->list;

	if (__builtin_expect(!top, 1))
		return first;
	return first && first->key <= top->key ? first : top;
}

/* Needs: the list is not empty. */
static inline struct pairing_node *
run_queue_last(const struct run_queue *queue)
{
	return list_entry(queue->end, struct pairing_node, next);
}

static inline void
run_queue_append(struct run_queue *queue, struct pairing_node *node)
{
	node->child = node;
	node->next = NULL;
	node->place = queue->end;
	*queue->end = node;
	queue->end = &node->next;
}

/* Needs: the node is in no queue and its key is set. */
static inline void
run_queue_insert(struct run_queue *queue, struct pairing_node *node)
{
	if (!queue->list || run_queue_last(queue)->key <= node->key)
		run_queue_append(queue, node);
	else
		pairing_insert(&queue->heap, node);
}

/* Needs: the node is in `queue`. */
static inline void
run_queue_remove(struct run_queue *queue, struct pairing_node *node)
{
	struct pairing_node *next = node->next;

	if (node->child != node) {
		pairing_remove(&queue->heap, node);
		return;
	}
	*node->place = next;
	if (next)
		next->place = node->place;
	else
		queue->end = node->place;
	node->place = NULL;
}

/* Whether `first`, the queue's first, is in the list, and a node with that key may come behind
 * all others there. */
static inline bool
run_queue_rotates(const struct run_queue *queue, const struct pairing_node *first, uint64_t key)
{
	return __builtin_expect(first->child == first, 1) &&
	       __builtin_expect(run_queue_last(queue)->key <= key, 1);
}

/* Takes `first` out and appends `node`, as run_queue_rotates allows. */
static inline void
run_queue_rotate(struct run_queue *queue, struct pairing_node *first, struct pairing_node *node)
{
	struct pairing_node *second = first->next;

	node->child = node;
	node->next = NULL;
	first->place = NULL;
	if (__builtin_expect(!second, 1)) {
		queue->list = node;
		node->place = &queue->list;
	} else {
		queue->list = second;
		second->place = &queue->list;
		node->place = queue->end;
		*queue->end = node;
	}
	queue->end = &node->next;
}

#endif

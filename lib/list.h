/*
 * Intrusive doubly linked list, circular through its head.
 *
 * The link lives inside the object, so insertion and removal allocate nothing
 * and never fail. A link that is in no list points to itself; list_remove
 * leaves it so. Locking is the user's.
 */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The head of a list, or the link of one member. */
struct list_link {
	struct list_link *next;
	struct list_link *prev;
};

/* Makes an empty head, or a link that is in no list. */
static inline void
list_init(struct list_link *link)
{
	link->next = link;
	link->prev = link;
}

/* A head without members, or a link that is in no list. */
static inline bool
list_is_empty(const struct list_link *head)
{
	return head->next == head;
}

/* Needs: `link` is in no list. `place` may be the head: then last. */
static inline void
list_insert_before(struct list_link *place, struct list_link *link)
{
	link->next = place;
	link->prev = place->prev;
	place->prev->next = link;
	place->prev = link;
}

static inline void
list_push_back(struct list_link *head, struct list_link *link)
{
	list_insert_before(head, link);
}

static inline void
list_push_front(struct list_link *head, struct list_link *link)
{
	list_insert_before(head->next, link);
}

static inline void
list_remove(struct list_link *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* The first link, or NULL. */
static inline struct list_link *
list_first(const struct list_link *head)
{
	return list_is_empty(head) ? NULL : head->next;
}

/* Removes and returns the first link, or NULL. */
static inline struct list_link *
list_pop_front(struct list_link *head)
{
	struct list_link *link = list_first(head);

	if (link)
		list_remove(link);
	return link;
}

/* The object of `type` whose member `member` is *link. */
#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

/* Walks the links; the body may remove `link` itself only in the safe form,
 * whose `after` is a second variable. */
#define list_for_each(link, head) \
	for ((link) = (head)->next; (link) != (head); (link) = (link)->next)
#define list_for_each_safe(link, after, head)                                 \
	for ((link) = (head)->next, (after) = (link)->next; (link) != (head); \
	     (link) = (after), (after) = (link)->next)

#endif

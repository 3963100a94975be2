/*
 * Handles to channel ends that are under way in channels.
 *
 * An end all of whose handles lie in queues (a candidate) can still be received
 * if one of those queues belongs to an end that somebody can reach. So from the
 * handles of each candidate those are subtracted that lie in queues of
 * candidates; where something remains, the end is reachable from outside, and so
 * is all that its queue holds, and so on. What is not reachable then never will
 * be: only a receiver can make a handle of such an end appear again.
 */
#include "kernel/ipc/channel_private.h"

#include "kernel/mm/account.h"
#include "kernel/sched/sched.h"

static struct {
	struct spinlock lock;
	/* Under the lock: */
	struct list_link in_flight; /* struct channel, by flight_link; next NULL: not yet used */
	struct list_link doomed;    /* struct channel_message */
	bool is_reaping;	    /* somebody is freeing the doomed ones */
} flight = { .lock = SPINLOCK_INIT(LOCK_RANK_CHANNELS) };

void
channel_flight_lock(void)
{
	spinlock_lock(&flight.lock);
	if (flight.in_flight.next)
		return;
	list_init(&flight.in_flight);
	list_init(&flight.doomed);
}

void
channel_flight_unlock(void)
{
	spinlock_unlock(&flight.lock);
}

static struct channel *
channel_at(const struct channel_message *message, uint32_t idx)
{
	struct object *object = message->handles[idx].object;

	return object->type == &channel_type ? channel_of(object) : NULL;
}

void
channel_flight_begin_locked(struct channel_message *message)
{
	for (uint32_t i = 0; i < message->handle_count; i++) {
		struct channel *channel = channel_at(message, i);

		if (channel && channel->in_flight++ == 0)
			list_push_back(&flight.in_flight, &channel->flight_link);
	}
}

void
channel_flight_end_locked(struct channel_message *message)
{
	for (uint32_t i = 0; i < message->handle_count; i++) {
		struct channel *channel = channel_at(message, i);

		if (channel && --channel->in_flight == 0)
			list_remove(&channel->flight_link);
	}
}

/* ---- the search ---- */

static bool
is_only_in_flight(const struct channel *channel)
{
	uint32_t in_flight = __atomic_load_n(&channel->in_flight, __ATOMIC_RELAXED);

	return in_flight &&
	       in_flight == __atomic_load_n(&channel->object.handles, __ATOMIC_ACQUIRE);
}

/* Calls `visit` for every handle to a candidate in the queue of `channel`. */
static void
visit_queue_locked(struct channel *channel,
		   void (*visit)(struct channel *found, struct list_link *reached),
		   struct list_link *reached)
{
	struct list_link *link;

	spinlock_lock(&channel->pair->lock);
	list_for_each(link, &channel->pair->queues[channel->end].messages)
	{
		struct channel_message *message = list_entry(link, struct channel_message, link);

		for (uint32_t i = 0; message->has_channels && i < message->handle_count; i++) {
			struct channel *found = channel_at(message, i);

			if (found && found->is_candidate)
				visit(found, reached);
		}
	}
	spinlock_unlock(&channel->pair->lock);
}

static void
explain(struct channel *found, struct list_link *reached)
{
	(void)reached;
	found->unexplained--;
}

static void
reach(struct channel *found, struct list_link *reached)
{
	found->is_candidate = false;
	list_push_back(reached, &found->reached);
}

static struct channel *
channel_of_flight(struct list_link *link)
{
	return list_entry(link, struct channel, flight_link);
}

static void
find_candidates_locked(void)
{
	struct list_link *link;

	list_for_each(link, &flight.in_flight)
	{
		struct channel *channel = channel_of_flight(link);

		channel->is_candidate = is_only_in_flight(channel);
		channel->unexplained = channel->in_flight;
	}
	list_for_each(link, &flight.in_flight)
	{
		if (channel_of_flight(link)->is_candidate)
			visit_queue_locked(channel_of_flight(link), explain, NULL);
	}
}

/* Leaves only those as candidates that cannot be reached. */
static void
spread_locked(void)
{
	struct list_link reached, *link;

	list_init(&reached);
	list_for_each(link, &flight.in_flight)
	{
		struct channel *channel = channel_of_flight(link);

		if (channel->is_candidate && channel->unexplained)
			reach(channel, &reached);
	}
	while ((link = list_pop_front(&reached)))
		visit_queue_locked(list_entry(link, struct channel, reached), reach, &reached);
}

void
channel_flight_search(struct channel *channel)
{
	struct list_link doomed, *link;

	if (!is_only_in_flight(channel))
		return;
	list_init(&doomed);
	channel_flight_lock();
	find_candidates_locked();
	spread_locked();
	list_for_each(link, &flight.in_flight)
	{
		struct channel *found = channel_of_flight(link);

		if (found->is_candidate)
			channel_queue_take(found->pair, found->end, &doomed);
	}
	channel_flight_unlock();
	channel_messages_doom(&doomed);
}

/* ---- messages that nobody receives ---- */

static void
message_free(struct channel_message *message)
{
	struct account *account = message->account;

	if (message->has_channels) {
		channel_flight_lock();
		channel_flight_end_locked(message);
		channel_flight_unlock();
	}
	for (uint32_t i = 0; i < message->handle_count; i++)
		object_handle_put(message->handles[i].object);
	account_free(account, message, message->size);
	account_put(account);
}

/* Closing a message's handles may doom further messages; they are freed by the
 * outermost call, one after the other, for the chain may be long. */
void
channel_messages_doom(struct list_link *messages)
{
	struct list_link *link;

	channel_flight_lock();
	while ((link = list_pop_front(messages)))
		list_push_back(&flight.doomed, link);
	if (!flight.is_reaping) {
		flight.is_reaping = true;
		while ((link = list_pop_front(&flight.doomed))) {
			channel_flight_unlock();
			message_free(list_entry(link, struct channel_message, link));
			sched_relax();
			channel_flight_lock();
		}
		flight.is_reaping = false;
	}
	channel_flight_unlock();
}

/*
 * Handles to channel ends that are under way in channels.
 *
 * An end can be reached if somebody has a handle to it, or if one lies in the queue of
 * an end that can be reached. So whether one can is found by going from queue to
 * queue, upwards from it, until an end comes to which somebody has a handle: mostly at
 * once. If none comes, neither it nor any that has been come to will ever be reached again:
 * only a receiver can make a handle of such an end appear. It is looked at whenever it may
 * have lost the last handle that mattered, so they all hang on its queue alone, which is
 * emptied; whatever lay there has lost a handle and is looked at in the same way.
 */
#include "kernel/ipc/channel_private.h"

#include "kernel/mm/account.h"
#include "kernel/sched/sched.h"

static struct spinlock flight = SPINLOCK_INIT(LOCK_RANK_CHANNELS);

void
channel_flight_lock(void)
{
	spinlock_lock(&flight);
}

void
channel_flight_unlock(void)
{
	spinlock_unlock(&flight);
}

static struct channel *
channel_at(const struct channel_message *message, uint32_t idx)
{
	struct object *object = message->handles[idx].object;

	return object->type == &channel_type ? channel_of(object) : NULL;
}

void
channel_flight_begin_locked(struct channel_message *message, struct channel *receiver)
{
	struct channel_carriage *carriages = message_carriages(message);

	message->receiver = receiver;
	for (uint32_t i = 0; i < message->handle_count; i++) {
		struct channel *channel = channel_at(message, i);

		if (!channel)
			continue;
		carriages[i].message = message;
		list_push_back(&channel->carriages, &carriages[i].link);
		channel->in_flight++;
	}
}

void
channel_flight_end_locked(struct channel_message *message)
{
	struct channel_carriage *carriages = message_carriages(message);

	message->receiver = NULL;
	for (uint32_t i = 0; i < message->handle_count; i++) {
		struct channel *channel = channel_at(message, i);

		if (!channel)
			continue;
		list_remove(&carriages[i].link);
		channel->in_flight--;
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

/* Enters the ends whose queues carry `channel`; false: a message carries it whose end is
 * known already, so that it is looked at again when that loses its handles. */
static bool
reach_carriers_locked(const struct channel *channel, struct list_link *reached)
{
	const struct list_link *link;

	list_for_each(link, &channel->carriages)
	{
		struct channel *receiver =
			list_entry(link, struct channel_carriage, link)->message->receiver;

		if (!receiver)
			return false;
		if (list_is_empty(&receiver->reached))
			list_push_back(reached, &receiver->reached);
	}
	return true;
}

static struct channel *
channel_reached(struct list_link *link)
{
	return list_entry(link, struct channel, reached);
}

/* Whether somebody can reach `channel`. */
static bool
can_be_reached_locked(struct channel *channel, struct list_link *reached)
{
	struct list_link *link;

	list_push_back(reached, &channel->reached);
	/* More come at the end meanwhile. */
	list_for_each(link, reached)
	{
		if (!is_only_in_flight(channel_reached(link)) ||
		    !reach_carriers_locked(channel_reached(link), reached))
			return true;
	}
	return false;
}

void
channel_flight_search(struct channel *channel)
{
	struct list_link reached, doomed;
	bool is_lost;

	if (!is_only_in_flight(channel))
		return;
	list_init(&reached);
	list_init(&doomed);
	channel_flight_lock();
	is_lost = !can_be_reached_locked(channel, &reached);
	while (list_pop_front(&reached))
		;
	if (is_lost)
		channel_queue_take_locked(channel->pair, channel->end, &doomed);
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

void
channel_messages_doom(struct list_link *messages)
{
	struct reaping *reaping = reaping_current();
	struct list_link *link;

	if (reaping->messages) {
		while ((link = list_pop_front(messages)))
			list_push_back(reaping->messages, link);
		return;
	}
	reaping->messages = messages;
	while ((link = list_pop_front(messages))) {
		message_free(list_entry(link, struct channel_message, link));
		sched_relax();
	}
	reaping->messages = NULL;
}

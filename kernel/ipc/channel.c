/*
 * Channels. Locks, outermost first: a handle table's, that of the flight, the
 * pair's, the ends' object locks. An end leaves the pair under its lock before
 * it is freed, so that the other end never signals what is gone.
 */
#include "kernel/ipc/channel_private.h"

#include "kernel/init/panic.h"
#include "kernel/mm/account.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"

/* ---- messages ---- */

static struct channel_message *
message_alloc(struct channel_pair *pair, uint32_t len, uint32_t handle_count)
{
	size_t size =
		sizeof(struct channel_message) + len +
		handle_count * (sizeof(struct handle_entry) + sizeof(struct channel_carriage));
	struct channel_message *message;

	if (size <= SPARE_BYTES)
		size = SPARE_BYTES;
	spinlock_lock(&pair->lock);
	message = size == SPARE_BYTES ? pair->spare : NULL;
	if (message)
		pair->spare = NULL;
	spinlock_unlock(&pair->lock);
	if (!message)
		message = account_alloc(pair->account, size);
	if (!message)
		return NULL;
	message->account = pair->account;
	message->size = size;
	message->len = len;
	message->handle_count = handle_count;
	message->has_channels = false;
	return message;
}

/* Takes back an empty block. */
static void
message_release(struct channel_pair *pair, struct channel_message *message)
{
	bool is_spare;

	spinlock_lock(&pair->lock);
	is_spare = channel_message_spare_locked(pair, message);
	spinlock_unlock(&pair->lock);
	if (!is_spare)
		account_free(pair->account, message, message->size);
}

/* ---- ends ---- */

void
channel_update_writable_locked(struct channel_pair *pair, uint32_t end)
{
	struct channel *sender = pair->ends[!end];

	if (sender && pair->is_open[end] && pair->queues[end].count < pair->capacity)
		object_signals_change(&sender->object, 0, NB_SIGNAL_WRITABLE);
	else if (sender)
		object_signals_change(&sender->object, NB_SIGNAL_WRITABLE, 0);
}

void
channel_queue_take_locked(struct channel_pair *pair, uint32_t end, struct list_link *out)
{
	struct channel_queue *queue = &pair->queues[end];
	struct list_link *link;
	uint32_t before;

	spinlock_lock(&pair->lock);
	before = queue->count;
	while ((link = list_pop_front(&queue->messages))) {
		struct channel_message *message = list_entry(link, struct channel_message, link);

		message->account = account_get(pair->account);
		message->receiver = NULL;
		list_push_back(out, link);
	}
	queue->count = 0;
	channel_update_signals_locked(pair, end, before);
	spinlock_unlock(&pair->lock);
}

static void
channel_handles_gone(struct object *object)
{
	struct channel *channel = channel_of(object);
	struct channel_pair *pair = channel->pair;
	struct list_link doomed;
	struct channel *peer;

	spinlock_lock(&pair->lock);
	pair->is_open[channel->end] = false;
	peer = pair->ends[!channel->end];
	if (peer)
		object_signals_change(&peer->object, NB_SIGNAL_WRITABLE, NB_SIGNAL_PEER_CLOSED);
	spinlock_unlock(&pair->lock);
	list_init(&doomed);
	channel_flight_lock();
	channel_queue_take_locked(pair, channel->end, &doomed);
	channel_flight_unlock();
	if (!list_is_empty(&doomed))
		channel_messages_doom(&doomed);
}

static void
channel_handle_closed(struct object *object)
{
	channel_flight_search(channel_of(object));
}

static void
pair_free(struct channel_pair *pair)
{
	struct account *account = pair->account;

	ASSERT(list_is_empty(&pair->queues[0].messages) &&
	       list_is_empty(&pair->queues[1].messages));
	account_free(account, pair->spare, SPARE_BYTES);
	account_free(account, pair, sizeof *pair);
	account_put(account);
}

static void
channel_destroy(struct object *object)
{
	struct channel *channel = channel_of(object);
	struct channel_pair *pair = channel->pair;
	bool is_last;

	spinlock_lock(&pair->lock);
	pair->ends[channel->end] = NULL;
	is_last = !pair->ends[!channel->end];
	spinlock_unlock(&pair->lock);
	if (is_last)
		pair_free(pair);
	object_free(object);
}

static enum nb_status
channel_info(struct object *object, uint32_t topic, struct object_info *out)
{
	struct channel *channel = channel_of(object);
	struct channel_pair *pair = channel->pair;
	struct nb_channel_info info = { .capacity = pair->capacity };
	const struct channel_queue *queue = &pair->queues[channel->end];

	if (topic != NB_INFO_CHANNEL)
		return NB_NOT_SUPPORTED;
	spinlock_lock(&pair->lock);
	info.readable = queue->count;
	info.writable = pair->is_open[!channel->end]
				? pair->capacity - pair->queues[!channel->end].count
				: 0;
	if (queue->count) {
		const struct channel_message *first =
			list_entry(list_first(&queue->messages), struct channel_message, link);

		info.next_len = first->len;
		info.next_handles = first->handle_count;
	}
	spinlock_unlock(&pair->lock);
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

static enum nb_status
channel_signal_peer(struct object *object, uint32_t set)
{
	const struct channel *channel = channel_of(object);
	struct channel_pair *pair = channel->pair;
	enum nb_status status = NB_PEER_CLOSED;
	struct channel *peer;

	spinlock_lock(&pair->lock);
	peer = pair->ends[!channel->end];
	if (peer && pair->is_open[!channel->end]) {
		object_signals_change(&peer->object, 0, set);
		status = NB_OK;
	}
	spinlock_unlock(&pair->lock);
	return status;
}

const struct object_type channel_type = {
	.number = NB_OBJECT_CHANNEL,
	.rights = NB_RIGHT_READ | NB_RIGHT_WRITE | NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER |
		  NB_RIGHT_SIGNAL | NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = channel_destroy,
	.handles_gone = channel_handles_gone,
	.handle_closed = channel_handle_closed,
	.settable_signals = NB_SIGNAL_SIGNALED,
	.peer_signals = NB_SIGNAL_SIGNALED,
	.signal_peer = channel_signal_peer,
	.info = channel_info,
};

static struct channel *
end_create(struct channel_pair *pair, uint32_t end)
{
	struct channel *channel =
		channel_of(object_alloc(&channel_type, sizeof *channel, pair->account));

	if (!channel)
		return NULL;
	channel->end = end;
	channel->pair = pair;
	list_init(&channel->carriages);
	list_init(&channel->reached);
	pair->ends[end] = channel;
	pair->is_open[end] = true;
	return channel;
}

enum nb_status
channel_create(struct account *account, uint32_t messages, struct channel *out_ends[2])
{
	struct channel_pair *pair;

	if (messages == 0 || messages > NB_CHANNEL_MESSAGES_MAX)
		return NB_OUT_OF_RANGE;
	pair = account_alloc(account, sizeof *pair);
	if (!pair)
		return NB_OUT_OF_MEMORY;
	pair->account = account_get(account);
	pair->capacity = messages;
	spinlock_init(&pair->lock, LOCK_RANK_STREAM);
	list_init(&pair->queues[0].messages);
	list_init(&pair->queues[1].messages);
	if (!end_create(pair, 0)) {
		pair_free(pair);
		return NB_OUT_OF_MEMORY;
	}
	if (!end_create(pair, 1)) {
		object_put(&pair->ends[0]->object);
		return NB_OUT_OF_MEMORY;
	}
	for (uint32_t i = 0; i < 2; i++) {
		out_ends[i] = pair->ends[i];
		object_signals_change(&out_ends[i]->object, 0, NB_SIGNAL_WRITABLE);
	}
	return NB_OK;
}

/* ---- sending ---- */

struct sending {
	struct channel *channel;
	struct channel_message *message;
};

static enum nb_status
enqueue_locked(struct channel_pair *pair, uint32_t end, struct channel_message *message)
{
	if (!pair->is_open[end])
		return NB_PEER_CLOSED;
	if (pair->queues[end].count == pair->capacity)
		return NB_SHOULD_WAIT;
	channel_enqueue_locked(pair, end, message);
	return NB_OK;
}

/* A handle_transfer: the message, with its handles filled in, enters the queue. */
static enum nb_status
give(void *context)
{
	struct sending *sending = context;
	struct channel_message *message = sending->message;
	struct channel_pair *pair = sending->channel->pair;
	enum nb_status status;

	for (uint32_t i = 0; i < message->handle_count; i++)
		message->has_channels |= message->handles[i].object->type == &channel_type;
	if (message->has_channels)
		channel_flight_lock();
	spinlock_lock(&pair->lock);
	status = enqueue_locked(pair, !sending->channel->end, message);
	spinlock_unlock(&pair->lock);
	if (message->has_channels) {
		if (status == NB_OK)
			channel_flight_begin_locked(message, pair->ends[!sending->channel->end]);
		channel_flight_unlock();
	}
	return status;
}

/* Sent away, a channel's end may be out of everybody's reach. Gives way to others. */
static void
look_after_sent(const struct handle_entry *entries, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (entries[i].object->type == &channel_type) {
			channel_flight_search(channel_of(entries[i].object));
			sched_relax();
		}
		object_put(entries[i].object);
	}
}

/* A message with handles. Whoever receives it may be quick, so what is looked at
 * after it has gone is a copy, with references of its own. */
static enum nb_status
send_handles(struct sending *sending, const struct channel_send *given)
{
	struct handle_entry sent[NB_CHANNEL_HANDLES_MAX];
	struct handle_use use;
	uint32_t held = 0;
	enum nb_status status = NB_OK;

	for (; held < given->handle_count && status == NB_OK; held++) {
		status = handle_use(given->table, given->handles[held], NULL, NB_RIGHT_TRANSFER,
				    &use);
		if (status != NB_OK)
			break;
		sent[held] = (struct handle_entry){ use.object, use.rights };
	}
	if (status == NB_OK)
		status = handle_move_out(given->table, given->handles, given->handle_count,
					 sending->message->handles, give, sending);
	if (status == NB_OK) {
		look_after_sent(sent, held);
		return NB_OK;
	}
	for (uint32_t i = 0; i < held; i++)
		object_put(sent[i].object);
	return status;
}

enum nb_status
channel_send(struct channel *channel, const struct channel_send *given)
{
	struct channel_pair *pair = channel->pair;
	struct sending sending = { .channel = channel };
	enum nb_status status;

	if (given->len > NB_CHANNEL_BYTES_MAX || given->handle_count > NB_CHANNEL_HANDLES_MAX)
		return NB_OUT_OF_RANGE;
	sending.message = message_alloc(pair, given->len, given->handle_count);
	if (!sending.message)
		return NB_OUT_OF_MEMORY;
	status = port_guest_read(message_bytes(sending.message), given->bytes, given->len);
	if (status == NB_OK)
		status = given->handle_count ? send_handles(&sending, given) : give(&sending);
	if (status != NB_OK)
		message_release(pair, sending.message);
	return status;
}

/* ---- receiving ---- */

struct receiving {
	struct channel *channel;
	struct channel_recv *to;
	uint32_t handle_count;			  /* that the table has made room for */
	uint32_t numbers[NB_CHANNEL_HANDLES_MAX]; /* what they will be called */
	struct handle_entry *entries;		  /* to be filled */
	struct channel_message *message;	  /* out: taken from the queue, empty */
};

/* The oldest message, which fits. */
static enum nb_status
peek_locked(struct channel *channel, struct channel_recv *to, struct channel_message **out)
{
	struct channel_pair *pair = channel->pair;
	struct list_link *link = list_first(&pair->queues[channel->end].messages);

	if (!link)
		return pair->is_open[!channel->end] ? NB_SHOULD_WAIT : NB_PEER_CLOSED;
	*out = list_entry(link, struct channel_message, link);
	to->len = (*out)->len;
	to->handle_count = (*out)->handle_count;
	return to->len > to->cap || to->handle_count > to->handle_cap ? NB_BUFFER_TOO_SMALL : NB_OK;
}

static enum nb_status
copy_out(const struct receiving *receiving, struct channel_message *message)
{
	const struct channel_recv *to = receiving->to;
	enum nb_status status = port_guest_write(to->bytes, message_bytes(message), message->len);

	if (status != NB_OK || !message->handle_count)
		return status;
	return port_guest_write(to->handles, receiving->numbers,
				message->handle_count * sizeof *receiving->numbers);
}

static enum nb_status
dequeue_locked(struct receiving *receiving)
{
	struct channel *channel = receiving->channel;
	struct channel_pair *pair = channel->pair;
	struct channel_message *message = NULL;
	enum nb_status status = peek_locked(channel, receiving->to, &message);

	if (status != NB_OK)
		return status;
	/* Another receiver was quicker, and the next message is of another kind. */
	if (message->handle_count != receiving->handle_count)
		return NB_BAD_STATE;
	status = copy_out(receiving, message);
	if (status != NB_OK)
		return status;
	for (uint32_t i = 0; i < message->handle_count; i++)
		receiving->entries[i] = message->handles[i];
	channel_dequeue_locked(pair, channel->end, message);
	receiving->message = message;
	return NB_OK;
}

/* A handle_transfer: the message leaves the queue. */
static enum nb_status
take(void *context)
{
	struct receiving *receiving = context;
	struct channel_pair *pair = receiving->channel->pair;
	enum nb_status status;

	if (receiving->handle_count)
		channel_flight_lock();
	spinlock_lock(&pair->lock);
	status = dequeue_locked(receiving);
	spinlock_unlock(&pair->lock);
	if (receiving->handle_count) {
		if (status == NB_OK)
			channel_flight_end_locked(receiving->message);
		channel_flight_unlock();
	}
	return status;
}

enum nb_status
channel_recv(struct channel *channel, struct channel_recv *to)
{
	struct channel_pair *pair = channel->pair;
	struct handle_entry entries[NB_CHANNEL_HANDLES_MAX];
	struct receiving receiving = { .channel = channel, .to = to, .entries = entries };
	struct channel_message *message;
	enum nb_status status;

	do {
		spinlock_lock(&pair->lock);
		status = peek_locked(channel, to, &message);
		spinlock_unlock(&pair->lock);
		if (status != NB_OK)
			return status;
		receiving.handle_count = to->handle_count;
		status = to->handle_count
				 ? handle_move_in(to->table, to->handle_count, receiving.numbers,
						  entries, take, &receiving)
				 : take(&receiving);
	} while (status == NB_BAD_STATE);
	if (status == NB_OK)
		message_release(pair, receiving.message);
	return status;
}

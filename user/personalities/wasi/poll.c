/*
 * Waiting, clocks, random bytes, yielding.
 *
 * poll_oneoff goes over the client's subscriptions twice: first to find what
 * is ready and what to wait for, then, after the wait, to report. Both passes
 * check everything, so it does no harm if the client's memory changed between
 * them. Files are always ready; at most the few streams are waited for.
 */
#include "user/personalities/wasi/wasi.h"

#define STREAMS_MAX  16u
#define RANDOM_PIECE 65536u

struct poll {
	uint32_t in;	  /* client's subscriptions */
	uint32_t out;	  /* client's next event */
	uint32_t count;	  /* subscriptions */
	uint32_t events;  /* reported */
	bool is_unstable; /* layout of preview 0 */
	bool is_ready;	  /* an event needs no waiting */
	uint32_t item_count;
	int64_t start_ns; /* monotonic time when the call began */
	int64_t deadline_ns;
	struct nb_wait_item items[STREAMS_MAX];
};

static enum wasi_errno
get_subscription(const struct poll *poll, uint32_t index, struct wasi_subscription *out)
{
	struct wasi_unstable_subscription old;
	enum wasi_errno error;

	if (!poll->is_unstable)
		return client_get(out, poll->in + index * (uint32_t)sizeof *out, sizeof *out);
	error = client_get(&old, poll->in + index * (uint32_t)sizeof old, sizeof old);
	*out = (struct wasi_subscription){ .userdata = old.userdata, .type = old.type };
	if (old.type == WASI_EVENT_CLOCK) {
		out->clock.id = old.clock.id;
		out->clock.timeout = old.clock.timeout;
		out->clock.flags = old.clock.flags;
	} else {
		out->fd = old.fd;
	}
	return error;
}

static enum wasi_errno
put_event(struct poll *poll, const struct wasi_event *event)
{
	uint32_t address = poll->out + poll->events * (uint32_t)sizeof *event;

	poll->events++;
	return client_put(address, event, sizeof *event);
}

static int64_t
add_saturated(int64_t a, uint64_t b)
{
	return b > (uint64_t)(INT64_MAX - a) ? INT64_MAX : a + (int64_t)b;
}

/* The monotonic time at which a clock subscription is due. */
static enum wasi_errno
due_time(const struct poll *poll, const struct wasi_subscription *sub, int64_t *out)
{
	int64_t now, timeout;

	if (sub->clock.flags & ~(uint32_t)WASI_SUBCLOCK_ABSTIME)
		return WASI_INVAL;
	if (sub->clock.id != WASI_CLOCK_REALTIME && sub->clock.id != WASI_CLOCK_MONOTONIC)
		return sub->clock.id <= WASI_CLOCK_THREAD_CPUTIME ? WASI_NOTSUP : WASI_INVAL;
	if (!(sub->clock.flags & WASI_SUBCLOCK_ABSTIME)) {
		*out = add_saturated(poll->start_ns, sub->clock.timeout);
		return WASI_SUCCESS;
	}
	timeout = sub->clock.timeout > INT64_MAX ? INT64_MAX : (int64_t)sub->clock.timeout;
	if (sub->clock.id == WASI_CLOCK_MONOTONIC) {
		*out = timeout;
		return WASI_SUCCESS;
	}
	now = nb_clock_get(NB_CLOCK_REALTIME);
	*out = timeout <= now ? 0 : add_saturated(poll->start_ns, (uint64_t)(timeout - now));
	return WASI_SUCCESS;
}

/* The descriptor of a read or write subscription. */
static enum wasi_errno
subscribed_fd(const struct wasi_subscription *sub, struct fd **out)
{
	uint64_t rights = WASI_RIGHT_POLL_FD_READWRITE;
	enum wasi_errno error = fd_get(sub->fd, 0, out);

	if (!error && (*out)->kind == FD_STREAM)
		rights |=
			sub->type == WASI_EVENT_FD_READ ? WASI_RIGHT_FD_READ : WASI_RIGHT_FD_WRITE;
	return error ? error : fd_get(sub->fd, rights, out);
}

static uint32_t
signals_of(const struct wasi_subscription *sub)
{
	uint32_t ready = sub->type == WASI_EVENT_FD_READ ? NB_SIGNAL_READABLE : NB_SIGNAL_WRITABLE;

	return ready | NB_SIGNAL_PEER_CLOSED;
}

static struct nb_wait_item *
find_item(struct poll *poll, uint32_t handle)
{
	for (uint32_t i = 0; i < poll->item_count; i++) {
		if (poll->items[i].handle == handle)
			return &poll->items[i];
	}
	return NULL;
}

/* First pass: what `sub` waits for. */
static enum wasi_errno
prepare(struct poll *poll, const struct wasi_subscription *sub)
{
	struct nb_wait_item *item;
	struct fd *fd;
	int64_t due;

	switch (sub->type) {
	case WASI_EVENT_CLOCK:
		if (due_time(poll, sub, &due))
			poll->is_ready = true;
		else if (due < poll->deadline_ns)
			poll->deadline_ns = due;
		return WASI_SUCCESS;
	case WASI_EVENT_FD_READ:
	case WASI_EVENT_FD_WRITE:
		if (subscribed_fd(sub, &fd) || fd->kind != FD_STREAM) {
			poll->is_ready = true;
			return WASI_SUCCESS;
		}
		item = find_item(poll, fd->handle);
		if (!item) {
			if (poll->item_count == STREAMS_MAX)
				return WASI_NOMEM;
			item = &poll->items[poll->item_count++];
			*item = (struct nb_wait_item){ .handle = fd->handle };
		}
		item->wanted |= signals_of(sub);
		return WASI_SUCCESS;
	default:
		return WASI_INVAL;
	}
}

static enum wasi_errno
prepare_all(struct poll *poll)
{
	struct wasi_subscription sub;
	enum wasi_errno error = WASI_SUCCESS;

	poll->deadline_ns = NB_DEADLINE_NEVER;
	poll->item_count = 0;
	for (uint32_t i = 0; i < poll->count && !error; i++) {
		error = get_subscription(poll, i, &sub);
		if (!error)
			error = prepare(poll, &sub);
	}
	return error;
}

static enum wasi_errno
wait_for_any(struct poll *poll)
{
	int64_t result, deadline = poll->is_ready ? NB_DEADLINE_POLL : poll->deadline_ns;

	wasi_leave();
	if (poll->item_count)
		result = nb_object_wait_many(poll->items, poll->item_count, deadline);
	else
		result = nb_thread_sleep(deadline);
	wasi_enter();
	/* Another thread has closed a descriptor, or put another in its place. */
	if (result == -NB_BAD_HANDLE)
		return prepare_all(poll);
	return result == -NB_TIMED_OUT ? WASI_SUCCESS : errno_of(result);
}

/* Fills in what can be read from or written to a stream. */
static void
describe_stream(const struct wasi_subscription *sub, const struct fd *fd, uint32_t seen,
		struct wasi_event *event)
{
	struct nb_stream_info info = { 0 };

	if (nb_object_info(fd->handle, NB_INFO_STREAM, &info, sizeof info) < 0)
		info = (struct nb_stream_info){ 0 };
	event->nbytes = sub->type == WASI_EVENT_FD_READ ? info.readable_bytes : info.writable_bytes;
	if (seen & NB_SIGNAL_PEER_CLOSED)
		event->flags = WASI_EVENT_HANGUP;
}

/* Second pass: whether `sub` has happened, and its event. */
static bool
has_happened(struct poll *poll, const struct wasi_subscription *sub, struct wasi_event *event)
{
	struct nb_wait_item *item;
	enum wasi_errno error;
	struct fd *fd;
	int64_t due;

	*event = (struct wasi_event){ .userdata = sub->userdata, .type = sub->type };
	if (sub->type == WASI_EVENT_CLOCK) {
		error = due_time(poll, sub, &due);
		event->error = (uint16_t)error;
		return error || due <= nb_clock_get(NB_CLOCK_MONOTONIC);
	}
	error = subscribed_fd(sub, &fd);
	event->error = (uint16_t)error;
	if (error)
		return true;
	if (fd->kind == FD_STREAM) {
		item = find_item(poll, fd->handle);
		if (!item || !(item->seen & signals_of(sub)))
			return false;
		describe_stream(sub, fd, item->seen, event);
	} else if (fd->kind == FD_FILE && fd->offset < fd->node->size) {
		event->nbytes = fd->node->size - fd->offset;
	}
	return true;
}

static enum wasi_errno
poll_streams_and_clocks(struct poll *poll)
{
	struct wasi_subscription sub;
	struct wasi_event event;
	enum wasi_errno error;

	poll->start_ns = nb_clock_get(NB_CLOCK_MONOTONIC);
	error = prepare_all(poll);
	while (!error && !poll->events) {
		error = wait_for_any(poll);
		for (uint32_t i = 0; i < poll->count && !error; i++) {
			error = get_subscription(poll, i, &sub);
			if (!error && has_happened(poll, &sub, &event))
				error = put_event(poll, &event);
		}
	}
	return error;
}

static enum wasi_errno
poll_run(struct poll *poll, uint32_t events_out)
{
	enum wasi_errno error;

	/* Neither array can be longer than the address space. */
	if (!poll->count || poll->count > UINT32_MAX / sizeof(struct wasi_unstable_subscription))
		return WASI_INVAL;
	error = poll_streams_and_clocks(poll);
	return error ? error : client_put_u32(events_out, poll->events);
}

uint32_t
wasi_poll_oneoff(uint32_t in, uint32_t out, uint32_t count, uint32_t events_out)
{
	struct poll poll = { .in = in, .out = out, .count = count };

	return poll_run(&poll, events_out);
}

uint32_t
wasi_unstable_poll_oneoff(uint32_t in, uint32_t out, uint32_t count, uint32_t events_out)
{
	struct poll poll = { .in = in, .out = out, .count = count, .is_unstable = true };

	return poll_run(&poll, events_out);
}

static const uint8_t native_clocks[] = {
	[WASI_CLOCK_REALTIME] = NB_CLOCK_REALTIME,
	[WASI_CLOCK_MONOTONIC] = NB_CLOCK_MONOTONIC,
	[WASI_CLOCK_PROCESS_CPUTIME] = NB_CLOCK_PROCESS,
	[WASI_CLOCK_THREAD_CPUTIME] = NB_CLOCK_THREAD,
};

uint32_t
wasi_clock_time_get(uint32_t id, uint64_t precision, uint32_t time_out)
{
	int64_t time;

	(void)precision;
	if (id >= sizeof native_clocks)
		return WASI_INVAL;
	time = nb_clock_get(native_clocks[id]);
	return time < 0 ? errno_of(time) : client_put_u64(time_out, (uint64_t)time);
}

uint32_t
wasi_clock_res_get(uint32_t id, uint32_t resolution_out)
{
	int64_t step;

	if (id >= sizeof native_clocks)
		return WASI_INVAL;
	step = nb_clock_resolution(native_clocks[id]);
	return step < 0 ? errno_of(step) : client_put_u64(resolution_out, (uint64_t)step);
}

uint32_t
wasi_random_get(uint32_t buf, uint32_t len)
{
	enum wasi_errno error = WASI_SUCCESS;

	/* In pieces, so that a large request does not hold up other threads. */
	while (len && !error) {
		uint32_t piece = len < RANDOM_PIECE ? len : RANDOM_PIECE;

		error = errno_of(nb_client_random_fill(buf, piece));
		buf += piece;
		len -= piece;
	}
	return error;
}

uint32_t
wasi_sched_yield(void)
{
	wasi_leave();
	nb_thread_yield();
	wasi_enter();
	return WASI_SUCCESS;
}

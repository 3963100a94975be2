/*
 * Channels without guests: order, limits, handles that move exactly once, ends
 * that go, circles of channels in channels, every allocation made to fail.
 */
#include "kernel/init/boot.h"
#include "kernel/ipc/channel.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/event.h"
#include "tests/kernel/harness.h"

#include <string.h>

static struct handle_table table;

static uint32_t
add(struct object *object, uint32_t rights)
{
	uint32_t handle;

	assert_int_equal(handle_add(&table, object, rights, &handle), NB_OK);
	object_put(object);
	return handle;
}

/* A channel both ends of which are in the table. */
static void
make(uint32_t messages, uint32_t out[2])
{
	struct channel *ends[2];

	assert_int_equal(channel_create(boot_account(), messages, ends), NB_OK);
	out[0] = add(&ends[0]->object, channel_type.rights);
	out[1] = add(&ends[1]->object, channel_type.rights);
}

static uint32_t
new_event(uint32_t rights)
{
	struct object *event;

	assert_int_equal(event_create(boot_account(), &event), NB_OK);
	return add(event, rights);
}

static enum nb_status
send(uint32_t end, const void *bytes, uint32_t len, const uint32_t *handles, uint32_t count)
{
	const struct channel_send message = {
		.bytes = (uint64_t)(uintptr_t)bytes,
		.len = len,
		.handles = handles,
		.handle_count = count,
		.table = &table,
	};
	struct handle_use use;
	enum nb_status status = handle_use(&table, end, &channel_type, NB_RIGHT_WRITE, &use);

	assert_int_equal(status, NB_OK);
	status = channel_send(channel_of(use.object), &message);
	object_put(use.object);
	return status;
}

static struct channel_recv got;
static char got_bytes[NB_CHANNEL_BYTES_MAX];
static uint32_t got_handles[NB_CHANNEL_HANDLES_MAX];

static enum nb_status
recv_some(uint32_t end, uint32_t cap, uint32_t handle_cap)
{
	struct handle_use use;
	enum nb_status status = handle_use(&table, end, &channel_type, NB_RIGHT_READ, &use);

	assert_int_equal(status, NB_OK);
	got = (struct channel_recv){
		.bytes = (uint64_t)(uintptr_t)got_bytes,
		.handles = (uint64_t)(uintptr_t)got_handles,
		.cap = cap,
		.handle_cap = handle_cap,
		.table = &table,
	};
	status = channel_recv(channel_of(use.object), &got);
	object_put(use.object);
	return status;
}

static enum nb_status
recv(uint32_t end)
{
	return recv_some(end, sizeof got_bytes, NB_CHANNEL_HANDLES_MAX);
}

static uint32_t
signals(uint32_t handle)
{
	struct handle_use use;
	uint32_t found;

	assert_int_equal(handle_use(&table, handle, NULL, 0, &use), NB_OK);
	found = object_signals(use.object);
	object_put(use.object);
	return found;
}

static void
close(uint32_t handle)
{
	assert_int_equal(handle_close(&table, handle), NB_OK);
}

static int
begin(void **state)
{
	int result = kernel_setup(state);

	handle_table_init(&table, boot_account());
	return result;
}

static int
end(void **state)
{
	handle_table_close(&table);
	return kernel_teardown(state);
}

/* ---- messages ---- */

static void
test_order(void **state)
{
	uint32_t ends[2];
	char text[16];

	(void)state;
	make(4, ends);
	assert_int_equal(signals(ends[0]), NB_SIGNAL_WRITABLE);
	assert_int_equal(recv(ends[1]), NB_SHOULD_WAIT);
	for (int round = 0; round < 3; round++) {
		for (char i = 0; i < 4; i++) {
			memset(text, 'a' + i, sizeof text);
			assert_int_equal(send(ends[0], text, (uint32_t)i * 4, NULL, 0), NB_OK);
		}
		assert_int_equal(send(ends[0], text, 1, NULL, 0), NB_SHOULD_WAIT);
		assert_int_equal(signals(ends[0]), 0);
		assert_int_equal(signals(ends[1]), NB_SIGNAL_READABLE | NB_SIGNAL_WRITABLE);
		for (char i = 0; i < 4; i++) {
			memset(text, 'a' + i, sizeof text);
			assert_int_equal(recv(ends[1]), NB_OK);
			assert_int_equal(got.len, (uint32_t)i * 4);
			assert_memory_equal(got_bytes, text, got.len);
			assert_int_equal(signals(ends[0]), NB_SIGNAL_WRITABLE);
		}
		assert_int_equal(signals(ends[1]), NB_SIGNAL_WRITABLE);
	}
}

static void
test_bounds(void **state)
{
	static const char bytes[NB_CHANNEL_BYTES_MAX] = { 1, 2, 3 };
	struct channel *made[2];
	uint32_t ends[2], handles[NB_CHANNEL_HANDLES_MAX];

	(void)state;
	assert_int_equal(channel_create(boot_account(), 0, made), NB_OUT_OF_RANGE);
	assert_int_equal(channel_create(boot_account(), NB_CHANNEL_MESSAGES_MAX + 1, made),
			 NB_OUT_OF_RANGE);
	make(2, ends);
	for (uint32_t i = 0; i < NB_CHANNEL_HANDLES_MAX; i++)
		handles[i] = new_event(NB_RIGHT_TRANSFER);
	assert_int_equal(send(ends[0], bytes, sizeof bytes + 1, NULL, 0), NB_OUT_OF_RANGE);
	assert_int_equal(send(ends[0], bytes, 0, handles, NB_CHANNEL_HANDLES_MAX + 1),
			 NB_OUT_OF_RANGE);
	assert_int_equal(send(ends[0], bytes, sizeof bytes, handles, NB_CHANNEL_HANDLES_MAX),
			 NB_OK);
	assert_int_equal(recv_some(ends[1], sizeof bytes - 1, NB_CHANNEL_HANDLES_MAX),
			 NB_BUFFER_TOO_SMALL);
	assert_int_equal(got.len, sizeof bytes);
	assert_int_equal(got.handle_count, NB_CHANNEL_HANDLES_MAX);
	assert_int_equal(recv_some(ends[1], sizeof bytes, NB_CHANNEL_HANDLES_MAX - 1),
			 NB_BUFFER_TOO_SMALL);
	assert_int_equal(recv(ends[1]), NB_OK);
	assert_memory_equal(got_bytes, bytes, sizeof bytes);
	assert_int_equal(recv(ends[1]), NB_SHOULD_WAIT);
}

/* ---- handles ---- */

static void
test_handles_move(void **state)
{
	uint32_t ends[2], handles[3], before;
	struct handle_use use;

	(void)state;
	make(4, ends);
	handles[0] = new_event(NB_RIGHT_TRANSFER | NB_RIGHT_WAIT);
	handles[1] = new_event(NB_RIGHT_WAIT);
	before = handle_live_count();
	/* One of them must not be sent, none is. */
	assert_int_equal(send(ends[0], "x", 1, handles, 2), NB_ACCESS_DENIED);
	handles[1] = handles[0];
	assert_int_equal(send(ends[0], "x", 1, handles, 2), NB_INVALID_ARGUMENT);
	handles[1] = 0x12345;
	assert_int_equal(send(ends[0], "x", 1, handles, 2), NB_BAD_HANDLE);
	assert_int_equal(handle_live_count(), before);
	assert_int_equal(recv(ends[1]), NB_SHOULD_WAIT);
	assert_int_equal(send(ends[0], "x", 1, handles, 1), NB_OK);
	assert_int_equal(handle_live_count(), before - 1);
	assert_int_equal(handle_use(&table, handles[0], NULL, 0, &use), NB_BAD_HANDLE);
	assert_int_equal(recv(ends[1]), NB_OK);
	assert_int_equal(got.handle_count, 1);
	assert_int_equal(handle_live_count(), before);
	assert_int_equal(handle_use(&table, got_handles[0], &event_type, 0, &use), NB_OK);
	assert_int_equal(use.rights, NB_RIGHT_TRANSFER | NB_RIGHT_WAIT);
	assert_int_equal(use.object->handles, 1);
	object_put(use.object);
}

/* A message that the receiver's limit refuses stays whole. */
static void
test_receiver_limit(void **state)
{
	const uint64_t limit[ACCOUNT_RESOURCE_COUNT] = { [ACCOUNT_HANDLES] = 2 };
	struct handle_table other = table;
	struct account *account;
	struct handle_use use;
	uint32_t ends[2], handles[3], end_there;

	(void)state;
	make(4, ends);
	for (int i = 0; i < 3; i++)
		handles[i] = new_event(NB_RIGHT_TRANSFER);
	assert_int_equal(account_create(boot_account(), limit, &account), NB_OK);
	handle_table_init(&other, account);
	assert_int_equal(handle_use(&table, ends[1], NULL, 0, &use), NB_OK);
	assert_int_equal(handle_add(&other, use.object, channel_type.rights, &end_there), NB_OK);
	assert_int_equal(send(ends[0], "abc", 3, handles, 2), NB_OK);
	got = (struct channel_recv){
		.bytes = (uint64_t)(uintptr_t)got_bytes,
		.handles = (uint64_t)(uintptr_t)got_handles,
		.cap = 3,
		.handle_cap = 2,
		.table = &other,
	};
	assert_int_equal(channel_recv(channel_of(use.object), &got), NB_LIMIT_EXCEEDED);
	assert_int_equal(recv(ends[1]), NB_OK);
	assert_int_equal(got.len, 3);
	assert_int_equal(got.handle_count, 2);
	object_put(use.object);
	handle_table_close(&other);
	account_put(account);
}

static void
test_peer_closed(void **state)
{
	uint32_t ends[2], event = new_event(NB_RIGHT_TRANSFER | NB_RIGHT_DUPLICATE);
	uint32_t before = handle_live_count();

	(void)state;
	make(4, ends);
	assert_int_equal(send(ends[0], "first", 5, NULL, 0), NB_OK);
	assert_int_equal(send(ends[1], "lost", 4, &event, 1), NB_OK);
	close(ends[0]);
	/* What was on its way to the end that went is gone. */
	assert_int_equal(object_live_count(), 1);
	assert_int_equal(handle_live_count(), before - 1 + 1);
	assert_int_equal(signals(ends[1]), NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED);
	assert_int_equal(send(ends[1], "more", 4, NULL, 0), NB_PEER_CLOSED);
	assert_int_equal(recv(ends[1]), NB_OK);
	assert_int_equal(got.len, 5);
	assert_int_equal(recv(ends[1]), NB_PEER_CLOSED);
	assert_int_equal(signals(ends[1]), NB_SIGNAL_PEER_CLOSED);
}

/* ---- circles ---- */

/* An end sent to itself can be received by nobody. */
static void
test_end_in_itself(void **state)
{
	uint32_t ends[2];

	(void)state;
	make(4, ends);
	assert_int_equal(send(ends[1], "", 0, &ends[0], 1), NB_OK);
	assert_int_equal(object_live_count(), 1);
	assert_int_equal(signals(ends[1]), NB_SIGNAL_PEER_CLOSED);
	close(ends[1]);
	assert_int_equal(object_live_count(), 0);
}

/* Each of the two receiving ends lies in the other's queue. */
static void
test_circle_of_two(void **state)
{
	uint32_t a[2], b[2], event = new_event(NB_RIGHT_TRANSFER);

	(void)state;
	make(4, a);
	make(4, b);
	assert_int_equal(send(a[1], "", 0, &event, 1), NB_OK);
	assert_int_equal(send(a[1], "", 0, &b[0], 1), NB_OK);
	/* b[0] can still be had by receiving from a[0]. */
	assert_int_equal(object_live_count(), 5);
	assert_int_equal(send(b[1], "", 0, &a[0], 1), NB_OK);
	assert_int_equal(object_live_count(), 2);
	assert_int_equal(signals(a[1]), NB_SIGNAL_PEER_CLOSED);
	assert_int_equal(signals(b[1]), NB_SIGNAL_PEER_CLOSED);
}

/* A circle that somebody holds a handle into lives until that is closed. */
static void
test_circle_held(void **state)
{
	uint32_t a[2], b[2], copy;
	struct handle_use use;

	(void)state;
	make(4, a);
	make(4, b);
	assert_int_equal(handle_use(&table, a[0], NULL, 0, &use), NB_OK);
	assert_int_equal(handle_add(&table, use.object, channel_type.rights, &copy), NB_OK);
	object_put(use.object);
	assert_int_equal(send(a[1], "", 0, &b[0], 1), NB_OK);
	assert_int_equal(send(b[1], "", 0, &a[0], 1), NB_OK);
	assert_int_equal(object_live_count(), 4);
	close(b[1]);
	close(a[1]);
	assert_int_equal(recv(copy), NB_OK);
	assert_int_equal(got.handle_count, 1);
	b[0] = got_handles[0];
	assert_int_equal(recv(b[0]), NB_OK);
	assert_int_equal(got.handle_count, 1);
	/* Back again, and let go. */
	assert_int_equal(handle_close(&table, got_handles[0]), NB_OK);
	make(4, a);
	assert_int_equal(send(a[1], "", 0, &b[0], 1), NB_OK);
	assert_int_equal(send(a[1], "", 0, &copy, 1), NB_OK);
	assert_int_equal(send(a[0], "", 0, &a[1], 1), NB_OK);
	close(a[0]);
	assert_int_equal(object_live_count(), 0);
}

/* Each end lies in the queue of the next one; the last is let go. */
static void
test_long_chain(void **state)
{
	enum { LENGTH = 3000 };
	uint32_t ends[2], previous;

	(void)state;
	make(1, ends);
	close(ends[1]);
	previous = ends[0];
	for (int i = 0; i < LENGTH; i++) {
		make(1, ends);
		assert_int_equal(send(ends[1], "", 0, &previous, 1), NB_OK);
		close(ends[1]);
		previous = ends[0];
	}
	assert_int_equal(object_live_count(), LENGTH + 1);
	close(previous);
	assert_int_equal(object_live_count(), 0);
}

/* What the test knows of ends: two of a channel are neighbours. */
enum { SLOTS = 24, STEPS = 20000, ENDS_MAX = 2 * STEPS, QUEUE_MAX = 3 };
static uint32_t held[SLOTS];					     /* handles; 0: none */
static uint32_t held_end[SLOTS];				     /* to which end */
static uint32_t queued[ENDS_MAX][QUEUE_MAX], queued_count[ENDS_MAX]; /* ends in its queue */
static uint32_t end_count;

/* How many ends somebody can get a handle to. Forgets the queues of the others. */
static uint32_t
count_reachable(void)
{
	static uint32_t found[ENDS_MAX];
	static bool is_found[ENDS_MAX];
	uint32_t count = 0;

	memset(is_found, 0, sizeof is_found);
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (held[i] && !is_found[held_end[i]]) {
			is_found[held_end[i]] = true;
			found[count++] = held_end[i];
		}
	}
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < queued_count[found[i]]; k++) {
			uint32_t end = queued[found[i]][k];

			if (!is_found[end]) {
				is_found[end] = true;
				found[count++] = end;
			}
		}
	}
	return count;
}

static void
random_copy(uint32_t one, uint32_t other)
{
	struct handle_use use;

	assert_int_equal(handle_use(&table, held[one], NULL, 0, &use), NB_OK);
	assert_int_equal(handle_add(&table, use.object, channel_type.rights, &held[other]), NB_OK);
	object_put(use.object);
	held_end[other] = held_end[one];
}

static void
random_send(uint32_t one, uint32_t other)
{
	uint32_t to = held_end[one] ^ 1;

	if (send(held[one], "", 0, &held[other], 1) != NB_OK)
		return;
	queued[to][queued_count[to]++] = held_end[other];
	held[other] = 0;
}

static void
random_recv(uint32_t one, uint32_t other)
{
	uint32_t from = held_end[one];

	if (recv(held[one]) != NB_OK)
		return;
	held[other] = got_handles[0];
	held_end[other] = queued[from][0];
	memmove(queued[from], queued[from] + 1, (QUEUE_MAX - 1) * sizeof queued[from][0]);
	queued_count[from]--;
}

static void
random_step(uint32_t one, uint32_t other, uint32_t choice)
{
	uint32_t ends[2];

	if (!held[one] && !held[other]) {
		make(QUEUE_MAX, ends);
		held[one] = ends[0];
		held[other] = ends[1];
		held_end[one] = end_count++;
		held_end[other] = end_count++;
	} else if (held[one] && held[other] && choice % 4) {
		random_send(one, other);
	} else if (held[one] && !held[other] && choice % 8) {
		random_recv(one, other);
	} else if (held[one] && !held[other]) {
		random_copy(one, other);
	} else if (held[one]) {
		close(held[one]);
		held[one] = 0;
	}
}

/* Random sends of ends through ends: after each step exactly those are there that
 * somebody can reach. */
static void
test_random_graph(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		uint32_t one, other;

		seed = seed * 1664525 + 1013904223;
		one = (seed >> 8) % SLOTS;
		other = (seed >> 16) % SLOTS;
		if (one != other)
			random_step(one, other, seed >> 24);
		assert_int_equal(object_live_count(), count_reachable());
	}
	for (int i = 0; i < SLOTS; i++) {
		if (held[i])
			close(held[i]);
	}
	assert_int_equal(object_live_count(), 0);
}

/* ---- exhaustion ---- */

/* One whole exchange; false if memory ran out, and then nothing has changed. */
static bool
exchange(void)
{
	struct channel *made[2];
	uint32_t ends[2], objects = object_live_count();
	bool is_done = false;

	if (channel_create(boot_account(), 8, made) != NB_OK) {
		assert_int_equal(object_live_count(), objects);
		return false;
	}
	if (handle_add(&table, &made[0]->object, channel_type.rights, &ends[0]) != NB_OK) {
		object_put(&made[0]->object);
		object_put(&made[1]->object);
		return false;
	}
	object_put(&made[0]->object);
	if (handle_add(&table, &made[1]->object, channel_type.rights, &ends[1]) == NB_OK) {
		object_put(&made[1]->object);
		is_done =
			send(ends[0], got_bytes, 5000, NULL, 0) == NB_OK && recv(ends[1]) == NB_OK;
		close(ends[1]);
	} else {
		object_put(&made[1]->object);
	}
	close(ends[0]);
	assert_int_equal(object_live_count(), objects);
	return is_done;
}

static void
test_allocation_failures(void **state)
{
	(void)state;
	assert_true(kernel_fail_each(heap_fail_after, exchange) > 4);
}

#define channel_test(function) cmocka_unit_test_setup_teardown(function, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		channel_test(test_order),
		channel_test(test_bounds),
		channel_test(test_handles_move),
		channel_test(test_receiver_limit),
		channel_test(test_peer_closed),
		channel_test(test_end_in_itself),
		channel_test(test_circle_of_two),
		channel_test(test_circle_held),
		channel_test(test_long_chain),
		channel_test(test_random_graph),
		channel_test(test_allocation_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * One of a tree of processes that do everything to each other at random:
 * channels through channels, kills, waits, threads, children that do the same.
 *
 * Startup words: handle to this very module, depth, seed, operations to do, a
 * channel to the parent (0: none, and the operations are those of the whole tree).
 * Every message but those to the parent is filled with a pattern that its receiver
 * checks; those to the parent, which tell how many operations were done, are
 * numbered, and must arrive in order, none lost and none twice. Ends with 0, or with
 * the line that failed.
 */
#include "guest.h"
#include "random.h"

enum {
	SLOTS = 24,
	DEPTH_MAX = 3,
	MESSAGE_MAX = 600,
	REPORT_EVERY = 32,
	STACK = 2048,
	CHILDREN = 8,
};

static uint32_t slots[SLOTS]; /* handles of any type, 0: none */
static uint32_t module, depth, operations, to_parent, done;

/* The processes that report here. */
static struct {
	uint32_t channel, process;
	uint32_t next_report, done;
} children[CHILDREN];
static uint32_t done_by_former; /* children that are no more */

struct report {
	uint32_t number, done; /* by the sender and all below */
};

static char bytes[MESSAGE_MAX];
static _Alignas(4096) volatile uint8_t window[6 * 4096];
static uint32_t handles[16];
static struct nb_message_counts counts;
static _Alignas(16) char thread_stack[STACK];
static uint32_t futex_word;

static int64_t
soon(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + (int64_t)random_below(300000);
}

static uint32_t *
any_slot(void)
{
	return &slots[random_below(SLOTS)];
}

/* Keeps a handle somewhere; what was there is closed. */
static void
keep(int64_t handle)
{
	uint32_t *slot = any_slot();

	if (handle <= 0)
		return;
	if (*slot)
		EXPECT(nb_handle_close(*slot) == 0);
	*slot = (uint32_t)handle;
}

/* ---- messages ---- */

static void
fill(uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		bytes[i] = (char)(len * 7 + i * 13);
}

static void
check(uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		EXPECT(bytes[i] == (char)(len * 7 + i * 13));
}

static void
send(void)
{
	uint32_t len = random_below(MESSAGE_MAX + 1), count = random_below(4);
	uint32_t *sent[4], channel = *any_slot();

	for (uint32_t i = 0; i < count; i++) {
		sent[i] = any_slot();
		handles[i] = *sent[i];
	}
	fill(len);
	if (nb_channel_send(channel, bytes, len, handles, count) != 0)
		return;
	for (uint32_t i = 0; i < count; i++) {
		EXPECT(nb_handle_close(handles[i]) == ERR(BAD_HANDLE));
		*sent[i] = 0;
	}
}

static void
receive(void)
{
	int64_t len;

	counts.handles = random_below(5);
	len = nb_channel_recv(*any_slot(), bytes, random_below(4) ? MESSAGE_MAX : 16, handles,
			      &counts);
	if (len < 0)
		return;
	EXPECT(len == counts.bytes);
	check((uint32_t)len);
	for (uint32_t i = 0; i < counts.handles; i++) {
		struct nb_object_info info;
		int64_t result = nb_object_info(handles[i], NB_INFO_OBJECT, &info, sizeof info);

		EXPECT(result == sizeof info || result == ERR(ACCESS_DENIED));
		keep(handles[i]);
	}
}

static void
make_channel(void)
{
	struct nb_channel_ends made;

	if (nb_channel_create(&made, 1 + random_below(8)) == 0) {
		keep(made.ends[0]);
		keep(made.ends[1]);
	}
}

static void
use_stream(void)
{
	struct nb_stream_ends made;
	uint32_t len = random_below(MESSAGE_MAX);

	switch (random_below(3)) {
	case 0:
		if (nb_stream_create(&made, 1 + random_below(2000)) == 0) {
			keep(made.writer);
			keep(made.reader);
		}
		break;
	case 1:
		(void)nb_stream_write(*any_slot(), bytes, len);
		break;
	default:
		(void)nb_stream_read(*any_slot(), bytes, len);
	}
}

/* ---- waiting ---- */

static void
wait_for_some(void)
{
	struct nb_wait_item items[6];
	uint32_t count = 1 + random_below(6);

	for (uint32_t i = 0; i < count; i++)
		items[i] = (struct nb_wait_item){ *any_slot(), random_bits(), 0 };
	(void)nb_object_wait_many(items, count, soon());
}

static void
use_waitset(void)
{
	struct nb_waitset_event events[4];

	switch (random_below(4)) {
	case 0:
		keep(nb_waitset_create());
		break;
	case 1:
		(void)nb_waitset_remove(*any_slot(), 0x10000 | random_below(4));
		break;
	case 2:
		(void)nb_waitset_wait(*any_slot(), events, 4, soon());
		break;
	default:
		(void)nb_waitset_add(*any_slot(), *any_slot(), random_bits(), random_bits());
	}
}

static void
use_timer(void)
{
	if (random_below(2))
		keep(nb_timer_create());
	else
		(void)nb_timer_set(*any_slot(), soon(), random_below(2) ? 200000 : 0);
}

/* ---- threads ---- */

static int
thread_main(int argument)
{
	if (argument % 3 == 0)
		nb_thread_exit((uint32_t)argument);
	if (argument % 3 == 1)
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 100000);
	else
		(void)nb_futex_wait((void *)&futex_word, 0,
				    nb_clock_get(NB_CLOCK_MONOTONIC) + 100000);
	return argument;
}

/* One at a time, for they have one stack. */
static void
use_thread(void)
{
	uint32_t argument = random_below(1000);
	int64_t thread = nb_thread_spawn((uint32_t)(uintptr_t)thread_main, argument,
					 (uint32_t)(uintptr_t)(thread_stack + STACK));
	int64_t result;

	if (thread < 0)
		return;
	if (random_below(2))
		EXPECT(nb_futex_wake((void *)&futex_word, 1) >= 0);
	result = nb_thread_join((uint32_t)thread, NB_DEADLINE_NEVER);
	EXPECT(result == argument || result == ERR(CANCELED));
	EXPECT(nb_handle_close((uint32_t)thread) == 0);
}

/* ---- processes ---- */

static void
child_over(uint32_t idx)
{
	EXPECT(nb_handle_close(children[idx].channel) == 0);
	EXPECT(nb_handle_close(children[idx].process) == 0);
	children[idx].channel = 0;
	done_by_former += children[idx].done;
}

/* Operations here and, as far as is known, below. */
static uint32_t
done_in_all(void)
{
	uint32_t sum = done + done_by_former;

	for (uint32_t i = 0; i < CHILDREN; i++)
		sum += children[i].channel ? children[i].done : 0;
	return sum;
}

/* Takes what a child has reported: numbers in order. */
static void
hear(uint32_t idx)
{
	struct report report;
	int64_t result;

	for (;;) {
		counts.handles = 0;
		result = nb_channel_recv(children[idx].channel, &report, sizeof report, 0, &counts);
		if (result < 0)
			break;
		EXPECT(result == sizeof report && report.number == children[idx].next_report);
		EXPECT(report.done >= children[idx].done);
		children[idx].next_report++;
		children[idx].done = report.done;
	}
	if (result == ERR(PEER_CLOSED)) {
		struct nb_process_info info;

		EXPECT(nb_object_wait_one(children[idx].process, NB_SIGNAL_TERMINATED,
					  NB_DEADLINE_NEVER) > 0);
		EXPECT(nb_object_info(children[idx].process, NB_INFO_PROCESS, &info, sizeof info) ==
		       sizeof info);
		/* Its end was its own, or somebody killed it; it found nothing wrong. */
		EXPECT(info.trap == NB_TRAP_KILLED || (info.trap == 0 && info.status == 0));
		EXPECT(info.threads == 0);
		child_over(idx);
	} else {
		EXPECT(result == ERR(SHOULD_WAIT));
	}
}

static void
report(void)
{
	static struct report next;
	int64_t result;

	if (!to_parent)
		return;
	next.done = done_in_all();
	while ((result = nb_channel_send(to_parent, &next, sizeof next, 0, 0)) == ERR(SHOULD_WAIT))
		(void)nb_object_wait_one(to_parent, NB_SIGNAL_WRITABLE | NB_SIGNAL_PEER_CLOSED,
					 NB_DEADLINE_NEVER);
	EXPECT(result == 0 || result == ERR(PEER_CLOSED) || result == ERR(LIMIT_EXCEEDED) ||
	       result == ERR(OUT_OF_MEMORY));
	next.number += result == 0;
}

static int
start_child(uint32_t idx, uint32_t process, uint32_t channel)
{
	uint32_t words[5] = { 0, depth + 1, random_bits(), operations / 4 + 16, 0 };
	uint32_t other = *any_slot();
	int64_t granted;

	granted = nb_process_grant(process, module, NB_RIGHTS_SAME);
	words[0] = (uint32_t)granted;
	if (granted < 0)
		return 0;
	granted = nb_process_grant(process, channel, NB_RIGHTS_SAME);
	words[4] = (uint32_t)granted;
	if (granted < 0)
		return 0;
	(void)nb_process_grant(process, other, NB_RIGHTS_SAME);
	if (nb_process_instantiate(process, module, 0, 0, 0) != 0 || random_below(8) == 0)
		return 0;
	children[idx].process = process;
	children[idx].next_report = 0;
	children[idx].done = 0;
	return nb_process_start(process, 0, words, sizeof words) == 0;
}

static void
make_child(void)
{
	struct nb_limits limits = { .memory_bytes = 4 << 20, .handles = 60, .threads = 6 };
	uint32_t idx = random_below(CHILDREN);
	struct nb_channel_ends ends;
	int64_t process;

	if (depth == DEPTH_MAX)
		return;
	if (children[idx].channel) {
		hear(idx);
		return;
	}
	if (nb_channel_create(&ends, 8) != 0)
		return;
	process = nb_process_create("torture", 7, random_below(4) ? &limits : 0);
	if (process > 0 && start_child(idx, (uint32_t)process, ends.ends[1])) {
		EXPECT(nb_handle_close(ends.ends[1]) == 0);
		children[idx].channel = ends.ends[0];
		/* Somebody else may get it and kill it. */
		keep(nb_handle_duplicate((uint32_t)process, NB_RIGHTS_SAME));
		return;
	}
	if (process > 0)
		EXPECT(nb_handle_close((uint32_t)process) == 0);
	EXPECT(nb_handle_close(ends.ends[0]) == 0 && nb_handle_close(ends.ends[1]) == 0);
}

static void
change_handle(void)
{
	uint32_t *slot = any_slot();
	int64_t result;

	switch (random_below(4)) {
	case 0:
		keep(nb_handle_duplicate(*slot, NB_RIGHTS_SAME));
		break;
	case 1:
		result = nb_handle_replace(*slot, NB_RIGHTS_SAME);
		if (result > 0)
			*slot = (uint32_t)result;
		break;
	case 2:
		keep(nb_handle_duplicate(*slot, random_bits() & 0x3ff));
		break;
	default:
		if (*slot)
			EXPECT(nb_handle_close(*slot) == 0);
		*slot = 0;
	}
}

/* Pages of objects come and go in the window, which nobody else uses. */
static void
map_memory(void)
{
	uint32_t at = (uint32_t)(uintptr_t)window + random_below(4) * 4096;

	if (random_below(2))
		(void)nb_memory_unmap(at);
	else if (nb_memory_map(*any_slot(), random_below(3) * 4096, (1 + random_below(2)) * 4096,
			       at, random_below(2)) == at)
		(void)nb_random_fill((void *)(uintptr_t)at, random_below(6000));
}

static void
use_memory(void)
{
	if (random_below(2)) {
		map_memory();
		return;
	}
	if (random_below(3) == 0)
		keep(nb_memory_create(1 + random_below(20000)));
	else if (random_below(2))
		(void)nb_memory_write(*any_slot(), random_below(20000), bytes, MESSAGE_MAX);
	else
		(void)nb_memory_read(*any_slot(), random_below(20000), bytes, MESSAGE_MAX);
}

static void
act(void)
{
	switch (random_below(32)) {
	case 0:
		keep(nb_event_create());
		break;
	case 1:
		(void)nb_object_signal(*any_slot(), random_bits() & NB_SIGNALS_USER,
				       random_bits() & NB_SIGNALS_USER);
		break;
	case 2:
	case 3:
		make_channel();
		break;
	case 4:
	case 5:
		wait_for_some();
		break;
	case 6:
		use_waitset();
		break;
	case 7:
		use_timer();
		break;
	case 8:
		use_stream();
		break;
	case 9:
		use_memory();
		break;
	case 10:
		use_thread();
		break;
	case 11:
	case 12:
		make_child();
		break;
	case 13:
		if (random_below(4) == 0)
			(void)nb_process_kill(*any_slot(), 99);
		break;
	case 14:
		nb_thread_yield();
		break;
	case 15:
		(void)nb_thread_sleep(soon());
		break;
	case 16:
	case 17:
	case 18:
		change_handle();
		break;
	default:
		if (random_below(2))
			send();
		else
			receive();
	}
}

void
_start(void)
{
	struct nb_object_info info;

	module = guest_handle(0);
	depth = guest_handle(1);
	operations = guest_handle(3);
	to_parent = guest_handle(4);
	random_seed(guest_handle(2));
	for (; (to_parent ? done : done_in_all()) < operations; done++) {
		act();
		if (done % REPORT_EVERY == 0)
			report();
	}
	for (uint32_t i = 0; i < CHILDREN; i++) {
		while (children[i].channel) {
			EXPECT(nb_object_wait_one(children[i].channel,
						  NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
						  NB_DEADLINE_NEVER) > 0);
			hear(i);
		}
	}
	EXPECT(nb_object_info(module, NB_INFO_OBJECT, &info, sizeof info) == sizeof info);
	nb_process_exit(0);
}

/*
 * A client of the block service; see block.h.
 */
#include "user/libs/block/block.h"

#include "user/libs/service/service.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

#include <stddef.h>

__attribute__((import_module("nebulet"), import_name("gate_call:" BLOCK_SIGNATURE))) int64_t
block_gate_call(uint32_t gate, uint32_t call);

/* Where the shared pages are, and the data meanwhile when they change. */
static uint8_t window[BLOCK_BYTES] __attribute__((aligned(4096)));
static uint8_t kept[BLOCK_DATA_BYTES];

enum { CONNECT_TRIES = 20 };

static volatile struct block_ring *
ring(void)
{
	return (volatile struct block_ring *)window;
}

/* Keeps stores and loads of shared memory in order; the processor does. */
static void
order(void)
{
	__asm__ volatile("" ::: "memory");
}

uint8_t *
block_data(uint32_t slot)
{
	return window + BLOCK_DATA_OFFSET + slot * 4096;
}

static void
close(uint32_t *handle)
{
	if (*handle != NB_HANDLE_NONE)
		(void)nb_handle_close(*handle);
	*handle = NB_HANDLE_NONE;
}

/* Gets the gate from a driver. */
static enum nb_status
find_gate(struct block *block, int64_t deadline_ns)
{
	const uint8_t request = BLOCK_CONNECT;
	struct block_connected connected = { .status = NB_INTERNAL };
	struct service_call call = { .request = &request,
				     .request_len = sizeof request,
				     .reply = &connected,
				     .reply_cap = sizeof connected };
	enum nb_status status = service_connect(block->services, "block", &block->channel);

	if (!status)
		status = service_call(block->channel, &call, deadline_ns);
	block->gate = call.reply_handle;
	if (!status)
		status = (enum nb_status)connected.status;
	return !status && block->gate == NB_HANDLE_NONE ? NB_INTERNAL : status;
}

/* One try. */
static enum nb_status
connect(struct block *block, int64_t deadline_ns)
{
	enum nb_status status = find_gate(block, deadline_ns);
	int64_t result;

	if (status)
		return status;
	result = block_gate_call(block->gate, BLOCK_OPEN);
	if (result < 0)
		return (enum nb_status) - result;
	block->memory = (uint32_t)result;
	result = nb_memory_map(block->memory, 0, BLOCK_BYTES, (uint32_t)(uintptr_t)window,
			       NB_MAP_WRITE);
	if (result < 0)
		return (enum nb_status) - result;
	block->sectors = ring()->sectors;
	block->is_read_only = ring()->is_read_only;
	block->submitted = 0;
	block->completed = 0;
	return NB_OK;
}

static void
disconnect(struct block *block)
{
	close(&block->gate);
	close(&block->channel);
	close(&block->memory);
}

/* What passes: the driver ended meanwhile, or still has an earlier client's requests. */
static bool
is_passing(enum nb_status status)
{
	return status == NB_PEER_CLOSED || status == NB_PEER_FAULTED || status == NB_SHOULD_WAIT;
}

/* Tries until a driver that lives answers. */
static enum nb_status
connect_again(struct block *block, int64_t deadline_ns)
{
	enum nb_status status = connect(block, deadline_ns);

	for (uint32_t i = 0; is_passing(status) && i < CONNECT_TRIES; i++) {
		disconnect(block);
		if (nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 1000000) < 0)
			return NB_CANCELED;
		status = connect(block, deadline_ns);
	}
	if (status)
		disconnect(block);
	return status;
}

enum nb_status
block_open(struct block *block, uint32_t services, int64_t deadline_ns)
{
	*block = (struct block){ .services = services };
	return connect_again(block, deadline_ns);
}

/* Puts the slot's request into the ring. */
static void
put(struct block *block, uint32_t slot)
{
	const struct block_request *from = &block->requests[slot];
	volatile struct block_request *to = &ring()->requests[block->submitted % BLOCK_RING];

	to->sector = from->sector;
	to->operation = from->operation;
	to->offset = from->offset;
	to->len = from->len;
	to->tag = from->tag;
	order();
	ring()->submitted = ++block->submitted;
}

void
block_submit(struct block *block, uint32_t slot, enum block_operation operation, uint64_t sector,
	     uint32_t len)
{
	block->requests[slot] = (struct block_request){
		.sector = sector,
		.operation = operation,
		.offset = slot * 4096,
		.len = len,
		.tag = slot,
	};
	block->is_pending[slot] = true;
	put(block, slot);
}

void
block_start(struct block *block)
{
	/* A driver that has gone is noticed by who waits for results. */
	(void)block_gate_call(block->gate, BLOCK_KICK);
}

/* The driver has died: everything without a result is done again by the next one. */
static enum nb_status
recover(struct block *block, int64_t deadline_ns)
{
	int64_t begin_ns = nb_clock_get(NB_CLOCK_MONOTONIC), took_ns;
	enum nb_status status;

	bytes_copy(kept, window + BLOCK_DATA_OFFSET, sizeof kept);
	(void)nb_memory_unmap((uint32_t)(uintptr_t)window);
	disconnect(block);
	status = connect_again(block, deadline_ns);
	if (status)
		return status;
	bytes_copy(window + BLOCK_DATA_OFFSET, kept, sizeof kept);
	for (uint32_t slot = 0; slot < BLOCK_RING; slot++) {
		if (block->is_pending[slot])
			put(block, slot);
	}
	block_start(block);
	took_ns = nb_clock_get(NB_CLOCK_MONOTONIC) - begin_ns;
	block->longest_ns = took_ns > block->longest_ns ? took_ns : block->longest_ns;
	block->reconnects++;
	return NB_OK;
}

/* Takes the next result, if there is one. */
static bool
take(struct block *block, uint32_t *slot, enum nb_status *result)
{
	const volatile struct block_result *from;

	if (ring()->completed == block->completed)
		return false;
	order();
	from = &ring()->results[block->completed++ % BLOCK_RING];
	*slot = from->tag;
	*result = (enum nb_status)from->status;
	if (*slot >= BLOCK_RING || !block->is_pending[*slot])
		return false; /* a driver that makes results up */
	block->is_pending[*slot] = false;
	return true;
}

enum nb_status
block_wait(struct block *block, int64_t deadline_ns, uint32_t *slot, enum nb_status *result)
{
	while (!take(block, slot, result)) {
		struct nb_wait_item items[] = {
			{ .handle = block->memory, .wanted = BLOCK_DONE },
			{ .handle = block->channel, .wanted = NB_SIGNAL_PEER_CLOSED },
		};
		enum nb_status status = NB_OK;
		int64_t ready;

		(void)nb_object_signal(block->memory, BLOCK_DONE, 0);
		if (take(block, slot, result))
			break;
		ready = nb_object_wait_many(items, 2, deadline_ns);
		if (ready < 0)
			return (enum nb_status) - ready;
		if (items[1].seen & NB_SIGNAL_PEER_CLOSED && !(items[0].seen & BLOCK_DONE))
			status = recover(block, deadline_ns);
		if (status)
			return status;
	}
	return NB_OK;
}

/*
 * A node of a random graph of gates, made by `graph`. Startup: enum graph_word.
 * Its gates, and its threads, use the gates of two peers, and of nodes that it was given
 * handles of and that may call this one, at random, down to a depth:
 * plain values, lent ranges, also of mapped memory objects, handles, and tokens: ends of
 * channels in which the maker sends numbered messages, each to be received exactly once
 * by whoever has the end, and to be echoed. Sometimes it traps, exits, waits or computes.
 * Exits with the number of a line where something was wrong, else with 0.
 */
#include "graph.h"
#include "guest.h"

typedef int32_t vector __attribute__((vector_size(16)));

#ifndef GRAPH_BASE
#define PEER(name) __attribute__((import_module("peer"), import_name(#name)))
#define PEERS_OF(n)                                                                               \
	PEER(plain##n) int64_t plain##n(uint32_t seed, int64_t depth);                            \
	PEER(rich##n) int64_t rich##n(uint32_t seed, uint32_t handle, void *bytes, uint32_t len); \
	PEER(wide##n)                                                                             \
	int64_t wide##n(uint32_t seed, float f, double d, vector v, const void *from,             \
			uint32_t from_len, void *to, uint32_t to_len);                            \
	PEER(pass##n) int64_t pass##n(uint32_t idx, uint32_t token);
PEERS_OF(0)
PEERS_OF(1)
#define NAMED(signature) \
	__attribute__((import_module("nebulet"), import_name("gate_call:" signature)))
NAMED("iI>I") int64_t call_plain_of(uint32_t gate, uint32_t seed, int64_t depth);
NAMED("ihb>I")
int64_t call_rich_of(uint32_t gate, uint32_t seed, uint32_t handle, void *bytes, uint32_t len);
#endif

enum {
	STACK = 16384,
	ACTIVATIONS_MAX = 3,
	THREADS_MAX = 2,
	RANGE = 3000,
	WINDOW_PAGES = 4,
	ALONE_MAX = 40
};
static _Alignas(16) uint8_t gate_stacks[GRAPH_GATES][ACTIVATIONS_MAX * STACK];
static _Alignas(16) uint8_t thread_stacks[THREADS_MAX][STACK];
static _Alignas(GRAPH_PAGE) uint8_t board_page[GRAPH_PAGE];
static _Alignas(GRAPH_PAGE) uint8_t window[WINDOW_PAGES * GRAPH_PAGE];
#define board ((struct graph_board *)(void *)board_page)

static uint32_t words[GRAPH_WORDS];
static uint32_t event, object;
static uint32_t linked[2];	    /* gates, not used at the moment: plain, rich */
static uint32_t held[GRAPH_TOKENS]; /* ends that are nobody's at the moment */
#ifndef GRAPH_BASE
static uint32_t alone; /* calls in a row that came to nothing */
#endif

static uint32_t
next(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static int64_t
soon(uint32_t *seed)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + next(seed) % 200000;
}

/* ---- tokens ---- */

/* Receives what is there: numbers in order, none twice, none left out. Whoever has
 * taken the end is alone with it. */
static void
use_token(uint32_t idx, uint32_t token)
{
	struct nb_message_counts counts = { 0, 0 };
	uint32_t number, expected;
	int64_t result;

	while ((result = nb_channel_recv(token, &number, sizeof number, 0, &counts)) > 0) {
		EXPECT(result == sizeof number);
		expected = __atomic_fetch_add(&board->next[idx], 1, __ATOMIC_SEQ_CST);
		EXPECT(number == expected);
		EXPECT(nb_channel_send(token, &number, sizeof number, 0, 0) == 0);
		graph_count(board, COUNT_MESSAGES);
		counts.handles = 0;
	}
	EXPECT(result == ERR(SHOULD_WAIT) || result == ERR(PEER_CLOSED));
}

#ifndef GRAPH_BASE
static uint32_t
take(uint32_t *place)
{
	return __atomic_exchange_n(place, 0, __ATOMIC_SEQ_CST);
}
#endif

/* There is only one end of that index. */
static void
keep_token(uint32_t idx, uint32_t token)
{
	EXPECT(__atomic_exchange_n(&held[idx], token, __ATOMIC_SEQ_CST) == 0);
}

static void
keep_link(uint32_t idx, uint32_t gate)
{
	uint32_t former = __atomic_exchange_n(&linked[idx], gate, __ATOMIC_SEQ_CST);

	if (former)
		EXPECT(nb_handle_close(former) == 0);
}

/* What the maker has sent here. */
static void
fetch(void)
{
	struct nb_message_counts counts = { 0, 2 };
	uint32_t number, handles[2];

	while (nb_channel_recv(words[WORD_CHANNEL], &number, sizeof number, handles, &counts) > 0) {
		if (number == GRAPH_LINK) {
			keep_link(0, handles[0]);
			keep_link(1, handles[1]);
		} else {
			EXPECT(counts.handles == 1 && number < GRAPH_TOKENS);
			keep_token(number, handles[0]);
		}
		counts.handles = 2;
	}
}

/* ---- what befalls a node ---- */

/* Objects come and go in the window while others lend from it. */
static void
change_window(uint32_t *seed)
{
	uint32_t at = (uint32_t)(uintptr_t)window + next(seed) % WINDOW_PAGES * GRAPH_PAGE;

	if (next(seed) % 2)
		(void)nb_memory_unmap(at);
	else if (nb_memory_map(object, next(seed) % 2 * GRAPH_PAGE, GRAPH_PAGE, at,
			       next(seed) % 4 ? NB_MAP_WRITE : 0) > 0)
		graph_note(board, COUNT_MAPPED);
}

static void
wait_for_word(uint32_t *seed)
{
	(void)nb_futex_wait((void *)&board->word, board->word, soon(seed));
	graph_note(board, COUNT_FUTEX);
}

static void
suffer(uint32_t *seed)
{
	switch (next(seed) % 1024) {
#ifndef GRAPH_BASE
	case 0:
		__builtin_trap();
	case 1:
		nb_process_exit(0);
#endif
	case 2 ... 24:
		(void)nb_thread_sleep(soon(seed));
		break;
	case 25 ... 28:
		for (uint32_t i = next(seed) % 50000; i; i--)
			__asm__ volatile("");
		break;
	case 29 ... 80:
		change_window(seed);
		break;
	case 81 ... 90:
		wait_for_word(seed);
		break;
	case 91 ... 140:
		board->word++;
		(void)nb_futex_wake((void *)&board->word, 2);
		break;
	default:
		if (next(seed) % 8 == 0)
			nb_thread_yield();
	}
}

/* ---- calls ---- */

#ifndef GRAPH_BASE
/* Results that are nobody's fault here. */
static int
is_fate(int64_t result)
{
	switch (result) {
	case ERR(TIMED_OUT):
		graph_note(board, COUNT_LATE);
		break;
	case ERR(PEER_CLOSED):
		graph_note(board, COUNT_CLOSED);
		break;
	case ERR(PEER_FAULTED):
		graph_note(board, COUNT_FAULTED);
		break;
	case ERR(CANCELED):
		graph_note(board, COUNT_CANCELED);
		break;
	case ERR(DEADLOCK):
		graph_note(board, COUNT_DEADLOCK);
		break;
	default:
		alone = 0;
		return 0;
	}
	alone++;
	return 1;
}

static int64_t
plain_of_any(uint32_t *seed, uint32_t given, uint32_t depth)
{
	uint32_t gate = next(seed) % 3 ? 0 : take(&linked[0]);
	int64_t result;

	if (!gate)
		return next(seed) % 2 ? plain0(given, depth) : plain1(given, depth);
	graph_note(board, COUNT_NAMED);
	result = call_plain_of(gate, given, depth);
	keep_link(0, gate);
	return result;
}

static void
call_plain(uint32_t *seed, uint32_t depth)
{
	uint32_t given = next(seed) | 1;
	int64_t result = plain_of_any(seed, given, depth);

	EXPECT(result == (int64_t)given + depth + words[WORD_BADGE] || is_fate(result));
	graph_count(board, COUNT_PLAIN);
}

static int64_t
rich_of_any(uint32_t *seed, uint32_t given, uint32_t handle, void *bytes, uint32_t len)
{
	uint32_t gate = next(seed) % 3 ? 0 : take(&linked[1]);
	int64_t result;

	if (!gate)
		return next(seed) % 2 ? rich0(given, handle, bytes, len)
				      : rich1(given, handle, bytes, len);
	graph_note(board, COUNT_NAMED);
	result = call_rich_of(gate, given, handle, bytes, len);
	keep_link(1, gate);
	return result;
}

static void
call_rich(uint32_t *seed)
{
	uint8_t bytes[64];
	int64_t handle = nb_handle_duplicate(event, NB_RIGHTS_SAME), result;
	uint32_t given = next(seed) | 1;

	EXPECT(handle > 0);
	for (uint32_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i + given);
	result = rich_of_any(seed, given, (uint32_t)handle, bytes, sizeof bytes);
	EXPECT(result > 0 || is_fate(result));
	for (uint32_t i = 0; i < sizeof bytes && result > 0; i++)
		EXPECT(bytes[i] == (uint8_t)(i + given + 1));
	/* Here again, or never left, or lost with who had it. */
	if (result > 0)
		EXPECT(nb_handle_close((uint32_t)result) == 0);
	else
		(void)nb_handle_close((uint32_t)handle);
	graph_count(board, COUNT_RICH);
}

/* Lends from and to its stack, or to where objects come and go. */
static void
call_wide(uint32_t *seed)
{
	uint8_t from[RANGE], to[RANGE];
	uint32_t given = next(seed) | 1, len = next(seed) % RANGE, kind = next(seed) % 4;
	const uint8_t *source = kind & 1 ? window + next(seed) % GRAPH_PAGE : from;
	uint8_t *target = kind & 2 ? window + next(seed) % (2 * GRAPH_PAGE) : to;
	vector v = { (int32_t)given, 2, 3, (int32_t)len };
	float f = (float)(given & 0xffff);
	int64_t result;

	for (uint32_t i = 0; i < len; i++)
		from[i] = (uint8_t)(i + given);
	result = next(seed) % 2 ? wide0(given, f, len, v, source, len, target, len)
				: wide1(given, f, len, v, source, len, target, len);
	/* It can have become read-only. */
	EXPECT(result == len || is_fate(result) || ((kind & 2) && result == ERR(INVALID_ADDRESS)));
	for (uint32_t i = 0; i < len && kind == 0 && result >= 0; i++)
		EXPECT(to[i] == (uint8_t)(i + given + 1));
	graph_count(board, kind ? COUNT_LENT_MAPPED : COUNT_WIDE);
}

/* A token moves exactly once: afterwards it is here or there. */
static void
call_pass(uint32_t *seed)
{
	uint32_t idx = next(seed) % GRAPH_TOKENS, token = take(&held[idx]);
	struct nb_object_info info;
	int64_t result;

	if (!token)
		return;
	use_token(idx, token);
	result = next(seed) % 2 ? pass0(idx, token) : pass1(idx, token);
	EXPECT(result >= 0 || is_fate(result));
	if (result > 0)
		keep_token(idx, (uint32_t)result);
	else if (nb_object_info(token, NB_INFO_OBJECT, &info, sizeof info) == sizeof info)
		keep_token(idx, token);
	graph_count(board, COUNT_PASS);
}

static void
call_any(uint32_t *seed, uint32_t depth)
{
	switch (next(seed) % 8) {
	case 0:
		call_rich(seed);
		break;
	case 1:
		call_wide(seed);
		break;
	case 2:
	case 3:
		call_pass(seed);
		break;
	default:
		call_plain(seed, depth);
	}
}
#endif

/* ---- gates ---- */

static int64_t
plain(uint32_t seed, int64_t depth)
{
	uint32_t own = seed;
	uint64_t badge = 0;

	EXPECT(nb_gate_caller(&badge) == 0 && badge != 0);
	/* No range of an earlier call. */
	EXPECT(nb_lend_read(0, 0, &own, 0) == ERR(OUT_OF_RANGE));
	suffer(&own);
#ifndef GRAPH_BASE
	if (depth > 0)
		call_any(&own, (uint32_t)depth - 1);
	if (depth > 0 && next(&own) % 4 == 0)
		call_pass(&own);
#endif
	return (int64_t)(seed + depth + badge);
}

static int64_t
rich(uint32_t seed, uint32_t handle, uint32_t slot, uint32_t len)
{
	uint8_t bytes[64];
	int64_t result;

	EXPECT(len == sizeof bytes);
	result = nb_lend_read(slot, 0, bytes, len);
	if (!result)
		suffer(&seed);
	for (uint32_t i = 0; i < len; i++)
		bytes[i]++;
	if (!result)
		result = nb_lend_write(slot, 0, bytes, len);
	if (!result)
		result = nb_gate_reply_handle(handle);
	EXPECT(result > 0 || result == ERR(PEER_CLOSED) || result == ERR(CANCELED));
	if (result < 0)
		EXPECT(nb_handle_close(handle) == 0);
	return result;
}

static int64_t
wide(uint32_t seed, float f, double d, vector v, uint32_t from, uint32_t from_len, uint32_t to,
     uint32_t to_len)
{
	uint8_t bytes[RANGE];
	int64_t result;

	EXPECT(v[0] == (int32_t)seed && v[3] == (int32_t)from_len && v[1] == 2 && v[2] == 3);
	EXPECT(f == (float)(seed & 0xffff) && d == from_len);
	EXPECT(from_len == to_len && from_len < RANGE);
	result = nb_lend_read(from, 0, bytes, from_len);
	suffer(&seed);
	for (uint32_t i = 0; i < from_len; i++)
		bytes[i]++;
	if (!result)
		result = nb_lend_write(to, 0, bytes, to_len);
	return result ? result : from_len;
}

/* Keeps the token, or gives it back: 0, or its number at the caller's. */
static int64_t
pass(uint32_t idx, uint32_t token)
{
	uint32_t seed = token * 2654435761u | 1;
	int64_t result;

	use_token(idx, token);
	suffer(&seed);
	if (words[WORD_LOOPS] && next(&seed) % 2) {
		keep_token(idx, token);
		return 0;
	}
	/* Here it would stay for ever. */
	result = nb_gate_reply_handle(token);
	EXPECT(result > 0 || result == ERR(PEER_CLOSED));
	if (result < 0)
		EXPECT(nb_handle_close(token) == 0);
	return result;
}

static void
make_gate(uint32_t gates[GRAPH_GATES], uint32_t n, void *function, const char *signature)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)gate_stacks[n], STACK };
	uint32_t len = 0, activations = words[WORD_ACTIVATIONS];
	int64_t gate;

	while (signature[len])
		len++;
	gate = nb_gate_create((uint32_t)(uintptr_t)function, signature, len, activations,
			      activations ? &where : 0);
	EXPECT(gate > 0);
	gates[n] = (uint32_t)gate;
}

static void
make_gates(void)
{
	uint32_t gates[GRAPH_GATES], number = 0xffffffff;

	make_gate(gates, 0, (void *)plain, "iI>I");
	make_gate(gates, 1, (void *)rich, "ihb>I");
	make_gate(gates, 2, (void *)wide, "ifFvrw>I");
	make_gate(gates, 3, (void *)pass, "ih>I");
	EXPECT(nb_channel_send(words[WORD_CHANNEL], &number, sizeof number, gates, GRAPH_GATES) ==
	       0);
}

/* ---- threads ---- */

static int
work(int argument)
{
	uint32_t seed = (uint32_t)argument | 1;

#ifndef GRAPH_BASE
	for (uint32_t i = 0; i < words[WORD_LOOPS] && alone < ALONE_MAX; i++) {
		EXPECT(nb_gate_deadline(next(&seed) % 8 ? INT64_MAX : soon(&seed)) == 0);
		fetch();
		call_any(&seed, next(&seed) % 4);
		suffer(&seed);
		/* The first thread's. */
		if (words[WORD_ACTIVATIONS] == 0 && argument == (int)words[WORD_SEED] &&
		    next(&seed) % 4 == 0) {
			int64_t result = nb_gate_serve(soon(&seed));

			EXPECT(result == ERR(TIMED_OUT) || result == ERR(CANCELED) ||
			       result == ERR(PEER_CLOSED));
			graph_note(board, COUNT_SERVED);
		}
	}
#endif
	return (int)seed;
}

void
_start(void)
{
	uint32_t threads = 0;

	(void)nb_process_startup(words, sizeof words);
	EXPECT(nb_memory_map(words[WORD_BOARD], 0, GRAPH_PAGE, (uint32_t)(uintptr_t)board_page,
			     NB_MAP_WRITE) > 0);
	event = (uint32_t)nb_event_create();
	object = (uint32_t)nb_memory_create(2 * GRAPH_PAGE);
	EXPECT((int32_t)event > 0 && (int32_t)object > 0);
	make_gates();
	for (; threads < words[WORD_THREADS]; threads++)
		EXPECT(nb_thread_spawn((uint32_t)(uintptr_t)work, words[WORD_SEED] * 31 + threads,
				       (uint32_t)(uintptr_t)(thread_stacks[threads] + STACK)) > 0);
	(void)work((int)words[WORD_SEED]);
	if (words[WORD_SEED] % 2 && words[WORD_LOOPS])
		nb_process_exit(0);
	for (;;) {
		fetch();
		if (words[WORD_ACTIVATIONS] == 0 &&
		    nb_gate_serve(nb_clock_get(NB_CLOCK_MONOTONIC) + 2000000) == ERR(PEER_CLOSED))
			nb_process_exit(0);
		if (words[WORD_ACTIVATIONS])
			(void)nb_object_wait_one(words[WORD_CHANNEL], NB_SIGNAL_READABLE,
						 NB_DEADLINE_NEVER);
	}
}

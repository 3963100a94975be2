/*
 * Makes a random graph of processes that call each other through gates (graphnode),
 * binds new ones to those that are there, gives them handles to gates of others, and kills them at random instants. Sends
 * numbered messages into channels whose other ends travel through the gates, and
 * counts the echoes: of an end that has gone with who had it at most the echo of one
 * message that was received is missing, of all others none.
 *
 * Startup words: this module, graphnode and graphbase, a memory object
 * for struct graph_board, seed, operations (calls and messages), after which all are
 * killed. Ends with 0, or with the line of an EXPECT,
 * or with that of a node.
 */
#include "graph.h"
#include "guest.h"
#include "random.h"

enum { NODES = 16, BASES = 2, UNDERWAY_MAX = 4, HANDLES_MAX = 200, MESSAGES = 8 };

static struct node {
	uint32_t process, channel; /* 0: there is none */
	uint32_t gates[GRAPH_GATES];
	uint32_t badge;	   /* of its calls */
	uint32_t is_ready; /* it has sent its gates */
} nodes[NODES];

static struct token {
	uint32_t near; /* 0: must be made */
	uint32_t sent, echoes;
} tokens[GRAPH_TOKENS];

static _Alignas(GRAPH_PAGE) uint8_t board_page[GRAPH_PAGE];
#define board ((volatile struct graph_board *)(void *)board_page)
static uint32_t modules[2], memory;

static uint32_t
good(int64_t handle, int line)
{
	if (handle <= 0)
		nb_process_exit(line);
	return (uint32_t)handle;
}
#define GOOD(call) good((call), __LINE__)

/* ---- nodes ---- */

static const char *const names[GRAPH_PEERS][GRAPH_GATES] = {
	{ "plain0", "rich0", "wide0", "pass0" },
	{ "plain1", "rich1", "wide1", "pass1" },
};

/* Badged gates of nodes that are there; every caller has a badge of its own. */
static void
bind(struct nb_binding bindings[GRAPH_PEERS * GRAPH_GATES], uint32_t badge)
{
	for (uint32_t i = 0; i < GRAPH_PEERS * GRAPH_GATES; i++) {
		static const struct node *peer;
		uint32_t gate = i % GRAPH_GATES, len = 0;
		const char *name = names[i / GRAPH_GATES][gate];

		while (gate == 0 && !(peer = &nodes[random_below(NODES)])->is_ready)
			;
		while (name[len])
			len++;
		bindings[i] = (struct nb_binding){
			.name = (uint32_t)(uintptr_t) "peer",
			.name_len = 4,
			.gate = GOOD(nb_gate_badge(peer->gates[gate], badge)),
			.field = (uint32_t)(uintptr_t)name,
			.field_len = len,
		};
	}
}

static void
create_node(uint32_t idx)
{
	static const uint32_t permille[] = { 0, 0, 0, 500, 100 };
	struct nb_limits limits = { .memory_bytes = 64 << 20,
				    .handles = HANDLES_MAX,
				    .threads = 20,
				    .processor_permille = permille[random_below(5)] };
	struct nb_binding bindings[GRAPH_PEERS * GRAPH_GATES];
	uint32_t words[GRAPH_WORDS], is_base = idx < BASES, count = is_base ? 0 : 8;
	uint32_t process = GOOD(nb_process_create("node", 4, is_base ? 0 : &limits));
	struct nb_channel_ends ends;

	words[WORD_BADGE] = 1 + random_bits() % 0xffffff;
	if (count)
		bind(bindings, words[WORD_BADGE]);
	EXPECT(nb_process_instantiate(process, modules[is_base], bindings, count, 0) == 0);
	for (uint32_t i = 0; i < count; i++)
		EXPECT(nb_handle_close(bindings[i].gate) == 0);
	EXPECT(nb_channel_create(&ends, MESSAGES) == 0);
	words[WORD_CHANNEL] = GOOD(nb_process_grant(process, ends.ends[1], NB_RIGHTS_SAME));
	EXPECT(nb_handle_close(ends.ends[1]) == 0);
	words[WORD_BOARD] = GOOD(nb_process_grant(process, memory, NB_RIGHTS_SAME));
	words[WORD_SEED] = random_bits() | 1u << 30;
	words[WORD_ACTIVATIONS] = is_base ? 3 : random_below(4);
	words[WORD_THREADS] = is_base ? 0 : random_below(3);
	words[WORD_LOOPS] = is_base || random_below(8) == 0 ? 0 : 50 + random_below(300);
	EXPECT(nb_process_start(process, 0, words, sizeof words) == 0);
	nodes[idx] = (struct node){ .process = process,
				    .channel = ends.ends[0],
				    .badge = words[WORD_BADGE] };
}

/* Its gates come with the first message. */
static void
hear(struct node *node)
{
	struct nb_message_counts counts = { 0, GRAPH_GATES };
	uint32_t number;

	if (node->is_ready || nb_channel_recv(node->channel, &number, sizeof number, node->gates,
					      &counts) != sizeof number)
		return;
	EXPECT(counts.handles == GRAPH_GATES);
	node->is_ready = 1;
}

/* It has ended: by itself, by a kill, or by a trap of its own; and has left nothing. */
static void
forget(struct node *node)
{
	struct nb_process_info info;

	hear(node);
	EXPECT(nb_object_info(node->process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	if (info.trap == NB_TRAP_NONE && info.status)
		nb_process_exit(info.status);
	EXPECT(info.trap == NB_TRAP_NONE || info.trap == NB_TRAP_KILLED ||
	       info.trap == NB_TRAP_UNREACHABLE);
	EXPECT(info.handles == 0 && info.threads == 0);
	for (uint32_t i = 0; node->is_ready && i < GRAPH_GATES; i++)
		EXPECT(nb_handle_close(node->gates[i]) == 0);
	EXPECT(nb_handle_close(node->process) == 0 && nb_handle_close(node->channel) == 0);
	*node = (struct node){ 0 };
	board->counts[COUNT_TRAPS] += info.trap == NB_TRAP_UNREACHABLE;
	board->counts[COUNT_ENDS]++;
}

static int
has_ended(const struct node *node)
{
	return nb_object_wait_one(node->process, NB_SIGNAL_TERMINATED, 0) > 0;
}

/* Gives some node gates of another, or its own: so circles come to be. */
static void
link_nodes(void)
{
	struct node *from = &nodes[BASES + random_below(NODES - BASES)];
	struct node *to = &nodes[BASES + random_below(NODES - BASES)];
	uint32_t number = GRAPH_LINK, gates[2];

	if (!from->is_ready || !to->is_ready)
		return;
	gates[0] = GOOD(nb_gate_badge(to->gates[0], from->badge));
	gates[1] = GOOD(nb_gate_badge(to->gates[1], from->badge));
	if (nb_channel_send(from->channel, &number, sizeof number, gates, 2) != 0)
		EXPECT(nb_handle_close(gates[0]) == 0 && nb_handle_close(gates[1]) == 0);
}

/* ---- tokens ---- */

/* Sends a new end to some node that will not keep it for ever. */
static void
make_token(uint32_t idx)
{
	struct node *node = &nodes[BASES + random_below(NODES - BASES)];
	struct nb_channel_ends ends;

	if (!node->is_ready)
		return;
	EXPECT(nb_channel_create(&ends, MESSAGES) == 0);
	board->next[idx] = 0;
	if (nb_channel_send(node->channel, &idx, sizeof idx, &ends.ends[1], 1) != 0) {
		EXPECT(nb_handle_close(ends.ends[0]) == 0 && nb_handle_close(ends.ends[1]) == 0);
		return;
	}
	tokens[idx] = (struct token){ .near = ends.ends[0] };
}

static void
use_token(uint32_t idx)
{
	struct token *token = &tokens[idx];
	struct nb_message_counts counts = { 0, 0 };
	uint32_t number;
	int64_t result;

	while ((result = nb_channel_recv(token->near, &number, sizeof number, 0, &counts)) > 0) {
		EXPECT(number == token->echoes);
		token->echoes++;
		counts.handles = 0;
	}
	if (result == ERR(SHOULD_WAIT)) {
		EXPECT(token->echoes <= board->next[idx] && board->next[idx] <= token->sent);
		if (token->sent - token->echoes < UNDERWAY_MAX &&
		    nb_channel_send(token->near, &token->sent, sizeof token->sent, 0, 0) == 0)
			token->sent++;
		return;
	}
	EXPECT(result == ERR(PEER_CLOSED));
	EXPECT(board->next[idx] - token->echoes <= 1 && board->next[idx] <= token->sent);
	EXPECT(nb_handle_close(token->near) == 0);
	token->near = 0;
}

/* ---- all of it ---- */

static void
act(void)
{
	uint32_t idx = random_below(NODES);
	struct node *node = &nodes[idx];

	if (!node->process) {
		create_node(idx);
	} else if (has_ended(node)) {
		forget(node);
	} else if (idx >= BASES && random_below(4) == 0) {
		board->counts[COUNT_KILLS]++;
		EXPECT(nb_process_kill(node->process, 0) == 0);
	}
}

/* Whether what this is for has happened at all. */
static void
expect_variety(uint32_t operations)
{
	if (operations < 20000)
		return;
	for (uint32_t i = 0; i < GRAPH_COUNTS; i++) {
		if (i != COUNT_CANCELED && board->counts[i] < 3)
			nb_process_exit((int32_t)(9000 + i));
	}
	EXPECT(board->counts[COUNT_KILLS] > operations / 2000);
}

void
_start(void)
{
	uint32_t words[6] = { 0 };

	(void)nb_process_startup(words, sizeof words);
	modules[0] = words[1];
	modules[1] = words[2];
	memory = words[3];
	random_seed(words[4]);
	EXPECT(nb_memory_map(memory, 0, GRAPH_PAGE, (uint32_t)(uintptr_t)board_page, NB_MAP_WRITE) >
	       0);
	for (uint32_t i = 0; i < BASES; i++)
		create_node(i);
	while (!nodes[0].is_ready || !nodes[1].is_ready) {
		hear(&nodes[0]);
		hear(&nodes[1]);
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 100000);
	}
	while (board->operations < words[5]) {
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + random_below(300000));
		for (uint32_t i = 0; i < NODES; i++) {
			if (nodes[i].process)
				hear(&nodes[i]);
		}
		for (uint32_t i = 0; i < GRAPH_TOKENS; i++) {
			if (tokens[i].near)
				use_token(i);
			else
				make_token(i);
		}
		link_nodes();
		act();
	}
	for (uint32_t i = 0; i < NODES; i++) {
		if (!nodes[i].process)
			continue;
		EXPECT(nb_process_kill(nodes[i].process, 0) == 0);
		EXPECT(nb_object_wait_one(nodes[i].process, NB_SIGNAL_TERMINATED,
					  NB_DEADLINE_NEVER) > 0);
		forget(&nodes[i]);
	}
	for (uint32_t i = 0; i < GRAPH_TOKENS; i++) {
		if (tokens[i].near)
			use_token(i);
		EXPECT(!tokens[i].near);
	}
	expect_variety(words[5]);
	nb_process_exit(0);
}

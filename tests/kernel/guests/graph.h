/*
 * What the processes of a random graph of gates share with the one that makes them:
 * a memory object that all of them map.
 */
#ifndef TESTS_KERNEL_GRAPH_H
#define TESTS_KERNEL_GRAPH_H

#include <stdint.h>

enum { GRAPH_PEERS = 2, GRAPH_GATES = 4, GRAPH_TOKENS = 6, GRAPH_PAGE = 4096 };

/* What happened, by GRAPH_COUNT_NAMES: in a long run all of it, COUNT_CANCELED aside. */
enum graph_count {
	COUNT_PLAIN,
	COUNT_RICH,
	COUNT_WIDE,
	COUNT_PASS,
	COUNT_LATE, /* calls that ended with TIMED_OUT, and so on */
	COUNT_CLOSED,
	COUNT_FAULTED,
	COUNT_CANCELED,
	COUNT_DEADLOCK,
	COUNT_NAMED, /* calls by a handle */
	COUNT_MESSAGES,
	COUNT_MAPPED,
	COUNT_LENT_MAPPED,
	COUNT_SERVED,
	COUNT_FUTEX,
	COUNT_KILLS, /* and other ends; by the maker */
	COUNT_ENDS,
	COUNT_TRAPS,
	GRAPH_COUNTS,
};

#define GRAPH_COUNT_NAMES                                                                     \
	"plain", "rich", "wide", "pass", "late", "closed", "faulted", "canceled", "deadlock", \
		"named", "messages", "mapped", "lent", "served", "futex", "kills", "ends", "traps"

/* The number in a message of the maker to a node: of the token that comes with it, or
 * that gates come with it, to be called by their handles: plain and rich. */
enum { GRAPH_LINK = 100 };

struct graph_board {
	uint32_t operations;
	uint32_t word; /* to wait for */
	/* The number of the message that is to be received next from each token. */
	uint32_t next[GRAPH_TOKENS];
	uint32_t counts[GRAPH_COUNTS];
};

/* A node's startup words. */
enum graph_word {
	WORD_CHANNEL, /* to the maker */
	WORD_BOARD,
	WORD_SEED,
	WORD_ACTIVATIONS, /* 0: its own instance */
	WORD_THREADS,	  /* besides the first */
	WORD_LOOPS,	  /* calls of each thread; 0: only serves */
	WORD_BADGE,	  /* of its calls */
	GRAPH_WORDS,
};

static inline void
graph_note(struct graph_board *board, enum graph_count what)
{
	(void)__atomic_fetch_add(&board->counts[what], 1, __ATOMIC_SEQ_CST);
}

/* And that was an operation. */
static inline void
graph_count(struct graph_board *board, enum graph_count what)
{
	graph_note(board, what);
	(void)__atomic_fetch_add(&board->operations, 1, __ATOMIC_SEQ_CST);
}

#endif

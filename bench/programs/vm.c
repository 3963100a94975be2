/* An interpreter: a register machine with a dense switch, running a prime search and a sort. */
#include "bench.h"

enum operation { LOAD, MOVE, ADD, SUB, MUL, REM, LESS, JUMP, JUMP_IF, GET, SET, HALT };

struct instruction {
	uint8_t operation, a, b, c;
	int32_t value;
};

static int64_t memory[4096];

static int64_t
run(const struct instruction *code)
{
	int64_t r[16] = { 0 };

	for (const struct instruction *at = code;; at++) {
		switch ((enum operation)at->operation) {
		case LOAD:
			r[at->a] = at->value;
			break;
		case MOVE:
			r[at->a] = r[at->b];
			break;
		case ADD:
			r[at->a] = r[at->b] + r[at->c];
			break;
		case SUB:
			r[at->a] = r[at->b] - r[at->c];
			break;
		case MUL:
			r[at->a] = r[at->b] * r[at->c];
			break;
		case REM:
			r[at->a] = r[at->b] % r[at->c];
			break;
		case LESS:
			r[at->a] = r[at->b] < r[at->c];
			break;
		case JUMP:
			at += at->value;
			break;
		case JUMP_IF:
			if (r[at->a])
				at += at->value;
			break;
		case GET:
			r[at->a] = memory[r[at->b] & 4095];
			break;
		case SET:
			memory[r[at->b] & 4095] = r[at->a];
			break;
		case HALT:
			return r[at->a];
		}
	}
}

/* Counts primes below r1: for r2 = 2..; for r3 = 2 while r3 * r3 <= r2. */
static const struct instruction primes[] = {
	{ LOAD, 1, 0, 0, 5000 }, { LOAD, 2, 0, 0, 2 },	   { LOAD, 4, 0, 0, 0 },
	{ LOAD, 9, 0, 0, 1 },	 { LESS, 5, 2, 1, 0 },	   { JUMP_IF, 5, 0, 0, 1 },
	{ HALT, 4, 0, 0, 0 },	 { LOAD, 3, 0, 0, 2 },	   { MUL, 6, 3, 3, 0 },
	{ LESS, 5, 2, 6, 0 },	 { JUMP_IF, 5, 0, 0, 4 },  { REM, 6, 2, 3, 0 },
	{ ADD, 3, 3, 9, 0 },	 { JUMP_IF, 6, 0, 0, -6 }, { JUMP, 0, 0, 0, 1 },
	{ ADD, 4, 4, 9, 0 },	 { ADD, 2, 2, 9, 0 },	   { JUMP, 0, 0, 0, -14 },
};

/* Fills memory with a sequence and sorts it by insertion. */
static const struct instruction insertion[] = {
	{ LOAD, 1, 0, 0, 400 },	 { LOAD, 9, 0, 0, 1 },	   { LOAD, 2, 0, 0, 0 },
	{ LOAD, 7, 0, 0, 7919 }, { LOAD, 8, 0, 0, 1009 },  { MUL, 3, 2, 7, 0 },
	{ REM, 3, 3, 8, 0 },	 { SET, 3, 2, 0, 0 },	   { ADD, 2, 2, 9, 0 },
	{ LESS, 5, 2, 1, 0 },	 { JUMP_IF, 5, 0, 0, -6 }, { LOAD, 2, 0, 0, 1 },
	{ GET, 3, 2, 0, 0 },	 { MOVE, 4, 2, 0, 0 },	   { LOAD, 11, 0, 0, 0 },
	{ LESS, 5, 11, 4, 0 },	 { JUMP_IF, 5, 0, 0, 1 },  { JUMP, 0, 0, 0, 7 },
	{ SUB, 6, 4, 9, 0 },	 { GET, 10, 6, 0, 0 },	   { LESS, 5, 3, 10, 0 },
	{ JUMP_IF, 5, 0, 0, 1 }, { JUMP, 0, 0, 0, 2 },	   { SET, 10, 4, 0, 0 },
	{ SUB, 4, 4, 9, 0 },	 { SET, 3, 4, 0, 0 },	   { JUMP, 0, 0, 0, 0 },
};

static void
bench_round(void)
{
	static struct instruction code[64];
	size_t count = sizeof insertion / sizeof insertion[0];

	bench_put_integer("primes", (uint64_t)run(primes));
	/* The inner loop goes back from the store below the shift; the outer one follows. */
	memcpy(code, insertion, sizeof insertion);
	code[24] = (struct instruction){ SUB, 4, 4, 9, 0 };
	code[25] = (struct instruction){ JUMP, 0, 0, 0, -11 };
	code[17] = (struct instruction){ JUMP, 0, 0, 0, 8 };
	code[22] = (struct instruction){ JUMP, 0, 0, 0, 3 };
	code[26] = (struct instruction){ SET, 3, 4, 0, 0 };
	code[count] = (struct instruction){ ADD, 2, 2, 9, 0 };
	code[count + 1] = (struct instruction){ LESS, 5, 2, 1, 0 };
	code[count + 2] = (struct instruction){ JUMP_IF, 5, 0, 0, -18 };
	code[count + 3] = (struct instruction){ HALT, 2, 0, 0, 0 };
	bench_put_integer("sorted", (uint64_t)run(code));
	for (int i = 0; i < 400; i += 100)
		bench_put_integer("value", (uint64_t)memory[i]);
}

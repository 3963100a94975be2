/*
 * Inside the emulation: the state of a run, and what its parts need of one another.
 */
#ifndef TESTS_VERIFIER_EMULATOR_H
#define TESTS_VERIFIER_EMULATOR_H

#include "abi/trap.h"
#include "tests/verifier/emulate.h"

#include <Zydis/Zydis.h>

/* Where things lie, far from one another. */
#define CODE_AT	     0x1000000000ull
#define STACK_AT     0x1800000000ull
#define ENTRY_RSP    (STACK_AT + STACK_BYTES - STACK_ABOVE + 8)
#define VMCTX_AT     0x1900000000ull
#define TABLES_AT    0x1a00000000ull /* descriptors */
#define ENTRIES_AT   0x1b00000000ull /* callees of the tables, those of references last */
#define CELLS_AT     0x1c00000000ull
#define MEMORIES_AT  0x1d00000000ull /* descriptors */
#define STUBS_AT     0x1e00000000ull
#define LINEAR_AT    0x2000000000ull
#define LINEAR_SHIFT 35
#define LINEAR_STEP  (1ull << LINEAR_SHIFT)

enum {
	REGION_SHIFT = 32,
	REGION_FIRST = 0x18, /* the stack's, by its address >> REGION_SHIFT */
	REGION_COUNT = 6,
	REGION_SPARE = 64, /* bytes behind each */
	STACK_BYTES = 18 << 20,
	STACK_ABOVE = 1 << 19,
	STACK_FILLED = 1 << 16, /* hostile before the first run */
	SPACING = 64,		/* of descriptors and cells */
	ENTRIES = 64,		/* per table */
	MEMORIES_MAX = 16,
	STUB_RETURN = 0x10,
	STUB_TAIL = 0x20,
	STUB_GROW = 0x30,
	STUB_CROSS = 0x40,
	STUB_HOST = 0x50, /* code of callees that are not of this image */
	STUB_BUILTINS = 0x100,
	NO_REG = 0xff,
};

/* Behind the general registers: what the instruction has in their place. */
enum {
	VALUE_REG = 16, /* its immediate */
	ZERO_REG,
	NEXT_REG, /* the address of the next */
	REGS,
};

enum kind {
	PLAIN,
	COMPARE,
	CALL,
	CALL_MEMORY,
	JUMP,
	BRANCH,
	JUMP_REGISTER,
	JUMP_MEMORY,
	RETURN,
	TRAP,
	DIVIDE,
	INPUT,
	OUTPUT,
	TABLE_COUNT, /* mov r11d, n: of br_table, with any index in r10d */
};

/* What an instruction computes. */
enum op {
	OP_NOTHING,
	OP_VECTOR, /* anything with vector registers */
	OP_MOVE,   /* also with zero-extension */
	OP_MOVE_SIGNED,
	OP_ADDRESS,
	OP_ADD,
	OP_ADC,
	OP_SUB,
	OP_SBB,
	OP_CMP,
	OP_AND,
	OP_TEST,
	OP_OR,
	OP_XOR,
	OP_ANDN,
	OP_NOT,
	OP_NEG,
	OP_MUL_WIDE,
	OP_IMUL_WIDE,
	OP_IMUL,
	OP_DIV,
	OP_IDIV,
	OP_SIGN, /* cdq, cqo */
	OP_ROL,
	OP_ROR,
	OP_RORX,
	OP_SHL,
	OP_SHR,
	OP_SAR,
	OP_SHLX,
	OP_SHRX,
	OP_SARX,
	OP_BT,
	OP_BTC,
	OP_BSF,
	OP_BSR,
	OP_POPCNT,
	OP_TZCNT,
	OP_LZCNT,
	OP_XCHG,
	OP_XADD,
	OP_CMPXCHG,
	OP_SET,
	OP_CMOV,
	OP_CONTROL, /* enum kind says which */
};

enum operand { OPERAND_NONE, OPERAND_REG, OPERAND_VALUE, OPERAND_MEMORY };

struct place {
	uint8_t len; /* 0: no instruction begins here */
	uint8_t kind;
	uint8_t op;
	uint8_t size;	     /* bytes of what is computed */
	uint8_t operands[3]; /* enum operand, of the destination and up to two sources */
	uint8_t regs[3];     /* likewise; of a vector operation [0] is the general register
				* that is written, or NO_REG */
	uint8_t source_size; /* bytes of the second operand */
	uint8_t condition;   /* 0..15 */
	uint8_t base, index; /* of the operand in memory, also ZERO_REG, NEXT_REG */
	uint8_t shift;	     /* of the index */
	uint8_t memory_size; /* bytes */
	bool reads, writes;  /* the operand in memory, if any */
	bool sets_flags;     /* of a vector operation */
	bool is_pointer;     /* may load a kernel pointer: writes R10 or R11 only */
	bool is_aligned;     /* its memory operand must be a multiple of 16 */
	bool is_call_site;
	uint8_t trap;  /* kind of the trap site, 0: none */
	uint8_t bytes; /* of an access to ports */
	int16_t port;  /* likewise: the immediate, -1: DX */
	uint16_t visits;
	int32_t target; /* of a branch, from the next instruction */
	int32_t displacement;
	uint64_t value; /* OPERAND_VALUE */
} __attribute__((aligned(64)));

/* Where a branch goes on the way to what is aimed at; WAY_INDEX + i: entry i of a table. */
enum way { WAY_ANY, WAY_NEXT, WAY_TARGET, WAY_INDEX };

enum event { EVENT_NONE, EVENT_CALL, EVENT_END, EVENT_ESCAPE };

/* Memory that has contents. */
struct region {
	uint8_t *bytes;
	uint64_t size;
};

/* What was at a place before it was written. */
struct saved {
	uint8_t *at;
	uint64_t old;
};

struct emulator {
	ZydisDecoder decoder;
	const struct nb_code_image *image;
	const struct verifier_facts *facts;
	struct region regions[REGION_COUNT];
	struct saved *saved;
	uint32_t saved_count, saved_room;
	uint64_t bound[MEMORIES_MAX];
	uint32_t *entry_types; /* per table and entry; UINT32_MAX: null */

	/* of the function that runs */
	const struct nb_code_function *function;
	uint64_t code_at;
	uint32_t number, pool_at, pool_end, area;
	struct place *places;
	uint8_t *decoded; /* the bytes that these are of */
	uint32_t places_size;
	uint32_t decoded_size;	/* 0: none */
	uint32_t decoded_count; /* instructions */
	uint32_t *sites, *visited;
	uint32_t site_count, visited_count, sites_size;
	uint32_t *ways; /* enum way, of each byte */
	uint32_t *reached_from, *queue;
	uint32_t aimed_number, aimed_at; /* what these are of */
	bool is_aiming, has_way;
	struct emulation *job;
	uint64_t rng;
	uint32_t steps, seen; /* of this run; of all */
	uint64_t touched;     /* lowest stack address so far */
	const struct place *last;
	uint32_t at; /* of `last` */
	enum event event;

	uint64_t gpr[REGS], preserved[16];
	uint64_t result; /* sign-extended; says ZF and SF */
	uint8_t parity;	 /* says PF */
	bool carry, overflow;
};

/* --- emulate.c ------------------------------------------------------------- */

static inline uint64_t
emu_random(struct emulator *e)
{
	e->rng += 0x9e3779b97f4a7c15ull;
	uint64_t x = e->rng;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* A random number, or one that is near something; without branches. */
static inline uint64_t
emu_hostile(struct emulator *e)
{
	static const struct {
		uint64_t base, mask;
	} kinds[8] = {
		{ 0, 63 },	    { 0xffffffff00000000ull, UINT32_MAX },
		{ 0, UINT32_MAX },  { ENTRY_RSP - 255, 255 },
		{ VMCTX_AT, 1023 }, { UINT64_MAX - 255, 255 },
		{ 0, UINT64_MAX },  { 0, UINT64_MAX },
	};
	uint64_t x = emu_random(e), kind = x & 7, rest = x >> 3 | x << 61;
	uint64_t bit = 1ull << (rest & 63);

	return kind == 6 ? bit : kinds[kind].base + (rest & kinds[kind].mask);
}

/* Something is not permitted; the first is kept. */
__attribute__((format(printf, 2, 3))) void emu_escape(struct emulator *e, const char *format, ...);

/* --- emulate_decode.c ------------------------------------------------------ */

/* Makes e->places those of `code`, e->function's; false if something is not known. What
 * has not changed since the last time is not decoded again. */
bool emu_decode(struct emulator *e, const uint8_t *code);
/* One instruction; false if it is not known. */
bool
emu_decode_one(const ZydisDecoder *decoder, const uint8_t *code, uint32_t size, struct place *out);

/* --- emulate_aim.c --------------------------------------------------------- */

/* Makes e->ways those to the instruction at `aim`; false if there is none. */
bool emu_aim(struct emulator *e, uint32_t aim);

/* --- emulate_step.c -------------------------------------------------------- */

/* Executes the instruction e->last; the address of the next. */
uint64_t emu_step(struct emulator *e);
bool emu_condition(const struct emulator *e, uint32_t condition);

/* --- emulate_access.c ------------------------------------------------------ */

/* Tables of functions, and that of references. */
uint32_t emu_table_count(const struct emulator *e);
/* Whether `at` is a callee of a table, of the references or an import; its area,
 * UINT32_MAX for null. */
bool emu_find_callee(const struct emulator *e, uint64_t at, uint32_t *area);
/* Whether `at` is the entry of a function of the image; its area. */
bool emu_find_entry(const struct emulator *e, uint64_t at, uint32_t *area);

/* What e->last reads and writes; at most 8 bytes of the value count. Escapes if it may not. */
uint64_t emu_read(struct emulator *e, uint64_t at, uint32_t size);
void emu_write(struct emulator *e, uint64_t at, uint64_t value, uint32_t size);

/* Trusted writes: for good; until the end of the run. Sizes are multiples of 8 if hostile. */
void emu_put(struct emulator *e, uint64_t at, uint64_t value, uint32_t size);
void emu_put_hostile(struct emulator *e, uint64_t at, uint64_t size);
void emu_change_hostile(struct emulator *e, uint64_t at, uint64_t size);
/* Undoes what was written during the run. */
void emu_undo(struct emulator *e);

/* --- emulate_control.c ----------------------------------------------------- */

/* The last instruction goes to `at`: checks that and makes it e->last, or ends the run. */
void emu_arrive(struct emulator *e, uint64_t at);
/* Gives the template of br_table, which e->last begins, an index that leads somewhere. */
void emu_take_index(struct emulator *e);
/* The way that a conditional branch takes. */
bool emu_is_taken(struct emulator *e);
void emu_on_divide_error(struct emulator *e);
/* Stands for what a device has answered. */
void emu_take_input(struct emulator *e);

#endif

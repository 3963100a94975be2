/*
 * Inside the emulation: the state of a run, and what its parts need of one another.
 */
#ifndef TESTS_VERIFIER_EMULATOR_H
#define TESTS_VERIFIER_EMULATOR_H

#include "abi/trap.h"
#include "tests/verifier/emulate.h"
#include "tests/verifier/unicorn.h"

#include <Zydis/Zydis.h>

/* Where things lie, far from one another. */
#define CODE_AT	    0x1000000000ull
#define STACK_AT    0x1800000000ull
#define ENTRY_RSP   (STACK_AT + STACK_BYTES - STACK_ABOVE + 8)
#define VMCTX_AT    0x1900000000ull
#define TABLES_AT   0x1a00000000ull /* descriptors */
#define ENTRIES_AT  0x1b00000000ull /* callees of the tables, those of references last */
#define CELLS_AT    0x1c00000000ull
#define MEMORIES_AT 0x1d00000000ull /* descriptors */
#define STUBS_AT    0x1e00000000ull
#define LINEAR_AT   0x2000000000ull
#define LINEAR_STEP 0x800000000ull
#define NOWHERE	    0x1f00000000ull

enum {
	PAGE = 4096,
	STACK_BYTES = 18 << 20,
	STACK_ABOVE = 1 << 19,
	SPACING = 64, /* of descriptors and cells */
	ENTRIES = 64, /* per table */
	MEMORIES_MAX = 16,
	STUB_RETURN = 0x10,
	STUB_TAIL = 0x20,
	STUB_GROW = 0x30,
	STUB_CROSS = 0x40,
	STUB_HOST = 0x50, /* code of callees that are not of this image */
	STUB_BUILTINS = 0x100,
	STUB_BYTES = PAGE,
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
	OUTPUT
};

struct place {
	uint8_t len; /* 0: no instruction begins here */
	uint8_t kind;
	bool is_pointer; /* may load a kernel pointer: writes R10 or R11 only */
	bool is_call_site;
	bool is_aligned; /* its memory operand must be a multiple of 16 */
	uint8_t trap;	 /* kind of the trap site, 0: none */
	uint8_t bytes;	 /* of an access to ports */
	int16_t port;	 /* likewise: the immediate, -1: DX */
	uint16_t visits;
	int32_t target;
};

enum event { EVENT_NONE, EVENT_CALL, EVENT_END, EVENT_ESCAPE };

struct emulator {
	struct unicorn api;
	void *library, *uc;
	ZydisDecoder decoder;
	const struct nb_code_image *image;
	const struct verifier_facts *facts;
	uint8_t *loaded; /* what of the code the emulator has */
	uint64_t bound[MEMORIES_MAX];
	uint32_t *entry_types; /* per table and entry; UINT32_MAX: null */

	/* of the function that runs */
	const struct nb_code_function *function;
	uint32_t number, pool_at, pool_end, area;
	struct place *places;
	uint32_t places_size;
	struct emulation *job;
	uint64_t rng;
	uint32_t steps, seen; /* of this run; of all */
	uint32_t accessed;    /* the step that has accessed memory last */
	uint64_t touched;     /* lowest stack address so far */
	const struct place *last;
	uint32_t at; /* of `last` */
	enum event event;
	uint64_t preserved[16];
};

/* --- emulate.c ------------------------------------------------------------- */

uint64_t emu_random(struct emulator *e);
/* A random number, or one that is near something. */
uint64_t emu_hostile(struct emulator *e);
uint64_t emu_get(struct emulator *e, uint32_t gpr);
void emu_set(struct emulator *e, uint32_t gpr, uint64_t value);
void emu_put(struct emulator *e, uint64_t at, uint64_t value, size_t size);
void emu_put_hostile(struct emulator *e, uint64_t at, uint64_t size);
/* Something is not permitted; the first is kept. */
__attribute__((format(printf, 2, 3))) void emu_escape(struct emulator *e, const char *format, ...);

/* --- emulate_access.c ------------------------------------------------------ */

/* Tables of functions, and that of references. */
uint32_t emu_table_count(const struct emulator *e);
/* Whether `at` is a callee of a table, of the references or an import; its area,
 * UINT32_MAX for null. */
bool emu_find_callee(const struct emulator *e, uint64_t at, uint32_t *area);
/* Whether `at` is the entry of a function of the image; its area. */
bool emu_find_entry(const struct emulator *e, uint64_t at, uint32_t *area);
void emu_on_memory(void *uc, int type, uint64_t at, int size, int64_t value, void *data);

/* --- emulate_control.c ----------------------------------------------------- */

/* The last instruction has gone to `at`, which is not inside the function. */
void emu_leave(struct emulator *e, uint64_t at);
void emu_on_code(void *uc, uint64_t at, uint32_t size, void *data);
void emu_on_interrupt(void *uc, uint32_t number, void *data);
void emu_on_divide_error(struct emulator *e);

#endif

/*
 * Machine code by hand for tests of the verifier: one function under test in a
 * small image, and the facts of an imagined module.
 *
 *   globals   0 constant, 1 variable, 2 imported mutable
 *   tables    0 of functions, 1 of externs
 *   memories  0, 1
 *   imports   0 without area, 1 with an area of 2 slots, 2 of 40
 *   types     likewise
 *   functions 0 is under test, with an area of 2 slots; 1, 2 and 3 only return, and
 *             have areas of 0, 2 and 40 slots
 *   ports     0x61 and 0x2e8; 0x3f8 to 0x3ff; 0x70 and 0x71 for reading, 0x400 to 0x403 for
 *             writing
 */
#ifndef TESTS_VERIFIER_BUILDER_H
#define TESTS_VERIFIER_BUILDER_H

#include "abi/trap.h"
#include "compiler/x64/encode.h"
#include "tests/wasm/host_arena.h"
#include "verifier/verifier.h"

enum { BUILDER_FUNCTIONS = 4, BUILDER_AREA = 2, BUILDER_LARGE = 40, BUILDER_INSTRUCTIONS = 128 };

enum { BUILDER_PORT_LOW = 0x61, BUILDER_PORT = 0x2e8 };

/* What a test may change about one instruction as it is put. */
enum twist {
	TWIST_NONE,
	TWIST_REG,	   /* register operand + 1 */
	TWIST_REG_8,	   /* register operand + 8 */
	TWIST_RM,	   /* register or base + 1 */
	TWIST_RM_8,	   /* register or base + 8 */
	TWIST_TO_MEMORY,   /* the register becomes the base of a memory operand */
	TWIST_TO_REGISTER, /* the other way round */
	TWIST_INDEX,	   /* an index more */
	TWIST_DISP,	   /* displacement + 1 */
	TWIST_DISP_UP,	   /* displacement + 8 */
	TWIST_DISP_DOWN,   /* displacement - 8 */
	TWIST_DISP_FAR,	   /* displacement + 4096 */
	TWIST_IMM,	   /* immediate + 1 */
	TWIST_IMM_DOWN,	   /* immediate - 1 */
	TWIST_CC,	   /* the opposite condition */
	TWIST_CC_2,	   /* another condition */
	TWIST_NARROW,	   /* 32 bits instead of 64 */
	TWIST_DROP,	   /* a no-operation instead */
	TWIST_DOUBLE,	   /* twice */
	TWIST_GARBAGE,	   /* has bytes before it that are no instruction */
	TWIST_SITE,	   /* has a trap site */
	TWIST_CLAIM,	   /* is a claimed label */
	TWISTS,
};

struct builder {
	struct host_arena host;
	struct x64_buffer code; /* of function 0 */
	uint8_t pool[64];
	uint32_t pool_size;
	uint32_t frame;
	struct nb_code_site sites[32];
	uint32_t site_count;
	struct nb_code_claim claims[8];
	uint32_t claim_count;
	struct {
		uint32_t field, callee;
	} fixups[8];
	uint32_t fixup_count;
	uint32_t cpu_features;

	/* Instructions that put() has put, whether each is part of a template whose
	 * every operand matters, and which one is to be changed. */
	uint32_t puts, twist_at;
	enum twist twist;
	bool is_twisted; /* it was */
	bool in_template;
	bool is_template[BUILDER_INSTRUCTIONS];

	struct nb_vmctx_layout layout;
	struct nb_code_function functions[BUILDER_FUNCTIONS];
	uint8_t bytes[1024];
	struct nb_code_image image;
};

/* Places of things in the vmctx. */
static inline int32_t
at_global(const struct builder *b, uint32_t global)
{
	return (int32_t)(b->layout.globals + 16 * global);
}

static inline int32_t
at_table(const struct builder *b, uint32_t table, uint32_t field)
{
	return (int32_t)(b->layout.tables + 16 * table + field);
}

static inline int32_t
at_memory(const struct builder *b, uint32_t memory, uint32_t field)
{
	return (int32_t)(b->layout.memories + 32 * memory + field);
}

static inline int32_t
at_import(const struct builder *b, uint32_t import)
{
	return (int32_t)(b->layout.imports + 32 * import);
}

static inline int32_t
at_type(const struct builder *b, uint32_t type)
{
	return (int32_t)(b->layout.types + 4 * type);
}

void builder_init(struct builder *b);
void builder_release(struct builder *b);

/* The facts that go with it, valid while *b is. */
struct verifier_facts builder_facts(const struct builder *b);

/* Puts the image together; b->image and what it points to may be changed then. */
void builder_finish(struct builder *b);

/* Verifies all of an image: true if it obeys the contract. */
bool verify_image(const struct nb_code_image *image, const struct verifier_facts *facts,
		  struct verifier_finding *finding);

/* Verifies b->image. */
enum verifier_rule builder_verify(const struct builder *b, struct verifier_finding *finding);

/* --- instructions ---------------------------------------------------------- */

void put(struct builder *b, enum nb_form form, struct x64_operands ops);

#define REG(r)			x64_rm_reg(r)
#define MEM(base, disp)		x64_rm_mem(base, disp)
#define MEMX(base, index, disp) x64_rm_indexed(base, index, 0, disp)
#define PUT(b, form, ...)	put((b), NB_FORM_##form, (struct x64_operands){ __VA_ARGS__ })

/* Around the instructions of a template that allows no other operands. */
void template_begin(struct builder *b);
void template_end(struct builder *b);

void put_bytes(struct builder *b, const void *bytes, uint32_t len);
/* An instruction with a RIP operand that names byte `at` of the function. */
void put_rip(struct builder *b, enum nb_form form, uint32_t reg, uint32_t at);
/* A branch to byte `target`; returns where its distance lies, for patch(). */
uint32_t put_branch(struct builder *b, enum nb_form form, uint32_t cc, uint32_t target);
/* Makes the branch whose four bytes of distance lie at `field` lead here. */
void patch(struct builder *b, uint32_t field);
/* The same with one byte of distance. */
uint32_t put_short(struct builder *b, enum nb_form form, uint32_t cc);
void patch_short(struct builder *b, uint32_t field);
/* The last four bytes become the distance to the entry of function `callee`. */
void fixup(struct builder *b, uint32_t callee);
/* A call of function `callee`, with its site. */
void put_call(struct builder *b, uint32_t callee);

/* sub rsp; add rsp and ret; ud2 for a reason. */
void put_prologue(struct builder *b, uint32_t frame);
void put_return(struct builder *b);
void put_trap(struct builder *b, uint32_t kind);

void site(struct builder *b, uint32_t kind);
void claim(struct builder *b, uint32_t extended);

/* A site of an access, then the instruction. */
#define ACCESS(b, form, ...)                             \
	do {                                             \
		site((b), NB_TRAP_MEMORY_OUT_OF_BOUNDS); \
		PUT((b), form, __VA_ARGS__);             \
	} while (0)

#endif

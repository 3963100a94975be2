/*
 * The emulator's instructions against the processor's: random instructions that both know,
 * with random operands in registers and memory.
 *
 * Compares general registers, memory and the flags that the manual defines. Not compared are
 * vector instructions, which the emulator gives no results, and those that transfer control.
 */
#include "tests/verifier/emulator.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

enum {
	TRIES = 7000000,
	LEAST = 100, /* comparisons of each operation */
	FLAG_C = 1 << 0,
	FLAG_P = 1 << 2,
	FLAG_Z = 1 << 6,
	FLAG_S = 1 << 7,
	FLAG_O = 1 << 11,
	FLAGS = FLAG_C | FLAG_P | FLAG_Z | FLAG_S | FLAG_O,
	GLOBALS = 4,
	OPERAND_BYTES = 16,
	LENGTH_MAX = 15,
	CELLS_REGION = (int)((CELLS_AT >> REGION_SHIFT) - REGION_FIRST),
};

/* --- on the processor ---------------------------------------------------------- */

/* Everything but RSP is loaded from here, and goes back here. */
struct native {
	uint64_t gpr[16], flags;
	uint8_t *code;
};
struct native native;
extern void native_run(void);
extern const uint8_t native_back[];

__asm__(".text\n"
	"native_run:\n"
	"push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"push native+128(%rip); popf\n"
	"mov native(%rip), %rax; mov native+8(%rip), %rcx; mov native+16(%rip), %rdx\n"
	"mov native+24(%rip), %rbx; mov native+40(%rip), %rbp; mov native+48(%rip), %rsi\n"
	"mov native+56(%rip), %rdi; mov native+64(%rip), %r8; mov native+72(%rip), %r9\n"
	"mov native+80(%rip), %r10; mov native+88(%rip), %r11; mov native+96(%rip), %r12\n"
	"mov native+104(%rip), %r13; mov native+112(%rip), %r14; mov native+120(%rip), %r15\n"
	"jmp *native+136(%rip)\n"
	"native_back:\n"
	"mov %rax, native(%rip); mov %rcx, native+8(%rip); mov %rdx, native+16(%rip)\n"
	"mov %rbx, native+24(%rip); mov %rbp, native+40(%rip); mov %rsi, native+48(%rip)\n"
	"mov %rdi, native+56(%rip); mov %r8, native+64(%rip); mov %r9, native+72(%rip)\n"
	"mov %r10, native+80(%rip); mov %r11, native+88(%rip); mov %r12, native+96(%rip)\n"
	"mov %r13, native+104(%rip); mov %r14, native+112(%rip); mov %r15, native+120(%rip)\n"
	"pushf; pop native+128(%rip)\n"
	"push $2; popf\n"
	"pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"ret\n");
_Static_assert(offsetof(struct native, flags) == 128 && offsetof(struct native, code) == 136,
	       "the assembly above");

static sigjmp_buf divide_error;

static void
on_divide_error(int number)
{
	(void)number;
	siglongjmp(divide_error, 1);
}

/* Executes one instruction with what is in `native`; false if it divided by zero. */
static bool
run_natively(const uint8_t *bytes, uint32_t len)
{
	uint8_t back[14] = { 0xff, 0x25 }; /* jmp [rip] */
	uint64_t to = (uint64_t)(uintptr_t)native_back;

	memcpy(back + 6, &to, sizeof(to));
	memcpy(native.code, bytes, len);
	memcpy(native.code + len, back, sizeof(back));
	if (sigsetjmp(divide_error, 1))
		return false;
	native_run();
	return true;
}

/* --- instructions ---------------------------------------------------------------- */

static const uint8_t vex_opcodes[] = { 0xf0, 0xf2, 0xf7 };

/* Some bytes that may be an instruction of interest. */
static void
make(struct emulator *e, uint8_t *bytes)
{
	uint64_t x = emu_random(e);
	uint32_t at = 0;

	for (uint32_t i = 0; i < LENGTH_MAX; i += 8) {
		uint64_t some = emu_random(e);

		memcpy(bytes + i, &some, i + 8 > LENGTH_MAX ? LENGTH_MAX - i : 8);
	}
	if (x % 4 == 0) {
		bytes[at++] = 0xc4;
		bytes[at] = (uint8_t)((bytes[at] & 0xe0) | (x >> 8 & 1 ? 2 : 3));
		at++;
		bytes[at] &= 0xfb;
		at++;
		bytes[at] = vex_opcodes[(x >> 16) % sizeof(vex_opcodes)];
		return;
	}
	static const uint8_t prefixes[] = { 0x66, 0xf3, 0xf0, 0xf0 };

	if (x >> 8 & 1)
		bytes[at++] = prefixes[x >> 16 & 3];
	if (x >> 9 & 1)
		bytes[at++] = (uint8_t)(0x40 | (x >> 24 & 15));
	if (x >> 10 & 1)
		bytes[at++] = 0x0f;
}

static bool
is_supported(const struct place *place)
{
	switch ((int)place->op) {
	case OP_RORX:
	case OP_SHLX:
	case OP_SHRX:
	case OP_SARX:
		return __builtin_cpu_supports("bmi2");
	case OP_ANDN:
	case OP_TZCNT:
		return __builtin_cpu_supports("bmi");
	case OP_LZCNT:
		return __builtin_cpu_supports("lzcnt");
	case OP_POPCNT:
		return __builtin_cpu_supports("popcnt");
	default:
		return true;
	}
}

static bool
is_of_interest(const struct place *place)
{
	bool has_memory = place->memory_size && place->op != OP_ADDRESS;

	if (place->op == OP_NOTHING || place->op == OP_VECTOR || place->op == OP_CONTROL)
		return false;
	for (uint32_t i = 0; i < 3; i++)
		if (place->operands[i] == OPERAND_REG && place->regs[i] == NB_RSP)
			return false;
	if (place->base == NB_RSP || place->base == NEXT_REG)
		return false;
	/* The base reaches the memory, whatever the index, and is nothing but an address, as it
	 * is another for the processor. */
	for (uint32_t i = 0; has_memory && i < 3; i++)
		if (place->operands[i] == OPERAND_REG && place->regs[i] == place->base)
			return false;
	if (has_memory &&
	    (place->base == ZERO_REG || place->base == place->index || place->base <= NB_RDX))
		return false;
	return is_supported(place);
}

/* Flags that the manual defines for this instruction with these operands. */
static uint64_t
defined_flags(const struct place *place, uint64_t count)
{
	switch ((int)place->op) {
	case OP_MUL_WIDE:
	case OP_IMUL_WIDE:
	case OP_IMUL:
		return FLAG_C | FLAG_O;
	case OP_DIV:
	case OP_IDIV:
		return 0;
	case OP_BSF:
	case OP_BSR:
		return FLAG_Z;
	case OP_TZCNT:
	case OP_LZCNT:
		return FLAG_C | FLAG_Z;
	case OP_ANDN:
		return FLAGS & ~FLAG_P;
	case OP_BT:
	case OP_BTC:
		return FLAG_C | FLAG_Z;
	case OP_ROL:
	case OP_ROR:
	case OP_SHL:
	case OP_SHR:
	case OP_SAR:
		return count <= 1 ? FLAGS : FLAGS & ~FLAG_O;
	default:
		return FLAGS;
	}
}

/* --- comparing ------------------------------------------------------------------- */

static uint64_t
flags_of(const struct emulator *e)
{
	uint64_t flags = 0;

	flags |= emu_condition(e, 0) ? FLAG_O : 0;
	flags |= emu_condition(e, 2) ? FLAG_C : 0;
	flags |= emu_condition(e, 4) ? FLAG_Z : 0;
	flags |= emu_condition(e, 8) ? FLAG_S : 0;
	flags |= emu_condition(e, 10) ? FLAG_P : 0;
	return flags;
}

static uint64_t
operand_value(struct emulator *e)
{
	uint64_t x = emu_random(e), near = emu_random(e) % 5 - 2;

	switch (x & 7) {
	case 0:
		return near;
	case 1:
		return near + (1ull << (x >> 8 & 63));
	case 2:
		return (uint32_t)x >> 8;
	case 3:
		return near + INT32_MAX + 1ull;
	default:
		return emu_random(e) >> (x >> 8 & 63);
	}
}

/* The address that makes the instruction's operand in memory lie at `at`. */
static uint64_t
base_for(const struct emulator *e, uint64_t at)
{
	const struct place *place = e->last;

	at -= (uint64_t)(int64_t)place->displacement;
	if (place->index != ZERO_REG)
		at -= e->gpr[place->index] << place->shift;
	return at;
}

static void
differ(const uint8_t *bytes, const struct place *place, const char *what, uint64_t is,
       uint64_t should)
{
	char text[3 * LENGTH_MAX + 1] = "";

	for (uint32_t i = 0; i < place->len; i++)
		snprintf(text + 3 * i, 4, "%02x ", bytes[i]);
	fail_msg("%s: %s is %llx, the processor's is %llx", text, what, (unsigned long long)is,
		 (unsigned long long)should);
}

/* Both execute e->last in the same state, and must end in the same. */
static void
compare(struct emulator *e, const uint8_t *bytes)
{
	const struct place *place = e->last;
	bool has_memory = place->memory_size && place->op != OP_ADDRESS;
	uint8_t memory[OPERAND_BYTES], *emulated = e->regions[CELLS_REGION].bytes;
	uint64_t defined, x = emu_random(e);

	for (uint32_t i = 0; i < 16; i++)
		native.gpr[i] = e->gpr[i] = operand_value(e);
	for (uint32_t i = 0; i < OPERAND_BYTES; i += 8)
		emu_put(e, CELLS_AT + i, operand_value(e), 8);
	memcpy(memory, emulated, sizeof(memory));
	e->result = x & 1 ? x : 0;
	e->parity = (uint8_t)(x >> 8);
	e->carry = x >> 16 & 1;
	e->overflow = x >> 17 & 1;
	native.flags = 2 | flags_of(e);
	if (has_memory) {
		e->gpr[place->base] = base_for(e, CELLS_AT);
		native.gpr[place->base] = base_for(e, (uint64_t)(uintptr_t)memory);
	}
	uint64_t base_before = has_memory ? native.gpr[place->base] : 0;
	uint64_t count = place->operands[1] == OPERAND_VALUE ? place->value : e->gpr[NB_RCX];

	defined = defined_flags(place, count & (8u * place->size - 1));
	e->event = EVENT_NONE;
	e->steps++;
	(void)emu_step(e);
	if (e->event == EVENT_ESCAPE)
		fail_msg("%s", e->job->escape);
	bool has_divided = e->event == EVENT_NONE;

	if (run_natively(bytes, place->len) != has_divided)
		differ(bytes, place, "no divide error", has_divided, !has_divided);
	if (!has_divided)
		return;
	if (has_memory && native.gpr[place->base] == base_before)
		native.gpr[place->base] = e->gpr[place->base];
	bool is_any = (place->op == OP_BSF || place->op == OP_BSR) && native.flags & FLAG_Z;

	for (uint32_t i = 0; i < 16; i++)
		if (e->gpr[i] != native.gpr[i] && !(is_any && i == place->regs[0]))
			differ(bytes, place, "a register", e->gpr[i], native.gpr[i]);
	if (memcmp(memory, emulated, sizeof(memory)) != 0)
		differ(bytes, place, "memory", emulated[0], memory[0]);
	if ((flags_of(e) ^ native.flags) & defined)
		differ(bytes, place, "flags", flags_of(e) & defined, native.flags & defined);
}

static void
test_instructions(void **state)
{
	static const uint8_t globals[GLOBALS] = { VERIFIER_GLOBAL_CELL };
	static const uint16_t areas[1];
	static struct nb_code_function function = { .code_size = LENGTH_MAX };
	static struct nb_code_image image = { .functions = &function, .function_count = 1 };
	struct verifier_facts facts = { .counts.globals = GLOBALS,
					.globals = globals,
					.function_areas = areas,
					.import_areas = areas,
					.type_areas = areas };
	struct emulation job = { 0 };
	struct emulator *e = emulator_open();
	uint32_t counts[OP_CONTROL] = { 0 };
	uint8_t bytes[LENGTH_MAX];

	(void)state;
	assert_non_null(e);
	assert_true(nb_vmctx_layout_compute(&facts.counts, &facts.layout));
	assert_true(emulator_instance(e, &image, &facts, 1));
	e->function = &function;
	e->job = &job;
	native.code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(native.code != MAP_FAILED);
	signal(SIGFPE, on_divide_error);
	for (uint32_t i = 0; i < TRIES; i++) {
		struct place place;

		make(e, bytes);
		if (!emu_decode_one(&e->decoder, bytes, LENGTH_MAX, &place) ||
		    !is_of_interest(&place))
			continue;
		place.trap = NB_SITE_DIVIDE;
		e->last = &place;
		compare(e, bytes);
		emu_undo(e);
		counts[place.op]++;
	}
	for (uint32_t op = OP_MOVE; op < OP_CONTROL; op++) {
		struct place place = { .op = (uint8_t)op };

		if (is_supported(&place) && counts[op] < LEAST)
			fail_msg("operation %u: only %u comparisons", op, counts[op]);
	}
	munmap(native.code, 4096);
	emulator_close(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_instructions) };

	return cmocka_run_group_tests_name("emulate", tests, NULL, NULL);
}

/*
 * The stubs between instances entered with hostile registers: whatever they
 * hold, the callee gets its own context, base and area, the caller finds its
 * registers and frame as they were, and nothing else of the stack changes.
 * Random chains of tail calls, over two instances, all classes of areas, host
 * functions and gates. And: a walk over a stack that a guest has prepared.
 */
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"
#include "tests/arch/x86_64/stub_layout.h"
#include "tests/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <cmocka.h>

extern const uint8_t stub_code_start[], stub_code_end[];
extern const uint8_t stub_code_start_chain[], stub_code_hop[];
extern const uint8_t guest_tail_entries[];

enum {
	STACK_BYTES = 512 * 1024,
	VMCTX_BYTES = 1024,
	AREA_MAX = 2048,
	FRAME_MAX = 24 * 1024,
	STEPS = 12,
	/* Of the caller, with what lies above its outgoing area. */
	CALLER_FRAME = 8 * AREA_MAX + 1024 + 8,
	ROUNDS = 4000,
};

enum kind { RETURN = KIND_RETURN, HARD = KIND_HARD, GROW = KIND_GROW };

/* One function of a chain: how it ends, and what it saw. */
struct step {
	uint64_t kind;
	uint64_t frame;
	uint64_t word;
	uint64_t target;
	uint64_t area; /* slots */
	uint64_t *out; /* what fills its frame, or its area if it returns */
	uint64_t seen[16];
	uint64_t *log;	     /* of its area */
	uint8_t xmm[16][16]; /* seen */
	uint64_t flags;	     /* seen */
};

struct plan {
	uint64_t step;
	uint64_t hostile[16];
	uint8_t hostile_xmm[16][16];
	uint64_t frame;
	uint64_t before_rsp;
	uint64_t after[16];
	uint64_t *pattern; /* of the caller's frame */
	uint64_t *left;	   /* of it */
	uint8_t after_xmm[16][16];
	uint64_t after_r11, after_flags;
	struct step steps[STEPS];
};

#define ASSERT_OFFSET(type, field, value) \
	_Static_assert(offsetof(struct type, field) == (value), "stub_layout.h: " #type)
ASSERT_OFFSET(step, kind, STEP_KIND);
ASSERT_OFFSET(step, frame, STEP_FRAME);
ASSERT_OFFSET(step, word, STEP_WORD);
ASSERT_OFFSET(step, target, STEP_TARGET);
ASSERT_OFFSET(step, area, STEP_AREA);
ASSERT_OFFSET(step, out, STEP_OUT);
ASSERT_OFFSET(step, seen, STEP_SEEN);
ASSERT_OFFSET(step, log, STEP_LOG);
ASSERT_OFFSET(step, xmm, STEP_XMM);
ASSERT_OFFSET(step, flags, STEP_FLAGS);
_Static_assert(sizeof(struct step) == STEP_BYTES, "stub_layout.h");
ASSERT_OFFSET(plan, step, PLAN_STEP);
ASSERT_OFFSET(plan, hostile, PLAN_HOSTILE);
ASSERT_OFFSET(plan, hostile_xmm, PLAN_HOSTILE_XMM);
ASSERT_OFFSET(plan, frame, PLAN_FRAME);
ASSERT_OFFSET(plan, before_rsp, PLAN_BEFORE_RSP);
ASSERT_OFFSET(plan, after, PLAN_AFTER);
ASSERT_OFFSET(plan, pattern, PLAN_PATTERN);
ASSERT_OFFSET(plan, left, PLAN_LEFT);
ASSERT_OFFSET(plan, after_xmm, PLAN_AFTER_XMM);
ASSERT_OFFSET(plan, after_r11, PLAN_AFTER_R11);
ASSERT_OFFSET(plan, after_flags, PLAN_AFTER_FLAGS);
ASSERT_OFFSET(plan, steps, PLAN_STEPS);
_Static_assert(NB_VMCTX_TAIL == 56 && NB_VMCTX_TAIL_GROW == 64, "stub_code.S");

static struct {
	struct port_code code;
	struct port_stack stack;
	struct guest_seat seat;	    /* the thread's own */
	struct guest_seat *present; /* where it is */
	uint8_t *contexts;
	struct nb_vmctx *vmctx[2]; /* of two instances */
	struct nb_vmctx *host;
	uint64_t host_arguments[5];
	int host_calls;
	bool host_unwinds;
	bool caller_ends; /* during the call */
	/* A gate, and what the upcalls of its stubs saw. */
	struct port_stack gate_stack;
	struct guest_gate_activation gate;
	struct guest_gate_binding binding;
	struct guest_gate_registers registers; /* results of a refusal */
	int entered_slowly, left_slowly, unwound;
	bool is_refused;
	struct plan plan;
	/* Callees of the chain; the functions have the areas of their steps. */
	struct nb_callee callees[STEPS];
	const struct nb_vmctx *runs_in[STEPS];
	struct guest_context main_context, guest_context;
	const struct nb_callee *entered;
	struct guest_call call;
	enum nb_trap trap;
	uint64_t random;
} t;

static uint64_t pattern[CALLER_FRAME / 8], left[CALLER_FRAME / 8];
static uint64_t outs[STEPS][FRAME_MAX / 8], logs[STEPS][AREA_MAX];

static uint32_t
draw(uint32_t below)
{
	return random_below(&t.random, below);
}

static void
fill(void *at, size_t bytes)
{
	uint64_t *words = at;

	for (size_t i = 0; i < bytes / 8; i++)
		words[i] = random_next(&t.random) | 1;
}

/* ---- upcalls ---- */

/* The gate's, as kernel/object/gate_call.c has them, but for queues. */
__attribute__((no_sanitize("address"))) struct guest_gate_entry
kernel_gate_enter(struct guest_gate_binding *binding, struct guest_seat *caller,
		  struct guest_gate_registers *registers)
{
	assert_ptr_equal(binding, &t.binding);
	assert_ptr_equal(caller, &t.seat);
	t.entered_slowly++;
	if (t.is_refused) {
		*registers = t.registers;
		caller->head.pending = 0;
		return (struct guest_gate_entry){ NULL, NULL };
	}
	t.gate.state = (uint64_t)(uintptr_t)caller | GUEST_GATE_SLOW;
	t.gate.seat.place = caller->place;
	t.gate.seat.caller = caller;
	t.gate.badge = binding->badge;
	t.gate.calls++;
	t.present = &t.gate.seat;
	guest_context_announce(&t.gate_stack);
	return (struct guest_gate_entry){ &t.gate, &binding->entry };
}

__attribute__((no_sanitize("address"))) void
kernel_gate_return(struct guest_gate_activation *activation, struct guest_seat *caller)
{
	guest_context_announce(&caller->stack);
	assert_ptr_equal(caller, &t.seat);
	assert_ptr_equal(t.present, &t.seat);
	t.left_slowly++;
	if (activation) {
		assert_ptr_equal(activation, &t.gate);
		assert_int_equal(t.gate.state, (uint64_t)(uintptr_t)caller | GUEST_GATE_SLOW);
		t.gate.state = 0;
	} else {
		assert_int_not_equal(caller->head.pending, 0);
	}
	caller->head.pending = 0;
}

__attribute__((no_sanitize("address"))) void
kernel_gate_unwound(struct guest_gate_activation *activation,
		    struct guest_gate_registers *registers)
{
	guest_context_forget(&t.gate_stack);
	guest_context_announce(&t.stack);
	assert_ptr_equal(activation, &t.gate);
	assert_int_equal(activation->boundary.outcome, NB_TRAP_HOST);
	t.unwound++;
	*registers = t.registers;
	t.present = &t.seat;
	t.gate.seat.place = NULL;
	t.gate.seat.head.guest_sp = 0;
	t.gate.state = 0;
	t.seat.head.pending = 0;
}

/* ---- running on the guest stack ---- */

static void
run_entry(void *argument)
{
	(void)argument;
	t.trap = guest_enter(&t.seat.head, t.entered, &t.call);
	guest_context_jump(&t.main_context);
}

static uint64_t
code_at(const uint8_t *label)
{
	return (uint64_t)(uintptr_t)(t.code.base + (label - stub_code_start));
}

static struct nb_callee
callee_in(const struct nb_vmctx *vmctx, const uint8_t *label, uint32_t area)
{
	return (struct nb_callee){ .code = code_at(label),
				   .vmctx = (uint64_t)(uintptr_t)vmctx,
				   .signature = 1 | area / 2 << NB_SIGNATURE_TYPE_BITS,
				   .cross = (uint64_t)(uintptr_t)guest_cross_stub };
}

static uint64_t
host_noted(struct nb_vmctx *context, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	const uint64_t arguments[5] = { a, b, c, d, e };

	assert_ptr_equal(context, t.host);
	memcpy(t.host_arguments, arguments, sizeof(arguments));
	t.host_calls++;
	assert_ptr_equal(context->thread, &t.present->head);
	if (t.caller_ends) {
		t.seat.head.pending = GUEST_PENDING_END;
		memset(&t.binding, 0xff, sizeof(t.binding));
	}
	if (t.host_unwinds)
		guest_unwind(context->thread, NB_TRAP_HOST);
	return a ^ e;
}

static struct nb_callee
host_callee(void)
{
	return (struct nb_callee){ .code = (uint64_t)(uintptr_t)guest_host_code,
				   .vmctx = (uint64_t)(uintptr_t)t.host,
				   .signature = 1,
				   .cross = (uint64_t)(uintptr_t)guest_host_cross };
}

static int
setup(void **state)
{
	size_t size = ((size_t)(stub_code_end - stub_code_start) + 4095) & ~(size_t)4095;
	void *pages;

	(void)state;
	memset(&t, 0, sizeof(t));
	t.random = (uint64_t)time(NULL) * 2654435761u;
	if (getenv("SEED"))
		t.random = strtoull(getenv("SEED"), NULL, 0);
	assert_int_equal(hosted_fault_thread_init(), NB_OK);
	assert_int_equal(port_code_reserve(size, &t.code), NB_OK);
	memcpy(t.code.base, stub_code_start, (size_t)(stub_code_end - stub_code_start));
	assert_int_equal(port_code_seal(&t.code), NB_OK);
	assert_int_equal(port_stack_create(STACK_BYTES, &t.stack), NB_OK);
	assert_int_equal(port_pages_get(4096, &pages), NB_OK);
	t.contexts = pages;
	for (size_t i = 0; i < 2; i++) {
		struct nb_vmctx *vmctx = (struct nb_vmctx *)(t.contexts + i * VMCTX_BYTES);
		uint64_t plan = (uint64_t)(uintptr_t)&t.plan;

		vmctx->memory_base = (i + 1) << 36;
		vmctx->thread = &t.seat.head;
		vmctx->tail = (uint64_t)(uintptr_t)guest_tail_stub;
		vmctx->tail_grow = (uint64_t)(uintptr_t)guest_tail_grow_stub;
		memcpy(t.contexts + i * VMCTX_BYTES + CONTEXT_PLAN, &plan, sizeof(plan));
		t.vmctx[i] = vmctx;
	}
	t.host = (struct nb_vmctx *)(t.contexts + 2 * VMCTX_BYTES);
	t.host->thread = &t.seat.head;
	t.host->host_function = (uint64_t)(uintptr_t)host_noted;
	guest_seat_init(&t.seat, &t.stack, NULL);
	t.seat.place = &t.present;
	t.present = &t.seat;
	assert_int_equal(port_stack_create(STACK_BYTES, &t.gate_stack), NB_OK);
	guest_seat_init(&t.gate.seat, &t.gate_stack, NULL);
	guest_gate_init(&t.gate);
	t.binding.context.thread = &t.seat.head;
	t.binding.badge = 99;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	port_pages_put(t.contexts, 4096);
	port_stack_destroy(&t.gate_stack);
	port_stack_destroy(&t.stack);
	port_code_release(&t.code);
	hosted_fault_thread_exit();
	return 0;
}

/* ---- chains ---- */

/* An area, often at the border of a class. */
static uint32_t
draw_area(uint32_t least)
{
	uint32_t power = 2u << draw(11), area;

	switch (draw(4)) {
	case 0:
		area = 0;
		break;
	case 1:
		area = power;
		break;
	case 2:
		area = power + 2;
		break;
	default:
		area = draw(AREA_MAX / 2) * 2;
		break;
	}
	return area < least ? least : area > AREA_MAX ? AREA_MAX : area;
}

/* 8 below a multiple of 16, and enough for a tail stub with that area. */
static uint64_t
draw_frame(uint32_t area)
{
	uint64_t least = nb_tail_frame_bytes(area);

	if (area == 0 && draw(2))
		return 0;
	return ((least + draw(256)) & ~15ull) + 24;
}

/* Puts the gate in front of function `i`, which has no area. */
static void
put_gate(uint32_t i)
{
	t.binding.entry = t.callees[i];
	t.callees[i] = (struct nb_callee){ .code = (uint64_t)(uintptr_t)guest_gate_code,
					   .vmctx = (uint64_t)(uintptr_t)&t.binding,
					   .signature = 1,
					   .cross = (uint64_t)(uintptr_t)guest_gate_cross };
}

enum ending { IN_GUEST, IN_HOST, IN_GATE };

/* Plans `count` functions, all with `results` slots of results; what the last one
 * is, if it is not the first, `ending` says. The first belongs to `instance`. */
static void
make_chain(uint32_t count, uint32_t results, enum ending ending, uint32_t instance)
{
	struct plan *plan = &t.plan;
	uint32_t areas[STEPS];

	fill(plan->hostile, sizeof(plan->hostile));
	fill(plan->hostile_xmm, sizeof(plan->hostile_xmm));
	fill(pattern, sizeof(pattern));
	plan->step = 0;
	plan->frame = CALLER_FRAME;
	plan->pattern = pattern;
	plan->left = left;
	for (uint32_t i = 0; i < count; i++) {
		struct step *step = &plan->steps[i];

		areas[i] = draw_area(results);
		*step = (struct step){ .area = areas[i], .out = outs[i], .log = logs[i] };
		fill(outs[i], sizeof(outs[i]));
		memset(logs[i], 0, sizeof(logs[i]));
		t.callees[i] = callee_in(t.vmctx[instance], stub_code_hop, areas[i]);
		t.runs_in[i] = t.vmctx[instance];
		if (i == 0)
			continue;
		bool grows = draw(2);
		struct step *before = step - 1;
		if (ending != IN_GUEST && i == count - 1) {
			grows = false;
			step->area = areas[i] = 0;
			t.callees[i] = ending == IN_HOST ? host_callee()
							 : callee_in(t.vmctx[1], stub_code_hop, 0);
			t.runs_in[i] = t.vmctx[1];
			if (ending == IN_GATE)
				put_gate(i);
		} else if (!grows) {
			instance ^= draw(2);
			t.callees[i] = callee_in(t.vmctx[instance], stub_code_hop, areas[i]);
			t.runs_in[i] = t.vmctx[instance];
		}
		before->kind = grows ? GROW : HARD;
		before->frame = draw_frame(areas[i]);
		before->word = nb_tail_word((uint32_t)before->frame, results, areas[i]);
		before->target = grows ? t.callees[i].code : (uint64_t)(uintptr_t)&t.callees[i];
	}
}

static void
run_chain(bool is_direct)
{
	struct nb_callee start = callee_in(t.vmctx[0], stub_code_start_chain, 0);

	memcpy(t.contexts + CONTEXT_IMPORTS, &t.callees[0], sizeof(t.callees[0]));
	t.entered = &start;
	t.call = (struct guest_call){ .gpr = { is_direct } };
	t.host_calls = t.entered_slowly = t.left_slowly = t.unwound = 0;
	if (draw(2))
		t.seat.head.stack_limit = t.stack.top;
	t.seat.head.pending = draw(4) == 0;
	hosted_fault_handlers_install();
	guest_context_init(&t.guest_context, &t.stack, run_entry, NULL);
	guest_context_switch(&t.main_context, &t.guest_context);
	assert_int_equal(t.trap, NB_TRAP_NONE);
	assert_int_equal(t.seat.head.activation, 0);
	assert_int_equal(t.seat.head.guest_sp, 0);
}

/* Where a function of the chain runs. `masks` is what a gate before it let pass. */
struct passage {
	const struct guest_gate_registers *masks; /* NULL: everything */
	bool is_inside;				  /* of a gate */
};

static const uint64_t *
mask_of(const struct guest_gate_registers *masks, enum nb_reg reg)
{
	const uint64_t *const places[16] = {
		[NB_RAX] = &masks->rax, [NB_RCX] = &masks->rcx, [NB_RDX] = &masks->rdx,
		[NB_RSI] = &masks->rsi, [NB_RDI] = &masks->rdi, [NB_R8] = &masks->r8,
		[NB_R9] = &masks->r9,
	};

	assert_non_null(places[reg]);
	return places[reg];
}

/* Vector registers, of which the first eight were sent: `masks` of them. */
static void
check_vectors(uint8_t (*seen)[16], const struct guest_gate_registers *masks)
{
	static const uint8_t zero[16];

	for (size_t n = 0; n < NB_FLOAT_ARGUMENTS; n++) {
		for (size_t k = 0; k < 16; k++)
			assert_int_equal(seen[n][k], t.plan.hostile_xmm[n][k] & masks->xmm[n][k]);
	}
	for (size_t n = NB_FLOAT_ARGUMENTS; n < 16; n++)
		assert_memory_equal(seen[n], zero, sizeof(zero));
}

/* Carry, parity, adjust, zero, sign, overflow: as an XOR with a zero result has them. */
static void
check_flags(uint64_t flags)
{
	enum { STATUS = 0x8d5, ZERO_AND_PARITY = 0x44, ADJUST = 0x10 };

	assert_int_equal(flags & STATUS & ~(uint64_t)ADJUST, ZERO_AND_PARITY);
}

static void
check_step(uint32_t i, const uint64_t *sent, struct passage passage)
{
	static const uint8_t kept[] = { NB_RBX, NB_RBP, NB_R12, NB_R13 };
	static const uint8_t arguments[] = { NB_RSI, NB_RDX, NB_RCX, NB_R8, NB_R9, NB_RDI, NB_RAX };
	const struct step *step = &t.plan.steps[i];
	const struct nb_vmctx *vmctx = t.runs_in[i];

	assert_ptr_equal((const void *)(uintptr_t)step->seen[NB_R15], vmctx);
	assert_int_equal(step->seen[NB_R14], vmctx->memory_base);
	assert_int_equal(step->seen[NB_RSP] % 16, 8);
	for (size_t r = 0; r < sizeof(kept); r++)
		assert_int_equal(step->seen[kept[r]],
				 passage.is_inside ? 0 : t.plan.hostile[kept[r]]);
	for (size_t r = 0; r < sizeof(arguments); r++)
		assert_int_equal(
			step->seen[arguments[r]],
			t.plan.hostile[arguments[r]] &
				(passage.masks ? *mask_of(passage.masks, arguments[r]) : ~0ull));
	assert_memory_equal(step->log, sent, 8 * step->area);
	if (!passage.masks) {
		assert_memory_equal(step->xmm, t.plan.hostile_xmm, NB_FLOAT_ARGUMENTS * 16);
		return;
	}
	check_vectors(t.plan.steps[i].xmm, passage.masks);
	check_flags(step->flags);
	assert_int_equal(step->seen[NB_R10], 0);
	assert_int_equal(step->seen[NB_R11], code_at(stub_code_hop));
}

/* `changed` slots of the caller's area are results of the last function. */
static void
check_caller(uint32_t changed, const uint64_t *results, bool is_direct)
{
	static const uint8_t kept[] = { NB_RBX, NB_RBP, NB_R12, NB_R13 };
	uint32_t area = (uint32_t)t.plan.steps[0].area;

	for (size_t r = 0; r < sizeof(kept); r++)
		assert_int_equal(t.plan.after[kept[r]], t.plan.hostile[kept[r]]);
	assert_int_equal(t.plan.after[NB_R15], (uintptr_t)t.vmctx[0]);
	assert_int_equal(t.plan.after[NB_R14], t.vmctx[0]->memory_base);
	assert_int_equal(t.plan.after[NB_RSP], t.plan.before_rsp);
	assert_int_equal(t.plan.after[NB_R11], 0);
	assert_memory_equal(left, results, 8 * changed);
	/* A crossing gives the whole area back, with what the callees left in it. */
	uint32_t from = is_direct ? changed : area;
	assert_memory_equal(left + from, pattern + from, sizeof(pattern) - 8 * from);
}

static void
stubs_keep_their_word_with_hostile_registers(void **state)
{
	(void)state;
	print_message("SEED=%llu\n", (unsigned long long)t.random);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		bool is_direct = draw(2);
		uint32_t count = 1 + draw(STEPS);
		bool ends_in_host = draw(4) == 0 && count > 1;
		uint32_t results = ends_in_host || draw(2) ? 0 : draw_area(0);
		uint32_t instance = is_direct ? 0 : draw(2);

		make_chain(count, results, ends_in_host ? IN_HOST : IN_GUEST, instance);
		run_chain(is_direct);
		assert_int_equal(t.plan.step, ends_in_host ? count - 1 : count);
		assert_int_equal(t.host_calls, ends_in_host);
		for (uint32_t i = 0; i < t.plan.step; i++)
			check_step(i, i == 0 ? pattern : outs[i - 1], (struct passage){ 0 });
		/* Alone, a function returns all of its area. */
		uint32_t changed = count == 1 ? (uint32_t)t.plan.steps[0].area : results;
		check_caller(changed, outs[count - 1], is_direct);
		if (ends_in_host)
			assert_int_equal(t.host_arguments[0], t.plan.hostile[NB_RSI]);
	}
}

/* Likewise a thunk alone. */
static void
thunks_keep_their_word_with_hostile_registers(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 64; round++) {
		make_chain(1, 0, IN_GUEST, 0);
		t.callees[0] = host_callee();
		t.plan.steps[0].area = 0;
		run_chain(false);
		assert_int_equal(t.host_calls, 1);
		assert_int_equal(t.plan.after[NB_RAX],
				 t.plan.hostile[NB_RSI] ^ t.plan.hostile[NB_R9]);
		check_caller(0, pattern, false);
	}
}

static void
check_gate(bool was_entered)
{
	assert_int_equal(t.gate.state, 0);
	assert_null(t.gate.seat.place);
	assert_ptr_equal(t.present, &t.seat);
	assert_int_equal(t.gate.calls, was_entered);
	assert_int_equal(t.gate.badge, was_entered ? 99 : 0);
	assert_int_equal(t.seat.head.pending, 0);
	assert_ptr_equal((const void *)(uintptr_t)t.gate.seat.head.activation, &t.gate.boundary);
}

/* What the upcall said, or what the last function left of results, and nothing else. */
static void
check_gate_results(bool is_of_host, bool is_first)
{
	static const uint8_t results[] = { NB_RAX, NB_RCX, NB_RDX, NB_RSI, NB_RDI, NB_R8, NB_R9 };
	static const uint8_t zero[8][16];
	bool is_error = t.is_refused || t.host_unwinds;

	/* Behind the gate only the caller's own tail frame may have used some. */
	if (is_first) {
		assert_int_equal(t.plan.after[NB_R10], 0);
		assert_int_equal(t.plan.after_r11, 0);
		check_flags(t.plan.after_flags);
		assert_memory_equal(t.plan.after_xmm[8], zero, sizeof(zero));
	}
	for (size_t i = 0; i < sizeof(results); i++) {
		uint64_t after = t.plan.after[results[i]];
		uint64_t mask = t.caller_ends ? 0 : *mask_of(&t.binding.results, results[i]);

		if (is_error)
			assert_int_equal(after, *mask_of(&t.registers, results[i]));
		else if (is_of_host)
			assert_int_equal(after & ~mask, 0);
		else
			assert_int_equal(after, t.plan.hostile[results[i]] & mask);
	}
	if (is_error)
		assert_memory_equal(t.plan.after_xmm, t.registers.xmm, sizeof(t.registers.xmm));
	else if (t.caller_ends)
		assert_memory_equal(t.plan.after_xmm, zero, sizeof(zero));
	else if (!is_of_host && is_first)
		check_vectors(t.plan.after_xmm, &t.binding.results);
}

/* Bits that pass, as no type has them: any. */
static void
draw_masks(void)
{
	struct guest_gate_registers *both[] = { &t.binding.arguments, &t.binding.results };

	for (size_t i = 0; i < 2; i++) {
		fill(both[i], sizeof(*both[i]));
		if (draw(4) == 0)
			memset(both[i], draw(2) ? 0xff : 0, sizeof(*both[i]));
	}
}

/* Into a gate by a call or at the end of a chain, and there through another chain. */
static void
gates_keep_their_word_with_hostile_registers(void **state)
{
	(void)state;
	t.host->thread = t.vmctx[1]->thread = &t.gate.seat.head;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t count = 1 + draw(STEPS), passed = count;
		bool is_first = draw(2) || count == 1;
		bool ends_in_host = is_first && count > 1 && draw(2);

		/* Chains inside may be of any kind; before it they stay in instance 0. */
		make_chain(count, 0,
			   ends_in_host ? IN_HOST
			   : is_first	? IN_GUEST
					: IN_GATE,
			   is_first);
		if (is_first) {
			t.plan.steps[0].area = 0;
			t.callees[0] = callee_in(t.vmctx[1], stub_code_hop, 0);
			put_gate(0);
		}
		t.host_unwinds = ends_in_host && draw(2);
		t.is_refused = draw(4) == 0;
		t.caller_ends = ends_in_host && !t.is_refused && draw(4) == 0;
		t.binding.first = t.is_refused || guest_gate_needs_slow_path() || draw(4) == 0
					  ? NULL
					  : &t.gate;
		fill(&t.registers, sizeof(t.registers));
		draw_masks();
		t.gate.calls = t.gate.badge = 0;
		struct guest_gate_binding before = t.binding;
		run_chain(false);
		t.binding = before;
		check_gate(!t.is_refused);
		assert_int_equal(t.entered_slowly, t.binding.first == NULL);
		assert_int_equal(t.unwound, t.host_unwinds && !t.is_refused);
		if (ends_in_host)
			passed--;
		if (t.is_refused)
			passed = is_first ? 0 : count - 1;
		assert_int_equal(t.plan.step, passed);
		for (uint32_t i = 0; i < passed; i++) {
			bool is_entered = i == (is_first ? 0 : count - 1);
			struct passage passage = { is_entered ? &t.binding.arguments : NULL,
						   is_first || is_entered };

			check_step(i, i == 0 ? pattern : outs[i - 1], passage);
		}
		check_caller(0, pattern, is_first);
		check_gate_results(ends_in_host, is_first);
	}
}

/* Words that look like return addresses into stubs lead nowhere beyond the
 * activation, should a walk ever take a guest's words for them. */
static void
walks_end_at_the_activation(void **state)
{
	enum { PAGE = 4096, WORDS = PAGE / 8 };
	uint8_t *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct guest_activation activation = { 0 };
	struct guest_walk walk;

	(void)state;
	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	uint64_t *words = (uint64_t *)pages;
	/* The largest tail frame, whose header would be 16 KiB further. */
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = (uint64_t)(uintptr_t)guest_tail_entries + 11 * 16 + 3;
	activation.stack = (uint64_t)(uintptr_t)(pages + PAGE - 64);
	t.seat.head.activation = (uint64_t)(uintptr_t)&activation;
	struct guest_state guest = { .rip = code_at(stub_code_hop) };
	guest.gpr[NB_RSP] = (uint64_t)(uintptr_t)pages;
	assert_true(guest_walk_start(&walk, &t.seat.head, &guest));
	assert_false(guest_walk_step(&walk, 8));
	/* Smaller ones, up to the end. */
	for (uint32_t i = 0; i < WORDS; i++)
		words[i] = (uint64_t)(uintptr_t)guest_tail_entries + 3;
	assert_true(guest_walk_start(&walk, &t.seat.head, &guest));
	assert_false(guest_walk_step(&walk, 8));
	t.seat.head.activation = 0;
	munmap(pages, 2 * PAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(stubs_keep_their_word_with_hostile_registers),
		TEST(thunks_keep_their_word_with_hostile_registers),
		TEST(gates_keep_their_word_with_hostile_registers),
		TEST(walks_end_at_the_activation),
	};
	return cmocka_run_group_tests_name("stubs", tests, NULL, NULL);
}

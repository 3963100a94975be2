/*
 * Exceptions and interrupts, C side.
 *
 * trap_handle runs first on every trap and settles most of them: pages that
 * appear on touch, faults of guarded copies, device interrupts over kernel
 * code. When guest code was interrupted or has trapped it answers nonzero, the
 * entry code completes the state, and trap_handle_guest passes it to the core.
 * What nobody claims is a panic.
 */
#include "arch/x86_64/priv/trap.h"

#include "arch/x86_64/guest_memory.h"
#include "arch/x86_64/priv/apic.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/demand.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"
#include "kernel/port/platform.h"
#include "lib/format.h"

enum {
	VECTOR_DIVIDE = 0,
	VECTOR_NMI = 2,
	VECTOR_INVALID = 6,
	VECTOR_DOUBLE_FAULT = 8,
	VECTOR_PAGE_FAULT = 14,
	VECTOR_MACHINE_CHECK = 18,
	EXCEPTIONS = 32,
	PAGE_FAULT_PRESENT = 1,
	PAGE_FAULT_WRITE = 2,
	TABLE_VECTORS = 256,
	GATE_INTERRUPT = 0x8e,
};

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint8_t stack;
	uint8_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
};
_Static_assert(sizeof(struct gate) == 16, "SDM 3A figure 6-8");

struct handler_slot {
	trap_handler *handler;
	void *context;
};

extern const uint8_t trap_stubs[];

static struct gate table[TABLE_VECTORS];
static struct handler_slot handlers[TRAP_VECTORS];
static const struct trap_frame *panic_frame;

static uint8_t
stack_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_PAGE_FAULT:
		return STACK_PAGE_FAULT;
	case VECTOR_DOUBLE_FAULT:
		return STACK_DOUBLE_FAULT;
	case VECTOR_NMI:
		return STACK_NMI;
	case VECTOR_MACHINE_CHECK:
		return STACK_MACHINE_CHECK;
	default:
		return vector < EXCEPTIONS ? STACK_FAULT : STACK_INTERRUPT;
	}
}

static void
fill_table(void)
{
	for (unsigned vector = 0; vector < TRAP_VECTORS; vector++) {
		uint64_t entry = (uint64_t)(uintptr_t)trap_stubs + vector * TRAP_STUB_BYTES;

		table[vector] = (struct gate){
			.offset_low = (uint16_t)entry,
			.selector = SELECTOR_CODE,
			.stack = stack_of(vector),
			.type = GATE_INTERRUPT,
			.offset_middle = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
		};
	}
}

void
trap_load_table(void)
{
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} pointer = { sizeof table - 1, (uint64_t)(uintptr_t)table };

	if (!table[0].selector)
		fill_table();
	__asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

void
trap_set_handler(unsigned vector, trap_handler *handler, void *context)
{
	check_that(vector >= VECTOR_DEVICE_FIRST && vector < VECTOR_SPURIOUS);
	handlers[vector] = (struct handler_slot){ handler, context };
}

const struct trap_frame *
trap_frame_for_panic(void)
{
	return panic_frame;
}

static _Noreturn void
panic_at(const struct trap_frame *frame, const char *what)
{
	char text[128];

	panic_frame = frame;
	format_text(text, sizeof text, "%s at %016lx, address %016lx, error %lx", what, frame->rip,
		    frame->vector == VECTOR_PAGE_FAULT ? cpu_read_cr2() : 0, frame->error);
	port_panic(text);
}

static const char *
name_of(uint64_t vector)
{
	static const char *const names[] = {
		"divide error",
		"debug exception",
		"non-maskable interrupt",
		"breakpoint",
		"overflow",
		"bound range",
		"invalid instruction",
		"no vector unit",
		"double fault",
		"exception 9",
		"invalid task state",
		"segment not present",
		"stack fault",
		"general protection fault",
		"page fault",
		"exception 15",
		"x87 error",
		"misaligned access",
		"machine check",
		"vector arithmetic error",
	};

	if (vector < sizeof names / sizeof names[0])
		return names[vector];
	return "exception";
}

static bool
is_guest_code(uint64_t pc)
{
	return pc >= MAP_CODE_BASE && pc < MAP_CODE_END;
}

static unsigned
pass_to_guest(enum guest_fault_kind kind, uint64_t address)
{
	struct processor *processor = processor_current();

	processor->fault_kind = kind;
	processor->fault_address = address;
	return 1;
}

static bool
apply_fixup(struct trap_frame *frame, enum nb_status status)
{
	if (!guest_copy_fixup(frame->rip, &frame->rip))
		return false;
	frame->state.gpr[NB_RAX] = (uint64_t)status;
	return true;
}

static unsigned
handle_page_fault(struct trap_frame *frame)
{
	uint64_t address = cpu_read_cr2();
	bool is_guests = is_guest_code(frame->rip) || guest_pc_is_stub(frame->rip);
	enum demand outcome = DEMAND_REFUSED;

	if (!(frame->error & PAGE_FAULT_PRESENT)) {
		outcome = demand_page(address, is_guests);
		if (outcome == DEMAND_SERVED)
			return 0;
	}
	if (is_guests)
		return pass_to_guest(outcome == DEMAND_NO_MEMORY ? GUEST_FAULT_NO_MEMORY
								 : GUEST_FAULT_MEMORY,
				     address);
	if (outcome == DEMAND_NO_MEMORY && apply_fixup(frame, NB_OUT_OF_MEMORY))
		return 0;
	/* A page of a memory object that is mapped for reading only. */
	if ((frame->error & (PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE)) ==
		    (PAGE_FAULT_PRESENT | PAGE_FAULT_WRITE) &&
	    slot_covers(address) && apply_fixup(frame, NB_INVALID_ADDRESS))
		return 0;
	panic_at(frame, outcome == DEMAND_NO_MEMORY ? "out of memory for a page of the kernel"
						    : "page fault");
}

static unsigned
handle_interrupt(struct trap_frame *frame)
{
	const struct handler_slot *slot = &handlers[frame->vector];

	if (frame->vector == VECTOR_SPURIOUS)
		return 0;
	/* One without a handler is of a device that was just closed, or lies. */
	if (slot->handler)
		slot->handler(slot->context);
	apic_end_interrupt();
	return is_guest_code(frame->rip);
}

unsigned
trap_handle(struct trap_frame *frame)
{
	if (frame->vector >= EXCEPTIONS)
		return handle_interrupt(frame);
	if (frame->vector == VECTOR_PAGE_FAULT)
		return handle_page_fault(frame);
	/* A stub ends with ud2 where a call has no room left on the stack. */
	if (frame->vector == VECTOR_INVALID &&
	    (is_guest_code(frame->rip) || guest_pc_is_stub(frame->rip)))
		return pass_to_guest(GUEST_FAULT_INVALID, 0);
	if (frame->vector == VECTOR_DIVIDE && is_guest_code(frame->rip))
		return pass_to_guest(GUEST_FAULT_DIVIDE, 0);
	panic_at(frame, name_of(frame->vector));
}

void
trap_handle_guest(struct trap_frame *frame)
{
	struct guest_state *state = &frame->state;
	const struct processor *processor = processor_current();

	state->gpr[NB_RSP] = frame->rsp;
	state->rip = frame->rip;
	state->rflags = frame->rflags;
	state->reserved = 0;
	if (frame->vector >= EXCEPTIONS) {
		kernel_guest_interrupted(state);
	} else if (!kernel_guest_fault((enum guest_fault_kind)processor->fault_kind,
				       processor->fault_address, state)) {
		panic_at(frame, name_of(frame->vector));
	}
	frame->rsp = state->gpr[NB_RSP];
	frame->rip = state->rip;
	frame->rflags = state->rflags;
}

/*
 * Faults to traps, and backtraces.
 */
#include "runtime/trap.h"

#include "lib/format.h"
#include "runtime/code_module.h"

static bool
is_in_guard(const struct port_stack *stack, uint64_t address)
{
	return address >= stack->guard && address < stack->limit;
}

/* A fault inside the stubs: the guest's stack. */
static bool
resolve_stub(enum guest_fault_kind kind, uint64_t address, const struct port_stack *stack,
	     enum nb_trap *out)
{
	*out = NB_TRAP_STACK_OVERFLOW;
	switch (kind) {
	case GUEST_FAULT_INVALID:
		return true;
	case GUEST_FAULT_MEMORY:
		return is_in_guard(stack, address);
	case GUEST_FAULT_NO_MEMORY:
		*out = NB_TRAP_OUT_OF_MEMORY;
		return true;
	case GUEST_FAULT_DIVIDE:
		break;
	}
	return false;
}

/* What EAX of a NB_SITE_DYNAMIC says. It is machine code that chose it: a number of no
 * trap is UNREACHABLE, so nobody further on meets one. */
static enum nb_trap
dynamic_trap(uint32_t number)
{
	switch (number) {
#define NB_TRAP(name, number, text) case NB_TRAP_##name:
#include "abi/trap.def"
#undef NB_TRAP
		return number == NB_TRAP_NONE ? NB_TRAP_UNREACHABLE : (enum nb_trap)number;
	default:
		return NB_TRAP_UNREACHABLE;
	}
}

/* The trap of a ud2 with that site. */
static bool
resolve_invalid(uint32_t site_kind, const struct guest_state *state, enum nb_trap *out)
{
	const struct nb_callee *callee;

	switch (site_kind) {
	case NB_SITE_DYNAMIC:
		*out = dynamic_trap((uint32_t)state->gpr[NB_RAX]);
		return true;
	case NB_SITE_INDIRECT:
		callee = (const struct nb_callee *)(uintptr_t)state->gpr[NB_R10];
		*out = callee->signature == NB_SIGNATURE_NULL ? NB_TRAP_UNINITIALIZED_ELEMENT
							      : NB_TRAP_INDIRECT_CALL_TYPE;
		return true;
	case NB_SITE_REFERENCE:
		callee = (const struct nb_callee *)(uintptr_t)state->gpr[NB_R10];
		*out = callee->signature == NB_SIGNATURE_NULL ? NB_TRAP_NULL_FUNCTION_REFERENCE
							      : NB_TRAP_INDIRECT_CALL_TYPE;
		return true;
	case NB_SITE_CALL:
	case NB_SITE_DIVIDE:
	case NB_TRAP_NONE:
		return false;
	default:
		*out = (enum nb_trap)site_kind;
		return true;
	}
}

bool
runtime_fault_resolve(enum guest_fault_kind kind, uint64_t address, const struct guest_state *state,
		      const struct port_stack *stack, enum nb_trap *out)
{
	struct code_place place;

	if (guest_pc_is_stub(state->rip))
		return resolve_stub(kind, address, stack, out);
	if (kind == GUEST_FAULT_MEMORY && is_in_guard(stack, address)) {
		*out = NB_TRAP_STACK_OVERFLOW;
		return code_module_find(state->rip) != NULL;
	}
	if (kind == GUEST_FAULT_NO_MEMORY) {
		*out = NB_TRAP_OUT_OF_MEMORY;
		return code_module_find(state->rip) != NULL;
	}
	if (!code_module_locate(state->rip, false, &place) || !place.site)
		return false;
	uint32_t site_kind = place.site->info >> 24;
	switch (kind) {
	case GUEST_FAULT_MEMORY:
		*out = NB_TRAP_MEMORY_OUT_OF_BOUNDS;
		return site_kind == NB_TRAP_MEMORY_OUT_OF_BOUNDS && port_slot_contains(address);
	case GUEST_FAULT_INVALID:
		return resolve_invalid(site_kind, state, out);
	case GUEST_FAULT_DIVIDE:
		*out = NB_TRAP_INTEGER_DIVIDE_BY_ZERO;
		return site_kind == NB_SITE_DIVIDE;
	case GUEST_FAULT_NO_MEMORY:
		break;
	}
	return false;
}

void
runtime_backtrace_capture(struct runtime_backtrace *out, const struct nb_thread_head *head,
			  const struct guest_state *state)
{
	struct guest_walk walk;
	struct code_place place;
	bool more = guest_walk_start(&walk, head, state);

	out->count = 0;
	out->is_truncated = false;
	while (more && code_module_locate(walk.pc, walk.is_return_address, &place)) {
		if (out->count == RUNTIME_BACKTRACE_FRAMES) {
			out->is_truncated = true;
			return;
		}
		out->frames[out->count].pc = walk.pc;
		out->frames[out->count].is_return_address = walk.is_return_address;
		out->count++;
		more = guest_walk_step(&walk, place.frame_size);
	}
}

struct text {
	char *out;
	size_t cap;
	size_t len;
};

static void
text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
text_add(struct text *text, const char *format, ...)
{
	size_t at = text->len < text->cap ? text->len : text->cap;
	va_list args;

	va_start(args, format);
	text->len += format_text_va(text->out + at, text->cap - at, format, args);
	va_end(args);
}

static void
format_function(struct text *text, const struct code_module *module, uint32_t func_idx)
{
	struct wasm_name name;

	if (code_module_function_name(module, func_idx, &name))
		text_add(text, "  at %.*s (", (int)name.len, name.bytes);
	else
		text_add(text, "  at (");
	text_add(text, "%s, function %u", module->name, func_idx);
}

/* A frame that executes an inlined function's code is two lines, as it would
 * have been two frames; where the call was is not recorded. */
static void
format_frame(struct text *text, const struct code_place *place)
{
	format_function(text, place->module, place->origin_idx);
	text_add(text, ", offset 0x%x)\n", place->wasm_offset);
	if (place->origin_idx == place->func_idx)
		return;
	format_function(text, place->module, place->func_idx);
	text_add(text, ")\n");
}

size_t
runtime_backtrace_format(const struct runtime_backtrace *backtrace, char *out, size_t cap)
{
	struct text text = { out, cap, 0 };
	struct code_place place;

	if (cap)
		out[0] = 0;
	for (uint32_t i = 0; i < backtrace->count; i++)
		if (code_module_locate(backtrace->frames[i].pc,
				       backtrace->frames[i].is_return_address, &place))
			format_frame(&text, &place);
	if (backtrace->is_truncated)
		text_add(&text, "  ...\n");
	return text.len;
}

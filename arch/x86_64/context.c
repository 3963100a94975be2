/*
 * Suspended contexts: their first frame, and the address sanitizer's view of
 * stack changes.
 */
#include "arch/x86_64/context.h"

#include "arch/x86_64/guest_layout.h"
#include "kernel/port/guest.h"
#include "kernel/port/platform.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

/* The context that was left by the switch under way on this processor; read
 * only by arrive_after_switch, directly behind the switch. */
static _Thread_local struct guest_context *context_left;

static void
leave_for(struct guest_context *from, struct guest_context *to)
{
	context_left = from;
	__sanitizer_start_switch_fiber(from ? &from->sanitizer_stack : NULL, to->stack_bottom,
				       to->stack_size);
}

static __attribute__((noinline)) void
arrive_after_switch(void *sanitizer_stack)
{
	const void *bottom;
	size_t size;
	__sanitizer_finish_switch_fiber(sanitizer_stack, &bottom, &size);
	if (context_left) {
		context_left->stack_bottom = bottom;
		context_left->stack_size = size;
	}
}

void
guest_context_forget(const struct port_stack *stack)
{
	__asan_unpoison_memory_region((void *)(uintptr_t)stack->limit, stack->top - stack->limit);
}

bool
guest_gate_needs_slow_path(void)
{
	return true;
}

void
guest_context_announce(const struct port_stack *stack)
{
	void *ignored;
	__sanitizer_start_switch_fiber(&ignored, (const void *)(uintptr_t)stack->limit,
				       stack->top - stack->limit);
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
}

/* Instead of those in context.S. */
void
guest_context_switch(struct guest_context *from, struct guest_context *to)
{
	leave_for(from, to);
	guest_context_swap(&from->stack, to->stack);
	arrive_after_switch(from->sanitizer_stack);
}

void
guest_context_switch_release(struct guest_context *from, struct guest_context *to, uint32_t *lock)
{
	leave_for(from, to);
	guest_context_swap_release(&from->stack, to->stack, lock);
	arrive_after_switch(from->sanitizer_stack);
}
#else
static void
leave_for(struct guest_context *from, struct guest_context *to)
{
	(void)from;
	(void)to;
}

static void
arrive_after_switch(void *sanitizer_stack)
{
	(void)sanitizer_stack;
}

void
guest_context_forget(const struct port_stack *stack)
{
	(void)stack;
}

bool
guest_gate_needs_slow_path(void)
{
	return false;
}

void
guest_context_announce(const struct port_stack *stack)
{
	(void)stack;
}
#endif

_Static_assert(offsetof(struct guest_context, stack) == CONTEXT_STACK, "guest_layout.h: context");

/* What guest_context_swap pops. */
struct first_frame {
	uint64_t r15, r14;
	uint64_t argument; /* R13 */
	uint64_t entry;	   /* R12 */
	uint64_t rbx, rbp;
	uint64_t return_address;
	uint64_t padding[2]; /* RSP is 16-aligned when guest_context_start begins */
};

void
guest_context_init(struct guest_context *context, const struct port_stack *stack,
		   guest_entry *entry, void *argument)
{
	struct first_frame *frame =
		(struct first_frame *)(uintptr_t)(stack->top - sizeof(struct first_frame));
	guest_context_forget(stack);
	*frame = (struct first_frame){
		.argument = (uint64_t)(uintptr_t)argument,
		.entry = (uint64_t)(uintptr_t)entry,
		.return_address = (uint64_t)(uintptr_t)guest_context_start,
	};
	*context = (struct guest_context){
		.stack = (uint64_t)(uintptr_t)frame,
		.stack_bottom = (const void *)(uintptr_t)stack->limit,
		.stack_size = stack->top - stack->limit,
	};
}

void
guest_context_begin(guest_entry *entry, void *argument)
{
	arrive_after_switch(NULL);
	entry(argument);
	port_panic("the entry function of a context returned");
}

/* No sanitizer frame, whose redzones would stay behind on the left stack. */
__attribute__((no_sanitize("address"))) void
guest_context_jump(struct guest_context *to)
{
	uint64_t discarded;
	leave_for(NULL, to);
	guest_context_swap(&discarded, to->stack);
	__builtin_unreachable();
}

__attribute__((no_sanitize("address"))) void
guest_context_jump_release(struct guest_context *to, uint32_t *lock)
{
	uint64_t discarded;
	leave_for(NULL, to);
	guest_context_swap_release(&discarded, to->stack, lock);
	__builtin_unreachable();
}

/* Uninstrumented: the sanitizer would check this frame against the stack that
 * it has just been told of. */
__attribute__((no_sanitize("address"))) void
guest_state_resume(const struct guest_state *state, const struct port_stack *stack)
{
	guest_context_announce(stack);
	guest_state_restore(state);
}

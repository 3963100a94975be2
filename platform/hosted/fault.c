/*
 * Processor faults of the hosted platform: signals that become
 * kernel_guest_fault.
 *
 * Handlers run on a stack of their own in each pthread, because a guest that
 * has exhausted its stack leaves none to run on. They act only on published
 * code and the stack probe; everything else is the host program's own fault
 * and goes to whoever handled it before (a debugger's or sanitizer's report).
 */
#include "platform/hosted/hosted.h"
#include "platform/hosted/stack.h"

#include "arch/x86_64/guest_memory.h"
#include "kernel/port/device.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"
#include "lib/format.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

enum { SIGNAL_STACK_BYTES = 256 * 1024, FAULT_SIGNALS = 4 };

static const int fault_signals[FAULT_SIGNALS] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
static struct sigaction previous_actions[FAULT_SIGNALS];
static pthread_mutex_t handlers_lock = PTHREAD_MUTEX_INITIALIZER;

/* Register numbers of the contract -> indices of gregs. */
static const uint8_t greg_of[16] = {
	[NB_RAX] = REG_RAX, [NB_RCX] = REG_RCX, [NB_RDX] = REG_RDX, [NB_RBX] = REG_RBX,
	[NB_RSP] = REG_RSP, [NB_RBP] = REG_RBP, [NB_RSI] = REG_RSI, [NB_RDI] = REG_RDI,
	[NB_R8] = REG_R8,   [NB_R9] = REG_R9,	[NB_R10] = REG_R10, [NB_R11] = REG_R11,
	[NB_R12] = REG_R12, [NB_R13] = REG_R13, [NB_R14] = REG_R14, [NB_R15] = REG_R15,
};

void
hosted_state_load(struct guest_state *state, const ucontext_t *context)
{
	const greg_t *gregs = context->uc_mcontext.gregs;

	for (int i = 0; i < 16; i++)
		state->gpr[i] = (uint64_t)gregs[greg_of[i]];
	state->rip = (uint64_t)gregs[REG_RIP];
	state->rflags = (uint64_t)gregs[REG_EFL];
	memcpy(state->xmm, context->uc_mcontext.fpregs->_xmm, sizeof(state->xmm));
	state->mxcsr = context->uc_mcontext.fpregs->mxcsr;
	state->reserved = 0;
}

void
hosted_state_store(const struct guest_state *state, ucontext_t *context)
{
	greg_t *gregs = context->uc_mcontext.gregs;

	for (int i = 0; i < 16; i++)
		gregs[greg_of[i]] = (greg_t)state->gpr[i];
	gregs[REG_RIP] = (greg_t)state->rip;
	gregs[REG_EFL] = (greg_t)state->rflags;
	memcpy(context->uc_mcontext.fpregs->_xmm, state->xmm, sizeof(state->xmm));
	context->uc_mcontext.fpregs->mxcsr = state->mxcsr;
}

static enum guest_fault_kind
fault_kind(int signal_number)
{
	if (signal_number == SIGILL)
		return GUEST_FAULT_INVALID;
	return signal_number == SIGFPE ? GUEST_FAULT_DIVIDE : GUEST_FAULT_MEMORY;
}

/* Reinstates the handler that was there before ours; the faulting instruction
 * then runs again and reaches it. */
static void
restore_previous(int signal_number)
{
	for (int i = 0; i < FAULT_SIGNALS; i++)
		if (fault_signals[i] == signal_number)
			sigaction(signal_number, &previous_actions[i], NULL);
}

static _Noreturn void
panic_unexplained(int signal_number, const siginfo_t *info, uint64_t pc)
{
	char text[160];
	uint64_t start, end;

	port_code_range(&start, &end);
	format_text(text, sizeof(text),
		    "fault in published code at no recorded trap site: signal %d at code+0x%llx, "
		    "address 0x%llx",
		    signal_number, (unsigned long long)(pc - start),
		    (unsigned long long)(uintptr_t)info->si_addr);
	port_panic(text);
}

/* in and out fault in a process of the host: does what they do with the made-up
 * devices, and goes on behind. False: it is none. */
static bool
access_port(ucontext_t *context, uint64_t pc)
{
	enum { BY_REGISTER = 8, IS_OUTPUT = 2, IS_WIDE = 1 };
	const uint8_t *at = (const uint8_t *)(uintptr_t)pc;
	greg_t *gregs = context->uc_mcontext.gregs;
	bool is_short = *at == 0x66;
	uint8_t opcode = at[is_short];
	uint32_t bytes = 1;
	uint32_t port = at[is_short + 1];
	uint64_t mask;

	if ((opcode & 0xf4) != 0xe4)
		return false;
	if (opcode & IS_WIDE)
		bytes = is_short ? 2 : 4;
	if (opcode & BY_REGISTER)
		port = (uint16_t)gregs[REG_RDX];
	mask = UINT64_MAX >> (64 - 8 * bytes);
	if (opcode & IS_OUTPUT) {
		port_io_write(port, bytes, (uint32_t)((uint64_t)gregs[REG_RAX] & mask));
	} else {
		uint64_t kept = bytes == 4 ? 0 : (uint64_t)gregs[REG_RAX] & ~mask;

		gregs[REG_RAX] = (greg_t)(kept | (port_io_read(port, bytes) & mask));
	}
	gregs[REG_RIP] += is_short + 1 + !(opcode & BY_REGISTER);
	return true;
}

static void
handle_fault(int signal_number, siginfo_t *info, void *opaque)
{
	ucontext_t *context = opaque;
	uint64_t pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP], target;
	enum guest_fault_kind kind = fault_kind(signal_number);
	struct guest_state state;

	if (kind == GUEST_FAULT_MEMORY) {
		enum hosted_stack_fault found =
			hosted_stack_extend((uint64_t)(uintptr_t)info->si_addr);

		if (found == HOSTED_STACK_EXTENDED)
			return;
		if (found == HOSTED_STACK_REFUSED)
			kind = GUEST_FAULT_NO_MEMORY;
	}
	if (port_slot_contains((uint64_t)(uintptr_t)info->si_addr) &&
	    guest_copy_fixup(pc, &target)) {
		/* A copy by the kernel to pages that are mapped for reading only. */
		context->uc_mcontext.gregs[REG_RIP] = (greg_t)target;
		context->uc_mcontext.gregs[REG_RAX] = NB_INVALID_ADDRESS;
		return;
	}
	if (!hosted_pc_is_guest(pc) && !guest_pc_is_stub(pc)) {
		restore_previous(signal_number);
		return;
	}
	if (signal_number == SIGSEGV && hosted_pc_is_guest(pc) && access_port(context, pc))
		return;
	hosted_state_load(&state, context);
	if (!kernel_guest_fault(kind, (uint64_t)(uintptr_t)info->si_addr, &state))
		panic_unexplained(signal_number, info, pc);
	hosted_state_store(&state, context);
}

void
hosted_fault_handlers_install(void)
{
	struct sigaction action = { .sa_sigaction = handle_fault,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction current;

	sigfillset(&action.sa_mask);
	for (int i = 0; i < FAULT_SIGNALS; i++)
		sigdelset(&action.sa_mask, fault_signals[i]);
	pthread_mutex_lock(&handlers_lock);
	__atomic_store_n(&guest_copy_is_wide, __builtin_cpu_supports("avx") != 0, __ATOMIC_RELAXED);
	for (int i = 0; i < FAULT_SIGNALS; i++) {
		sigaction(fault_signals[i], &action, &current);
		if (!(current.sa_flags & SA_SIGINFO) || current.sa_sigaction != handle_fault)
			previous_actions[i] = current;
	}
	pthread_mutex_unlock(&handlers_lock);
}

enum nb_status
hosted_fault_thread_init(void)
{
	void *at = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NB_OUT_OF_MEMORY;
	stack_t stack = { .ss_sp = at, .ss_size = SIGNAL_STACK_BYTES };
	if (sigaltstack(&stack, NULL) != 0) {
		munmap(at, SIGNAL_STACK_BYTES);
		return NB_NOT_SUPPORTED;
	}
	hosted_fault_handlers_install();
	return NB_OK;
}

void
hosted_fault_thread_exit(void)
{
	stack_t old;
	stack_t none = { .ss_flags = SS_DISABLE };

	if (sigaltstack(&none, &old) == 0 && !(old.ss_flags & SS_DISABLE))
		munmap(old.ss_sp, old.ss_size);
}

/*
 * Single steps: the trap flag is on while a call runs, and SIGTRAP stands for
 * the interrupt.
 */
#include "tests/suite/step_main.h"

#include "platform/hosted/hosted.h"
#include "tests/suite/suite.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { STEPS_MAX = 300, STACK_BYTES = 64 * 1024, TRAP_FLAG = 1 << 8, FRAMES_MAX = 400 };

/* The return address into guest_enter, where every walk ends. */
extern const uint8_t guest_enter_return[];

static struct {
	struct port_stack stack;
	struct guest_state state; /* put away */
	uint32_t steps;		  /* of the call under way */
	uint64_t interruptions;
	uint64_t bad_walks;
} step;

/* Where an interrupted state is sent, on a stack of its own. */
static void
interrupted(void)
{
	guest_context_announce(&step.stack);
	step.interruptions++;
	guest_state_resume(&step.state, &guest_host.stack);
}

/* Whether the frames lead from `state` back to guest_enter. */
static bool
walk_is_good(const struct guest_state *state)
{
	struct guest_walk walk;
	struct code_place place;
	bool more = guest_walk_start(&walk, &guest_host.head, state);

	for (uint32_t i = 0; more && i < FRAMES_MAX; i++) {
		if (!code_module_locate(walk.pc, walk.is_return_address, &place))
			return false;
		more = guest_walk_step(&walk, place.frame_size);
	}
	return more || walk.pc == (uint64_t)(uintptr_t)guest_enter_return;
}

static void
on_step(int number, siginfo_t *info, void *opaque)
{
	ucontext_t *context = opaque;
	struct guest_state state;

	(void)number;
	(void)info;
	hosted_state_load(&state, context);
	if (!hosted_pc_is_guest(state.rip))
		return;
	if (++step.steps > STEPS_MAX) {
		state.rflags &= ~(uint64_t)TRAP_FLAG;
		hosted_state_store(&state, context);
		return;
	}
	step.bad_walks += !walk_is_good(&state);
	step.state = state;
	memset(state.gpr, 0x5a, sizeof(state.gpr));
	memset(state.xmm, 0x5a, sizeof(state.xmm));
	state.rip = (uint64_t)(uintptr_t)interrupted;
	state.rflags &= ~(uint64_t)TRAP_FLAG;
	state.gpr[NB_RSP] = step.stack.top - 8;
	hosted_state_store(&state, context);
}

static void
trap_flag_set(bool is_on)
{
	unsigned long long flags = __builtin_ia32_readeflags_u64() & ~(uint64_t)TRAP_FLAG;

	__builtin_ia32_writeeflags_u64(is_on ? flags | TRAP_FLAG : flags);
}

static void
around_invoke(bool is_before)
{
	uint64_t bad = step.bad_walks;

	if (is_before) {
		step.steps = 0;
		step.bad_walks = 0;
	}
	trap_flag_set(is_before);
	if (!is_before && bad)
		suite_fail("%llu interruptions from which no walk leads back",
			   (unsigned long long)bad);
}

enum nb_status
step_start(void)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	enum nb_status status = port_stack_create(STACK_BYTES, &step.stack);

	if (status == NB_OK && sigaction(SIGTRAP, &action, NULL) == 0)
		suite.around_invoke = around_invoke;
	return status;
}

void
step_stop(void)
{
	signal(SIGTRAP, SIG_DFL);
	suite.around_invoke = NULL;
	port_stack_destroy(&step.stack);
	fprintf(stderr, "interrupted guest code %llu times\n",
		(unsigned long long)step.interruptions);
}

/*
 * Tests that run inside the booted machine instead of the kernel core.
 *
 * Each test is a function in a table; EXPECT records a failure and goes on.
 * main.c implements the upcalls of the core and lets a test hook them.
 */
#ifndef TESTS_PC_SELFTEST_H
#define TESTS_PC_SELFTEST_H

#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "kernel/port/guest.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct selftest {
	const char *name;
	void (*run)(void);
};

/* Ends with a NULL name. A scenario is expected to end in a panic and runs
 * only when the command line says `panic NAME`. */
extern const struct selftest frame_tests[], space_tests[], guest_tests[], time_tests[],
	serial_tests[], panic_scenarios[];

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void expect_failed(const char *file, int line, const char *what);
/* The number after `key=` on the command line, or `otherwise`. */
uint64_t argument(const char *key, uint64_t otherwise);

#define EXPECT(holds)                                              \
	do {                                                       \
		if (!(holds))                                      \
			expect_failed(__FILE__, __LINE__, #holds); \
	} while (0)

/* Machine code of the guest under test, sealed at published addresses. */
struct guest_code {
	struct port_code code;
	struct nb_callee callee;
};
/* Assembly between the symbols `begin` and `end`, position independent. */
void guest_code_make(struct guest_code *out, const uint8_t *begin, const uint8_t *end);
void guest_code_drop(struct guest_code *code);

/* The one guest thread. */
extern struct nb_thread_head guest_head;
extern struct nb_vmctx guest_vmctx;

/* Calls the code with up to three integer arguments (RSI, RDX, RCX) and returns
 * what ended it; the first result goes to `out` unless that is NULL. */
enum nb_trap guest_run(const struct guest_code *code, const uint64_t arguments[3], uint64_t *out);

/* What the upcalls saw; reset by guest_run, counted on from then. */
struct upcalls {
	volatile uint32_t timer_expired;
	volatile uint32_t serial_ready[PORT_SERIAL_COUNT];
	volatile uint32_t interrupted;
	volatile uint32_t interrupts[PORT_INTERRUPT_SLOTS];
	uint32_t faults;
	enum guest_fault_kind kind;
	uint64_t address;
	struct guest_state state; /* of the last fault or interruption */
	/* Called on every interruption; may be NULL. */
	void (*on_interrupted)(struct guest_state *state);
	/* Called on every expiry of the timer; may be NULL. */
	void (*on_timer)(void);
	/* Called whenever long work lets others run; may be NULL. */
	void (*on_relax)(void);
};
extern struct upcalls upcalls;

/* Frames, slots, stacks, areas and code that are in use. */
struct port_memory_info memory_now(void);
/* Small enough that a test may touch all of it. */
bool memory_is_small(void);
bool memory_is_same(const struct port_memory_info *before);

/* Guest fragments, in fragments.S. */
#define FRAGMENT(name) extern const uint8_t fragment_##name[], fragment_##name##_end[]
FRAGMENT(store);
FRAGMENT(load);
FRAGMENT(jump);
FRAGMENT(recurse);
FRAGMENT(leap);
FRAGMENT(spin);
FRAGMENT(invalid);
FRAGMENT(divide);
FRAGMENT(avx);

#endif

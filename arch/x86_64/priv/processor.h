/*
 * What one processor owns: descriptor tables, fault stacks, and the record
 * that FS points to. Also what CPUID says.
 */
#ifndef ARCH_X86_64_PRIV_PROCESSOR_H
#define ARCH_X86_64_PRIV_PROCESSOR_H

#include <stdbool.h>
#include <stdint.h>

struct cpu;

/* Selectors of the descriptor table; boot.S uses the first two as well. */
enum { SELECTOR_CODE = 8, SELECTOR_DATA = 16, SELECTOR_TSS = 24 };

/* Interrupt stack table entries, by what runs on them. */
enum interrupt_stack {
	STACK_PAGE_FAULT = 1,
	STACK_FAULT,
	STACK_DOUBLE_FAULT,
	STACK_NMI,
	STACK_MACHINE_CHECK,
	STACK_INTERRUPT,
	STACK_PANIC, /* takes over page faults once a panic prints */
	STACK_COUNT = 7,
};
enum { PROCESSOR_STACK_BYTES = 16 * 1024 };

struct task_state {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7]; /* ist[n - 1] is entry n */
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct task_state) == 104, "SDM 3A figure 8-11");

struct processor {
	struct processor *self; /* first: read through FS */
	struct cpu *current;	/* kernel core's record */
	uint32_t lock_ranks;	/* bit r: a lock of rank r is held */
	uint32_t fault_kind;	/* enum guest_fault_kind, from first to second fault handler */
	uint64_t fault_address;
	uint64_t gdt[5];
	struct task_state task;
};

struct processor_features {
	bool pages_1g;
	bool smep, smap, umip, fsgsbase;
	bool xsave, avx, bmi1, bmi2, lzcnt;
	bool rdrand, rdseed;
	bool x2apic;
	bool tsc_invariant;
	bool hypervisor;
	bool x86_64_v2; /* the least that guest code is compiled for */
	uint8_t physical_bits;
	uint32_t code_features; /* NB_CPU_* */
};

/* Found once by processor_probe; constant afterwards. */
extern struct processor_features processor_features;

/* Reads CPUID. */
void processor_probe(void);

/* Loads FS so that processor_current works; first thing on a processor. */
void processor_set_current(struct processor *processor);

/* Loads descriptor tables and turns on the protections and vector units that
 * the processor has. Interrupt stacks are those of `stack_tops[1..7]`. */
void processor_init(struct processor *processor, const uint64_t stack_tops[STACK_COUNT + 1]);

/* Before a panic prints: a page fault from now on uses a stack of its own, so
 * that the frames of the first are kept. */
void processor_enter_panic(void);

static inline struct processor *
processor_current(void)
{
	struct processor *processor;
	__asm__("movq %%fs:0, %0" : "=r"(processor));
	return processor;
}

#endif

/*
 * Bringing one processor into its working state.
 *
 * Sources: Intel SDM volume 2A CPUID, volume 3A chapters 2, 6 and 8.
 */
#include "arch/x86_64/priv/processor.h"

#include "abi/code_contract.h"
#include "arch/x86_64/guest_memory.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/trap.h"
#include "kernel/port/cpu.h"

struct processor_features processor_features;

enum { XCR0_X87_SSE = 3, XCR0_AVX = 4 };
enum { TSS_AVAILABLE = 0x89 };

static bool
bit(uint32_t word, unsigned number)
{
	return word >> number & 1;
}

void
processor_probe(void)
{
	struct processor_features *f = &processor_features;
	uint32_t basic_last = cpu_cpuid(0, 0).eax;
	uint32_t extended_last = cpu_cpuid(0x80000000, 0).eax;
	struct cpuid_result one = cpu_cpuid(1, 0);
	struct cpuid_result seven = { 0, 0, 0, 0 };
	struct cpuid_result extended = cpu_cpuid(0x80000001, 0);

	if (basic_last >= 7)
		seven = cpu_cpuid(7, 0);
	f->pages_1g = bit(extended.edx, 26);
	f->smep = bit(seven.ebx, 7);
	f->smap = bit(seven.ebx, 20);
	f->umip = bit(seven.ecx, 2);
	f->fsgsbase = bit(seven.ebx, 0);
	f->xsave = bit(one.ecx, 26);
	f->avx = f->xsave && bit(one.ecx, 28);
	f->bmi1 = bit(seven.ebx, 3);
	f->bmi2 = bit(seven.ebx, 8);
	f->lzcnt = bit(extended.ecx, 5);
	f->rdrand = bit(one.ecx, 30);
	f->rdseed = bit(seven.ebx, 18);
	f->x2apic = bit(one.ecx, 21);
	f->hypervisor = bit(one.ecx, 31);
	/* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT, LAHF */
	f->x86_64_v2 = bit(one.ecx, 0) && bit(one.ecx, 9) && bit(one.ecx, 13) && bit(one.ecx, 19) &&
		       bit(one.ecx, 20) && bit(one.ecx, 23) && bit(extended.ecx, 0);
	if (extended_last >= 0x80000007)
		f->tsc_invariant = bit(cpu_cpuid(0x80000007, 0).edx, 8);
	f->physical_bits = 36;
	if (extended_last >= 0x80000008)
		f->physical_bits = (uint8_t)cpu_cpuid(0x80000008, 0).eax;
	f->code_features =
		(f->avx ? (uint32_t)NB_CPU_AVX : 0) | (f->bmi1 ? (uint32_t)NB_CPU_BMI1 : 0) |
		(f->bmi2 ? (uint32_t)NB_CPU_BMI2 : 0) | (f->lzcnt ? (uint32_t)NB_CPU_LZCNT : 0);
}

uint32_t
port_cpu_features(void)
{
	return processor_features.code_features;
}

void
processor_set_current(struct processor *processor)
{
	processor->self = processor;
	cpu_write_msr(MSR_FS_BASE, (uint64_t)(uintptr_t)processor);
}

struct cpu *
port_cpu_current(void)
{
	return processor_current()->current;
}

void
port_cpu_set_current(struct cpu *cpu)
{
	processor_current()->current = cpu;
}

static void
load_descriptors(struct processor *processor, const uint64_t stack_tops[STACK_COUNT + 1])
{
	uint64_t task = (uint64_t)(uintptr_t)&processor->task;
	uint64_t limit = sizeof processor->task - 1;
	struct __attribute__((packed)) {
		uint16_t limit;
		uint64_t base;
	} table = { sizeof processor->gdt - 1, (uint64_t)(uintptr_t)processor->gdt };

	for (int i = 1; i <= STACK_COUNT; i++)
		processor->task.ist[i - 1] = stack_tops[i];
	processor->task.io_map = sizeof processor->task;
	processor->gdt[0] = 0;
	processor->gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffff;
	processor->gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff;
	processor->gdt[SELECTOR_TSS / 8] = limit | (task & 0xffffff) << 16 |
					   (uint64_t)TSS_AVAILABLE << 40 |
					   (task >> 24 & 0xff) << 56;
	processor->gdt[SELECTOR_TSS / 8 + 1] = task >> 32;
	/* The selectors in use keep their numbers, so only FS's base and the
	 * task register need care: FS is not reloaded. */
	__asm__ volatile("lgdt %0" : : "m"(table) : "memory");
	__asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS) : "memory");
}

static void
enable_units(void)
{
	const struct processor_features *f = &processor_features;
	uint64_t cr4 = cpu_read_cr4() | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	uint32_t mxcsr = 0x1f80;

	cr4 |= (f->smep ? (uint64_t)CR4_SMEP : 0) | (f->smap ? (uint64_t)CR4_SMAP : 0) |
	       (f->umip ? (uint64_t)CR4_UMIP : 0) | (f->fsgsbase ? (uint64_t)CR4_FSGSBASE : 0) |
	       (f->xsave ? (uint64_t)CR4_OSXSAVE : 0);
	cpu_write_cr0((cpu_read_cr0() & ~(uint64_t)(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP);
	cpu_write_cr4(cr4);
	if (f->xsave) {
		uint32_t units = XCR0_X87_SSE | (f->avx ? XCR0_AVX : 0);
		__asm__ volatile("xsetbv" : : "c"(0), "a"(units), "d"(0));
		guest_copy_is_wide = f->avx;
	}
	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

void
processor_init(struct processor *processor, const uint64_t stack_tops[STACK_COUNT + 1])
{
	load_descriptors(processor, stack_tops);
	trap_load_table();
	enable_units();
}

void
processor_enter_panic(void)
{
	struct task_state *task = &processor_current()->task;
	uint64_t top;

	__builtin_memcpy(&top, &task->ist[STACK_PANIC - 1], sizeof top);
	if (top)
		__builtin_memcpy(&task->ist[STACK_PAGE_FAULT - 1], &top, sizeof top);
}

bool
port_interrupts_disable(void)
{
	bool were_enabled = cpu_read_flags() & RFLAGS_IF;

	__asm__ volatile("cli" : : : "memory");
	return were_enabled;
}

void
port_interrupts_restore(bool were_enabled)
{
	if (were_enabled)
		__asm__ volatile("sti" : : : "memory");
}

void
port_cpu_idle(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/*
 * Local APIC (memory-mapped or x2APIC) and I/O APIC.
 *
 * Sources: Intel SDM volume 3A chapter 11; 82093AA I/O APIC data sheet.
 */
#include "arch/x86_64/priv/apic.h"

#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/processor.h"
#include "arch/x86_64/priv/space.h"
#include "arch/x86_64/priv/trap.h"

#include <stddef.h>

enum {
	REGISTER_ID = 0x20,
	REGISTER_TASK_PRIORITY = 0x80,
	REGISTER_END = 0xb0,
	REGISTER_SPURIOUS = 0xf0,
	REGISTER_LVT_TIMER = 0x320,
	REGISTER_LVT_LINT0 = 0x350,
	REGISTER_LVT_LINT1 = 0x360,
	REGISTER_LVT_ERROR = 0x370,
	REGISTER_INITIAL = 0x380,
	REGISTER_CURRENT = 0x390,
	REGISTER_DIVIDE = 0x3e0,
	LVT_MASKED = 1 << 16,
	LVT_NMI = 4 << 8,
	SPURIOUS_ENABLE = 1 << 8,
	DIVIDE_BY_1 = 0xb,
	BASE_ENABLE = 1 << 11,
	BASE_X2APIC = 1 << 10,
};

enum {
	PIC_MASTER = 0x20,
	PIC_SLAVE = 0xa0,
	PIC_VECTOR_UNUSED = 48, /* where a stray legacy interrupt would arrive */
};

enum {
	IOAPIC_SELECT = 0x00,
	IOAPIC_WINDOW = 0x10,
	IOAPIC_VERSION = 1,
	IOAPIC_REDIRECTION = 0x10,
	REDIRECTION_LEVEL = 1 << 15,
	REDIRECTION_LOW = 1 << 13,
	REDIRECTION_MASKED = 1 << 16,
};

static volatile uint32_t *local; /* NULL in x2APIC mode */
static volatile uint32_t *io;
static uint32_t io_first;
static uint32_t io_lines;

static uint32_t
local_read(uint32_t at)
{
	if (local)
		return local[at / 4];
	return (uint32_t)cpu_read_msr(MSR_X2APIC_BASE + at / 16);
}

static void
local_write(uint32_t at, uint32_t value)
{
	if (local)
		local[at / 4] = value;
	else
		cpu_write_msr(MSR_X2APIC_BASE + at / 16, value);
}

/* The legacy controllers are moved out of the exceptions' way and masked. */
static void
mask_legacy(void)
{
	cpu_out8(PIC_MASTER, 0x11);
	cpu_out8(PIC_SLAVE, 0x11);
	cpu_out8(PIC_MASTER + 1, PIC_VECTOR_UNUSED);
	cpu_out8(PIC_SLAVE + 1, PIC_VECTOR_UNUSED + 8);
	cpu_out8(PIC_MASTER + 1, 4);
	cpu_out8(PIC_SLAVE + 1, 2);
	cpu_out8(PIC_MASTER + 1, 1);
	cpu_out8(PIC_SLAVE + 1, 1);
	cpu_out8(PIC_MASTER + 1, 0xff);
	cpu_out8(PIC_SLAVE + 1, 0xff);
}

void
apic_init(uint64_t base)
{
	uint64_t mode = cpu_read_msr(MSR_APIC_BASE);

	mask_legacy();
	if (processor_features.x2apic) {
		cpu_write_msr(MSR_APIC_BASE, mode | BASE_ENABLE | BASE_X2APIC);
	} else {
		cpu_write_msr(MSR_APIC_BASE, mode | BASE_ENABLE);
		local = space_map_device(base, 4096);
		check_that(local != NULL);
	}
	local_write(REGISTER_TASK_PRIORITY, 0);
	local_write(REGISTER_LVT_LINT0, LVT_MASKED);
	local_write(REGISTER_LVT_LINT1, LVT_NMI);
	local_write(REGISTER_LVT_ERROR, LVT_MASKED);
	local_write(REGISTER_DIVIDE, DIVIDE_BY_1);
	local_write(REGISTER_LVT_TIMER, VECTOR_TIMER);
	local_write(REGISTER_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

void
apic_end_interrupt(void)
{
	local_write(REGISTER_END, 0);
}

void
apic_timer_start(uint32_t ticks)
{
	local_write(REGISTER_INITIAL, ticks);
}

uint32_t
apic_timer_left(void)
{
	return local_read(REGISTER_CURRENT);
}

uint32_t
apic_id(void)
{
	uint32_t id = local_read(REGISTER_ID);

	return local ? id >> 24 : id;
}

static uint32_t
io_read(uint32_t index)
{
	io[IOAPIC_SELECT / 4] = index;
	return io[IOAPIC_WINDOW / 4];
}

static void
io_write(uint32_t index, uint32_t value)
{
	io[IOAPIC_SELECT / 4] = index;
	io[IOAPIC_WINDOW / 4] = value;
}

void
ioapic_init(uint64_t base, uint32_t first)
{
	io = space_map_device(base, 4096);
	check_that(io != NULL);
	io_first = first;
	io_lines = (io_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
	for (uint32_t line = 0; line < io_lines; line++)
		io_write(IOAPIC_REDIRECTION + 2 * line, REDIRECTION_MASKED);
}

void
ioapic_route(uint32_t line, unsigned vector, bool is_level, bool is_active_low)
{
	uint32_t at = IOAPIC_REDIRECTION + 2 * (line - io_first);

	check_that(line >= io_first && line - io_first < io_lines);
	io_write(at + 1, apic_id() << 24);
	io_write(at, vector | (is_level ? (uint32_t)REDIRECTION_LEVEL : 0) |
			     (is_active_low ? (uint32_t)REDIRECTION_LOW : 0));
}

void
ioapic_unroute(uint32_t line)
{
	check_that(ioapic_has(line));
	io_write(IOAPIC_REDIRECTION + 2 * (line - io_first), REDIRECTION_MASKED);
}

bool
ioapic_is_routed(uint32_t line)
{
	/* No vector: not routed. */
	return ioapic_has(line) && io_read(IOAPIC_REDIRECTION + 2 * (line - io_first)) & 0xff;
}

bool
ioapic_has(uint32_t line)
{
	return line >= io_first && line - io_first < io_lines;
}

void
ioapic_mask(uint32_t line, bool is_masked)
{
	uint32_t at = IOAPIC_REDIRECTION + 2 * (line - io_first);
	uint32_t entry = io_read(at) & ~(uint32_t)REDIRECTION_MASKED;

	check_that(ioapic_has(line));
	io_write(at, entry | (is_masked ? (uint32_t)REDIRECTION_MASKED : 0));
}

/*
 * From the boot code to kernel_main: collects what the loader said, brings up
 * memory, the processor, interrupts and the devices, in that order.
 *
 * Nothing here waits for hardware or touches memory that is not needed: the
 * path to kernel_main is counted (bench boot).
 */
#include "platform/pc/acpi.h"
#include "platform/pc/boot_protocol.h"
#include "platform/pc/clock.h"
#include "platform/pc/power.h"
#include "platform/pc/serial.h"

#include "arch/x86_64/priv/apic.h"
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/frames.h"
#include "arch/x86_64/priv/lock.h"
#include "arch/x86_64/priv/memory.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"
#include "arch/x86_64/priv/space.h"
#include "kernel/port/memory.h"
#include "kernel/port/platform.h"
#include "lib/string.h"

#define LOW_MEMORY (1ull << 20)
#define FOUR_GIB   (4ull << 30)
#define PAGE_MASK  (SPACE_PAGE - 1)

extern uint8_t image_start[], image_end[], text_end[], data_start[], data_end[], rodata_start[];
extern uint8_t boot_stack_guard[];

_Noreturn void
pc_start(uint64_t protocol, uint64_t information, uint64_t entry_counter, uint64_t image_physical);

static struct processor boot_processor;
static struct boot_record record;
static struct port_boot_info boot_info;

void
boot_add_usable(struct boot_record *out, uint64_t start, uint64_t len)
{
	if (out->usable_count < BOOT_RANGES)
		out->usable[out->usable_count++] = (struct boot_range){ start, start + len };
}

void
boot_copy_command_line(struct boot_record *out, const char *text)
{
	size_t len = 0;

	while (len < BOOT_COMMAND_LINE - 1 && text[len])
		len++;
	memcpy(out->command_line, text, len);
	out->command_line[len] = 0;
}

bool
boot_is_memory(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < record.usable_count; i++) {
		if (record.usable[i].start < end && start < record.usable[i].end)
			return true;
	}
	return record.ramdisk.start < end && start < record.ramdisk.end;
}

static uint64_t
address_of(const void *symbol)
{
	return (uint64_t)(uintptr_t)symbol;
}

/* Sorts by insertion: loaders give few ranges, nearly sorted. */
static void
sort_ranges(struct boot_range *ranges, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct boot_range moved = ranges[i];
		size_t at = i;

		for (; at > 0 && ranges[at - 1].start > moved.start; at--)
			ranges[at] = ranges[at - 1];
		ranges[at] = moved;
	}
}

/* Appends [start, end) without the parts in use, as whole frames. */
static size_t
append_free(struct frame_range *out, size_t count, struct boot_range range,
	    const struct boot_range used[2])
{
	for (int i = 0; i < 2; i++) {
		if (used[i].end <= range.start || used[i].start >= range.end)
			continue;
		if (used[i].start > range.start)
			count = append_free(out, count,
					    (struct boot_range){ range.start, used[i].start },
					    used);
		range.start = used[i].end;
		if (range.start >= range.end)
			return count;
		i = -1;
	}
	range.start = (range.start + PAGE_MASK) & ~PAGE_MASK;
	range.end &= ~PAGE_MASK;
	if (range.start < range.end && count < FRAME_RANGES)
		out[count++] = (struct frame_range){ range.start, range.end };
	return count;
}

/* Everything usable above the first MiB but the image and the RAM disk. */
static size_t
find_free_memory(const struct boot_range *image, struct frame_range *out)
{
	const struct boot_range used[2] = { *image, record.ramdisk };
	uint64_t floor = LOW_MEMORY;
	size_t count = 0;

	sort_ranges(record.usable, record.usable_count);
	for (uint32_t i = 0; i < record.usable_count; i++) {
		struct boot_range range = record.usable[i];

		range.start = range.start > floor ? range.start : floor;
		range.end = range.end < MAP_DIRECT_BYTES ? range.end : MAP_DIRECT_BYTES;
		if (range.start >= range.end)
			continue;
		count = append_free(out, count, range, used);
		floor = range.end;
	}
	return count;
}

static void
init_memory(uint64_t image_physical)
{
	static struct frame_range free_ranges[FRAME_RANGES];
	const struct space_image image = {
		.physical = image_physical,
		.start = address_of(image_start),
		.end = address_of(image_end),
		.text_end = address_of(text_end),
		.data_start = address_of(data_start),
		.data_end = address_of(data_end),
		.rodata_start = address_of(rodata_start),
		.guard = address_of(boot_stack_guard),
	};
	const struct boot_range image_range = { image_physical,
						image_physical + (image.end - image.start) };
	size_t count = find_free_memory(&image_range, free_ranges);
	uint64_t top = FOUR_GIB;

	if (count == 0)
		port_panic("the loader reported no usable memory");
	if (free_ranges[count - 1].end > top)
		top = free_ranges[count - 1].end;
	frames_init(free_ranges, count, FOUR_GIB);
	space_init(&image, top);
	memory_init();
}

/* Stacks for the interrupt stack table, each with absent pages below. */
static void
init_processor(void)
{
	uint64_t tops[STACK_COUNT + 1] = { 0 };

	for (int i = 1; i <= STACK_COUNT; i++) {
		void *area;

		if (port_area_reserve(2 * PROCESSOR_STACK_BYTES, &area) != NB_OK ||
		    port_area_commit(area, PROCESSOR_STACK_BYTES, PROCESSOR_STACK_BYTES) != NB_OK)
			port_panic("no memory for the fault stacks");
		tops[i] = address_of(area) + 2ull * PROCESSOR_STACK_BYTES;
	}
	processor_init(&boot_processor, tops);
}

static void
init_ramdisk(void)
{
	uint64_t len = record.ramdisk.end - record.ramdisk.start;

	if (len == 0)
		return;
	boot_info.ramdisk = space_map_window(record.ramdisk.start, len);
	boot_info.ramdisk_len = len;
	if (!boot_info.ramdisk)
		port_panic("no memory to map the RAM disk");
}

void
pc_start(uint64_t protocol, uint64_t information, uint64_t entry_counter, uint64_t image_physical)
{
	processor_set_current(&boot_processor);
	serial_init_early();
	if (protocol == BOOT_PROTOCOL_PVH)
		boot_read_pvh(information, &record);
	else
		boot_read_multiboot2(information, &record);
	processor_probe();
	if (!processor_features.x86_64_v2)
		port_panic("this processor is older than x86-64-v2");
	acpi_read(record.acpi_root);
	init_memory(image_physical);
	init_processor();
	apic_init(acpi_found.local_apic);
	ioapic_init(acpi_found.io_apic, acpi_found.io_apic_first);
	clock_init();
	serial_init();
	init_ramdisk();
	boot_info.command_line = record.command_line;
	boot_info.entry_counter = entry_counter;
	kernel_main(&boot_info);
}

/*
 * How the loader hands over: PVH and Multiboot2, both turned into one record.
 *
 * Sources: Xen public/arch-x86/hvm/start_info.h, Multiboot2 specification 2.0.
 */
#ifndef PLATFORM_PC_BOOT_PROTOCOL_H
#define PLATFORM_PC_BOOT_PROTOCOL_H

/* Numbers that boot.S shares. */
#define BOOT_PROTOCOL_PVH	 1
#define BOOT_PROTOCOL_MULTIBOOT2 2
#define MULTIBOOT2_HEADER_MAGIC	 0xe85250d6

#ifndef __ASSEMBLER__

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Usable memory as the loader reported it, in bytes; may be unsorted and
 * contain what is in use. */
struct boot_range {
	uint64_t start;
	uint64_t end;
};

enum { BOOT_RANGES = 64, BOOT_COMMAND_LINE = 1024 };

struct boot_record {
	struct boot_range usable[BOOT_RANGES];
	uint32_t usable_count;
	struct boot_range ramdisk; /* empty: none */
	uint64_t acpi_root;	   /* physical address of the RSDP, 0: not told */
	char command_line[BOOT_COMMAND_LINE];
};

/* Fill `out` (zeroed by the caller) from the loader's block at physical
 * address `information`. Everything wanted is copied out of it. */
void boot_read_pvh(uint64_t information, struct boot_record *out);
void boot_read_multiboot2(uint64_t information, struct boot_record *out);

/* Whether [start, end) touches memory that the loader reported as usable. */
bool boot_is_memory(uint64_t start, uint64_t end);

/* For the two readers: appends a usable range (dropped when the table is
 * full), copies a zero-terminated command line (cut when too long). */
void boot_add_usable(struct boot_record *record, uint64_t start, uint64_t len);
void boot_copy_command_line(struct boot_record *record, const char *text);

#endif
#endif

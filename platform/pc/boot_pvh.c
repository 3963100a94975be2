/*
 * PVH: struct hvm_start_info of the Xen boot ABI, version 0 and 1.
 */
#include "platform/pc/boot_protocol.h"

#include "arch/x86_64/priv/memory_map.h"

enum { PVH_MAGIC = 0x336ec578, PVH_MEMORY_RAM = 1 };

struct pvh_start_info {
	uint32_t magic;
	uint32_t version;
	uint32_t flags;
	uint32_t module_count;
	uint64_t modules;
	uint64_t command_line;
	uint64_t acpi_root;
	uint64_t memory_map; /* from version 1 on */
	uint32_t memory_map_entries;
	uint32_t reserved;
};

struct pvh_module {
	uint64_t start;
	uint64_t size;
	uint64_t command_line;
	uint64_t reserved;
};

struct pvh_memory {
	uint64_t start;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

void
boot_read_pvh(uint64_t information, struct boot_record *out)
{
	const struct pvh_start_info *info = map_direct(information);
	const struct pvh_memory *memory = map_direct(info->memory_map);

	if (info->magic != PVH_MAGIC)
		return;
	out->acpi_root = info->acpi_root;
	if (info->command_line)
		boot_copy_command_line(out, map_direct(info->command_line));
	if (info->module_count > 0) {
		const struct pvh_module *module = map_direct(info->modules);

		out->ramdisk.start = module->start;
		out->ramdisk.end = module->start + module->size;
	}
	if (info->version == 0)
		return;
	for (uint32_t i = 0; i < info->memory_map_entries; i++) {
		if (memory[i].type == PVH_MEMORY_RAM)
			boot_add_usable(out, memory[i].start, memory[i].size);
	}
}

/*
 * Multiboot2: the information block of tags, specification 2.0 section 3.6.
 */
#include "platform/pc/boot_protocol.h"

#include "arch/x86_64/priv/memory_map.h"

enum {
	TAG_END = 0,
	TAG_COMMAND_LINE = 1,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_ACPI_OLD = 14,
	TAG_ACPI_NEW = 15,
	MEMORY_AVAILABLE = 1,
};

struct multiboot_head {
	uint32_t total_size;
	uint32_t reserved;
};

struct multiboot_tag {
	uint32_t type;
	uint32_t size; /* with this head, without padding to 8 */
	uint8_t content[];
};

struct multiboot_module {
	uint32_t start;
	uint32_t end;
};

struct multiboot_memory_map {
	uint32_t entry_size;
	uint32_t entry_version;
};

struct multiboot_memory {
	uint64_t start;
	uint64_t size;
	uint32_t type;
	uint32_t reserved;
};

static void
read_memory_map(const struct multiboot_tag *tag, struct boot_record *out)
{
	const struct multiboot_memory_map *map = (const void *)tag->content;
	const uint8_t *at = tag->content + sizeof *map;
	const uint8_t *end = (const uint8_t *)tag + tag->size;

	if (map->entry_size < sizeof(struct multiboot_memory))
		return;
	for (; at + map->entry_size <= end; at += map->entry_size) {
		const struct multiboot_memory *memory = (const void *)at;

		if (memory->type == MEMORY_AVAILABLE)
			boot_add_usable(out, memory->start, memory->size);
	}
}

static void
read_tag(const struct multiboot_tag *tag, struct boot_record *out)
{
	const struct multiboot_module *module = (const void *)tag->content;

	switch (tag->type) {
	case TAG_COMMAND_LINE:
		boot_copy_command_line(out, (const char *)tag->content);
		break;
	case TAG_MODULE:
		if (out->ramdisk.end == 0) {
			out->ramdisk.start = module->start;
			out->ramdisk.end = module->end;
		}
		break;
	case TAG_MEMORY_MAP:
		read_memory_map(tag, out);
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		/* The tag is a copy of the root pointer; its place will do, as it
		 * is read before memory is given out. */
		out->acpi_root = map_direct_physical(tag->content);
		break;
	default:
		break;
	}
}

void
boot_read_multiboot2(uint64_t information, struct boot_record *out)
{
	const struct multiboot_head *head = map_direct(information);
	const uint8_t *at = (const uint8_t *)(head + 1);
	const uint8_t *end = (const uint8_t *)head + head->total_size;

	while (at + sizeof(struct multiboot_tag) <= end) {
		const struct multiboot_tag *tag = (const void *)at;

		if (tag->type == TAG_END || tag->size < sizeof *tag)
			break;
		read_tag(tag, out);
		at += (tag->size + 7u) & ~7u;
	}
}

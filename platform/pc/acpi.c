/*
 * Reading ACPI tables; see acpi.h. Lengths and checksums are checked before a
 * table is believed; all reads go through the first 4 GiB of the direct map.
 */
#include "platform/pc/acpi.h"

#include "arch/x86_64/priv/memory_map.h"
#include "lib/string.h"

#include <stddef.h>

struct acpi_found acpi_found = {
	.local_apic = 0xfee00000,
	.io_apic = 0xfec00000,
};

#define READABLE_END (4ull << 30)

struct root_pointer {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
} __attribute__((packed));

struct table_head {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem[6];
	char oem_table[8];
	uint32_t oem_revision;
	uint32_t creator;
	uint32_t creator_revision;
} __attribute__((packed));

struct generic_address {
	uint8_t space; /* 0 memory, 1 ports */
	uint8_t width;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct table_head head;
	uint32_t firmware_control;
	uint32_t dsdt;
	uint8_t reserved[4];
	uint32_t smi_command;
	uint8_t acpi_enable;
	uint8_t reserved1[11];
	uint32_t pm1a_control;
	uint32_t pm1b_control;
	uint32_t pm2_control;
	uint32_t pm_timer;
	uint8_t reserved2[28];
	uint8_t century;
	uint16_t boot_flags;
	uint8_t reserved3;
	uint32_t flags;
	struct generic_address reset;
	uint8_t reset_value;
} __attribute__((packed));
_Static_assert(offsetof(struct fadt, pm1a_control) == 64, "ACPI table 5.9");
_Static_assert(offsetof(struct fadt, pm_timer) == 76, "ACPI table 5.9");
_Static_assert(offsetof(struct fadt, century) == 108, "ACPI table 5.9");
_Static_assert(offsetof(struct fadt, flags) == 112, "ACPI table 5.9");
_Static_assert(offsetof(struct fadt, reset_value) == 128, "ACPI table 5.9");

enum { FADT_TIMER_32 = 1 << 8, FADT_RESET = 1 << 10, SPACE_PORTS = 1 };

struct madt_entry {
	uint8_t type;
	uint8_t length;
	uint8_t content[];
} __attribute__((packed));

enum {
	MADT_ENTRIES = 44,
	MADT_IO_APIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LOCAL_ADDRESS = 5,
	POLARITY_LOW = 3,
	TRIGGER_LEVEL = 3,
};

static uint16_t
get16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t
get32(const uint8_t *at)
{
	return get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t
get64(const uint8_t *at)
{
	return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static bool
sums_to_zero(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + at[i]);
	return sum == 0;
}

/* The table at `physical`, or NULL if it is out of reach or damaged. */
static const struct table_head *
table_at(uint64_t physical)
{
	const struct table_head *head = map_direct(physical);

	if (physical == 0 || physical > READABLE_END - sizeof *head)
		return NULL;
	if (head->length < sizeof *head || head->length > READABLE_END - physical)
		return NULL;
	return head;
}

static bool
is_root_pointer(uint64_t physical)
{
	const struct root_pointer *root = map_direct(physical);

	return memcmp(root->signature, "RSD PTR ", 8) == 0 && sums_to_zero(root, 20);
}

/* Section 5.2.5.1: the first KiB of the extended BIOS data area, and the BIOS
 * area. */
static uint64_t
search_root(void)
{
	uint64_t bios_data = (uint64_t)get16(map_direct(0x40e)) << 4;

	if (bios_data >= 0x80000 && bios_data < 0xa0000) {
		for (uint64_t at = bios_data; at < bios_data + 1024; at += 16) {
			if (is_root_pointer(at))
				return at;
		}
	}
	for (uint64_t at = 0xe0000; at < 0x100000; at += 16) {
		if (is_root_pointer(at))
			return at;
	}
	return 0;
}

/* Section 7.4.2: looks in the bytes of the DSDT for
 * Name(\_S5, Package { a, b, … }), as its value needs no interpreter. */
static void
read_s5(const struct table_head *dsdt)
{
	const uint8_t *code = (const uint8_t *)dsdt;
	uint8_t values[2] = { 0, 0 };

	for (size_t at = sizeof *dsdt; at + 16 < dsdt->length; at++) {
		size_t next = at + 4;

		if (code[at] != '_' || memcmp(&code[at], "_S5_", 4) != 0 || code[next] != 0x12)
			continue;
		next += 2u + (code[next + 1] >> 6); /* package length */
		next++;				    /* element count */
		for (int i = 0; i < 2; i++) {
			if (code[next] == 0x0a) { /* byte prefix */
				values[i] = code[next + 1];
				next += 2;
			} else { /* zero, one */
				values[i] = code[next];
				next++;
			}
		}
		acpi_found.has_s5 = true;
		acpi_found.s5_a = values[0] & 7;
		acpi_found.s5_b = values[1] & 7;
		return;
	}
}

static void
read_fadt(const struct table_head *head)
{
	const struct fadt *fadt = (const void *)head;
	const struct table_head *dsdt;

	if (head->length < offsetof(struct fadt, reset))
		return;
	acpi_found.pm_timer_port = (uint16_t)fadt->pm_timer;
	acpi_found.pm_timer_is_32_bits = fadt->flags & FADT_TIMER_32;
	acpi_found.pm1_control_port = (uint16_t)fadt->pm1a_control;
	acpi_found.pm1b_control_port = (uint16_t)fadt->pm1b_control;
	acpi_found.enable_port = (uint16_t)fadt->smi_command;
	acpi_found.enable_value = fadt->acpi_enable;
	acpi_found.century_register = fadt->century;
	if (head->length >= sizeof *fadt && fadt->flags & FADT_RESET &&
	    fadt->reset.space == SPACE_PORTS) {
		acpi_found.reset_port = (uint16_t)fadt->reset.address;
		acpi_found.reset_value = fadt->reset_value;
	}
	dsdt = table_at(fadt->dsdt);
	acpi_found.dsdt = dsdt ? fadt->dsdt : 0;
}

static void
read_override(const uint8_t *content)
{
	uint8_t source = content[1];
	uint16_t flags = get16(content + 6);

	if (source >= ACPI_ISA_LINES)
		return;
	acpi_found.isa[source] = (struct acpi_line){
		.global = get32(content + 2),
		.is_level = (flags >> 2 & 3) == TRIGGER_LEVEL,
		.is_active_low = (flags & 3) == POLARITY_LOW,
	};
}

static void
read_madt(const struct table_head *head)
{
	const uint8_t *bytes = (const uint8_t *)head;
	size_t at = MADT_ENTRIES;
	bool has_io_apic = false;

	if (head->length < MADT_ENTRIES)
		return;
	acpi_found.local_apic = get32(bytes + 36);
	while (at + 2 <= head->length) {
		const struct madt_entry *entry = (const void *)(bytes + at);

		if (entry->length < 2 || entry->length > head->length - at)
			return;
		if (entry->type == MADT_IO_APIC && entry->length >= 12 && !has_io_apic) {
			/* The one for the ISA lines comes first everywhere. */
			acpi_found.io_apic = get32(entry->content + 2);
			acpi_found.io_apic_first = get32(entry->content + 6);
			has_io_apic = true;
		} else if (entry->type == MADT_OVERRIDE && entry->length >= 10) {
			read_override(entry->content);
		} else if (entry->type == MADT_LOCAL_ADDRESS && entry->length >= 12) {
			acpi_found.local_apic = get64(entry->content + 2);
		}
		at += entry->length;
	}
}

static void
read_hpet(const struct table_head *head)
{
	/* An address structure at offset 40. */
	if (head->length >= 56)
		acpi_found.hpet = get64((const uint8_t *)head + 44);
}

/* The first of the spaces: that of the buses that the configuration ports reach. */
static void
read_mcfg(const struct table_head *head)
{
	const uint8_t *entry = (const uint8_t *)head + 44;

	if (head->length < 60 || get16(entry + 8) != 0 || entry[10] > entry[11])
		return;
	acpi_found.pci_config = get64(entry);
	acpi_found.pci_first_bus = entry[10];
	acpi_found.pci_last_bus = entry[11];
}

static void
read_table(uint64_t physical)
{
	static const struct {
		char signature[5];
		void (*read)(const struct table_head *head);
	} readers[] = {
		{ "FACP", read_fadt },
		{ "APIC", read_madt },
		{ "HPET", read_hpet },
		{ "MCFG", read_mcfg },
	};
	const struct table_head *head = table_at(physical);

	if (!head)
		return;
	for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
		if (memcmp(head->signature, readers[i].signature, 4) == 0 &&
		    sums_to_zero(head, head->length))
			readers[i].read(head);
	}
}

void
acpi_read(uint64_t physical)
{
	const struct root_pointer *root;
	const struct table_head *list;
	bool is_wide;
	size_t width;

	for (uint32_t line = 0; line < ACPI_ISA_LINES; line++)
		acpi_found.isa[line].global = line;
	if (physical == 0)
		physical = search_root();
	if (physical == 0 || physical > READABLE_END - sizeof *root || !is_root_pointer(physical))
		return;
	root = map_direct(physical);
	is_wide = root->revision >= 2 && root->xsdt != 0;
	list = table_at(is_wide ? root->xsdt : root->rsdt);
	if (!list || !sums_to_zero(list, list->length))
		return;
	width = is_wide ? 8 : 4;
	for (size_t at = sizeof *list; at + width <= list->length; at += width) {
		const uint8_t *entry = (const uint8_t *)list + at;

		read_table(is_wide ? get64(entry) : get32(entry));
	}
}

bool
acpi_find_s5(void)
{
	const struct table_head *dsdt = table_at(acpi_found.dsdt);

	if (dsdt)
		read_s5(dsdt);
	return acpi_found.has_s5;
}

/*
 * What the machine's ACPI tables say, as far as the kernel wants to know.
 *
 * Sources: ACPI specification 6.5, sections 5.2.5 (RSDP), 5.2.7 (RSDT), 5.2.8
 * (XSDT), 5.2.9 (FADT), 5.2.12 (MADT), 7.4.2 (\_S5); IA-PC HPET 1.0a 3.2.4;
 * PCI Firmware 3.0 section 4.1.2 (MCFG).
 */
#ifndef PLATFORM_PC_ACPI_H
#define PLATFORM_PC_ACPI_H

#include <stdbool.h>
#include <stdint.h>

enum { ACPI_ISA_LINES = 16 };

struct acpi_line {
	uint32_t global; /* interrupt number at the I/O APIC */
	bool is_level;
	bool is_active_low;
};

struct acpi_found {
	uint64_t local_apic; /* physical address */
	uint64_t io_apic;
	uint32_t io_apic_first;
	struct acpi_line isa[ACPI_ISA_LINES];
	uint64_t hpet;	     /* physical address, 0: none */
	uint64_t pci_config; /* of bus 0's configuration space, 1 MiB a bus; 0: none */
	uint8_t pci_first_bus, pci_last_bus;
	uint16_t pm_timer_port; /* 0: none */
	bool pm_timer_is_32_bits;
	uint16_t pm1_control_port; /* of power off; 0: none */
	uint16_t pm1b_control_port;
	uint64_t dsdt;	      /* physical address, 0: none */
	bool has_s5;	      /* the next two are valid: acpi_find_s5 succeeded */
	uint8_t s5_a, s5_b;   /* sleep types of soft off */
	uint16_t enable_port; /* turns ACPI mode on; 0: it always is */
	uint8_t enable_value;
	uint8_t century_register; /* of the real-time clock; 0: none */
	uint16_t reset_port;	  /* 0: none */
	uint8_t reset_value;
};

/* Constant after acpi_read; holds the customary values where a table is
 * missing. */
extern struct acpi_found acpi_found;

/* Reads the tables from the root pointer at physical `root` (0: looked for in
 * the places of old firmware). Bad tables are passed over. Needs the boot
 * mapping of the first 4 GiB. */
void acpi_read(uint64_t root);

/* Looks for the sleep types of soft off in the DSDT, which is done only when
 * the power goes off. False if there are none. */
bool acpi_find_s5(void);

#endif

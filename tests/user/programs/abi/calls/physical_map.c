/*
 * physical_map(address, size): device registers, or memory, of which each load and store happens. The
 * screen's, as every driver of 2018 knew it, for who drives `vga`.
 *
 * Refused: wants port 0x3c0
 * Driver: on the screen
 */
#include "tests/user/programs/abi/abi.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name physical_map", "platform vga", "port 0x3c0 0x20 rw", "mmio 0xb8000 32K");

#define SCREEN 0xb8000ull
#define BYTES  0x8000u

static void
set(uint32_t port, uint32_t index, uint32_t value)
{
	write_port_u8(port, index);
	write_port_u8(port + 1, value);
}

void
main_of_2018(void)
{
	volatile uint16_t *cells, *row;
	int64_t at = physical_map(SCREEN, BYTES);

	EXPECT(at > 0);
	cells = (volatile uint16_t *)(uintptr_t)at;
	/* Its memory as plain bytes, whatever the firmware has done. */
	set(0x3c4, 2, 15);
	set(0x3c4, 4, 14);
	set(0x3ce, 6, 12);
	for (uint32_t i = 0; i < BYTES / 2; i++)
		cells[i] = (uint16_t)(i * 7);
	for (uint32_t i = 0; i < BYTES / 2; i++)
		EXPECT(cells[i] == (uint16_t)(i * 7));

	/* A part of a page; it is the same memory. */
	at = physical_map(SCREEN + 160, 160);
	EXPECT(at > 0 && at % 4096 == 160);
	row = (volatile uint16_t *)(uintptr_t)at;
	row[3] = 0x0741;
	EXPECT(cells[83] == 0x0741);

	/* No byte beyond what the manifest names and the process was given. */
	EXPECT(physical_map(SCREEN, 0) == ERROR_INVALID_ARGUMENT);
	EXPECT(physical_map(SCREEN, BYTES + 1) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(SCREEN - 1, 2) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(SCREEN + BYTES, 1) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(SCREEN + BYTES - 1, 1) > 0);
	EXPECT(physical_map(SCREEN, UINT32_MAX) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(0, 4096) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(0x100000, 4096) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(UINT64_MAX, 2) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(UINT64_MAX - 4095, UINT32_MAX) == ERROR_ACCESS_DENIED);
	EXPECT(physical_map(SCREEN | 1ull << 63, 4096) == ERROR_ACCESS_DENIED);
	SAY("on the screen");
	(void)object_wait_one((uint32_t)event_create(), USER_0);
}

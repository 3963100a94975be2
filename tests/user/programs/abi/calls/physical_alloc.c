/*
 * physical_alloc(size, &address): memory that devices reach at `address`, in a row, as much as the
 * manifest names. A device copies from one page of it to another.
 *
 * Refused: wants bytes of DMA 0x4000
 * Driver: copied by the device
 */
#include "tests/user/programs/abi/edu.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name physical_alloc", "pci 1234:11e8", "mmio bar0", "dma 16K");

/* QEMU takes the last byte of the device's buffer for one outside. */
enum { PAGE = 4096, BYTES = PAGE - 8, LOOKS = 100000000 };

static void
copy(const struct edu *edu, uint64_t from, uint64_t to, uint32_t direction)
{
	volatile uint64_t *wide = (volatile uint64_t *)edu->registers;

	wide[EDU_DMA_FROM / 8] = from;
	wide[EDU_DMA_TO / 8] = to;
	wide[EDU_DMA_COUNT / 8] = BYTES;
	wide[EDU_DMA_COMMAND / 8] = EDU_DMA_START | direction;
	for (uint32_t i = 0; i < LOOKS && wide[EDU_DMA_COMMAND / 8] & EDU_DMA_START; i++)
		thread_yield();
	EXPECT(!(wide[EDU_DMA_COMMAND / 8] & EDU_DMA_START));
}

void
main_of_2018(void)
{
	uint64_t address = 5;
	uint32_t *pages;
	struct edu edu;
	int64_t at;

	EXPECT(edu_open(&edu) == 0);
	EXPECT(physical_alloc(0, &address) == ERROR_INVALID_ARGUMENT);
	EXPECT(physical_alloc(PAGE, (void *)0xfffffff9) == ERROR_INVALID_ADDRESS);
	EXPECT(physical_alloc(4 * PAGE + 1, &address) == ERROR_LIMIT_EXCEEDED);
	EXPECT(physical_alloc(UINT32_MAX, &address) == ERROR_LIMIT_EXCEEDED && address == 5);
	at = physical_alloc(PAGE + 1, &address);
	EXPECT(at > 0 && at % PAGE == 0 && address && address % PAGE == 0);
	pages = (uint32_t *)(uintptr_t)at;
	for (uint32_t i = 0; i < PAGE / 2; i++)
		EXPECT(pages[i] == 0);
	for (uint32_t i = 0; i < PAGE / 4; i++)
		pages[i] = i * 2654435761u;
	copy(&edu, address, EDU_BUFFER, 0);
	copy(&edu, EDU_BUFFER, address + PAGE, EDU_DMA_TO_MEMORY);
	for (uint32_t i = 0; i < BYTES / 4; i++)
		EXPECT(pages[PAGE / 4 + i] == i * 2654435761u);
	/* The other two pages, and then nothing is left. */
	EXPECT(physical_alloc(2 * PAGE, &address) > 0);
	EXPECT(physical_alloc(1, &address) == ERROR_LIMIT_EXCEEDED);
	/* It is memory of this process, and nobody maps it by its address. */
	EXPECT(physical_map(address, PAGE) == ERROR_ACCESS_DENIED);
	SAY("copied by the device");
	/* Ends, and is started again: it finds all of this anew. */
}

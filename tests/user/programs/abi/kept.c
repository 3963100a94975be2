/*
 * A driver with DMA that ends again and again, every fourth time after its device had time to be
 * reset. Tells each time which run it is, and where its memory is for the device:
 *
 *     run N at 0xADDRESS
 *
 * The device keeps the number: a register that reads as the complement of what was written.
 */
#include "edu.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name kept", "pci 1234:11e8", "mmio bar0", "dma 8K");

enum { PAGE = 4096, COMPLEMENT = 0x04, LOOKS = 100000000 };

static char line[] = "run ? at 0x????????????????\n";

/* The device takes a tenth of a second to copy. */
static void
last(const struct edu *edu, uint64_t address)
{
	volatile uint64_t *wide = (volatile uint64_t *)edu->registers;

	wide[EDU_DMA_FROM / 8] = address;
	wide[EDU_DMA_TO / 8] = EDU_BUFFER;
	wide[EDU_DMA_COUNT / 8] = 8;
	wide[EDU_DMA_COMMAND / 8] = EDU_DMA_START;
	for (uint32_t i = 0; i < LOOKS && wide[EDU_DMA_COMMAND / 8] & EDU_DMA_START; i++)
		thread_yield();
}

void
main_of_2018(void)
{
	uint64_t address;
	struct edu edu;
	uint32_t run;

	EXPECT(edu_open(&edu) == 0);
	run = edu.registers[COMPLEMENT / 4];
	edu.registers[COMPLEMENT / 4] = ~(run + 1);
	EXPECT(physical_alloc(2 * PAGE, &address) > 0);
	line[4] = (char)('0' + run % 10);
	for (uint32_t i = 0; i < 16; i++)
		line[11 + i] = "0123456789abcdef"[address >> (60 - 4 * i) & 15];
	print(line, sizeof line - 1);
	if (run % 4 == 3)
		last(&edu, address);
}

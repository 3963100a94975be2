/*
 * QEMU's device for teaching, `edu`, a PCI function: its registers, and how a driver of 2018
 * finds them. Handle 0 of a PCI function's driver is a channel with one message, the function's
 * configuration space.
 */
#ifndef TESTS_USER_PROGRAMS_ABI_EDU_H
#define TESTS_USER_PROGRAMS_ABI_EDU_H

#include "tests/user/programs/abi/abi.h"

enum edu_register {
	EDU_IDENTITY = 0x00,
	EDU_STATUS = 0x20,
	EDU_INTERRUPT = 0x24, /* why it interrupts: what was raised */
	EDU_RAISE = 0x60,
	EDU_LOWER = 0x64,
	EDU_DMA_FROM = 0x80,
	EDU_DMA_TO = 0x88,
	EDU_DMA_COUNT = 0x90,
	EDU_DMA_COMMAND = 0x98,
};

enum {
	EDU_BYTES = 1 << 20,  /* of registers */
	EDU_BUFFER = 0x40000, /* where its own 4 KiB are for DMA */
	EDU_DMA_START = 1,
	EDU_DMA_TO_MEMORY = 2,
	EDU_VECTOR_FIRST = 32,
};

struct edu {
	volatile uint32_t *registers;
	uint64_t address; /* of the registers */
	uint32_t vector;  /* of its interrupt */
};

static inline uint32_t
edu_get(const struct edu *edu, enum edu_register at)
{
	return edu->registers[at / 4];
}

static inline void
edu_set(const struct edu *edu, enum edu_register at, uint32_t value)
{
	edu->registers[at / 4] = value;
}

/* An error: this process is no driver. */
static inline int64_t
edu_open(struct edu *edu)
{
	uint32_t config[64], len;
	int64_t result = channel_recv(0, config, sizeof config, &len);

	if (result < 0)
		return result;
	EXPECT(len == sizeof config && config[0] == 0x11e81234);
	edu->address = config[0x10 / 4] & ~15u;
	edu->vector = EDU_VECTOR_FIRST + (config[0x3c / 4] & 0xff);
	result = physical_map(edu->address, EDU_BYTES);
	EXPECT(result > 0);
	edu->registers = (volatile uint32_t *)(uintptr_t)result;
	EXPECT((edu_get(edu, EDU_IDENTITY) & 0xff) == 0xed);
	return 0;
}

#endif

/*
 * interrupt_ack(handle): lets the interrupt come again, which stays away until then: the device has been
 * served. Only interrupts can be acknowledged, once each.
 *
 * Prints: nothing to acknowledge
 * Driver: one message an acknowledgement
 */
#include "tests/user/programs/abi/edu.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name interrupt_ack", "pci 1234:11e8", "mmio bar0", "irq pci");

enum { TURNS = 100, PATIENCE = 200 };

static uint32_t rx;

static void
expect_message(void)
{
	struct interrupt_message message;
	uint32_t len;

	EXPECT(object_wait_one(rx, READABLE) & READABLE);
	EXPECT(channel_recv(rx, &message, sizeof message, &len) == 0 && len == sizeof message);
}

static void
expect_none(void)
{
	struct interrupt_message message;
	uint32_t len;

	for (uint32_t i = 0; i < PATIENCE; i++) {
		EXPECT(channel_recv(rx, &message, sizeof message, &len) == ERROR_SHOULD_WAIT);
		thread_yield();
	}
}

/* A channel is full: the message waits until there is room. */
static void
check_full(const struct edu *edu, uint32_t tx, uint32_t interrupt)
{
	struct interrupt_message message;
	uint32_t len;

	for (uint32_t i = 0; i < 1000; i++)
		EXPECT(channel_send(tx, "full", 4) == 0);
	edu_set(edu, EDU_RAISE, 1);
	for (uint32_t i = 0; i < PATIENCE; i++)
		thread_yield();
	EXPECT(interrupt_ack(interrupt) == ERROR_BAD_STATE);
	for (uint32_t i = 0; i < 1000; i++)
		EXPECT(channel_recv(rx, &message, sizeof message, &len) == 0 && len == 4);
	expect_message();
	edu_set(edu, EDU_LOWER, 1);
	EXPECT(interrupt_ack(interrupt) == 0);
}

static void
drive(const struct edu *edu)
{
	uint32_t tx, interrupt;
	int64_t created;

	EXPECT(channel_create(&tx, &rx) == 0);
	created = interrupt_create(tx, edu->vector);
	EXPECT(created > 0);
	interrupt = (uint32_t)created;
	EXPECT(interrupt_ack(interrupt) == ERROR_BAD_STATE);
	expect_none();
	for (uint32_t i = 1; i <= TURNS; i++) {
		edu_set(edu, EDU_RAISE, i);
		expect_message();
		EXPECT(edu_get(edu, EDU_INTERRUPT) == i);
		edu_set(edu, EDU_LOWER, i);
		EXPECT(interrupt_ack(interrupt) == 0);
		EXPECT(interrupt_ack(interrupt) == ERROR_BAD_STATE);
	}
	/* Not served: it comes again when it is acknowledged, and not before. */
	edu_set(edu, EDU_RAISE, 1);
	expect_message();
	expect_none();
	EXPECT(interrupt_ack(interrupt) == 0);
	expect_message();
	edu_set(edu, EDU_LOWER, 1);
	EXPECT(interrupt_ack(interrupt) == 0);
	expect_none();
	check_full(edu, tx, interrupt);
	edu_set(edu, EDU_RAISE, 1);
	expect_message();
	edu_set(edu, EDU_LOWER, 1);
}

void
main_of_2018(void)
{
	struct edu edu;

	EXPECT(interrupt_ack((uint32_t)event_create()) == ERROR_WRONG_TYPE);
	EXPECT(interrupt_ack(77) == ERROR_BAD_HANDLE);
	if (edu_open(&edu)) {
		SAY("nothing to acknowledge");
		return;
	}
	drive(&edu);
	SAY("one message an acknowledgement");
	/* Ends with the interrupt open, which is its successor's then. */
}

/*
 * Clients of the block service (tests/user/drivers.py). The argument says which:
 *
 *     fill=F/P    writes a pattern to the Fth of P parts of the disk, 32 requests deep, and
 *                 reads it back; the last of the P turns the machine off
 *     keep=SECONDS  writes and reads at random, for so long, and checks that all it reads is what
 *                 was last acknowledged
 *     kill=COUNT  ends the driver COUNT times at random moments
 *     bus=COUNT   likewise the bus server
 */
#include "user/libs/block/block.h"
#include "user/sdk/bytes.h"
#include "user/sdk/start.h"
#include "user/sdk/startup.h"
#include "user/sdk/stream.h"
#include "user/sdk/text.h"

#include "nebulet.h"

enum { PAGE = 4096, BLOCKS_MAX = 4096 };

static struct block block;

static void
report(const char *what, int64_t number)
{
	char bytes[128];
	struct text line;

	text_init(&line, bytes, sizeof bytes);
	text_add(&line, what);
	text_add(&line, " ");
	text_add_number(&line, number);
	text_add(&line, "\n");
	(void)stream_write_all(startup_handle("console"), line.bytes, line.length);
}

static _Noreturn void
power_off(int32_t status)
{
	(void)nb_system_power(startup_handle("system"), NB_POWER_OFF, status);
	nb_process_exit(status);
}

static _Noreturn void
fail(const char *what, int64_t number)
{
	report(what, number);
	power_off(1);
}

static int64_t
later(int64_t ms)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + ms * 1000000;
}

/* What 4 KiB block `number` of version `version` is filled with. */
static void
fill(uint8_t *bytes, uint64_t number, uint32_t version)
{
	uint64_t *words = (uint64_t *)bytes;
	uint64_t value = number * 0x9e3779b97f4a7c15u + version;

	for (uint32_t i = 0; i < PAGE / 8; i++)
		words[i] = value += 0x0123456789abcdefu;
}

static bool
is_filled(const uint8_t *bytes, uint64_t number, uint32_t version)
{
	const uint64_t *words = (const uint64_t *)bytes;
	uint64_t value = number * 0x9e3779b97f4a7c15u + version;

	for (uint32_t i = 0; i < PAGE / 8; i++) {
		if (words[i] != (value += 0x0123456789abcdefu))
			return false;
	}
	return true;
}

static uint32_t
wait(void)
{
	enum nb_status result, status;
	uint32_t slot;

	status = block_wait(&block, NB_DEADLINE_NEVER, &slot, &result);
	if (status)
		fail("failed: no result, status", status);
	if (result)
		fail("failed: the result is", result);
	return slot;
}

/* ---- fill ---- */

/* Goes once over the blocks [first, end) with all slots. */
static void
pass(enum block_operation operation, uint64_t first, uint64_t end)
{
	uint64_t numbers[BLOCK_RING], next = first;
	uint32_t pending = 0;

	for (uint32_t slot = 0; slot < BLOCK_RING && next < end; slot++, pending++) {
		numbers[slot] = next++;
		if (operation == BLOCK_WRITE)
			fill(block_data(slot), numbers[slot], 0);
		block_submit(&block, slot, operation, numbers[slot] * (PAGE / BLOCK_SECTOR), PAGE);
	}
	block_start(&block);
	while (pending) {
		uint32_t slot = wait();

		if (operation == BLOCK_READ && !is_filled(block_data(slot), numbers[slot], 0))
			fail("failed: other bytes in block", (int64_t)numbers[slot]);
		if (next == end) {
			pending--;
			continue;
		}
		numbers[slot] = next++;
		if (operation == BLOCK_WRITE)
			fill(block_data(slot), numbers[slot], 0);
		block_submit(&block, slot, operation, numbers[slot] * (PAGE / BLOCK_SECTOR), PAGE);
		block_start(&block);
	}
}

static void
flush(void)
{
	block_submit(&block, 0, BLOCK_FLUSH, 0, 0);
	block_start(&block);
	(void)wait();
}

/* What the driver has to refuse. */
static void
refusals(void)
{
	const struct {
		uint64_t sector;
		uint32_t operation, len;
		enum nb_status status;
	} cases[] = {
		{ block.sectors, BLOCK_READ, 512, NB_OUT_OF_RANGE },
		{ block.sectors - 1, BLOCK_READ, 1024, NB_OUT_OF_RANGE },
		{ UINT64_MAX, BLOCK_WRITE, 512, NB_OUT_OF_RANGE },
		{ 0, BLOCK_READ, 0, NB_OUT_OF_RANGE },
		{ 0, BLOCK_READ, 513, NB_OUT_OF_RANGE },
		{ 0, BLOCK_WRITE, 0xfffffe00, NB_OUT_OF_RANGE },
		{ 0, BLOCK_WRITE, BLOCK_DATA_BYTES + 512, NB_OUT_OF_RANGE },
		{ 0, 77, 512, NB_INVALID_ARGUMENT },
	};

	for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum nb_status result, status;
		uint32_t slot;

		block_submit(&block, 1, (enum block_operation)cases[i].operation, cases[i].sector,
			     cases[i].len);
		block_start(&block);
		status = block_wait(&block, NB_DEADLINE_NEVER, &slot, &result);
		if (status || result != cases[i].status)
			fail("failed: not refused as it should be, case", i);
	}
}

/* Processor time of the driver, nanoseconds: with --icount, instructions. */
static int64_t
driver_run_ns(void)
{
	struct nb_process_entry entry;
	uint64_t after = 0;

	while (nb_system_process(startup_handle("system"), after, &entry) == 0) {
		after = entry.id;
		if (text_is((const char *)entry.name, entry.name_len, "virtio-blk"))
			return (int64_t)entry.run_ns;
	}
	return 0;
}

static void
run_fill(uint32_t part, uint32_t parts)
{
	uint64_t blocks = block.sectors / (PAGE / BLOCK_SECTOR);
	uint64_t first = blocks * part / parts, end = blocks * (part + 1) / parts;
	int64_t begin_ns = nb_clock_get(NB_CLOCK_MONOTONIC);

	if (first >= end)
		fail("failed: no block in part", part);
	refusals();
	pass(BLOCK_WRITE, first, end);
	flush();
	pass(BLOCK_READ, first, end);
	report("blocks written and read", (int64_t)(end - first));
	report("instructions of a client",
	       nb_clock_get(NB_CLOCK_PROCESS) / (int64_t)(2 * (end - first)));
	report("instructions of the driver", driver_run_ns() / (int64_t)(2 * (end - first)));
	report("milliseconds", (nb_clock_get(NB_CLOCK_MONOTONIC) - begin_ns) / 1000000);
}

/* ---- keep ---- */

static uint32_t versions[BLOCKS_MAX]; /* acknowledged; 0: never written */
static bool is_busy[BLOCKS_MAX];

static uint32_t
random_below(uint32_t bound)
{
	static uint32_t state;

	if (!state)
		(void)nb_random_fill(&state, sizeof state);
	state = state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)state * bound >> 32);
}

static void
run_keep(int64_t seconds)
{
	int64_t end_ns = later(seconds * 1000), done = 0;
	struct {
		uint32_t number, version;
		bool is_writing, is_used;
	} slots[BLOCK_RING] = { 0 };
	uint32_t pending = 0;

	for (;;) {
		bool goes_on = nb_clock_get(NB_CLOCK_MONOTONIC) < end_ns;
		uint32_t slot;

		for (slot = 0; goes_on && slot < BLOCK_RING; slot++) {
			uint32_t number = random_below(BLOCKS_MAX);

			if (slots[slot].is_used || is_busy[number])
				continue;
			slots[slot].is_used = is_busy[number] = true;
			slots[slot].number = number;
			slots[slot].is_writing = !versions[number] || random_below(2);
			slots[slot].version = versions[number] + slots[slot].is_writing;
			if (slots[slot].is_writing)
				fill(block_data(slot), number, slots[slot].version);
			block_submit(&block, slot,
				     slots[slot].is_writing ? BLOCK_WRITE : BLOCK_READ,
				     number * (PAGE / BLOCK_SECTOR), PAGE);
			pending++;
		}
		block_start(&block);
		if (!pending)
			break;
		slot = wait();
		pending--;
		done++;
		slots[slot].is_used = is_busy[slots[slot].number] = false;
		if (slots[slot].is_writing)
			versions[slots[slot].number] = slots[slot].version;
		else if (!is_filled(block_data(slot), slots[slot].number, slots[slot].version))
			fail("failed: not what was acknowledged, block", slots[slot].number);
	}
	/* Everything that was ever acknowledged, once more. */
	for (uint32_t number = 0; number < BLOCKS_MAX; number++) {
		if (!versions[number])
			continue;
		block_submit(&block, 0, BLOCK_READ, number * (PAGE / BLOCK_SECTOR), PAGE);
		block_start(&block);
		(void)wait();
		if (!is_filled(block_data(0), number, versions[number]))
			fail("failed: lost, block", number);
	}
	report("operations", done);
	report("reconnects", block.reconnects);
	report("longest recovery in microseconds", block.longest_ns / 1000);
	power_off(0);
}

/* ---- kill ---- */

static bool
kill_process(uint32_t system, const char *name)
{
	struct nb_process_entry entry;
	uint64_t after = 0;
	int64_t process;

	while (nb_system_process(system, after, &entry) == 0) {
		after = entry.id;
		if (!text_is((const char *)entry.name, entry.name_len, name) ||
		    entry.state != NB_PROCESS_RUNNING)
			continue;
		process = nb_system_open_process(system, entry.id);
		if (process < 0)
			return false;
		(void)nb_process_kill((uint32_t)process, 99);
		(void)nb_handle_close((uint32_t)process);
		return true;
	}
	return false;
}

/* Each time after `least` to twice as many milliseconds and more. */
static void
run_kill(const char *name, uint32_t count, uint32_t least)
{
	uint32_t killed = 0;

	while (killed < count) {
		(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) +
				      1000000 * (int64_t)(least + random_below(3 * least)) +
				      random_below(1000000));
		killed += kill_process(startup_handle("system"), name);
	}
	report("killed", killed);
}

/* ---- ---- */

static uint32_t
number_in(const char **at)
{
	uint32_t value = 0;

	for (; **at >= '0' && **at <= '9'; ++*at)
		value = value * 10 + (uint32_t)(**at - '0');
	return value;
}

static const char *
find_argument(void)
{
	static char argument[64];
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		if (record->kind == NB_STARTUP_ARGUMENT && record->length < sizeof argument)
			bytes_copy(argument, startup_contents(record), record->length);
	}
	return argument;
}

int
module_main(void)
{
	const char *argument = find_argument(), *at = argument + 5;
	uint32_t first = number_in(&at), second = *at == '/' ? (at++, number_in(&at)) : 0;
	enum nb_status status;

	if (bytes_equal(argument, "kill=", 5)) {
		run_kill("virtio-blk", first, 20);
		return 0;
	}
	if (bytes_equal(argument, "bus=", 4)) {
		at = argument + 4;
		run_kill("bus", number_in(&at), 100);
		return 0;
	}
	status = block_open(&block, startup_handle("services"), NB_DEADLINE_NEVER);
	if (status)
		fail("failed: no disk, status", status);
	if (bytes_equal(argument, "fill=", 5) && second)
		run_fill(first, second);
	else
		run_keep(first);
	return 0;
}

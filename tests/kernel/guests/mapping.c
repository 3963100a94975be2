/*
 * Memory objects in a linear memory. Startup: what to do, then handles.
 *   0           everything a process can do by itself
 *   1, 4        stores or copies into a page that is mapped for reading only
 *   2 m, 3 m    two processes that take turns over a word of object m
 */
#include "guest.h"

enum { PAGE = 4096, PAGES = 8, TURNS = 200 };

static _Alignas(PAGE) uint8_t window[PAGES * PAGE];
static _Alignas(PAGE) uint8_t second[PAGES * PAGE];

static uint32_t
address_of(const void *at)
{
	return (uint32_t)(uintptr_t)at;
}

static uint32_t
new_object(void)
{
	int64_t object = nb_memory_create(PAGES * PAGE);

	EXPECT(object > 0);
	return (uint32_t)object;
}

/* The compiler of this file must not know what a call has done to memory. */
static uint8_t
at(const uint8_t *bytes, uint32_t i)
{
	return ((const volatile uint8_t *)bytes)[i];
}

static void
put(uint8_t *bytes, uint32_t i, uint8_t value)
{
	((volatile uint8_t *)bytes)[i] = value;
}

static int64_t
map(uint32_t object, uint32_t page, uint32_t pages, const void *where, uint32_t flags)
{
	return nb_memory_map(object, page * PAGE, pages * PAGE, address_of(where), flags);
}

static void
check_sharing(void)
{
	uint32_t object = new_object();
	uint8_t byte = 7;

	EXPECT(nb_memory_write(object, 3 * PAGE + 5, &byte, 1) == 1);
	put(window, 10, 99);
	EXPECT(map(object, 0, PAGES, window, NB_MAP_WRITE) == address_of(window));
	EXPECT(at(window, 10) == 0 && at(window, 3 * PAGE + 5) == 7);
	/* The same pages twice, in another order. */
	EXPECT(map(object, 3, 1, second, NB_MAP_WRITE) == address_of(second));
	EXPECT(map(object, 2, 1, second + PAGE, 0) == address_of(second) + PAGE);
	put(second, 6, 8);
	EXPECT(at(window, 3 * PAGE + 6) == 8);
	put(window, 2 * PAGE, 9);
	EXPECT(at(second, PAGE) == 9 && at(second, 2 * PAGE) == 0);
	EXPECT(nb_memory_read(object, 3 * PAGE + 6, &byte, 1) == 1 && byte == 8);
	__builtin_memcpy(window + PAGE, window + 3 * PAGE, PAGE);
	EXPECT(at(window, PAGE + 6) == 8);
	/* It stays when the handle goes, and goes as a whole. */
	EXPECT(nb_handle_close(object) == 0);
	put(window, 0, 1);
	EXPECT(nb_memory_unmap(address_of(second)) == 0);
	EXPECT(at(second, 6) == 0 && at(window, 3 * PAGE + 6) == 8);
	EXPECT(nb_memory_unmap(address_of(second)) == ERR(NOT_FOUND));
	EXPECT(nb_memory_unmap(address_of(window) + PAGE) == ERR(NOT_FOUND));
	EXPECT(nb_memory_unmap(address_of(window)) == 0);
	EXPECT(nb_memory_unmap(address_of(second) + PAGE) == 0);
	for (uint32_t i = 0; i < sizeof window; i++)
		EXPECT(at(window, i) == 0 && at(second, i) == 0);
}

/* A message that cannot be written down wholly stays, whatever of it cannot. */
static void
check_receiving(void)
{
	struct nb_message_counts good, *counts = (struct nb_message_counts *)(void *)window;
	uint32_t object = (uint32_t)nb_memory_create(PAGE), event, handles[2];
	struct nb_channel_ends channel;
	char bytes[8];

	good = (struct nb_message_counts){ 0, 2 };
	EXPECT(nb_memory_write(object, 0, &good, sizeof good) == sizeof good);
	EXPECT(map(object, 0, 1, window, 0) == address_of(window));
	EXPECT(nb_channel_create(&channel, 4) == 0);
	for (uint32_t i = 0; i < 2; i++) {
		event = (uint32_t)nb_event_create();
		EXPECT(nb_channel_send(channel.ends[0], "hello", 5, &event, i) == 0);
		EXPECT(nb_channel_recv(channel.ends[1], bytes, 8, handles, counts) ==
		       ERR(INVALID_ADDRESS));
		EXPECT(nb_channel_recv(channel.ends[1], (void *)(window + 64), 8, handles, &good) ==
		       ERR(INVALID_ADDRESS));
		EXPECT(good.handles == 2);
		EXPECT(i == 0 || nb_channel_recv(channel.ends[1], bytes, 8, (void *)window,
						 &good) == ERR(INVALID_ADDRESS));
		EXPECT(nb_channel_recv(channel.ends[1], bytes, 8, handles, &good) == 5);
		EXPECT(good.handles == i && bytes[4] == 'o');
		good.handles = 2;
		EXPECT(nb_handle_close(i ? handles[0] : event) == 0);
	}
	EXPECT(nb_handle_close(channel.ends[0]) == 0 && nb_handle_close(channel.ends[1]) == 0);
	EXPECT(nb_memory_unmap(address_of(window)) == 0 && nb_handle_close(object) == 0);
}

static void
check_errors(void)
{
	uint32_t object = new_object(), memory_bytes = (uint32_t)__builtin_wasm_memory_size(0)
						       << 16;
	uint32_t weak = (uint32_t)nb_handle_duplicate(object, NB_RIGHT_READ | NB_RIGHT_MAP);
	uint32_t unmappable = (uint32_t)nb_handle_duplicate(object, NB_RIGHT_READ | NB_RIGHT_WRITE);

	EXPECT(map(object, 0, 1, window + 8, 0) == ERR(INVALID_ARGUMENT));
	EXPECT(map(object, 0, 0, window, 0) == ERR(INVALID_ARGUMENT));
	EXPECT(map(object, 0, 1, window, 4) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_memory_map(object, 0, 100, address_of(window), 0) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_memory_map(object, 12, PAGE, address_of(window), 0) == ERR(INVALID_ARGUMENT));
	EXPECT(map(object, 1, PAGES, window, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_map(object, UINT64_C(1) << 63, PAGE, address_of(window), 0) ==
	       ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_map(object, 0, PAGE, memory_bytes, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_memory_map(object, 0, 2 * PAGE, memory_bytes - PAGE, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_memory_map(object, 0, PAGE, 0xfffff000, 0) == ERR(INVALID_ADDRESS));
	EXPECT(map(weak, 0, 1, window, NB_MAP_WRITE) == ERR(ACCESS_DENIED));
	EXPECT(map(unmappable, 0, 1, window, 0) == ERR(ACCESS_DENIED));
	EXPECT(map(12345, 0, 1, window, 0) == ERR(BAD_HANDLE));
	EXPECT(map((uint32_t)nb_event_create(), 0, 1, window, 0) == ERR(WRONG_TYPE));
	EXPECT(map(weak, 0, 3, window + PAGE, 0) == address_of(window) + PAGE);
	EXPECT(map(object, 0, 2, window, 0) == ERR(ALREADY_EXISTS));
	EXPECT(map(object, 0, 1, window + 3 * PAGE, 0) == ERR(ALREADY_EXISTS));
	EXPECT(map(object, 0, 1, window, 0) == address_of(window));
	EXPECT(map(object, 0, 1, window + 4 * PAGE, 0) == address_of(window) + 4 * PAGE);
	for (uint32_t i = 0; i < 5; i += i == 1 ? 3 : 1)
		EXPECT(nb_memory_unmap(address_of(window) + i * PAGE) == 0);
}

/* What the kernel should write to pages that can only be read. */
static void
check_read_only(void)
{
	uint32_t object = new_object();
	struct nb_channel_ends channel;
	struct nb_message_counts counts = { 4, 0 };
	uint8_t bytes[4] = { 1, 2, 3, 4 };

	EXPECT(nb_memory_write(object, 0, bytes, 4) == 4);
	EXPECT(map(object, 0, 1, window, 0) == address_of(window));
	EXPECT(nb_random_fill(window, 4) == ERR(INVALID_ADDRESS));
	EXPECT(nb_random_fill(window + PAGE - 2, 4) == ERR(INVALID_ADDRESS));
	EXPECT(nb_memory_read(object, 0, window + 100, 4) == ERR(INVALID_ADDRESS));
	EXPECT(nb_system_info(NB_SYSTEM_MEMORY, window, 8) == ERR(INVALID_ADDRESS));
	EXPECT(nb_channel_create(&channel, 1) == 0);
	EXPECT(nb_channel_send(channel.ends[0], window, 4, 0, 0) == 0);
	EXPECT(nb_channel_recv(channel.ends[1], window, 4, 0, &counts) == ERR(INVALID_ADDRESS));
	EXPECT(nb_channel_recv(channel.ends[1], second, 4, 0, &counts) == 4 && at(second, 3) == 4);
	EXPECT(at(window, 0) == 1 && at(window, 100) == 0 && at(window, PAGE - 1) == 0);
	EXPECT(nb_memory_unmap(address_of(window)) == 0);
}

static void
check_growth(void)
{
	uint32_t object = new_object(), pages = (uint32_t)__builtin_wasm_memory_size(0);
	int64_t first = nb_memory_map(object, PAGE, 3 * PAGE, 1, NB_MAP_WRITE | NB_MAP_APPEND);
	struct nb_mapping told;
	uint8_t *there = (uint8_t *)(uintptr_t)first;

	EXPECT(first == (int64_t)pages << 16 && __builtin_wasm_memory_size(0) == pages + 1);
	there[3 * PAGE] = 5; /* behind the mapping */
	there[0] = 6;
	EXPECT(__builtin_wasm_memory_grow(0, 2) == pages + 1);
	EXPECT(at(there, 0) == 6 && at(there, 3 * PAGE) == 5 && at(there, (3 << 16) - 1) == 0);
	EXPECT(map(object, 0, 2, window, 0) == address_of(window));
	EXPECT(at(window, PAGE) == 6);
	EXPECT(nb_memory_info(0, &told) == 0 && told.at == address_of(window) && told.flags == 0 &&
	       told.len == 2 * PAGE && told.offset == 0);
	EXPECT(nb_memory_info(told.at + told.len, &told) == 0 && told.at == first &&
	       told.offset == PAGE && told.len == 3 * PAGE && told.flags == NB_MAP_WRITE);
	EXPECT(nb_memory_info(told.at + told.len, &told) == ERR(NOT_FOUND));
	EXPECT(nb_memory_map(object, 0, PAGES * PAGE, 0, NB_MAP_APPEND) == (int64_t)(pages + 3)
										   << 16);
	/* All three stay mapped until the process ends. */
}

static struct nb_futex *const shared_word = (struct nb_futex *)(void *)(window + 2 * PAGE);
static _Alignas(16) uint8_t waiter_stack[PAGE];

static void
wait_for_shared_word(uint32_t argument)
{
	(void)argument;
	(void)nb_futex_wait(shared_word, 0, NB_DEADLINE_NEVER);
	nb_process_exit(1);
}

/* Who waits for a word of an object that nobody has any more waits for no word of another
 * object, wherever that has its pages. */
static void
check_lost_word(void)
{
	uint32_t object = new_object();

	EXPECT(map(object, 0, PAGES, window, NB_MAP_WRITE) == address_of(window));
	EXPECT(nb_thread_spawn((uint32_t)(uintptr_t)wait_for_shared_word, 0,
			       address_of(waiter_stack) + PAGE) > 0);
	(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 5000000);
	EXPECT(nb_memory_unmap(address_of(window)) == 0);
	EXPECT(nb_handle_close(object) == 0);
	for (int i = 0; i < 4; i++) {
		object = new_object();
		EXPECT(map(object, 0, PAGES, window, NB_MAP_WRITE) == address_of(window));
		EXPECT(nb_futex_wake(shared_word, 1) == 0);
		EXPECT(nb_memory_unmap(address_of(window)) == 0);
	}
}

/* Turn by turn, each waits until the word has its parity. */
static void
take_turns(uint32_t object, uint32_t mine)
{
	volatile uint32_t *word = (volatile uint32_t *)(void *)(window + 2 * PAGE);
	if (mine)
		EXPECT(map(object, 0, 3, window, NB_MAP_WRITE) == address_of(window));
	else
		EXPECT(map(object, 2, 1, window + 2 * PAGE, NB_MAP_WRITE) > 0);
	for (;;) {
		uint32_t now = *word;

		if (now >= TURNS)
			return;
		if (now % 2 != mine) {
			int64_t status = nb_futex_wait(shared_word, now, NB_DEADLINE_NEVER);

			EXPECT(status == 0 || status == ERR(SHOULD_WAIT));
			continue;
		}
		*word = now + 1;
		EXPECT(nb_futex_wake(shared_word, 1) >= 0);
	}
}

void
_start(void)
{
	uint32_t what = guest_handle(0);

	if (what == 1 || what == 4) {
		EXPECT(map(new_object(), 0, 1, window, 0) == address_of(window));
		EXPECT(at(window, 0) == 0);
		if (what == 1)
			put(window, 0, 1);
		__builtin_memcpy(window + 100, second, 2000);
	} else if (what >= 2) {
		take_turns(guest_handle(1), what - 2);
	} else {
		check_sharing();
		check_errors();
		check_receiving();
		check_read_only();
		check_lost_word();
		check_growth();
	}
	nb_process_exit(0);
}

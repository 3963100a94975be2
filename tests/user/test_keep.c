/*
 * What a bus server leaves to its successor (user/servers/bus/keep.c): DMA memory goes back only after all
 * devices have been reset, however many bus servers have died before that.
 *
 * The kernel is played: handles are places of a table, the lasting channel a queue of messages. A
 * bus server that dies loses its handles, not what is in the queue.
 */
#include "user/sdk/startup.h"
#include "user/servers/bus/bus.h"

#include "nebulet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HANDLES_MAX = 4000, OBJECTS_MAX = 4000, TX = 1, RX = 2, FIRST_HANDLE = 10 };

enum kind {
	PROCESS,
	DMA,
};

static struct {
	enum kind kind;
	bool is_ended;
	uint32_t handles; /* to it, wherever they are */
} objects[OBJECTS_MAX];
static uint32_t object_count;

/* The bus server's: an object's number + 1. */
static uint32_t handles[HANDLES_MAX];

static struct {
	int64_t mark;
	uint32_t len, count;
	uint32_t objects[NB_CHANNEL_HANDLES_MAX];
} queue[NB_CHANNEL_MESSAGES_MAX];
static uint32_t queued;
static int64_t now_ns;
static uint32_t devices_stopped;

/* ---- the kernel ---- */

static uint32_t
open_handle(uint32_t object)
{
	uint32_t place = 0;

	while (place < HANDLES_MAX && handles[place])
		place++;
	assert_true(place < HANDLES_MAX);
	handles[place] = object + 1;
	return FIRST_HANDLE + place;
}

static uint32_t
object_of(uint32_t handle)
{
	uint32_t place = handle - FIRST_HANDLE;

	assert_true(place < HANDLES_MAX && handles[place]);
	return handles[place] - 1;
}

int64_t
nb_handle_duplicate(uint32_t handle, uint32_t rights)
{
	uint32_t object = object_of(handle);

	assert_int_equal(rights, NB_RIGHTS_SAME);
	objects[object].handles++;
	return open_handle(object);
}

int64_t
nb_handle_close(uint32_t handle)
{
	objects[object_of(handle)].handles--;
	handles[handle - FIRST_HANDLE] = 0;
	return 0;
}

int64_t
nb_channel_send(uint32_t channel, const void *bytes, uint32_t len, const uint32_t *sent,
		uint32_t count)
{
	assert_int_equal(channel, TX);
	assert_true(queued < NB_CHANNEL_MESSAGES_MAX && count <= NB_CHANNEL_HANDLES_MAX);
	assert_true(len == 0 || len == sizeof queue[0].mark);
	queue[queued].len = len;
	if (len)
		memcpy(&queue[queued].mark, bytes, len);
	queue[queued].count = count;
	for (uint32_t i = 0; i < count; i++) {
		queue[queued].objects[i] = object_of(sent[i]);
		handles[sent[i] - FIRST_HANDLE] = 0;
	}
	queued++;
	return 0;
}

int64_t
nb_channel_recv(uint32_t channel, void *bytes, uint32_t cap, uint32_t *out,
		struct nb_message_counts *counts)
{
	int64_t len = queue[0].len;

	assert_int_equal(channel, RX);
	if (!queued)
		return -NB_SHOULD_WAIT;
	assert_true(queue[0].len <= cap && queue[0].count <= counts->handles);
	memcpy(bytes, &queue[0].mark, queue[0].len);
	counts->handles = queue[0].count;
	for (uint32_t i = 0; i < queue[0].count; i++)
		out[i] = open_handle(queue[0].objects[i]);
	memmove(&queue[0], &queue[1], --queued * sizeof queue[0]);
	return len;
}

int64_t
nb_process_kill(uint32_t process, int32_t status)
{
	uint32_t object = object_of(process);

	assert_int_equal(status, 0);
	if (objects[object].kind != PROCESS)
		return -NB_WRONG_TYPE;
	objects[object].is_ended = true;
	return 0;
}

int64_t
nb_object_wait_one(uint32_t object, uint32_t signals, int64_t deadline_ns)
{
	assert_true(objects[object_of(object)].is_ended);
	assert_int_equal(deadline_ns, NB_DEADLINE_NEVER);
	return signals;
}

int64_t
nb_clock_get(uint32_t clock)
{
	assert_int_equal(clock, NB_CLOCK_MONOTONIC);
	return ++now_ns;
}

uint32_t
startup_handle(const char *name)
{
	return strcmp(name, "kept") == 0 ? TX : RX;
}

void
bus_log(uint32_t level, const char *name, const char *what, const char *detail)
{
	(void)level;
	(void)name;
	(void)what;
	(void)detail;
}

void
devices_find_pci(struct bus *bus)
{
	(void)bus;
	devices_stopped++;
}

/* ---- bus servers ---- */

static uint32_t
new_object(enum kind kind)
{
	assert_true(object_count < OBJECTS_MAX);
	objects[object_count].kind = kind;
	objects[object_count].is_ended = false;
	objects[object_count].handles = 1;
	return open_handle(object_count++);
}

/* One takes over and starts drivers, with as much DMA as they may come to have. */
static void
begin(struct bus *bus, uint32_t drivers)
{
	*bus = (struct bus){ .driver_count = drivers };
	keep_take(bus);
	for (uint32_t i = 0; i < drivers; i++) {
		bus->drivers[i].process = new_object(PROCESS);
		bus->drivers[i].dma = new_object(DMA);
		bus->drivers[i].dma_before = new_object(DMA);
		keep_update(bus);
	}
}

/* Its handles are closed by its end. */
static void
die(void)
{
	for (uint32_t i = 0; i < HANDLES_MAX; i++) {
		if (handles[i])
			objects[handles[i] - 1].handles--;
		handles[i] = 0;
	}
}

static uint32_t
count_alive(enum kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < object_count; i++)
		count += objects[i].kind == kind && objects[i].handles;
	return count;
}

static int
reset(void **state)
{
	(void)state;
	object_count = queued = devices_stopped = 0;
	memset(handles, 0, sizeof handles);
	return 0;
}

static struct bus bus;

/* None of the memory goes while devices may write to it; all of it when they cannot. */
static void
test_kept_over_deaths(void **state)
{
	enum { DEATHS = 20, DRIVERS = DRIVERS_MAX };

	(void)state;
	for (uint32_t death = 0; death < DEATHS; death++) {
		begin(&bus, DRIVERS);
		assert_int_equal(devices_stopped, death);
		assert_int_equal(count_alive(DMA), 2 * DRIVERS * (death + 1));
		die();
		assert_int_equal(count_alive(DMA), 2 * DRIVERS * (death + 1));
	}
	for (uint32_t i = 0; i < object_count; i++)
		assert_true(objects[i].kind == DMA || objects[i].is_ended ||
			    i >= object_count - 3 * DRIVERS);
	begin(&bus, 0);
	assert_int_equal(count_alive(PROCESS), 0);
	assert_int_equal(bus.old_count, 2 * DRIVERS * DEATHS);
	keep_forget(&bus);
	assert_int_equal(count_alive(DMA), 0);
	die();
	assert_int_equal(count_alive(DMA), 0);
	assert_int_equal(queued, 0);
}

/* More than one can know of: what is too much is not given back either. */
static void
test_more_than_there_is_room_for(void **state)
{
	enum { DEATHS = OLD_MAX / (2 * DRIVERS_MAX) + 2 };

	(void)state;
	for (uint32_t death = 0; death < DEATHS; death++) {
		if (death)
			die();
		begin(&bus, DRIVERS_MAX);
	}
	assert_int_equal(bus.old_count, OLD_MAX);
	assert_int_equal(count_alive(DMA), 2 * DRIVERS_MAX * DEATHS);
}

/* Dying again and again before anything was started loses nothing. */
static void
test_deaths_at_once(void **state)
{
	(void)state;
	begin(&bus, 3);
	for (uint32_t death = 0; death < 100; death++) {
		die();
		begin(&bus, 0);
		assert_int_equal(count_alive(DMA), 6);
	}
	keep_forget(&bus);
	assert_int_equal(count_alive(DMA), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_kept_over_deaths, reset),
		cmocka_unit_test_setup(test_more_than_there_is_room_for, reset),
		cmocka_unit_test_setup(test_deaths_at_once, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

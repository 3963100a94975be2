/*
 * Gives every native call what a hostile program would. Handles: 0 an event
 * without any right, 1 a memory object with READ only, 2 a module (spin), 3 the
 * system object without MANAGE.
 */
#include "guest.h"

#define BAD_POINTER ((void *)0xfffffff0)
#define NO_HANDLE   0x00010fffu

static char buffer[256];
static uint32_t weak, memory, module, crippled;

static void
test_handles(void)
{
	int64_t event = nb_event_create();
	int64_t copy;
	uint32_t handle = (uint32_t)event;

	EXPECT(event > 0);
	EXPECT(nb_handle_close(NB_HANDLE_NONE) == ERR(BAD_HANDLE));
	EXPECT(nb_handle_close(0xffffffff) == ERR(BAD_HANDLE));
	EXPECT(nb_handle_close(NO_HANDLE) == ERR(BAD_HANDLE));
	EXPECT(nb_handle_close(handle + 0x10000) == ERR(BAD_HANDLE));
	EXPECT(nb_handle_duplicate(weak, NB_RIGHTS_SAME) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_duplicate(handle, NB_RIGHT_READ) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_duplicate(handle, 0x80000000) == ERR(ACCESS_DENIED));
	copy = nb_handle_duplicate(handle, NB_RIGHT_WAIT);
	EXPECT(copy > 0 && copy != event);
	EXPECT(nb_object_signal((uint32_t)copy, 0, NB_SIGNAL_USER_0) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_duplicate((uint32_t)copy, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_replace((uint32_t)copy, NB_RIGHT_SIGNAL) == ERR(ACCESS_DENIED));
	event = nb_handle_replace((uint32_t)copy, 0);
	EXPECT(event > 0 && event != copy);
	EXPECT(nb_handle_close((uint32_t)copy) == ERR(BAD_HANDLE));
	EXPECT(nb_handle_close((uint32_t)event) == 0);
	EXPECT(nb_object_signal(handle, 0, NB_SIGNAL_READABLE) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_signal(handle, NB_SIGNAL_TERMINATED, 0) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_signal(handle, 0, NB_SIGNAL_SIGNALED | NB_SIGNAL_USER_7) == 0);
	EXPECT(nb_object_wait_one(handle, NB_SIGNAL_USER_7, 0) ==
	       (int64_t)((uint32_t)NB_SIGNAL_SIGNALED | (uint32_t)NB_SIGNAL_USER_7));
	EXPECT(nb_object_wait_one(handle, 1, 0) == ERR(TIMED_OUT));
	EXPECT(nb_object_wait_one(handle, 1, INT64_MIN) == ERR(TIMED_OUT));
	EXPECT(nb_object_wait_one(weak, 1, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_handle_close(handle) == 0);
	EXPECT(nb_object_wait_one(handle, 1, 0) == ERR(BAD_HANDLE));
}

static void
test_info(void)
{
	struct nb_object_info info;

	EXPECT(nb_object_info(memory, NB_INFO_OBJECT, BAD_POINTER, 24) == ERR(INVALID_ADDRESS));
	EXPECT(nb_object_info(NO_HANDLE, NB_INFO_OBJECT, buffer, 24) == ERR(BAD_HANDLE));
	EXPECT(nb_object_info(weak, NB_INFO_OBJECT, buffer, 24) == ERR(ACCESS_DENIED));
	EXPECT(nb_object_info(module, 999, buffer, 24) == ERR(NOT_SUPPORTED));
	EXPECT(nb_object_info(module, NB_INFO_PROCESS, buffer, 24) == ERR(NOT_SUPPORTED));
	EXPECT(nb_object_info(module, NB_INFO_OBJECT, &info, sizeof info) == sizeof info);
	EXPECT(info.type == NB_OBJECT_MODULE && info.handles >= 1);
	EXPECT(nb_object_info(module, NB_INFO_OBJECT, 0, 0) == sizeof info);
	EXPECT(nb_object_set_name(module, buffer, 64) == ERR(OUT_OF_RANGE));
	EXPECT(nb_object_set_name(module, BAD_POINTER, 20) == ERR(INVALID_ADDRESS));
	EXPECT(nb_object_set_name(module, "a\nb", 3) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_set_name(module, "\xff", 1) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_set_name(module,
				  "a\xc2\x9b"
				  "2J",
				  5) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_object_set_name(module, "\xc2\xa0", 2) == 0);
	EXPECT(nb_object_set_name(module, "fine", 4) == 0);
	EXPECT(nb_object_info(module, NB_INFO_NAME, buffer, sizeof buffer) == 4);
	EXPECT(buffer[0] == 'f' && buffer[3] == 'e');
}

static void
test_waits(void)
{
	struct nb_wait_item items[2] = { { module, NB_SIGNAL_SIGNALED, 0 }, { NO_HANDLE, 1, 0 } };
	int64_t soon = nb_clock_get(NB_CLOCK_MONOTONIC) + 1000000;

	EXPECT(nb_object_wait_many(items, 0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_object_wait_many(items, 65, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_object_wait_many(items, 0xffffffff, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_object_wait_many(BAD_POINTER, 2, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_object_wait_many(items, 2, 0) == ERR(BAD_HANDLE));
	EXPECT(nb_object_wait_many(items, 1, 0) == 1 && items[0].seen & NB_SIGNAL_SIGNALED);
	items[0].wanted = NB_SIGNAL_USER_5;
	EXPECT(nb_object_wait_many(items, 1, soon) == ERR(TIMED_OUT));
	EXPECT(nb_clock_get(NB_CLOCK_MONOTONIC) >= soon);
}

static void
test_streams(void)
{
	struct nb_stream_ends ends;
	uint32_t w, r;

	EXPECT(nb_stream_create((void *)0xfffffffc, 10) == ERR(INVALID_ADDRESS));
	EXPECT(nb_stream_create(&ends, 0x7fffffff) == ERR(OUT_OF_RANGE));
	EXPECT(nb_stream_create(&ends, 10) == 0);
	w = ends.writer;
	r = ends.reader;
	EXPECT(nb_stream_read(w, buffer, 1) == ERR(ACCESS_DENIED));
	EXPECT(nb_stream_write(r, buffer, 1) == ERR(ACCESS_DENIED));
	EXPECT(nb_stream_read(memory, buffer, 1) == ERR(WRONG_TYPE));
	EXPECT(nb_stream_write(w, BAD_POINTER, 20) == ERR(INVALID_ADDRESS));
	EXPECT(nb_stream_write(w, buffer, 0xffffffff) == ERR(INVALID_ADDRESS));
	EXPECT(nb_stream_read(r, buffer, 5) == ERR(SHOULD_WAIT));
	EXPECT(nb_stream_write(w, buffer, 0) == 0);
	EXPECT(nb_stream_write(w, "0123456789abc", 13) == 10);
	EXPECT(nb_stream_write(w, "x", 1) == ERR(SHOULD_WAIT));
	EXPECT(nb_stream_read(r, buffer, 4) == 4 && buffer[3] == '3');
	EXPECT(nb_stream_write(w, "ABC", 3) == 3);
	EXPECT(nb_stream_read(r, buffer, 100) == 9 && buffer[0] == '4' && buffer[8] == 'C');
	EXPECT(nb_stream_write(w, "end", 3) == 3);
	EXPECT(nb_handle_close(w) == 0);
	EXPECT(nb_object_wait_one(r, NB_SIGNAL_PEER_CLOSED, 0) > 0);
	EXPECT(nb_stream_read(r, buffer, 100) == 3);
	EXPECT(nb_stream_read(r, buffer, 100) == 0);
	EXPECT(nb_handle_close(r) == 0);
	EXPECT(nb_stream_create(&ends, 1) == 0);
	EXPECT(nb_handle_close(ends.reader) == 0);
	EXPECT(nb_stream_write(ends.writer, "x", 1) == ERR(PEER_CLOSED));
}

static void
test_memory(void)
{
	int64_t own = nb_memory_create(5000);

	EXPECT(own > 0);
	EXPECT(nb_memory_size((uint32_t)own) == 8192);
	EXPECT(nb_memory_create(0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_create(UINT64_MAX) == ERR(OUT_OF_RANGE));
	EXPECT(nb_memory_write((uint32_t)own, 8190, "abcd", 4) == 2);
	EXPECT(nb_memory_write((uint32_t)own, 8192, "abcd", 4) == 0);
	EXPECT(nb_memory_write((uint32_t)own, UINT64_MAX, "abcd", 4) == 0);
	EXPECT(nb_memory_read((uint32_t)own, UINT64_MAX - 1, buffer, 4) == 0);
	EXPECT(nb_memory_read((uint32_t)own, 8189, buffer, 256) == 3);
	EXPECT(buffer[0] == 0 && buffer[1] == 'a' && buffer[2] == 'b');
	EXPECT(nb_memory_read((uint32_t)own, 0, BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_memory_write(memory, 0, "x", 1) == ERR(ACCESS_DENIED));
	EXPECT(nb_memory_read(module, 0, buffer, 1) == ERR(WRONG_TYPE));
	EXPECT(nb_memory_size(weak) == ERR(WRONG_TYPE));
}

static void
test_modules(void)
{
	static const uint8_t junk[] = { 0, 'a', 's', 'm', 9, 9, 9, 9 };
	struct nb_module_info info;
	int64_t handle;

	EXPECT(nb_module_publish(BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_module_publish_object(memory, 1, UINT64_MAX) == ERR(OUT_OF_RANGE));
	EXPECT(nb_module_publish_object(memory, UINT64_MAX, 1) == ERR(OUT_OF_RANGE));
	EXPECT(nb_module_publish_object(module, 0, 1) == ERR(WRONG_TYPE));
	handle = nb_module_publish(junk, sizeof junk);
	EXPECT(handle > 0);
	EXPECT(nb_process_create("x", 1, 0) > 0);
	EXPECT(nb_object_wait_one((uint32_t)handle, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info((uint32_t)handle, NB_INFO_MODULE, &info, sizeof info) == sizeof info);
	EXPECT(info.state == NB_MODULE_FAILED && info.status == NB_MALFORMED);
	EXPECT(nb_object_info((uint32_t)handle, NB_INFO_DIAGNOSTIC, buffer, sizeof buffer) > 10);
	EXPECT(nb_object_info((uint32_t)handle, NB_INFO_IMPORTS, buffer, 1) == ERR(BAD_STATE));
	/* An artifact cut off. */
	handle = nb_module_publish("\x89.nbo\0\x1a\x0a", 8);
	EXPECT(handle > 0);
	EXPECT(nb_object_info((uint32_t)handle, NB_INFO_MODULE, &info, sizeof info) == sizeof info);
	EXPECT(info.state == NB_MODULE_FAILED && info.status == NB_MALFORMED);
	/* One that is thrown away while it is compiled. */
	EXPECT(nb_handle_close((uint32_t)nb_module_publish(junk, sizeof junk)) == 0);
}

static void
test_processes(void)
{
	struct nb_binding binding = { .name = 0xfffffff0, .name_len = 60 };
	struct nb_text_buffer bad_text = { 0xfffffff0, 100 };
	int64_t process = nb_process_create("child", 5, 0);

	EXPECT(process > 0);
	EXPECT(nb_process_create(BAD_POINTER, 60, 0) == ERR(INVALID_ADDRESS));
	EXPECT(nb_process_create("x", 64, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_process_create("x", 1, BAD_POINTER) == ERR(INVALID_ADDRESS));
	EXPECT(nb_process_grant((uint32_t)process, weak, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_process_grant((uint32_t)process, NO_HANDLE, 0) == ERR(BAD_HANDLE));
	EXPECT(nb_process_grant(module, module, 0) == ERR(WRONG_TYPE));
	EXPECT(nb_process_grant((uint32_t)process, module, NB_RIGHT_READ) == ERR(ACCESS_DENIED));
	EXPECT(nb_process_instantiate((uint32_t)process, module, &binding, 1, 0) ==
	       ERR(INVALID_ADDRESS));
	EXPECT(nb_process_instantiate((uint32_t)process, module, BAD_POINTER, 2, 0) ==
	       ERR(INVALID_ADDRESS));
	EXPECT(nb_process_instantiate((uint32_t)process, module, 0, 65, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_process_instantiate((uint32_t)process, module, 0, 0, &bad_text) ==
	       ERR(INVALID_ADDRESS));
	binding.name = (uint32_t)(uintptr_t)buffer;
	binding.name_len = 65;
	EXPECT(nb_process_instantiate((uint32_t)process, module, &binding, 1, 0) ==
	       ERR(OUT_OF_RANGE));
	EXPECT(nb_process_instantiate((uint32_t)process, memory, 0, 0, 0) == ERR(WRONG_TYPE));
	EXPECT(nb_process_start((uint32_t)process, 0, BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_process_start((uint32_t)process, 0xffffffff, 0, 0) == ERR(OUT_OF_RANGE));
	EXPECT(nb_process_kill(memory, 0) == ERR(WRONG_TYPE));
	EXPECT(nb_process_startup(BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_process_startup(0, 0) > 0);
}

static void
test_rest(void)
{
	struct nb_log_record record;
	struct nb_system_info info;

	EXPECT(nb_clock_get(77) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_clock_resolution(77) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_clock_get(NB_CLOCK_PROCESS) > 0 && nb_clock_get(NB_CLOCK_THREAD) > 0);
	EXPECT(nb_clock_get(NB_CLOCK_REALTIME) > 1600000000000000000);
	EXPECT(nb_random_fill(BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_random_fill(buffer, 200) == 0);
	EXPECT(nb_log_write(9, "x", 1) == ERR(INVALID_ARGUMENT));
	EXPECT(nb_log_write(NB_LOG_DEBUG, buffer, 1025) == ERR(OUT_OF_RANGE));
	EXPECT(nb_log_write(NB_LOG_DEBUG, BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_log_write(NB_LOG_DEBUG, "hello", 5) == 0);
	EXPECT(nb_log_read(crippled, 0, &record, buffer, 10) == ERR(ACCESS_DENIED));
	EXPECT(nb_system_power(crippled, 0, 0) == ERR(ACCESS_DENIED));
	EXPECT(nb_system_power(module, 0, 0) == ERR(WRONG_TYPE));
	EXPECT(nb_system_info(9, &info, sizeof info) == ERR(NOT_SUPPORTED));
	EXPECT(nb_system_info(0, BAD_POINTER, 100) == ERR(INVALID_ADDRESS));
	EXPECT(nb_system_info(0, &info, sizeof info) == sizeof info);
	EXPECT(info.processes_live >= 1 && info.threads_live >= 1 && info.handles_live >= 4);
	EXPECT(nb_thread_sleep(-1) == 0 && nb_thread_sleep(0) == 0);
	nb_thread_yield();
}

/* Copies in which source and target overlap, much longer than the pieces in
 * which the kernel makes them; here the client's memory is our own. */
static void
test_overlap(void)
{
	enum { COPIED = 900001, SHIFT = 1000 };
	uint32_t old = __builtin_wasm_memory_grow(0, 16);
	uint8_t *low = (uint8_t *)(old << 16), *high = low + SHIFT;

	EXPECT(old != UINT32_MAX);
	for (uint32_t i = 0; i < COPIED; i++)
		low[i] = (uint8_t)(i % 251);
	EXPECT(nb_client_write((uint32_t)(uintptr_t)high, low, COPIED) == 0);
	for (uint32_t i = 0; i < COPIED; i++)
		EXPECT(high[i] == i % 251);
	EXPECT(nb_client_read(low, (uint32_t)(uintptr_t)high, COPIED) == 0);
	for (uint32_t i = 0; i < COPIED; i++)
		EXPECT(low[i] == i % 251);
}

void
_start(void)
{
	weak = guest_handle(0);
	memory = guest_handle(1);
	module = guest_handle(2);
	crippled = guest_handle(3);
	test_handles();
	test_info();
	test_waits();
	test_streams();
	test_memory();
	test_modules();
	test_processes();
	test_rest();
	test_overlap();
	nb_process_exit(0);
}

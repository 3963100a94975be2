/*
 * One of everything, in a system that may run out of memory at any moment: what
 * fails must have changed nothing. Handles: the modules trap, everyclient, personality
 * and client, of which children are made, the system object, the root resource. Ends with 0 if nothing failed, 1 if something
 * did, or with the line of an EXPECT.
 */
#include "guest.h"
#include "user/sdk/manifest.h"

NEBULET_MANIFEST("name failing", "mmio bar0", "irq pci");

enum { STACK = 4096 };

static _Alignas(16) char stack[STACK];
static char bytes[8192];
static _Alignas(4096) volatile uint8_t window[2 * 4096];

static uint32_t
handles_live(void)
{
	struct nb_system_info info;

	EXPECT(nb_system_info(NB_SYSTEM_INFO, &info, sizeof info) == sizeof info);
	return info.handles_live;
}

/* A call that made `handles` handles if it worked. */
static int64_t
tried(int64_t result, uint32_t before, uint32_t handles)
{
	if (result >= 0) {
		EXPECT(handles_live() == before + handles);
		return result;
	}
	EXPECT(result == ERR(OUT_OF_MEMORY) || result == ERR(LIMIT_EXCEEDED));
	EXPECT(handles_live() == before);
	nb_process_exit(1);
}
#define TRY(handles, call)                         \
	({                                         \
		uint32_t before_ = handles_live(); \
		tried((call), before_, handles);   \
	})

/* More items than the kernel has room for without an allocation. */
static void
wait_for_many(void)
{
	struct nb_wait_item items[64];
	uint32_t event = (uint32_t)TRY(1, nb_event_create());
	int64_t soon = nb_clock_get(NB_CLOCK_MONOTONIC) + 1000, result;

	for (uint32_t i = 0; i < 64; i++)
		items[i] = (struct nb_wait_item){ event, NB_SIGNAL_SIGNALED, 0 };
	result = nb_object_wait_many(items, 64, soon);
	EXPECT(result == ERR(TIMED_OUT) || result == ERR(OUT_OF_MEMORY));
	if (result == ERR(OUT_OF_MEMORY))
		nb_process_exit(1);
}

static int
thread_main(int argument)
{
	return argument;
}

static void
use_channel(void)
{
	struct nb_channel_ends channel;
	struct nb_message_counts counts = { 0, 4 };
	uint32_t handles[4];
	uint32_t event = (uint32_t)TRY(1, nb_event_create());

	(void)TRY(2, nb_channel_create(&channel, 4));
	/* On a failure the event is still here. */
	int64_t result = nb_channel_send(channel.ends[0], bytes, sizeof bytes, &event, 1);

	if (result < 0) {
		EXPECT(result == ERR(OUT_OF_MEMORY));
		EXPECT(nb_object_signal(event, 0, NB_SIGNAL_SIGNALED) == 0);
		nb_process_exit(1);
	}
	result = nb_channel_recv(channel.ends[1], bytes, sizeof bytes, handles, &counts);
	EXPECT(result == sizeof bytes && counts.handles == 1);
	EXPECT(nb_object_signal(handles[0], 0, NB_SIGNAL_SIGNALED) == 0);
}

static void
use_objects(void)
{
	struct nb_stream_ends stream;
	uint32_t set = (uint32_t)TRY(1, nb_waitset_create());
	uint32_t timer = (uint32_t)TRY(1, nb_timer_create());

	(void)TRY(0, nb_waitset_add(set, timer, NB_SIGNAL_SIGNALED, 1));
	(void)TRY(2, nb_stream_create(&stream, 5000));
	uint32_t memory = (uint32_t)TRY(1, nb_memory_create(20000));

	(void)TRY(0, nb_memory_map(memory, 4096, 8192, (uint32_t)(uintptr_t)window, NB_MAP_WRITE));
	window[4096] = 7;
	EXPECT(nb_memory_unmap((uint32_t)(uintptr_t)window) == 0 && window[4096] == 0);
	(void)TRY(0, nb_memory_map(memory, 0, 4096, (uint32_t)(uintptr_t)window, 0));
	(void)TRY(1, nb_handle_duplicate(timer, NB_RIGHTS_SAME));
	(void)TRY(0, nb_object_set_name(timer, "timer", 5));
	for (uint32_t i = 0; i < 100; i++)
		(void)TRY(1, nb_event_create());
}

static void
use_thread(void)
{
	uint32_t thread = (uint32_t)TRY(1, nb_thread_spawn((uint32_t)(uintptr_t)thread_main, 5,
							   (uint32_t)(uintptr_t)(stack + STACK)));

	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 5);
}

static void
use_process(uint32_t module, uint32_t word)
{
	uint32_t before;
	int64_t result;
	struct nb_process_info info;
	uint32_t process = (uint32_t)TRY(1, nb_process_create("child", 5, 0));

	(void)TRY(1, nb_process_grant(process, module, NB_RIGHTS_SAME));
	(void)TRY(0, nb_process_instantiate(process, module, 0, 0, 0));
	/* Once started the child may be over, and its handle closed, at any moment. */
	before = handles_live();
	result = nb_process_start(process, 0, &word, sizeof word);
	if (result < 0)
		(void)tried(result, before, 0);
	EXPECT(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	EXPECT((info.status == 17 && info.trap == 0) || (word && info.trap == word) ||
	       info.trap == NB_TRAP_OUT_OF_MEMORY);
}

/* ---- gates ---- */

static int64_t
plain(int32_t a, int64_t b)
{
	return a + b;
}

static int64_t
rich(uint32_t handle, uint32_t slot, uint32_t len)
{
	return (int64_t)handle + slot + len;
}

static int64_t
wait(void)
{
	return 0;
}

static uint32_t
text_at(const char *text)
{
	return (uint32_t)(uintptr_t)text;
}

static struct nb_binding
gate_binding(uint32_t gate, const char *field, uint32_t len)
{
	return (struct nb_binding){ .name = text_at("peer"),
				    .name_len = 4,
				    .gate = gate,
				    .field = text_at(field),
				    .field_len = len };
}

/* A process with an instance, which never runs. */
static void
link(uint32_t module, const struct nb_binding *bindings, uint32_t count)
{
	uint32_t process = (uint32_t)TRY(1, nb_process_create("linked", 6, 0));

	(void)TRY(0, nb_process_instantiate(process, module, bindings, count, 0));
	EXPECT(nb_handle_close(process) == 0);
}

__attribute__((import_module("nebulet"), import_name("gate_call:iI>I"))) int64_t
call_named(uint32_t gate, int32_t a, int64_t b);

static void
use_gates(uint32_t module)
{
	static _Alignas(16) char stacks[2][2 * STACK];
	struct nb_gate_stacks where[2] = { { text_at(stacks[0]), STACK },
					   { text_at(stacks[1]), STACK } };
	struct nb_binding bindings[5];
	uint32_t gates[4];

	gates[0] = (uint32_t)TRY(
		1, nb_gate_create((uint32_t)(uintptr_t)plain, "iI>I", 4, 2, &where[0]));
	gates[1] = (uint32_t)TRY(
		1, nb_gate_create((uint32_t)(uintptr_t)rich, "hb>I", 4, 1, &where[1]));
	gates[2] = (uint32_t)TRY(1, nb_gate_create((uint32_t)(uintptr_t)wait, ">I", 2, 0, 0));
	gates[3] = (uint32_t)TRY(1, nb_gate_badge(gates[0], 5));
	EXPECT(call_named(gates[0], 1, 2) == 3);
	bindings[0] = gate_binding(gates[0], "plain", 5);
	bindings[1] = gate_binding(gates[1], "rich", 4);
	bindings[2] = gate_binding(gates[2], "wait", 4);
	bindings[3] = gate_binding(gates[3], "served", 6);
	bindings[4] = gate_binding(gates[2], "fault", 5);
	link(module, bindings, 5);
	for (uint32_t i = 0; i < 4; i++)
		EXPECT(nb_handle_close(gates[i]) == 0);
}

/* ---- linking, publishing, mapping ---- */

static void
use_instances(uint32_t personality, uint32_t client)
{
	struct nb_binding binding = { .name = text_at("upper"), .name_len = 5 };
	uint32_t process = (uint32_t)TRY(1, nb_process_create("two", 3, 0));

	(void)TRY(0, nb_process_instantiate(process, personality, 0, 0, 0));
	(void)TRY(0, nb_process_instantiate(process, client, &binding, 1, 0));
	EXPECT(nb_handle_close(process) == 0);
}

/* (module (memory 1) (data (i32.const 8) "x") (func (export "_start"))) */
static const uint8_t binary[] = {
	0, 'a', 's', 'm', 1, 0, 0,    0,  1, 4, 1,   0x60, 0,	0,    3,   2,	1,
	0, 5,	3,   1,	  0, 1, 7,    10, 1, 6, '_', 's',  't', 'a',  'r', 't', 0,
	0, 10,	4,   1,	  2, 0, 0x0b, 11, 7, 1, 0,   0x41, 8,	0x0b, 1,   'x',
};

static void
wait_for_module(uint32_t module)
{
	struct nb_module_info info;

	EXPECT(nb_object_wait_one(module, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info(module, NB_INFO_MODULE, &info, sizeof info) == sizeof info);
	if (info.state == NB_MODULE_FAILED) {
		EXPECT(info.status == NB_OUT_OF_MEMORY || info.status == NB_LIMIT_EXCEEDED);
		nb_process_exit(1);
	}
	EXPECT(nb_handle_close(module) == 0);
}

static void
use_module(void)
{
	uint32_t memory = (uint32_t)TRY(1, nb_memory_create(sizeof binary));

	wait_for_module((uint32_t)TRY(1, nb_module_publish(binary, sizeof binary)));
	EXPECT(nb_memory_write(memory, 0, binary, sizeof binary) == sizeof binary);
	wait_for_module((uint32_t)TRY(1, nb_module_publish_object(memory, 0, sizeof binary)));
}

/* ---- devices, the log ---- */

static void
use_system(uint32_t system, uint32_t resource)
{
	uint32_t follower = (uint32_t)TRY(1, nb_log_follow(system)), lines, ports;

	EXPECT(nb_handle_close(follower) == 0);
	ports = (uint32_t)TRY(1, nb_resource_divide(resource, NB_RESOURCE_PORT, 0x5000, 8));
	(void)TRY(1, nb_resource_divide(ports, NB_RESOURCE_PORT, 0x5000, 1));
	(void)TRY(1, nb_resource_divide(resource, NB_RESOURCE_DMA, 0, 8192));
	lines = (uint32_t)TRY(1, nb_resource_divide(resource, NB_RESOURCE_IRQ, 5, 2));
	(void)TRY(1, nb_interrupt_create(lines, 1));
}

static void
use_mapping(void)
{
	uint32_t memory = (uint32_t)TRY(1, nb_memory_create(3 * 4096));
	uint32_t at = (uint32_t)__builtin_wasm_memory_size(0) * 65536;
	struct nb_mapping mapping;
	int64_t result = nb_memory_map(memory, 4096, 2 * 4096, at, NB_MAP_WRITE | NB_MAP_APPEND);

	if (result < 0) {
		EXPECT(result == ERR(OUT_OF_MEMORY) || result == ERR(LIMIT_EXCEEDED));
		EXPECT(nb_memory_info(at, &mapping) == ERR(NOT_FOUND));
		nb_process_exit(1);
	}
	EXPECT(nb_memory_info(at, &mapping) == 0);
	EXPECT(nb_handle_close(memory) == 0);
	EXPECT(nb_memory_unmap((uint32_t)result) == 0);
}

void
_start(void)
{
	use_channel();
	use_objects();
	wait_for_many();
	use_thread();
	use_process(guest_handle(0), 0);
	use_process(guest_handle(0), NB_TRAP_UNREACHABLE);
	use_gates(guest_handle(1));
	use_instances(guest_handle(2), guest_handle(3));
	use_module();
	use_mapping();
	use_system(guest_handle(4), guest_handle(5));
	nb_process_exit(0);
}

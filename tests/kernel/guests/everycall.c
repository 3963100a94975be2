/*
 * Uses the whole kernel once, in few instructions, so that it can be killed at every
 * one of its calls and instructions.
 *
 * Startup words: role; then for the root: handles to this module, to the modules
 * everyclient and everybuiltin, to the system object (0: none), and, as everydriver
 * (EVERY_DEVICES), to a resource of everything; for the others: a channel to the
 * root. The root makes a server, whose gates the client calls, another one, which traps
 * in a call, a child of everybuiltin, and one that sleeps. Each ends with 0, or with the line of an EXPECT: if nobody is killed,
 * all end with 0.
 */
#include "guest.h"
#include "user/sdk/manifest.h"

#ifdef EVERY_DEVICES
NEBULET_MANIFEST("name everydriver", "mmio bar0", "irq pci", "dma 64K");
#else
/* Nothing that it would have to be given, but all calls that go without; dma_create
 * does not. */
NEBULET_MANIFEST("name everycall", "mmio bar0", "irq pci");
#define nb_dma_create(resource, size, result) \
	((void)(resource), (void)(size), (void)(result), ERR(ACCESS_DENIED))
#endif

enum role { ROLE_ROOT, ROLE_SERVER, ROLE_SLEEPER, ROLE_FAULTY };
enum word { WORD_ROLE, WORD_SELF, WORD_CLIENT, WORD_BUILTIN, WORD_SYSTEM, WORD_RESOURCE, WORDS };
enum { GATES = 4, PAGE = 4096, STACK = 4096, BLOCK = 300, SERVED = 3 };

static _Alignas(16) char stacks[GATES + 1][STACK];
static char bytes[2 * BLOCK], more[2 * BLOCK];
static _Alignas(PAGE) volatile uint32_t window[2 * PAGE / 4];
static struct nb_futex word;
static uint32_t waited;

static int64_t
soon(void)
{
	return nb_clock_get(NB_CLOCK_MONOTONIC) + 50000;
}

static uint32_t
good(int64_t handle, int line)
{
	if (handle <= 0)
		nb_process_exit(line);
	return (uint32_t)handle;
}
#define GOOD(call) good((call), __LINE__)

/* ---- one process by itself ---- */

static void
use_handles(void)
{
	struct nb_object_info info;
	uint32_t event = GOOD(nb_event_create());
	uint32_t other = GOOD(nb_handle_duplicate(event, NB_RIGHTS_SAME));

	other = GOOD(nb_handle_replace(other, NB_RIGHT_WAIT | NB_RIGHT_INSPECT));
	EXPECT(nb_object_set_name(event, "event", 5) == 0);
	EXPECT(nb_object_info(other, NB_INFO_OBJECT, &info, sizeof info) == sizeof info);
	EXPECT(nb_object_signal(event, 0, NB_SIGNAL_SIGNALED) == 0);
	EXPECT(nb_object_wait_one(other, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_signal(event, NB_SIGNAL_SIGNALED, 0) == 0);
	EXPECT(nb_object_wait_one(other, NB_SIGNAL_SIGNALED, soon()) == ERR(TIMED_OUT));
	EXPECT(nb_handle_close(other) == 0 && nb_handle_close(event) == 0);
}

static void
use_waits(void)
{
	struct nb_waitset_event events[2];
	struct nb_wait_item items[2];
	uint32_t timer = GOOD(nb_timer_create()), set = GOOD(nb_waitset_create());
	int64_t entry;

	entry = nb_waitset_add(set, timer, NB_SIGNAL_SIGNALED, 7);
	EXPECT(entry >= 0);
	EXPECT(nb_timer_set(timer, soon(), 200000) == 0);
	EXPECT(nb_waitset_wait(set, events, 2, NB_DEADLINE_NEVER) == 1);
	EXPECT(nb_waitset_remove(set, (uint32_t)entry) == 0);
	EXPECT(nb_waitset_wait(set, events, 2, soon()) == ERR(TIMED_OUT));
	EXPECT(nb_timer_set(timer, soon(), 0) == 0);
	items[0] = items[1] = (struct nb_wait_item){ timer, NB_SIGNAL_SIGNALED, 0 };
	EXPECT(nb_object_wait_many(items, 2, NB_DEADLINE_NEVER) == 2);
	EXPECT(nb_handle_close(set) == 0 && nb_handle_close(timer) == 0);
	EXPECT(nb_thread_sleep(soon()) == 0);
	nb_thread_yield();
}

static void
use_messages(void)
{
	struct nb_channel_ends channel;
	struct nb_stream_ends stream;
	struct nb_message_counts counts = { 0, 2 };
	uint32_t event = GOOD(nb_event_create()), handles[2];

	EXPECT(nb_channel_create(&channel, 2) == 0);
	EXPECT(nb_channel_send(channel.ends[0], bytes, BLOCK, &event, 1) == 0);
	/* Left in the queue at the end of the process: an end, in its own queue. */
	EXPECT(nb_channel_recv(channel.ends[1], more, BLOCK, handles, &counts) == BLOCK);
	EXPECT(nb_channel_send(channel.ends[0], bytes, 1, &channel.ends[1], 1) == 0);
	EXPECT(nb_handle_close(handles[0]) == 0);
	EXPECT(nb_stream_create(&stream, BLOCK) == 0);
	EXPECT(nb_stream_write(stream.writer, bytes, 2 * BLOCK) == BLOCK);
	EXPECT(nb_stream_read(stream.reader, more, BLOCK / 2) == BLOCK / 2);
}

static void
use_memory(void)
{
	uint32_t memory = GOOD(nb_memory_create(5000));
	struct nb_mapping mapping;

	EXPECT(nb_memory_size(memory) == 8192);
	EXPECT(nb_memory_write(memory, 4000, bytes, BLOCK) == BLOCK);
	EXPECT(nb_memory_read(memory, 4000, more, BLOCK) == BLOCK);
	EXPECT(nb_memory_map(memory, 4096, PAGE, (uint32_t)(uintptr_t)window, NB_MAP_WRITE) > 0);
	window[1] = 5;
	EXPECT(nb_memory_info((uint32_t)(uintptr_t)window, &mapping) == 0);
	EXPECT(nb_memory_unmap((uint32_t)(uintptr_t)window) == 0 && window[1] == 0);
	/* Left mapped at the end of the process. */
	EXPECT(nb_memory_map(memory, 0, PAGE, (uint32_t)(uintptr_t)window + PAGE, 0) > 0);
	EXPECT(__builtin_wasm_memory_grow(0, 1) != (unsigned long)-1);
	__builtin_memset(more, 1, sizeof more);
	__builtin_memcpy(bytes, more, sizeof more);
	EXPECT(nb_random_fill(bytes, sizeof bytes) == 0);
	EXPECT(nb_client_size() > 0);
	EXPECT(nb_client_write((uint32_t)(uintptr_t)more, bytes, BLOCK) == 0);
	EXPECT(nb_client_read(bytes, (uint32_t)(uintptr_t)more, BLOCK) == 0);
}

/* ---- threads ---- */

static int
sleeper(int argument)
{
	(void)nb_futex_wait(&word, 0, NB_DEADLINE_NEVER);
	(void)__builtin_wasm_memory_atomic_wait32((int *)&waited, 0, -1);
	nb_thread_exit((uint32_t)argument);
}

void by_name(int first, int second);

void
by_name(int first, int second)
{
	(void)nb_thread_sleep(soon() + first + second);
}

static void
use_threads(void)
{
	uint32_t thread = GOOD(nb_thread_spawn((uint32_t)(uintptr_t)sleeper, 5,
					       (uint32_t)(uintptr_t)stacks[GATES] + STACK));

	EXPECT(nb_thread_set_priority(thread, NB_PRIORITY_NORMAL) == 0);
	EXPECT(nb_thread_join(thread, soon()) == ERR(TIMED_OUT));
	__atomic_store_n(&word.word, 1, __ATOMIC_SEQ_CST);
	(void)nb_futex_wake(&word, 1);
	nb_thread_yield();
	__atomic_store_n(&waited, 1, __ATOMIC_SEQ_CST);
	(void)__builtin_wasm_memory_atomic_notify((int *)&waited, 1);
	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 5);
	EXPECT(nb_handle_close(thread) == 0);
	EXPECT(nb_futex_wait(&word, 1, soon()) == ERR(TIMED_OUT));
	thread = GOOD(nb_thread_spawn_export("by_name", 7, 1, 2,
					     (uint32_t)(uintptr_t)stacks[GATES] + STACK));
	EXPECT(nb_thread_join(thread, NB_DEADLINE_NEVER) == 0);
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
	static char lent[BLOCK];
	uint64_t badge;

	EXPECT(len == BLOCK && nb_gate_caller(&badge) == 0 && badge == 77);
	EXPECT(nb_lend_read(slot, 0, lent, len) == 0);
	lent[1]++;
	EXPECT(nb_lend_write(slot, 0, lent, len) == 0);
	EXPECT(nb_object_signal(handle, 0, NB_SIGNAL_USER_1) == 0);
	return nb_gate_reply_handle(handle);
}

static int64_t
wait(void)
{
	return nb_thread_sleep(NB_DEADLINE_NEVER);
}

static uint32_t
make_gate(void *function, const char *signature, uint32_t len, uint32_t activations, uint32_t idx)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)stacks[idx], STACK };

	return GOOD(nb_gate_create((uint32_t)(uintptr_t)function, signature, len, activations,
				   activations ? &where : 0));
}

static void
serve(uint32_t channel)
{
	uint32_t gates[GATES];

	gates[0] = make_gate((void *)plain, "iI>I", 4, 1, 0);
	gates[1] = make_gate((void *)rich, "hb>I", 4, 1, 1);
	gates[2] = make_gate((void *)wait, ">I", 2, 1, 2);
	gates[3] = make_gate((void *)plain, "iI>I", 4, 0, 3);
	EXPECT(nb_channel_send(channel, 0, 0, gates, GATES) == 0);
	EXPECT(nb_gate_serve(soon()) == ERR(TIMED_OUT));
	/* The client is over, unless the root is faster with killing this. */
	EXPECT(nb_gate_serve(NB_DEADLINE_NEVER) == ERR(PEER_CLOSED));
	nb_process_exit(SERVED);
}

static int64_t
fault(void)
{
	__builtin_trap();
}

static void
serve_faulty(uint32_t channel)
{
	uint32_t gate = make_gate((void *)fault, ">I", 2, 1, 0);

	EXPECT(nb_channel_send(channel, 0, 0, &gate, 1) == 0);
	(void)nb_thread_sleep(NB_DEADLINE_NEVER);
}

/* ---- processes ---- */

static uint32_t
make_process(uint32_t module, const struct nb_binding *bindings, uint32_t count)
{
	struct nb_limits limits = { .memory_bytes = 64 << 20, .handles = 100, .threads = 20 };
	struct nb_text_buffer text = { (uint32_t)(uintptr_t)more, sizeof more };
	uint32_t process = GOOD(nb_process_create("every", 5, &limits));

	EXPECT(nb_process_instantiate(process, module, bindings, count, &text) == 0);
	return process;
}

/* Starts it with its role and, if `channel` is not 0, that. */
static void
start(uint32_t process, uint32_t role, uint32_t channel)
{
	uint32_t words[2] = { role, 0 };

	if (channel)
		words[1] = GOOD(nb_process_grant(process, channel, NB_RIGHTS_SAME));
	EXPECT(nb_process_start(process, 0, words, sizeof words) == 0);
}

static void
end(uint32_t process, int32_t status)
{
	struct nb_process_info info;

	EXPECT(nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) == sizeof info);
	EXPECT(info.handles == 0 && info.threads == 0 && info.memory_bytes == 0);
	if (info.status != status)
		nb_process_exit(info.status ? info.status : __LINE__);
	EXPECT(nb_handle_close(process) == 0);
}

static void
receive_gates(uint32_t channel, uint32_t *gates, uint32_t count)
{
	struct nb_message_counts counts = { 0, count };

	EXPECT(nb_object_wait_one(channel, NB_SIGNAL_READABLE | NB_SIGNAL_PEER_CLOSED,
				  NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_channel_recv(channel, 0, 0, gates, &counts) == 0);
	EXPECT(nb_handle_close(channel) == 0);
}

/* A process in that role, whose gates these are then. */
static uint32_t
start_server(uint32_t module, enum role role, uint32_t *gates, uint32_t count)
{
	uint32_t process = make_process(module, 0, 0);
	struct nb_channel_ends channel;

	EXPECT(nb_channel_create(&channel, 2) == 0);
	start(process, role, channel.ends[1]);
	EXPECT(nb_handle_close(channel.ends[1]) == 0);
	receive_gates(channel.ends[0], gates, count);
	return process;
}

static void
use_gates(uint32_t module, uint32_t client_module)
{
	static const char names[GATES + 1][7] = { "plain", "rich", "wait", "served", "fault" };
	struct nb_binding bindings[GATES + 1];
	uint32_t gates[GATES + 1], badged, client;
	uint32_t server = start_server(module, ROLE_SERVER, gates, GATES);
	uint32_t faulty = start_server(module, ROLE_FAULTY, gates + GATES, 1);

	badged = GOOD(nb_gate_badge(gates[1], 77));
	EXPECT(nb_handle_close(gates[1]) == 0);
	gates[1] = badged;
	for (uint32_t i = 0; i <= GATES; i++) {
		uint32_t len = 0;

		while (names[i][len])
			len++;
		bindings[i] = (struct nb_binding){ .name = (uint32_t)(uintptr_t) "peer",
						   .name_len = 4,
						   .gate = gates[i],
						   .field = (uint32_t)(uintptr_t)names[i],
						   .field_len = len };
	}
	client = make_process(client_module, bindings, GATES + 1);
	for (uint32_t i = 0; i <= GATES; i++)
		EXPECT(nb_handle_close(gates[i]) == 0);
	start(client, 0, 0);
	end(client, 0);
	end(faulty, 128 + NB_TRAP_UNREACHABLE);
	EXPECT(nb_process_kill(server, SERVED) == 0);
	end(server, SERVED);
}

static void
use_builtins(uint32_t module)
{
	uint32_t process = make_process(module, 0, 0);

	EXPECT(nb_process_start(process, 0, 0, 0) == 0);
	end(process, 0);
}

static void
use_processes(uint32_t module)
{
	struct nb_handle_entry entry;
	struct nb_channel_ends channel;
	uint32_t process = make_process(module, 0, 0);

	/* If this is killed the child ends, too. */
	EXPECT(nb_channel_create(&channel, 1) == 0);
	start(process, ROLE_SLEEPER, channel.ends[1]);
	EXPECT(nb_handle_close(channel.ends[1]) == 0);
	EXPECT(nb_process_handle(process, 0, &entry) == 0);
	EXPECT(nb_process_kill(process, 4) == 0);
	end(process, 4);
	/* Not started, and ends with its builder. */
	(void)make_process(module, 0, 0);
}

/* ---- publishing, and what the system tells ---- */

/* (module (func (export "_start"))) */
static const uint8_t binary[] = { 0,   'a', 's', 'm', 1, 0, 0,	0,  1, 4, 1,   0x60,
				  0,   0,   3,	 2,   1, 0, 7,	10, 1, 6, '_', 's',
				  't', 'a', 'r', 't', 0, 0, 10, 4,  1, 2, 0,   0x0b };

static void
use_modules(void)
{
	uint32_t memory = GOOD(nb_memory_create(sizeof binary)), module;

	module = GOOD(nb_module_publish(binary, sizeof binary));
	EXPECT(nb_object_wait_one(module, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER) > 0);
	EXPECT(nb_memory_write(memory, 0, binary, sizeof binary) == sizeof binary);
	module = GOOD(nb_module_publish_object(memory, 0, sizeof binary));
	EXPECT(nb_handle_close(module) == 0);
}

static void
use_system(uint32_t handle)
{
	static struct nb_trace_record records[2];
	struct nb_process_entry process;
	struct nb_trap_entry trap;
	struct nb_system_info info;
	struct nb_log_record record;

	EXPECT(nb_system_info(NB_SYSTEM_INFO, &info, sizeof info) == sizeof info);
	EXPECT(nb_clock_resolution(NB_CLOCK_MONOTONIC) > 0);
	EXPECT(nb_log_write(NB_LOG_DEBUG, "every", 5) == 0);
	if (!handle)
		return;
	(void)nb_log_read(handle, 0, &record, more, sizeof more);
	EXPECT(nb_trace_set(handle, 1 << NB_TRACE_SWITCH) == 0);
	nb_thread_yield();
	(void)nb_trace_read(handle, 0, records, 2);
	EXPECT(nb_trace_set(handle, 0) == 0);
	EXPECT(nb_system_process(handle, 0, &process) == 0);
	EXPECT(nb_system_trap(handle, UINT64_MAX, &trap) == ERR(NOT_FOUND));
	EXPECT(nb_handle_close(GOOD(nb_system_open_process(handle, process.id))) == 0);
	EXPECT(nb_system_power(handle, 99, 0) == ERR(INVALID_ARGUMENT));
}

/* ---- devices ---- */

#ifdef EVERY_DEVICES
static void
use_devices(uint32_t resource)
{
	uint32_t dma = GOOD(nb_resource_divide(resource, NB_RESOURCE_DMA, 0, 2 * PAGE)), memory;
	uint32_t at = (uint32_t)(uintptr_t)window, lines, interrupt;
	uint64_t address;

	memory = GOOD(nb_dma_create(dma, PAGE, &address));
	EXPECT(nb_memory_map(memory, 0, PAGE, at, NB_MAP_WRITE) > 0);
	window[0] = 3;
	EXPECT(nb_handle_close(dma) == 0 && nb_handle_close(memory) == 0);
	lines = GOOD(nb_resource_divide(resource, NB_RESOURCE_IRQ, 5, 2));
	interrupt = GOOD(nb_interrupt_create(lines, 1));
	EXPECT(nb_interrupt_ack(interrupt) >= 0);
	EXPECT(nb_mmio_create(resource, 0, PAGE) == ERR(WRONG_TYPE));
}
#endif

/* ---- and every call there is, in vain ---- */

#define NB_ANY_HANDLE()				0
#define NB_ANY_U32()				0xffffffff
#define NB_ANY_I32()				(-1)
#define NB_ANY_U64()				UINT64_MAX
#define NB_ANY_I64()				(-1)
#define NB_ANY_DEADLINE()			0
#define NB_ANY_IN()				0xfffffff0
#define NB_ANY_OUT()				0xfffffff0
#define NB_ANY_INOUT()				0xfffffff0
#define RESULT_I64(name, arguments)		(void)nb_##name arguments
#define RESULT_VOID(name, arguments)		nb_##name arguments
#define NB_RANDOM_CALL(name, result, arguments) RESULT_##result(name, arguments);

static void
try_everything(void)
{
#include "nebulet_random.h"
}

void
_start(void)
{
	uint32_t words[WORDS] = { 0 };

	(void)nb_process_startup(words, sizeof words);
	switch (words[WORD_ROLE]) {
	case ROLE_SERVER:
		serve(words[1]);
		break;
	case ROLE_FAULTY:
		serve_faulty(words[1]);
		break;
	case ROLE_SLEEPER:
		(void)nb_object_wait_one(words[1], NB_SIGNAL_PEER_CLOSED, NB_DEADLINE_NEVER);
		break;
	default:
		use_handles();
		use_waits();
		use_messages();
		use_memory();
		use_threads();
		use_processes(words[WORD_SELF]);
		use_gates(words[WORD_SELF], words[WORD_CLIENT]);
		use_builtins(words[WORD_BUILTIN]);
		use_modules();
		use_system(words[WORD_SYSTEM]);
#ifdef EVERY_DEVICES
		use_devices(words[WORD_RESOURCE]);
#endif
		try_everything();
	}
	nb_process_exit(0);
}

/*
 * Calls every native call with random and boundary arguments, with handles of
 * its own, stale and invented ones, while a second thread changes the memory
 * that the calls read, and maps and unmaps a part of it; calls its own gates by random
 * handles, and calls at random inside of these. Startup words: a module to make processes
 * of, seed, number of calls, the system object and the root resource (0: none). Whatever
 * the calls return, the end is 0. With FUZZ_DEVICES it may use DMA.
 */
#include "guest.h"
#include "random.h"
#include "user/sdk/manifest.h"

#ifdef FUZZ_DEVICES
NEBULET_MANIFEST("name fuzzdriver", "mmio bar0", "irq pci", "dma 64K");
#else
/* Nothing that it would have to be given, but all calls that go without; dma_create
 * does not. */
NEBULET_MANIFEST("name fuzz", "mmio bar0", "irq pci");
#define nb_dma_create(resource, size, result) \
	((void)(resource), (void)(size), (void)(result), ERR(ACCESS_DENIED))
#endif
/* Everything would be over; the program would kill itself. */
#define nb_system_power(system, action, status) (nb_system_power)(system, (action) | 256, status)
#define nb_system_open_process(system, id) \
	(nb_system_open_process)(system, (id) | UINT64_C(1) << 40)

/* Nor what it needs itself be covered. */
#define nb_client_write(client, own, len) (nb_client_write)(client, own, short_of_it(len))
#define nb_memory_map(memory, offset, len, at, flags) \
	(nb_memory_map)(memory, offset, short_of_it(len), at, flags)

/* Calls by handles are imports that no table lists. */
#define NAMED(signature) \
	__attribute__((import_module("nebulet"), import_name("gate_call:" signature)))
NAMED("iI>I") int64_t named_plain(uint32_t gate, uint32_t a, int64_t b);
NAMED("hrb>I")
int64_t named_rich(uint32_t gate, uint32_t handle, uint32_t from, uint32_t from_len, uint32_t to,
		   uint32_t to_len);

enum { POOL = 40, AREA = 4096, STACK = 4096, PAGE = 4096, WINDOW_PAGES = 8, ACTIVATIONS = 2 };

static const uint32_t special_numbers[] = { 0,		1,	    2,	       3,      7,
					    8,		0xff,	    0x100,     0xffff, 0x10000,
					    0x10001,	64,	    4096,      65535,  0x7fffffff,
					    0x80000000, 0xffffffff, 0xfffffff0 };
enum { SPECIAL = sizeof special_numbers / sizeof special_numbers[0] };

/* What this program needs lies beyond every address that a handle or any other
 * number, taken for one, could be; the calls write at the end of the memory,
 * behind it. Static data lies in reach: client_write may change it, so that it is
 * copied before the first call, and the random numbers begin anew with each. */
struct fuzz {
	uint32_t special[SPECIAL];
	uint32_t pool[POOL]; /* results of calls that may be handles */
	uint32_t calls_made, is_scribbling, system, resource;
	_Alignas(16) char stack[STACK];
	_Alignas(16) char gate_stacks[2][ACTIVATIONS * STACK];
};
#define FUZZ_AT (64u << 20)
#define fuzz	(*(struct fuzz *)FUZZ_AT)
#define area	((char *)(FUZZ_AT + 65536))
/* Where objects are mapped; the program itself does not look there. */
#define WINDOW_AT (FUZZ_AT + 2 * 65536)
enum { PAGES_NEEDED = (64 << 4) + 3, MMIO_AT = 0x10000000 };

/* A length that does not lead from below into what is needed, or is none at all. */
static uint32_t
short_of_it(uint32_t len)
{
	return len < FUZZ_AT / 2 ? len : len | 1u << 31;
}

static uint32_t
any_number(void)
{
	uint32_t bits = random_bits();

	if (bits % 4 == 0)
		return fuzz.special[(bits >> 8) % SPECIAL];
	if (bits % 16 == 1)
		return WINDOW_AT + (bits >> 8) % WINDOW_PAGES * PAGE;
	if (bits % 16 == 5)
		return (bits >> 8) % 4 * PAGE;
	if (bits % 4 == 1)
		return bits >> 8;
	return (bits >> 8) % 70;
}

/* Where a call may write: nowhere that this program itself needs. */
static uint32_t
any_address(void)
{
	uint32_t bits = random_bits(), size = (uint32_t)__builtin_wasm_memory_size(0) * 65536;

	switch (bits % 8) {
	case 0:
		bits = any_number();
		return bits < size ? bits + size : bits;
	case 1:
		return size - (bits >> 8) % 64;
	case 2:
		return size + (bits >> 8);
	case 3:
		return (uint32_t)(uintptr_t)area + (bits >> 8) % AREA;
	case 4:
		return WINDOW_AT + (bits >> 8) % (WINDOW_PAGES * PAGE);
	default:
		return (uint32_t)(uintptr_t)area + ((bits >> 8) % AREA & ~15u);
	}
}

static uint32_t
any_source(void)
{
	return random_bits() % 8 ? any_address() : any_number();
}

static uint32_t
any_handle(void)
{
	uint32_t bits = random_bits();

	if (bits % 8 == 0)
		return any_number();
	if (bits % 8 == 1)
		return fuzz.pool[(bits >> 8) % POOL] ^ 0x10000;
	return fuzz.pool[(bits >> 8) % POOL];
}

static int64_t
any_wide(void)
{
	uint32_t bits = random_bits();

	if (bits % 4 == 0)
		return (int64_t)((uint64_t)random_bits() << 32 | random_bits());
	if (bits % 4 == 1)
		return bits & 16 ? INT64_MIN : INT64_MAX;
	return any_number();
}

/* Never so long that the test does not end. */
static int64_t
any_deadline(void)
{
	uint32_t bits = random_bits();

	if (bits % 4 == 0)
		return nb_clock_get(NB_CLOCK_MONOTONIC) + (bits >> 8) % 100000;
	return bits & 16 ? INT64_MIN : (int64_t)(bits >> 8);
}

/* What a call returned: a small handle number looks like any other. Handles are not
 * left open for ever: thousands of periodic timers would leave time for nothing. */
static void
note(int64_t result)
{
	uint32_t *place = &fuzz.pool[random_below(POOL)];

	if (result > 0xffff && result <= 0xffffffff) {
		(void)nb_handle_close(*place);
		*place = (uint32_t)result;
	}
	fuzz.calls_made++;
}

#define NB_ANY_HANDLE()	  any_handle()
#define NB_ANY_U32()	  any_number()
#define NB_ANY_I32()	  (int32_t) any_number()
#define NB_ANY_U64()	  (uint64_t) any_wide()
#define NB_ANY_I64()	  any_wide()
#define NB_ANY_DEADLINE() any_deadline()
#define NB_ANY_IN()	  any_source()
#define NB_ANY_OUT()	  any_address()
#define NB_ANY_INOUT()	  any_address()

#define RESULT_I64(name, arguments)  note(nb_##name arguments)
#define RESULT_VOID(name, arguments) (nb_##name arguments, note(0))

enum call {
#define NB_RANDOM_CALL(name, result, arguments) CALL_##name,
#include "nebulet_random.h"
#undef NB_RANDOM_CALL
	CALL_NAMED_PLAIN,
	CALL_NAMED_RICH,
	CALL_COUNT
};

static void
call_any(void)
{
	switch ((enum call)random_below(CALL_COUNT)) {
#define NB_RANDOM_CALL(name, result, arguments)   \
	case CALL_##name:                         \
		RESULT_##result(name, arguments); \
		break;
#include "nebulet_random.h"
#undef NB_RANDOM_CALL
	case CALL_NAMED_PLAIN:
		note(named_plain(any_handle(), any_number(), any_wide()));
		break;
	case CALL_NAMED_RICH:
		note(named_rich(any_handle(), any_handle(), any_source(), any_number(),
				any_address(), any_number()));
		break;
	case CALL_COUNT:
		break;
	}
}

/* ---- gates ---- */

static int64_t
plain(uint32_t a, int64_t b)
{
	call_any();
	return (int64_t)a + b;
}

static int64_t
rich(uint32_t handle, uint32_t from, uint32_t from_len, uint32_t to, uint32_t to_len)
{
	uint32_t len = from_len < to_len ? from_len : to_len;

	call_any();
	(void)nb_lend_read(from, any_number(), (void *)(uintptr_t)any_address(), any_number());
	(void)nb_lend_write(to, 0, area, len < AREA ? len : AREA);
	if (handle % 2 == 0)
		(void)nb_handle_close(handle);
	return nb_gate_reply_handle(handle);
}

static uint32_t
make_gate(uint32_t which, void *function, const char *signature, uint32_t len)
{
	struct nb_gate_stacks where = { (uint32_t)(uintptr_t)fuzz.gate_stacks[which], STACK };

	return (uint32_t)nb_gate_create((uint32_t)(uintptr_t)function, signature, len, ACTIVATIONS,
					&where);
}

/* ---- the other thread ---- */

static void
change_window(uint32_t state)
{
	uint32_t at = WINDOW_AT + (state >> 8) % WINDOW_PAGES * PAGE;

	if (state & 16)
		(void)nb_memory_unmap(at);
	else
		(void)nb_memory_map(fuzz.pool[15], 0, PAGE, at, state & 32 ? NB_MAP_WRITE : 0);
}

/* Writes numbers that mean something into what the calls read. */
static void
scribble(int seed)
{
	uint32_t state = (uint32_t)seed;

	/* A random thread_spawn comes here, too. */
	if (fuzz.is_scribbling)
		return;
	fuzz.is_scribbling = 1;
	for (;;) {
		state = state * 1664525 + 1013904223;
		((volatile uint32_t *)(void *)area)[(state >> 8) % (AREA / 4)] =
			state & 1 ? fuzz.pool[(state >> 24) % POOL] : state >> 28;
		/* Else it would have the processor whenever a call blocks, and for ever
		 * when the other thread has lowered its priority. */
		if (state >> 26 == 0) {
			change_window(state);
			(void)nb_thread_sleep(nb_clock_get(NB_CLOCK_MONOTONIC) + 20000);
		}
	}
}

/* Something of each kind to begin with, now and then again. */
static void
refill(uint32_t module)
{
	struct nb_channel_ends channel = { { 0, 0 } };
	struct nb_stream_ends stream = { 0, 0 };

	for (uint32_t i = 8; i < POOL; i++)
		(void)nb_handle_close(fuzz.pool[i]);
	(void)nb_channel_create(&channel, 4);
	(void)nb_stream_create(&stream, 100);
	fuzz.pool[8] = channel.ends[0];
	fuzz.pool[9] = channel.ends[1];
	fuzz.pool[10] = stream.writer;
	fuzz.pool[11] = stream.reader;
	fuzz.pool[12] = (uint32_t)nb_event_create();
	fuzz.pool[13] = (uint32_t)nb_timer_create();
	fuzz.pool[14] = (uint32_t)nb_waitset_create();
	fuzz.pool[15] = (uint32_t)nb_memory_create(10000);
	fuzz.pool[16] = (uint32_t)nb_process_create("fuzz", 4, 0);
	fuzz.pool[17] = (uint32_t)nb_handle_duplicate(module, NB_RIGHTS_SAME);
	fuzz.pool[18] = (uint32_t)nb_process_create("fuzz", 4, 0);
	(void)nb_process_instantiate(fuzz.pool[18], module, 0, 0, 0);
	fuzz.pool[19] = make_gate(0, (void *)plain, "iI>I", 4);
	fuzz.pool[20] = make_gate(1, (void *)rich, "hrb>I", 5);
	if (fuzz.system)
		fuzz.pool[21] = (uint32_t)nb_handle_duplicate(fuzz.system, NB_RIGHTS_SAME);
	if (!fuzz.resource)
		return;
	fuzz.pool[22] = (uint32_t)nb_resource_divide(fuzz.resource, NB_RESOURCE_DMA, 0, 4 * PAGE);
	fuzz.pool[23] = (uint32_t)nb_resource_divide(fuzz.resource, NB_RESOURCE_IRQ, 0, 8);
	fuzz.pool[24] =
		(uint32_t)nb_resource_divide(fuzz.resource, NB_RESOURCE_MMIO, MMIO_AT, PAGE);
	fuzz.pool[25] = (uint32_t)nb_interrupt_create(fuzz.pool[23], 3);
	fuzz.pool[26] = (uint32_t)nb_handle_duplicate(fuzz.resource, NB_RIGHTS_SAME);
}

void
_start(void)
{
	uint32_t module = guest_handle(0), seed = guest_handle(1), count = guest_handle(2);
	int64_t thread;

	/* Started by another one's nonsense: it would live on when that is over. */
	if (nb_handle_duplicate(module, NB_RIGHTS_SAME) < 0)
		nb_process_exit(0);
	while (__builtin_wasm_memory_size(0) < PAGES_NEEDED)
		EXPECT(__builtin_wasm_memory_grow(0, 1) != (unsigned long)-1);
	fuzz.system = guest_handle(3);
	fuzz.resource = guest_handle(4);
	for (uint32_t i = 0; i < SPECIAL; i++)
		fuzz.special[i] = special_numbers[i];
	thread = nb_thread_spawn((uint32_t)(uintptr_t)scribble, 1,
				 (uint32_t)(uintptr_t)(fuzz.stack + STACK));
	EXPECT(thread > 0);
	for (uint32_t i = 0; i < count; i++) {
		if (i % 64 == 0)
			refill(module);
		random_seed(seed * 0x10001 + i);
		call_any();
	}
	EXPECT(fuzz.calls_made >= count);
	nb_process_exit(0);
}

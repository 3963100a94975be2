/*
 * Runs the tests inside the machine and powers off with 0 or 1.
 *
 * Command line: `panic NAME` runs one scenario that must
 * end in a panic; KEY=NUMBER gives tests facts about the outside.
 */
#include "tests/pc/selftest.h"

#include "lib/format.h"
#include "lib/string.h"

enum { GUEST_STACK_BYTES = 1 << 20 };

struct nb_thread_head guest_head;
struct nb_vmctx guest_vmctx;
struct upcalls upcalls;

static const char *command_line;
static uint32_t failures;
static struct guest_context main_context, guest_context;

static void
emit(void *context, const char *bytes, size_t len)
{
	(void)context;
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)bytes, len);
}

void
print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(emit, NULL, format, args);
	va_end(args);
}

void
expect_failed(const char *file, int line, const char *what)
{
	failures++;
	print("%s:%d: not so: %s\n", file, line, what);
}

static const char *
find_text(const char *text, const char *wanted)
{
	size_t len = strlen(wanted);

	for (; *text; text++) {
		if (memcmp(text, wanted, len) == 0)
			return text + len;
	}
	return NULL;
}

uint64_t
argument(const char *key, uint64_t otherwise)
{
	const char *at = find_text(command_line, key);
	uint64_t value = 0;

	if (!at)
		return otherwise;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

/* ---- upcalls ---- */

void
kernel_timer_expired(void)
{
	upcalls.timer_expired++;
	if (upcalls.on_timer)
		upcalls.on_timer();
}

void
kernel_serial_ready(enum port_serial port)
{
	upcalls.serial_ready[port]++;
}

void
kernel_interrupt_arrived(uint32_t slot)
{
	upcalls.interrupts[slot]++;
}

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	upcalls.faults++;
	upcalls.kind = kind;
	upcalls.address = address;
	upcalls.state = *state;
	guest_state_redirect_unwind(state, &guest_head, NB_TRAP_UNREACHABLE);
	return true;
}

void
kernel_guest_interrupted(struct guest_state *state)
{
	upcalls.interrupted++;
	upcalls.state = *state;
	if (upcalls.on_interrupted)
		upcalls.on_interrupted(state);
}

void
kernel_relax(void)
{
	if (upcalls.on_relax)
		upcalls.on_relax();
}

/* ---- guest code ---- */

void
guest_code_make(struct guest_code *out, const uint8_t *begin, const uint8_t *end)
{
	size_t len = (size_t)(end - begin);
	size_t size = (len + PORT_PAGE_BYTES - 1) & ~(size_t)(PORT_PAGE_BYTES - 1);

	if (port_code_reserve(size, &out->code) != NB_OK)
		port_panic("no memory for guest code");
	memcpy(out->code.base, begin, len);
	if (port_code_seal(&out->code) != NB_OK)
		port_panic("sealing failed");
	out->callee = (struct nb_callee){
		.code = (uint64_t)(uintptr_t)out->code.base,
		.vmctx = (uint64_t)(uintptr_t)&guest_vmctx,
	};
}

void
guest_code_drop(struct guest_code *code)
{
	port_code_release(&code->code);
}

static struct {
	const struct guest_code *code;
	struct guest_call call;
	enum nb_trap trap;
} entry_data;

static void
enter_guest(void *argument_of_entry)
{
	(void)argument_of_entry;
	entry_data.trap = guest_enter(&guest_head, &entry_data.code->callee, &entry_data.call);
	guest_context_switch(&guest_context, &main_context);
}

enum nb_trap
guest_run(const struct guest_code *code, const uint64_t arguments[3], uint64_t *out)
{
	struct port_stack stack;

	if (port_stack_create(GUEST_STACK_BYTES, &stack) != NB_OK)
		port_panic("no memory for a stack");
	guest_head = (struct nb_thread_head){
		.stack_floor = stack.limit + GUEST_KERNEL_HEADROOM,
		.stack_limit = stack.top,
	};
	guest_vmctx.thread = &guest_head;
	entry_data.code = code;
	memset(&entry_data.call, 0, sizeof entry_data.call);
	memcpy(entry_data.call.gpr, arguments, 3 * sizeof arguments[0]);
	upcalls.faults = 0;
	upcalls.interrupted = 0;
	guest_context_init(&guest_context, &stack, enter_guest, NULL);
	guest_context_switch(&main_context, &guest_context);
	port_stack_destroy(&stack);
	if (out)
		*out = entry_data.call.gpr[0];
	return entry_data.trap;
}

/* ---- leaks ---- */

struct port_memory_info
memory_now(void)
{
	struct port_memory_info info;

	port_memory_info(&info);
	return info;
}

bool
memory_is_small(void)
{
	return memory_now().total_pages <= (512u << 20) / PORT_PAGE_BYTES;
}

bool
memory_is_same(const struct port_memory_info *before)
{
	struct port_memory_info now = memory_now();

	if (memcmp(&now, before, sizeof now) == 0)
		return true;
	print("free pages %lu, before %lu; slots %lu/%lu stacks %lu/%lu areas %lu/%lu code "
	      "%lu/%lu\n",
	      now.free_pages, before->free_pages, now.slots_live, before->slots_live,
	      now.stacks_live, before->stacks_live, now.areas_live, before->areas_live,
	      now.code_bytes_live, before->code_bytes_live);
	return false;
}

/* ---- the run ---- */

static uint32_t passed, failed;

static void
run_table(const struct selftest *table)
{
	for (; table->name; table++) {
		struct port_memory_info before = memory_now();

		failures = 0;
		table->run();
		EXPECT(memory_is_same(&before));
		print("%s %s\n", failures ? "FAIL" : "ok  ", table->name);
		if (failures)
			failed++;
		else
			passed++;
	}
}

static void
run_scenario(const char *name)
{
	for (const struct selftest *scenario = panic_scenarios; scenario->name; scenario++) {
		if (strlen(name) == strlen(scenario->name) &&
		    memcmp(name, scenario->name, strlen(name)) == 0) {
			print("scenario %s\n", name);
			scenario->run();
			print("survived\n");
			port_power_off(1);
		}
	}
	print("no scenario %s; there are:", name);
	for (const struct selftest *scenario = panic_scenarios; scenario->name; scenario++)
		print(" %s", scenario->name);
	print("\n");
	port_power_off(2);
}

_Noreturn void
kernel_main(const struct port_boot_info *boot)
{
	uint64_t instructions = port_cycles() - boot->entry_counter;
	const char *scenario;

	command_line = boot->command_line;
	(void)port_interrupts_disable();
	port_interrupts_restore(true);
	print("entered after %lu ticks\n", instructions);
	scenario = find_text(command_line, "panic ");
	if (scenario)
		run_scenario(scenario);
	if (argument("icount=", 0))
		EXPECT(instructions < 500000);
	if (argument("ramdisk=", 0)) {
		EXPECT(boot->ramdisk_len == argument("ramdisk=", 0));
		EXPECT(boot->ramdisk && memcmp(boot->ramdisk, "RAMDISK!", 8) == 0);
		EXPECT(boot->ramdisk &&
		       memcmp(boot->ramdisk + boot->ramdisk_len - 8, "!KSIDMAR", 8) == 0);
	} else {
		EXPECT(boot->ramdisk == NULL && boot->ramdisk_len == 0);
	}
	failed = failures;
	run_table(frame_tests);
	run_table(space_tests);
	run_table(guest_tests);
	run_table(time_tests);
	if (argument("link=", 0))
		run_table(serial_tests);
	print("%u passed, %u failed\n", passed, failed);
	port_power_off(failed ? 1 : 0);
}

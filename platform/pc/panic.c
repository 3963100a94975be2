/*
 * Last words: message, registers and a symbolised backtrace on the console,
 * then the end of the machine.
 *
 * The symbol table is made from the linked image by scripts/pc_symbols.py and
 * linked in by a second pass. Every stack word is looked up before it is read,
 * and no lock is taken.
 */
#include "arch/x86_64/priv/cpu.h"
#include "arch/x86_64/priv/memory_map.h"
#include "arch/x86_64/priv/processor.h"
#include "arch/x86_64/priv/space.h"
#include "arch/x86_64/priv/trap.h"
#include "kernel/port/cpu.h"
#include "kernel/port/platform.h"
#include "lib/format.h"
#include "lib/string.h"
#include "platform/pc/power.h"

/* By pc_symbols.py: `count` functions by address, then their names. */
struct symbols {
	uint32_t count;
	struct symbol {
		uint32_t offset; /* from image_start */
		uint32_t name;	 /* byte offset from the end of this array */
	} table[];
};

extern const struct symbols symbols_start;
extern const uint8_t image_start[], text_end[];

enum { FRAMES_MOST = 48, PANIC_STATUS = 125 };

static void
emit(void *context, const char *bytes, size_t len)
{
	(void)context;
	port_serial_write_sync(PORT_SERIAL_CONSOLE, (const uint8_t *)bytes, len);
}

static void __attribute__((format(printf, 1, 2))) print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	format_to(emit, NULL, format, args);
	va_end(args);
}

static bool
is_text(uint64_t address)
{
	return address >= (uint64_t)(uintptr_t)image_start &&
	       address < (uint64_t)(uintptr_t)text_end;
}

/* `back` is 1 for a return address: a call may be the last instruction of its
 * function. */
static void
print_symbol(uint64_t address, uint64_t back)
{
	const char *names = (const char *)&symbols_start.table[symbols_start.count];
	uint64_t offset = address - (uint64_t)(uintptr_t)image_start;
	uint32_t low = 0;
	uint32_t high = symbols_start.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (symbols_start.table[middle].offset <= offset - back)
			low = middle + 1;
		else
			high = middle;
	}
	if (address >= MAP_CODE_BASE && address < MAP_CODE_END) {
		print("  %016lx guest code\r\n", address);
	} else if (low == 0 || !is_text(address)) {
		print("  %016lx ?\r\n", address);
	} else {
		const struct symbol *symbol = &symbols_start.table[low - 1];

		print("  %016lx %s+0x%lx\r\n", address, names + symbol->name,
		      offset - symbol->offset);
	}
}

static bool
read_word(uint64_t address, uint64_t *out)
{
	uint64_t physical;

	if (address % 8 || !space_lookup(address, &physical))
		return false;
	*out = *(const uint64_t *)(uintptr_t)address;
	return true;
}

static void
print_frames(uint64_t frame_pointer)
{
	for (int i = 0; i < FRAMES_MOST; i++) {
		uint64_t next;
		uint64_t return_address;

		if (!read_word(frame_pointer, &next) ||
		    !read_word(frame_pointer + 8, &return_address) || return_address == 0)
			return;
		print_symbol(return_address, 1);
		if (next <= frame_pointer)
			return;
		frame_pointer = next;
	}
}

static void
print_registers(const struct trap_frame *frame)
{
	static const char names[16][4] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
					   "r8 ", "r9 ", "r10", "r11", "r12", "r13", "r14", "r15" };

	for (int i = 0; i < 16; i++) {
		uint64_t value = i == NB_RSP ? frame->rsp : frame->state.gpr[i];

		print("%s %016lx%s", names[i], value, i % 4 == 3 ? "\r\n" : "  ");
	}
	print("rip %016lx  flags %08lx\r\n", frame->rip, frame->rflags);
}

_Noreturn void
port_panic(const char *message)
{
	static bool is_panicking;
	const struct trap_frame *frame = trap_frame_for_panic();
	uint64_t caller;

	(void)port_interrupts_disable();
	if (is_panicking)
		power_stop(PANIC_STATUS);
	is_panicking = true;
	processor_enter_panic();
	kernel_panicking();
	print("\r\npanic: %s\r\n", message);
	if (frame) {
		print_registers(frame);
		print("backtrace:\r\n");
		print_symbol(frame->rip, 0);
		/* A call that went astray has left only its return address. */
		if (!is_text(frame->rip) && read_word(frame->rsp, &caller) && is_text(caller))
			print_symbol(caller, 1);
		print_frames(frame->state.gpr[NB_RBP]);
	} else {
		print("backtrace:\r\n");
		print_frames((uint64_t)(uintptr_t)__builtin_frame_address(0));
	}
	power_stop(PANIC_STATUS);
}

#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "kernel/port/platform.h"
#include "lib/format.h"
#include "lib/string.h"
static volatile int expired;
void kernel_timer_expired(void) { expired++; }
void kernel_serial_ready(enum port_serial port) { (void)port; }
bool kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state) { (void)kind; (void)address; (void)state; return false; }
void kernel_guest_interrupted(struct guest_state *state) { (void)state; }
void kernel_guest_pending(struct nb_thread_head *head) { (void)head; }
static void emit(void *c, const char *b, size_t n) { (void)c; port_serial_write_sync(0, (const uint8_t *)b, n); }
static void print(const char *f, ...) { va_list a; va_start(a, f); format_to(emit, NULL, f, a); va_end(a); }
_Noreturn void kernel_main(const struct port_boot_info *boot)
{
	uint64_t c = port_cycles() - boot->entry_counter;
	print("hello %lu instr\n", c);
	struct port_memory_info i; port_memory_info(&i);
	print("total %lu free %lu cmd '%s' ramdisk %p %zu\n", i.total_pages, i.free_pages, boot->command_line, (const void*)boot->ramdisk, boot->ramdisk_len);
	uint64_t base;
	if (port_slot_reserve(&base)) port_panic("slot");
	if (port_slot_commit(base, 0, 65536)) port_panic("commit");
	*(volatile int *)(base + 4096) = 5;
	print("touch ok %d\n", *(volatile int *)(base+4096));
	for (int k = 0; k < 5; k++) {
		uint64_t t = port_time_monotonic_ns();
		port_timer_arm(t + 10000000);
		int e = expired;
		while (e == expired) port_cpu_idle();
		print("tick after %lu ns\n", port_time_monotonic_ns() - t);
	}
	print("realtime %lu\n", port_time_realtime_ns() / 1000000000);
	*(volatile int *)(base + 65536) = 5;
	port_power_off(3);
}

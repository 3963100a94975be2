/*
 * The core's beginning and end.
 */
#include "kernel/init/boot.h"

#include "kernel/code/publish.h"
#include "kernel/init/panic.h"
#include "kernel/ipc/serial.h"
#include "kernel/mm/account.h"
#include "kernel/mm/heap.h"
#include "kernel/object/handle.h"
#include "kernel/object/interrupt.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/port/memory.h"
#include "kernel/sched/sched.h"
#include "kernel/sys/log.h"
#include "lib/string.h"

static struct {
	struct cpu cpu; /* the processor that booted */
	struct account *account;
	struct heap_info heap_before;
	struct port_memory_info memory_before;
	uint32_t objects_before;
	uint64_t entry_ns;
	uint64_t ticks_to_guest; /* atomic */
	bool is_ending;		 /* atomic */
	int status;
} boot;

struct account *
boot_account(void)
{
	return boot.account;
}

static void
poll_devices(void)
{
	interrupt_poll();
	log_poll();
}

enum nb_status
boot_core_init(void)
{
	const uint64_t no_limit[ACCOUNT_RESOURCE_COUNT] = { 0 };
	enum nb_status status;

	memset(&boot, 0, sizeof boot);
	boot.entry_ns = port_time_monotonic_ns();
	status = sched_cpu_init(&boot.cpu, 0);
	if (status != NB_OK)
		return status;
	sched_set_handlers(&(struct sched_handlers){ serial_poll, poll_devices });
	status = account_create(NULL, no_limit, &boot.account);
	if (status != NB_OK) {
		sched_cpu_exit(&boot.cpu);
		return status;
	}
	heap_trim();
	heap_info_get(&boot.heap_before);
	port_memory_info(&boot.memory_before);
	boot.objects_before = object_live_count();
	return NB_OK;
}

static uint32_t
check(const char *what, uint64_t before, uint64_t now)
{
	if (before == now)
		return 0;
	log_write(NB_LOG_ERROR, "leak: %s: %lu before, %lu now", what, (unsigned long)before,
		  (unsigned long)now);
	return 1;
}

uint32_t
boot_core_exit(void)
{
	const struct port_memory_info *before = &boot.memory_before;
	struct port_memory_info memory;
	struct heap_info heap;
	uint32_t leaks = 0;

	heap_trim();
	heap_info_get(&heap);
	port_memory_info(&memory);
	leaks += check("kernel heap objects", boot.heap_before.live_count, heap.live_count);
	leaks += check("kernel heap bytes", boot.heap_before.live_bytes, heap.live_bytes);
	leaks += check("kernel heap page bytes", boot.heap_before.page_bytes, heap.page_bytes);
	leaks += check("pages free", before->free_pages, memory.free_pages);
	leaks += check("memory slots", before->slots_live, memory.slots_live);
	leaks += check("stacks", before->stacks_live, memory.stacks_live);
	leaks += check("areas", before->areas_live, memory.areas_live);
	leaks += check("bytes of code", before->code_bytes_live, memory.code_bytes_live);
	leaks += check("objects", boot.objects_before, object_live_count());
	leaks += check("handles", 0, handle_live_count());
	leaks += check("processes", 0, process_live_count());
	leaks += check("threads", 0, thread_live_count());
	for (int i = 0; i < ACCOUNT_RESOURCE_COUNT; i++)
		leaks += check("charged to the root account", 0, boot.account->used[i]);
	if (leaks == 0) {
		log_write(NB_LOG_INFO, "every page, handle, object and thread has come back");
		account_put(boot.account);
	}
	sched_cpu_exit(&boot.cpu);
	return leaks;
}

void
boot_facts_get(struct boot_facts *out)
{
	out->entry_ns = boot.entry_ns;
	out->ticks_to_guest = __atomic_load_n(&boot.ticks_to_guest, __ATOMIC_RELAXED);
}

void
boot_note_guest_start(uint64_t ticks)
{
	uint64_t none = 0;

	(void)__atomic_compare_exchange_n(&boot.ticks_to_guest, &none, ticks, false,
					  __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* ---- power off ---- */

void
boot_power_off(int status)
{
	if (__atomic_exchange_n(&boot.is_ending, true, __ATOMIC_ACQ_REL))
		return;
	boot.status = status;
	log_write(NB_LOG_INFO, "power off, status %d", status);
	process_kill_all(0);
}

bool
boot_is_ending(int *out_status)
{
	*out_status = boot.status;
	return __atomic_load_n(&boot.is_ending, __ATOMIC_ACQUIRE);
}

bool
boot_is_over(void)
{
	return process_running_count() == 0 && publish_live_count() == 0 &&
	       thread_live_count() == 0;
}

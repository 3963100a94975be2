/*
 * The system object and what is known about the whole system.
 */
#include "kernel/object/system.h"

#include "kernel/init/boot.h"
#include "kernel/object/handle.h"
#include "kernel/object/process.h"
#include "kernel/port/cpu.h"
#include "kernel/port/device.h"
#include "kernel/port/memory.h"
#include "kernel/sched/thread.h"

const struct object_type system_type = {
	.number = NB_OBJECT_SYSTEM,
	.rights = NB_RIGHT_DUPLICATE | NB_RIGHT_TRANSFER | NB_RIGHT_WAIT | NB_RIGHT_SIGNAL |
		  NB_RIGHT_MANAGE | NB_RIGHT_INSPECT,
	.destroy = object_free,
};

enum nb_status
system_create(struct account *account, struct object **out)
{
	*out = object_alloc(&system_type, sizeof(struct object), account);
	return *out ? NB_OK : NB_OUT_OF_MEMORY;
}

static void
info_system(struct object_info *out)
{
	struct boot_facts facts;
	struct nb_system_info info = {
		.abi_version = NB_ABI_VERSION,
		.processors = 1,
		.counter_hz = port_cycles_hz(),
		.processes_live = process_live_count(),
		.threads_live = thread_live_count(),
		.objects_live = object_live_count(),
		.handles_live = handle_live_count(),
	};

	boot_facts_get(&facts);
	info.boot_ns = facts.entry_ns;
	info.boot_ticks = facts.ticks_to_guest;
	object_info_set(out, &info, sizeof info);
}

static void
info_memory(struct object_info *out)
{
	struct port_memory_info port;
	struct nb_memory_info info;

	port_memory_info(&port);
	info = (struct nb_memory_info){
		.total_bytes = port.total_pages * PORT_PAGE_BYTES,
		.free_bytes = port.free_pages * PORT_PAGE_BYTES,
		.slots_live = (uint32_t)port.slots_live,
		.stacks_live = (uint32_t)port.stacks_live,
		.code_bytes_live = port.code_bytes_live,
	};
	object_info_set(out, &info, sizeof info);
}

static enum nb_status
info_pci(struct object_info *out)
{
	struct nb_pci_info info;

	if (!port_pci_config(&info))
		return NB_NOT_SUPPORTED;
	object_info_set(out, &info, sizeof info);
	return NB_OK;
}

enum nb_status
system_info(uint32_t topic, struct object_info *out)
{
	if (topic == NB_SYSTEM_INFO)
		info_system(out);
	else if (topic == NB_SYSTEM_MEMORY)
		info_memory(out);
	else if (topic == NB_SYSTEM_PCI)
		return info_pci(out);
	else
		return NB_NOT_SUPPORTED;
	return NB_OK;
}

/*
 * Manifests against handles.
 */
#include "kernel/object/needs.h"

#include "kernel/object/interrupt.h"
#include "kernel/object/resource.h"

static enum nb_status
refuse(struct diag *diag, uint32_t line, const char *what, uint64_t first)
{
	return diag_report(
		diag, NB_ACCESS_DENIED, DIAG_NO_OFFSET,
		"line %u of the manifest wants %s 0x%lx, which the process was not given", line,
		what, (unsigned long)first);
}

static uint32_t
port_rights(uint32_t access)
{
	return (access & NB_PORT_READ ? (uint32_t)NB_RIGHT_READ : 0) |
	       (access & NB_PORT_WRITE ? (uint32_t)NB_RIGHT_WRITE : 0);
}

static bool
has_interrupt_object(struct process *process, uint32_t number)
{
	struct handle_use use;
	uint32_t handle = 0;
	bool is_found = false;

	while (!is_found && handle_next(&process->handles, handle, &use, &handle) == NB_OK) {
		is_found = use.object->type == &interrupt_type &&
			   interrupt_of(use.object)->number == number && use.rights & NB_RIGHT_READ;
		object_put(use.object);
	}
	return is_found;
}

static bool
has_interrupt(struct process *process, uint32_t number)
{
	return has_interrupt_object(process, number) ||
	       process_has_resource(process, NB_RESOURCE_IRQ, number, 1, NB_RIGHT_READ);
}

enum nb_status
needs_check(struct process *process, const struct manifest *manifest, struct diag *diag)
{
	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_PORT]; i++) {
		const struct nb_port_range *ports = &manifest->ports[i];

		if (!process_has_resource(process, NB_RESOURCE_PORT, ports->first, ports->count,
					  port_rights(ports->access)))
			return refuse(diag, ports->line, "port", ports->first);
	}
	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_MMIO]; i++) {
		const struct manifest_mmio *mmio = &manifest->mmio[i];

		if (mmio->place == MANIFEST_FIXED &&
		    !process_has_resource(process, NB_RESOURCE_MMIO, mmio->address, mmio->size,
					  NB_RIGHT_MAP))
			return refuse(diag, mmio->line, "device memory", mmio->address);
	}
	for (uint32_t i = 0; i < manifest->counts[NB_MANIFEST_IRQ]; i++) {
		const struct manifest_irq *irq = &manifest->irqs[i];

		if (irq->place == MANIFEST_FIXED && !has_interrupt(process, irq->number))
			return refuse(diag, irq->line, "interrupt", irq->number);
	}
	if (manifest->dma_bytes &&
	    !process_has_resource(process, NB_RESOURCE_DMA, 0, manifest->dma_bytes, NB_RIGHT_MAP))
		return refuse(diag, manifest->lines[NB_MANIFEST_DMA], "bytes of DMA",
			      manifest->dma_bytes);
	return NB_OK;
}

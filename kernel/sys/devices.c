/*
 * Native calls: resources, ports, interrupts.
 */
#include "kernel/object/interrupt.h"
#include "kernel/object/memory.h"
#include "kernel/object/resource.h"
#include "kernel/port/device.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

int64_t
sys_resource_divide(struct nb_vmctx *vmctx, uint32_t handle, uint32_t kind, uint64_t first,
		    uint64_t count)
{
	const struct nb_resource_info part = { .kind = kind, .first = first, .count = count };
	struct resource *resource;
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &resource_type, NB_RIGHT_MANAGE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = resource_divide(resource_of(use.object), guest_process(vmctx)->account, &part,
				 &resource);
	object_put(use.object);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &resource->object, use.rights);
}

/* ---- ports ---- */

/*
 * What the compiler makes of a module accesses ports by instructions, which the
 * verifier holds against the manifest, and does not come here. Code by hand that
 * calls the imports does: it reaches what the process has, and no more than an
 * empty bus beyond.
 */
static bool
may_access(const struct nb_vmctx *vmctx, uint32_t port, unsigned bytes, uint32_t right)
{
	return port <= 0x10000 - bytes &&
	       process_has_resource(guest_process(vmctx), NB_RESOURCE_PORT, port, bytes, right);
}

static uint32_t
read_port(const struct nb_vmctx *vmctx, uint32_t port, unsigned bytes)
{
	if (!may_access(vmctx, port, bytes, NB_RIGHT_READ))
		return UINT32_MAX >> (32 - 8 * bytes);
	return port_io_read(port, bytes);
}

static void
write_port(const struct nb_vmctx *vmctx, uint32_t port, unsigned bytes, uint32_t value)
{
	if (may_access(vmctx, port, bytes, NB_RIGHT_WRITE))
		port_io_write(port, bytes, value);
}

uint32_t
sys_port_read8(struct nb_vmctx *vmctx, uint32_t port)
{
	return read_port(vmctx, port, 1);
}

uint32_t
sys_port_read16(struct nb_vmctx *vmctx, uint32_t port)
{
	return read_port(vmctx, port, 2);
}

uint32_t
sys_port_read32(struct nb_vmctx *vmctx, uint32_t port)
{
	return read_port(vmctx, port, 4);
}

void
sys_port_write8(struct nb_vmctx *vmctx, uint32_t port, uint32_t value)
{
	write_port(vmctx, port, 1, value);
}

void
sys_port_write16(struct nb_vmctx *vmctx, uint32_t port, uint32_t value)
{
	write_port(vmctx, port, 2, value);
}

void
sys_port_write32(struct nb_vmctx *vmctx, uint32_t port, uint32_t value)
{
	write_port(vmctx, port, 4, value);
}

/* ---- registers and DMA ---- */

/* The resource of `kind` that the handle names [MAP], in `use`. */
static enum nb_status
use_pages(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t kind, struct handle_use *use)
{
	enum nb_status status = guest_handle(vmctx, handle, &resource_type, NB_RIGHT_MAP, use);

	if (status == NB_OK && resource_of(use->object)->kind != kind) {
		object_put(use->object);
		status = NB_WRONG_TYPE;
	}
	return status;
}

/* The rights to memory that one had to the resource. */
static uint32_t
memory_rights(uint32_t rights)
{
	return memory_type.rights &
	       (rights | NB_RIGHT_SIGNAL | NB_RIGHT_WAIT | NB_RIGHT_MANAGE | NB_RIGHT_INSPECT);
}

int64_t
sys_mmio_create(struct nb_vmctx *vmctx, uint32_t handle, uint64_t offset, uint64_t len)
{
	const struct resource *resource;
	struct memory *memory;
	struct handle_use use;
	enum nb_status status = use_pages(vmctx, handle, NB_RESOURCE_MMIO, &use);

	if (status != NB_OK)
		return guest_result(status);
	resource = resource_of(use.object);
	if ((offset | len) % PORT_PAGE_BYTES)
		status = NB_INVALID_ARGUMENT;
	else if (len == 0 || len > resource->count || offset > resource->count - len)
		status = NB_OUT_OF_RANGE;
	else
		status = memory_create_device(guest_process(vmctx)->account,
					      port_mmio_pages(resource->first + offset), len,
					      &memory);
	object_put(use.object);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &memory->object, memory_rights(use.rights));
}

int64_t
sys_dma_create(struct nb_vmctx *vmctx, uint32_t handle, uint64_t size, uint32_t out)
{
	struct memory *memory;
	struct handle_use use;
	uint64_t at, address;
	enum nb_status status = guest_range(vmctx, out, sizeof address, &at);

	if (status == NB_OK)
		status = use_pages(vmctx, handle, NB_RESOURCE_DMA, &use);
	if (status != NB_OK)
		return guest_result(status);
	resource_note_grant(use.object, guest_process(vmctx));
	status = memory_create_dma(guest_process(vmctx)->account, resource_of(use.object), size,
				   &memory, &address);
	object_put(use.object);
	if (status != NB_OK)
		return guest_result(status);
	status = port_guest_write(at, &address, sizeof address);
	if (status != NB_OK) {
		object_put(&memory->object);
		return guest_result(status);
	}
	return guest_handle_add(vmctx, &memory->object, memory_rights(use.rights));
}

/* ---- interrupts ---- */

int64_t
sys_interrupt_create(struct nb_vmctx *vmctx, uint32_t handle, uint32_t index)
{
	struct interrupt *interrupt;
	struct handle_use use;
	enum nb_status status = guest_handle(vmctx, handle, &resource_type, NB_RIGHT_READ, &use);
	const struct resource *resource;

	if (status != NB_OK)
		return guest_result(status);
	resource = resource_of(use.object);
	if (resource->kind != NB_RESOURCE_IRQ)
		status = NB_WRONG_TYPE;
	else if (index >= resource->count)
		status = NB_OUT_OF_RANGE;
	else
		status = interrupt_create(guest_process(vmctx)->account,
					  (uint32_t)resource->first + index, &interrupt);
	object_put(use.object);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &interrupt->object, interrupt_type.rights);
}

int64_t
sys_interrupt_ack(struct nb_vmctx *vmctx, uint32_t handle)
{
	struct handle_use use;
	uint64_t arrivals;
	enum nb_status status = guest_handle(vmctx, handle, &interrupt_type, NB_RIGHT_READ, &use);

	if (status != NB_OK)
		return guest_result(status);
	arrivals = interrupt_ack(interrupt_of(use.object));
	object_put(use.object);
	return (int64_t)(arrivals & INT64_MAX);
}

/*
 * Native calls: gates.
 */
#include "kernel/object/gate.h"
#include "kernel/object/wait.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

static enum nb_status
read_stacks(const struct nb_vmctx *vmctx, uint32_t address, struct gate_options *out)
{
	struct nb_gate_stacks stacks;
	enum nb_status status;

	if (!address)
		return NB_OK;
	status = guest_copy_in(vmctx, &stacks, address, sizeof stacks);
	if (status != NB_OK)
		return status;
	out->stack_base = stacks.base;
	out->stack_bytes_each = stacks.bytes_each;
	return NB_OK;
}

int64_t
sys_gate_create(struct nb_vmctx *vmctx, uint32_t table_index, uint32_t signature, uint32_t len,
		uint32_t activations, uint32_t stacks)
{
	char text[GATE_LETTERS_MAX];
	struct gate_options options = {
		.process = guest_process(vmctx),
		.thread = guest_thread(vmctx),
		.instance = vmctx->instance,
		.table_idx = table_index,
		.signature = text,
		.signature_len = len,
		.activations = activations,
	};
	struct gate *gate;
	enum nb_status status;

	if (len > sizeof text)
		return guest_result(NB_INVALID_ARGUMENT);
	if (!activations && guest_seat(vmctx)->caller)
		return guest_result(NB_BAD_STATE);
	status = guest_copy_in(vmctx, text, signature, len);
	if (status == NB_OK)
		status = read_stacks(vmctx, stacks, &options);
	if (status == NB_OK)
		status = gate_create(&options, &gate);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, (struct object *)gate, gate_type.rights);
}

int64_t
sys_gate_serve(struct nb_vmctx *vmctx, int64_t deadline_ns)
{
	if (guest_seat(vmctx)->caller)
		return guest_result(NB_BAD_STATE);
	return guest_result(gate_serve(guest_thread(vmctx), wait_deadline(deadline_ns)));
}

int64_t
sys_gate_badge(struct nb_vmctx *vmctx, uint32_t handle, uint64_t badge)
{
	struct handle_use use;
	struct gate *badged;
	uint32_t rights;
	enum nb_status status = guest_handle(vmctx, handle, &gate_type, NB_RIGHT_MANAGE, &use);

	if (status != NB_OK)
		return guest_result(status);
	status = gate_create_badged(gate_of(use.object), badge, guest_process(vmctx)->account,
				    &badged);
	rights = use.rights & ~(uint32_t)NB_RIGHT_MANAGE;
	object_put(use.object);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, (struct object *)badged, rights);
}

int64_t
sys_gate_caller(struct nb_vmctx *vmctx, uint32_t badge)
{
	uint64_t value;
	enum nb_status status = gate_caller_badge(guest_seat(vmctx), &value);

	if (status == NB_OK)
		status = guest_copy_out(vmctx, badge, &value, sizeof value);
	return guest_result(status);
}

int64_t
sys_gate_deadline(struct nb_vmctx *vmctx, int64_t deadline_ns)
{
	guest_seat(vmctx)->call_deadline_ns = wait_deadline(deadline_ns);
	return 0;
}

int64_t
sys_gate_reply_handle(struct nb_vmctx *vmctx, uint32_t handle)
{
	uint32_t moved = NB_HANDLE_NONE;
	enum nb_status status = gate_reply_handle(guest_seat(vmctx), &guest_process(vmctx)->handles,
						  handle, &moved);

	return status == NB_OK ? (int64_t)moved : guest_result(status);
}

static int64_t
lend_copy(struct nb_vmctx *vmctx, uint32_t slot, uint32_t offset, uint32_t own, uint32_t len,
	  enum gate_lend_direction direction)
{
	uint64_t address;
	enum nb_status status = guest_range(vmctx, own, len, &address);

	if (status == NB_OK)
		status = gate_lend_copy(guest_seat(vmctx), slot, offset, address, len, direction);
	return guest_result(status);
}

int64_t
sys_lend_read(struct nb_vmctx *vmctx, uint32_t slot, uint32_t offset, uint32_t buffer, uint32_t len)
{
	return lend_copy(vmctx, slot, offset, buffer, len, GATE_LEND_READ);
}

int64_t
sys_lend_write(struct nb_vmctx *vmctx, uint32_t slot, uint32_t offset, uint32_t bytes, uint32_t len)
{
	return lend_copy(vmctx, slot, offset, bytes, len, GATE_LEND_WRITE);
}

/*
 * Native calls: processes.
 */
#include "kernel/code/module.h"
#include "kernel/mm/account.h"
#include "kernel/object/gate.h"
#include "kernel/object/process.h"
#include "kernel/object/resource.h"
#include "kernel/port/guest.h"
#include "kernel/sys/guest.h"

#include "sys_calls.h"

/* ---- creation ---- */

/* Reads and checks limits; address 0: none. */
static enum nb_status
read_limits(const struct nb_vmctx *vmctx, uint32_t address, struct nb_limits *out)
{
	uint32_t own = guest_process(vmctx)->priority;
	enum nb_status status = NB_OK;

	*out = (struct nb_limits){ 0 };
	if (address)
		status = guest_copy_in(vmctx, out, address, sizeof *out);
	if (status != NB_OK)
		return status;
	if (out->priority > own || out->reserved || out->processor_permille > BUDGET_PERMILLE_MAX)
		return NB_OUT_OF_RANGE;
	if (!out->priority)
		out->priority = own;
	return NB_OK;
}

int64_t
sys_process_create(struct nb_vmctx *vmctx, uint32_t name, uint32_t len, uint32_t limits)
{
	struct process_options options = { .builder = guest_process(vmctx) };
	struct process *process;
	struct nb_limits given;
	char text[NB_NAME_MAX];
	enum nb_status status = guest_copy_in(vmctx, text, name, len <= NB_NAME_MAX ? len : 0);

	if (status == NB_OK)
		status = read_limits(vmctx, limits, &given);
	if (status == NB_OK && len > NB_NAME_MAX)
		status = NB_OUT_OF_RANGE;
	if (status != NB_OK)
		return guest_result(status);
	options.account = options.builder->account;
	options.name = text;
	options.name_len = len;
	options.memory_bytes = given.memory_bytes;
	options.handles = given.handles;
	options.threads = given.threads;
	options.priority = given.priority;
	options.processor_permille = given.processor_permille;
	status = process_create(&options, &process);
	if (status != NB_OK)
		return guest_result(status);
	return guest_handle_add(vmctx, &process->object, process_type.rights);
}

/* The process behind a handle that must let the caller manage it. */
static enum nb_status
use_process(const struct nb_vmctx *vmctx, uint32_t handle, struct handle_use *out)
{
	return guest_handle(vmctx, handle, &process_type, NB_RIGHT_MANAGE, out);
}

int64_t
sys_process_grant(struct nb_vmctx *vmctx, uint32_t handle, uint32_t object, uint32_t rights)
{
	struct handle_use target, given;
	uint32_t granted = NB_HANDLE_NONE;
	enum nb_status status = use_process(vmctx, handle, &target);

	if (status != NB_OK)
		return guest_result(status);
	status = guest_handle(vmctx, object, NULL, NB_RIGHT_TRANSFER | NB_RIGHT_DUPLICATE, &given);
	if (status != NB_OK) {
		object_put(target.object);
		return guest_result(status);
	}
	if (rights == NB_RIGHTS_SAME)
		rights = given.rights;
	if (rights & ~given.rights)
		status = NB_ACCESS_DENIED;
	else
		status = process_grant(process_of(target.object), given.object, rights, &granted);
	if (status == NB_OK)
		resource_note_grant(given.object, process_of(target.object));
	object_put(given.object);
	object_put(target.object);
	return status == NB_OK ? (int64_t)granted : guest_result(status);
}

/* ---- instances ---- */

enum { NAMESPACE_BYTES = 64 };

/* The bindings of one process_instantiate, copied from the guest. */
struct binding_list {
	struct account *account;
	uint32_t count;
	struct {
		struct nb_binding given;
		char name[NAMESPACE_BYTES], field[NAMESPACE_BYTES];
		struct object *gate; /* referenced */
	} * rows;
	struct process_binding *bindings;
};

static void
bindings_free(struct binding_list *list)
{
	for (uint32_t i = 0; list->rows && i < list->count; i++) {
		if (list->rows[i].gate)
			object_put(list->rows[i].gate);
	}
	account_free(list->account, list->rows, list->count * sizeof *list->rows);
	account_free(list->account, list->bindings, list->count * sizeof *list->bindings);
}

/* The gate of a row, and for which function it stands. */
static enum nb_status
binding_gate_copy(const struct nb_vmctx *vmctx, const struct nb_binding *given, char *field,
		  struct object **out)
{
	struct handle_use use;
	enum nb_status status = NB_OUT_OF_RANGE;

	if (given->instance > NB_BINDING_CLIENT)
		return NB_OUT_OF_RANGE;
	if (given->field_len <= NAMESPACE_BYTES)
		status = guest_copy_in(vmctx, field, given->field, given->field_len);
	if (status == NB_OK)
		status = guest_handle(vmctx, given->gate, &gate_type, NB_RIGHT_EXECUTE, &use);
	if (status == NB_OK)
		*out = use.object;
	return status;
}

static enum nb_status
bindings_copy(const struct nb_vmctx *vmctx, uint32_t address, struct binding_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct nb_binding *given = &list->rows[i].given;
		enum nb_status status = guest_copy_in(vmctx, given, address, sizeof *given);

		if (status == NB_OK && given->name_len > NAMESPACE_BYTES)
			status = NB_OUT_OF_RANGE;
		if (status == NB_OK)
			status = guest_copy_in(vmctx, list->rows[i].name, given->name,
					       given->name_len);
		if (status == NB_OK && given->gate != NB_HANDLE_NONE)
			status = binding_gate_copy(vmctx, given, list->rows[i].field,
						   &list->rows[i].gate);
		if (status != NB_OK)
			return status;
		list->bindings[i] = (struct process_binding){
			.name = list->rows[i].name,
			.name_len = given->name_len,
			.field = list->rows[i].field,
			.field_len = given->field_len,
			.instance = given->instance,
			.gate = gate_of(list->rows[i].gate),
			.lends_client = given->instance == NB_BINDING_CLIENT,
		};
		address += (uint32_t)sizeof *given;
	}
	return NB_OK;
}

static enum nb_status
bindings_read(const struct nb_vmctx *vmctx, uint32_t address, struct binding_list *list)
{
	uint64_t unused;
	enum nb_status status =
		guest_range(vmctx, address, list->count * sizeof(struct nb_binding), &unused);

	if (status != NB_OK || list->count == 0)
		return status;
	list->rows = account_alloc(list->account, list->count * sizeof *list->rows);
	list->bindings = account_alloc(list->account, list->count * sizeof *list->bindings);
	status = list->rows && list->bindings ? bindings_copy(vmctx, address, list)
					      : NB_OUT_OF_MEMORY;
	if (status != NB_OK)
		bindings_free(list);
	return status;
}

/* Gives the reason to the guest; the range has been checked. */
static void
write_diagnostic(const struct nb_vmctx *vmctx, const struct nb_text_buffer *buffer,
		 const struct diag *diag)
{
	char text[384];
	size_t len;

	if (!buffer->capacity)
		return;
	len = diag_format(diag, text, sizeof text) + 1;
	if (len > buffer->capacity) {
		len = buffer->capacity;
		text[len - 1] = 0;
	}
	/* The call's own error is what counts. */
	(void)!guest_copy_out(vmctx, buffer->address, text, len);
}

static enum nb_status
read_text_buffer(const struct nb_vmctx *vmctx, uint32_t address, struct nb_text_buffer *out)
{
	uint64_t unused;
	enum nb_status status;

	*out = (struct nb_text_buffer){ 0 };
	if (!address)
		return NB_OK;
	status = guest_copy_in(vmctx, out, address, sizeof *out);
	return status == NB_OK ? guest_range(vmctx, out->address, out->capacity, &unused) : status;
}

static int64_t
instantiate(const struct nb_vmctx *vmctx, uint32_t handle, uint32_t module,
	    const struct binding_list *list, struct diag *diag)
{
	struct handle_use process_use, module_use;
	uint32_t idx = 0;
	enum nb_status status = use_process(vmctx, handle, &process_use);

	if (status != NB_OK)
		return guest_result(status);
	status = guest_handle(vmctx, module, &module_type, NB_RIGHT_EXECUTE, &module_use);
	if (status == NB_OK) {
		status = process_instantiate(process_of(process_use.object),
					     module_of(module_use.object), list->bindings,
					     list->count, diag, &idx);
		object_put(module_use.object);
	}
	object_put(process_use.object);
	return status == NB_OK ? (int64_t)idx : guest_result(status);
}

int64_t
sys_process_instantiate(struct nb_vmctx *vmctx, uint32_t handle, uint32_t module, uint32_t bindings,
			uint32_t count, uint32_t diagnostic)
{
	struct binding_list list = { .account = guest_process(vmctx)->account, .count = count };
	struct nb_text_buffer buffer;
	struct diag diag;
	int64_t result;
	enum nb_status status = read_text_buffer(vmctx, diagnostic, &buffer);

	if (status == NB_OK && count > NB_BINDINGS_MAX)
		status = NB_OUT_OF_RANGE;
	if (status == NB_OK)
		status = bindings_read(vmctx, bindings, &list);
	if (status != NB_OK)
		return guest_result(status);
	diag_init(&diag);
	result = instantiate(vmctx, handle, module, &list, &diag);
	bindings_free(&list);
	if (diag.status != NB_OK)
		write_diagnostic(vmctx, &buffer, &diag);
	return result;
}

/* ---- start and end ---- */

int64_t
sys_process_start(struct nb_vmctx *vmctx, uint32_t handle, uint32_t instance, uint32_t startup,
		  uint32_t len)
{
	struct handle_use use;
	struct account *account;
	uint8_t *copy = NULL;
	uint64_t from;
	enum nb_status status = guest_range(vmctx, startup, len, &from);

	if (status == NB_OK)
		status = use_process(vmctx, handle, &use);
	if (status != NB_OK)
		return guest_result(status);
	account = process_of(use.object)->account;
	if (len > NB_STARTUP_MAX)
		status = NB_OUT_OF_RANGE;
	if (status == NB_OK && len) {
		copy = account_alloc(account, len);
		status = copy ? port_guest_read(copy, from, len) : NB_OUT_OF_MEMORY;
	}
	if (status == NB_OK)
		status = process_start(process_of(use.object), instance, copy, len);
	if (status != NB_OK)
		account_free(account, copy, len);
	object_put(use.object);
	return guest_result(status);
}

int64_t
sys_process_kill(struct nb_vmctx *vmctx, uint32_t handle, int32_t exit_status)
{
	struct handle_use use;
	enum nb_status status = use_process(vmctx, handle, &use);

	if (status != NB_OK)
		return guest_result(status);
	process_kill(process_of(use.object), exit_status);
	object_put(use.object);
	return 0;
}

void
sys_process_exit(struct nb_vmctx *vmctx, int32_t status)
{
	process_exit(guest_process(vmctx), status);
	guest_unwind(vmctx->thread, NB_TRAP_KILLED);
}

int64_t
sys_process_startup(struct nb_vmctx *vmctx, uint32_t buffer, uint32_t len)
{
	struct process *process = guest_process(vmctx);
	uint32_t count = len < process->startup_len ? len : process->startup_len;
	uint64_t at;
	enum nb_status status = guest_range(vmctx, buffer, len, &at);

	if (status == NB_OK && count)
		status = port_guest_write(at, process->startup, count);
	return status == NB_OK ? (int64_t)process->startup_len : guest_result(status);
}

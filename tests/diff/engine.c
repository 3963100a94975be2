/*
 * One program in the hosted runtime: at most two instances, on one guest stack.
 */
#include "tests/diff/engine.h"

#include "platform/hosted/hosted.h"
#include "runtime/instance.h"
#include "runtime/invoke.h"
#include "runtime/trap.h"
#include "tests/guest_host.h"

#include <stdarg.h>
#include <stdio.h>

enum { STACK_BYTES = 4 << 20, VALUES_MAX = 64, FUEL = 400, PARTS_MAX = 2 };

/* The program under way. */
static struct {
	struct guest_context caller;
	struct store store;
	struct code_module modules[PARTS_MAX]; /* base, if there is one, and main */
	struct instance *parts[PARTS_MAX];     /* as far as they are ready */
	uint32_t module_count, part_count;
	bool is_verbose;
	struct buffer *out;
} e;

enum nb_status
engine_init(void)
{
	enum nb_status status = hosted_fault_thread_init();

	if (status == NB_OK)
		status = guest_host_init(STACK_BYTES);
	return status;
}

/* ---- text ---- */

static void __attribute__((format(printf, 2, 3))) say(struct buffer *out, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put_bytes(out, text, strlen(text));
}

static const char *
trap_name(enum nb_trap trap)
{
	switch (trap) {
	case NB_TRAP_UNREACHABLE:
		return "unreachable";
	case NB_TRAP_MEMORY_OUT_OF_BOUNDS:
		return "memory";
	case NB_TRAP_TABLE_OUT_OF_BOUNDS:
	case NB_TRAP_UNDEFINED_ELEMENT:
		return "table";
	case NB_TRAP_UNINITIALIZED_ELEMENT:
	case NB_TRAP_INDIRECT_CALL_TYPE:
		return "call";
	case NB_TRAP_INTEGER_DIVIDE_BY_ZERO:
		return "zero";
	case NB_TRAP_INTEGER_OVERFLOW:
	case NB_TRAP_INVALID_CONVERSION:
		return "range";
	case NB_TRAP_STACK_OVERFLOW:
		return "stack";
	case NB_TRAP_NULL_REFERENCE:
	case NB_TRAP_NULL_FUNCTION_REFERENCE:
		return "null";
	case NB_TRAP_NONE:
	case NB_TRAP_OUT_OF_MEMORY:
	case NB_TRAP_KILLED:
	case NB_TRAP_HOST:
	case NB_TRAP_EXPECTED_SHARED_MEMORY:
	case NB_TRAP_PORT_OUT_OF_RANGE:
		break;
	case NB_TRAP_UNALIGNED_ATOMIC:
		return "unaligned";
	}
	return nb_trap_text(trap);
}

/* A function's index in the module that defines it. */
static void
say_function(struct buffer *out, uint32_t reference)
{
	const struct nb_callee *callee = store_callee(&e.store, reference);

	for (uint32_t i = 0; callee && i < e.module_count; i++) {
		const struct instance *instance = e.store.instances;

		while (instance && (uint64_t)(uintptr_t)instance->vmctx != callee->vmctx)
			instance = instance->next;
		if (!instance)
			break;
		for (uint32_t k = 0; k < instance->module->wasm.func_count; k++) {
			if (instance_function(instance, k)->code != callee->code)
				continue;
			say(out, "f%u", k);
			return;
		}
	}
	say(out, "unknown function %u", reference);
}

static void
say_value(struct buffer *out, enum wasm_valtype type, uint64_t bits)
{
	uint32_t low = (uint32_t)bits;

	if (type == WASM_I64)
		say(out, "%016llx", (unsigned long long)bits);
	else if (type == WASM_I32)
		say(out, "%08x", low);
	else if (type == WASM_F32 && (low & 0x7fffffff) > 0x7f800000)
		say(out, "nan");
	else if (type == WASM_F32)
		say(out, "%08x", low);
	else if (type == WASM_F64 && (bits & INT64_MAX) > 0x7ff0000000000000)
		say(out, "nan");
	else if (type == WASM_F64)
		say(out, "%016llx", (unsigned long long)bits);
	else if (low == 0)
		say(out, "null");
	else if (type == WASM_FUNCREF)
		say_function(out, low);
	else
		say(out, "e%u", low);
}

static uint32_t
mix(uint32_t hash, uint32_t word)
{
	hash = (hash ^ word) * 0x85ebca6b;
	return hash << 13 | hash >> 19;
}

/* Globals that are numbers go as f64, because the oracle cannot tell. */
static void
say_global(struct buffer *out, const struct runtime_global *global)
{
	enum wasm_valtype type = global->type.type;
	uint64_t bits = *global->cell;
	double number = (int32_t)(uint32_t)bits;
	float narrow;

	if (type == WASM_F32) {
		uint32_t low = (uint32_t)bits;

		memcpy(&narrow, &low, 4);
		number = narrow;
	}
	if (type == WASM_I32 || type == WASM_F32) {
		memcpy(&bits, &number, 8);
		type = WASM_F64;
	}
	say_value(out, type, bits);
}

static void
say_memory(struct buffer *out, const struct runtime_memory *memory)
{
	const uint32_t *words = (const uint32_t *)(uintptr_t)memory->desc.base;
	uint32_t count = (uint32_t)(memory->desc.length / 4), sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum = mix(sum, words[i]);
	say(out, "%u %08x", count, sum);
}

static void
say_extern(struct buffer *out, const struct runtime_extern *value)
{
	uint32_t reference;

	switch (value->kind) {
	case WASM_EXTERN_GLOBAL:
		say_global(out, &value->global);
		break;
	case WASM_EXTERN_MEMORY:
		say_memory(out, value->memory);
		break;
	case WASM_EXTERN_TABLE:
		for (uint64_t i = 0; runtime_table_get(value->table, i, &reference); i++) {
			say_value(out, value->table->type.type, reference);
			say(out, " ");
		}
		break;
	case WASM_EXTERN_FUNC:
	case WASM_EXTERN_TAG:
		break;
	}
}

static void
say_state(void)
{
	struct buffer details = { 0 };

	say(e.out, "state");
	for (uint32_t i = 0; i < e.part_count; i++) {
		const struct wasm_module *wasm = &e.parts[i]->module->wasm;
		uint32_t hash = 0;

		for (uint32_t k = 0; k < wasm->export_count; k++) {
			const struct wasm_export *export = &wasm->exports[k];
			struct runtime_extern value =
				instance_extern(e.parts[i], export->kind, export->idx);
			struct buffer part = { 0 };

			if (export->kind == WASM_EXTERN_FUNC || export->name.bytes[0] == 'v')
				continue; /* the oracle cannot read vectors */
			say_extern(&part, &value);
			for (size_t n = 0; n < part.len; n++)
				hash = mix(hash, part.bytes[n]);
			say(&details, "  %.*s ", (int)export->name.len, export->name.bytes);
			put_bytes(&details, part.bytes, part.len);
			say(&details, "\n");
			buffer_free(&part);
		}
		say(e.out, " %08x", hash);
	}
	say(e.out, "\n");
	if (e.is_verbose)
		put_bytes(e.out, details.bytes, details.len);
	buffer_free(&details);
}

/* ---- reading the module's own sections ---- */

struct piece {
	const uint8_t *bytes;
	size_t len;
};

static uint32_t
take_u32(struct piece *in)
{
	uint32_t value = 0, shift = 0;
	uint8_t byte;

	do {
		byte = in->len > 0 ? *in->bytes++ : 0;
		in->len -= in->len > 0;
		value |= (uint32_t)(byte & 0x7f) << shift % 32;
		shift += 7;
	} while (byte & 0x80);
	return value;
}

static struct piece
take(struct piece *in, size_t len)
{
	struct piece out = { in->bytes, len < in->len ? len : in->len };

	in->bytes += out.len;
	in->len -= out.len;
	return out;
}

/* The contents of the custom section of that name; empty if there is none. */
static struct piece
custom_section(struct piece module, const char *name)
{
	(void)take(&module, 8);
	while (module.len > 0) {
		uint8_t id = *take(&module, 1).bytes;
		struct piece section = take(&module, take_u32(&module));

		if (id != 0)
			continue;
		struct piece found = take(&section, take_u32(&section));
		if (found.len == strlen(name) && memcmp(found.bytes, name, found.len) == 0)
			return section;
	}
	return (struct piece){ 0 };
}

/* ---- running ---- */

static enum nb_status
publish(struct code_module *module, struct piece bytes, const struct compiler_options *options,
	struct diag *diag)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						       .code = WASM_CODE_VALIDATE };
	enum nb_status status;

	code_module_init(module, &page_source, 64 << 20);
	code_module_set_name(module, "diff", 4);
	status = wasm_module_decode(&module->wasm, &module->arena, bytes.bytes, bytes.len,
				    &features, diag);
	if (status == NB_OK)
		status = compiler_compile(&module->wasm, options, &page_source, &module->arena,
					  &module->image, diag);
	if (status == NB_OK)
		status = code_module_place(module);
	if (status == NB_OK)
		status = code_module_seal(module);
	if (status == NB_OK)
		status = code_module_enter(module);
	if (status == NB_OK)
		e.module_count++;
	else
		code_module_release(module);
	return status;
}

static enum nb_status
resolve(void *context, const struct instance *instance, const struct wasm_import *import,
	struct runtime_extern *out)
{
	(void)context;
	(void)instance;
	if (e.part_count == 0 ||
	    !instance_export(e.parts[0], import->field.bytes, import->field.len, out))
		return NB_NOT_FOUND;
	return NB_OK;
}

/* Instantiates the modules in order; false if one could not be or trapped. */
static bool
start(struct diag *diag)
{
	for (uint32_t i = 0; i < e.module_count; i++) {
		struct instance *instance;
		enum nb_status status =
			instance_create(&e.store, &e.modules[i], resolve, NULL, diag, &instance);
		enum nb_trap trap;

		if (status != NB_OK) {
			say(e.out, "refused: %s\n", diag->text);
			return false;
		}
		trap = instance_initialize(instance);
		const struct nb_callee *callee = instance_start(instance);
		if (trap == NB_TRAP_NONE && callee)
			trap = runtime_invoke(&e.store, callee, NULL, NULL);
		if (trap != NB_TRAP_NONE) {
			say(e.out, "start: trap %s\n", trap_name(trap));
			if (e.part_count > 0)
				say_state();
			return false;
		}
		e.parts[e.part_count++] = instance;
	}
	return true;
}

static void
set_global(const struct instance *instance, const char *name, uint64_t bits)
{
	struct runtime_extern value;

	if (instance_export(instance, name, strlen(name), &value))
		*value.global.cell = bits;
}

/* Rubbish above 32-bit arguments: nobody may rely on it. */
static uint64_t
argument(const struct instance *instance, uint8_t type, const uint8_t *bytes)
{
	uint64_t bits;

	memcpy(&bits, bytes, 8);
	if (type == 0x7f || type == 0x7d)
		bits |= 0xa5a5a5a500000000;
	if (type == 0x70 && bits > 0)
		bits = instance_reference(instance, (uint32_t)bits - 1);
	return bits;
}

static void
make_call(struct piece *calls)
{
	struct instance *instance = e.parts[e.part_count - 1];
	uint32_t idx = take_u32(calls);
	struct piece params = take(calls, take_u32(calls));
	const struct wasm_functype *type = wasm_module_function_type(&instance->module->wasm, idx);
	struct runtime_value in[VALUES_MAX] = { 0 }, out[VALUES_MAX];
	enum nb_trap trap;

	(void)take(calls, take_u32(calls));
	for (size_t i = 0; i < params.len; i++)
		in[i].bits[0] = argument(instance, params.bytes[i], take(calls, 8).bytes);
	set_global(instance, "g0", FUEL);
	set_global(instance, "g1", 0);
	say(e.out, "f%u", idx);
	trap = runtime_invoke(&e.store, instance_function(instance, idx), in, out);
	if (trap != NB_TRAP_NONE)
		say(e.out, " trap %s", trap_name(trap));
	for (uint32_t i = 0; trap == NB_TRAP_NONE && i < type->result_count; i++) {
		say(e.out, " ");
		say_value(e.out, type->results[i], out[i].bits[0]);
	}
	say(e.out, "\n");
	say_state();
}

static void
run_entry(void *argument_)
{
	struct piece calls = *(struct piece *)argument_;
	struct diag diag;

	diag_init(&diag);
	if (start(&diag)) {
		say_state();
		for (uint32_t count = take_u32(&calls); count > 0; count--)
			make_call(&calls);
	}
	guest_context_jump(&e.caller);
}

static void
run_program(struct piece module, const struct compiler_options *options)
{
	struct piece calls = custom_section(module, "diff.calls");
	struct piece base = custom_section(module, "diff.base");
	struct guest_context context;
	enum nb_status status = NB_OK;
	struct diag diag;
	char text[320];

	diag_init(&diag);
	if (base.len > 0)
		status = publish(&e.modules[e.module_count], base, options, &diag);
	if (status == NB_OK)
		status = publish(&e.modules[e.module_count], module, options, &diag);
	if (status != NB_OK) {
		diag_format(&diag, text, sizeof(text));
		say(e.out, "refused: %s\n", text);
		return;
	}
	guest_context_init(&context, &guest_host.stack, run_entry, &calls);
	guest_context_switch(&e.caller, &context);
}

void
engine_run(const uint8_t *bytes, size_t len, const struct compiler_options *options,
	   bool is_verbose, struct buffer *out)
{
	struct port_memory_info before, after;

	port_memory_info(&before);
	e.module_count = e.part_count = 0;
	e.is_verbose = is_verbose;
	e.out = out;
	store_init(&e.store, &page_source, 64 << 20, &(struct store_account){ 0 });
	store_set_thread(&e.store, &guest_host.head);
	run_program((struct piece){ bytes, len }, options);
	store_destroy(&e.store);
	for (uint32_t i = 0; i < e.module_count; i++)
		code_module_release(&e.modules[i]);
	port_memory_info(&after);
	if (after.free_pages != before.free_pages || after.slots_live != before.slots_live ||
	    after.areas_live != before.areas_live ||
	    after.code_bytes_live != before.code_bytes_live)
		say(out, "not everything came back\n");
}

/*
 * Test support: a store with a thread on a guest stack, modules from bytes,
 * and what the platform asks of a kernel. One program includes this once.
 */
#ifndef TESTS_RUNTIME_SUPPORT_H
#define TESTS_RUNTIME_SUPPORT_H

#include "compiler/compiler.h"
#include "kernel/port/cpu.h"
#include "kernel/port/guest.h"
#include "kernel/port/platform.h"
#include "platform/hosted/hosted.h"
#include "runtime/instance.h"
#include "runtime/invoke.h"
#include "runtime/trap.h"
#include "tests/no_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEST_STACK_BYTES = 512 * 1024, TEST_MODULES_MAX = 8, TEST_IMPORTS_MAX = 8 };

/* One name that modules may import. */
struct test_import {
	const char *module;
	struct instance *instance; /* all its exports, or */
	const char *field;	   /* this one */
	struct runtime_extern value;
};

static struct {
	struct nb_thread_head head;
	struct port_stack stack;
	struct store store;
	struct code_module modules[TEST_MODULES_MAX];
	int module_count;
	struct test_import imports[TEST_IMPORTS_MAX];
	int import_count;
	struct diag diag;
	struct runtime_backtrace backtrace;
	uint64_t fault_pc; /* of the last fault */
	int pending_calls;
	int pending_again; /* how often pending is set anew */
	uint64_t charged, charge_limit;
	uint32_t cpu_features; /* what test_publish compiles for */
	struct port_memory_info before;
	struct guest_context main_context, guest_context;
} t;

/* ---- upcalls ---- */

bool
kernel_guest_fault(enum guest_fault_kind kind, uint64_t address, struct guest_state *state)
{
	enum nb_trap trap;

	t.fault_pc = state->rip;
	if (!runtime_fault_resolve(kind, address, state, &t.stack, &trap))
		return false;
	runtime_backtrace_capture(&t.backtrace, &t.head, state);
	guest_state_redirect_unwind(state, &t.head, trap);
	return true;
}

void
kernel_guest_pending(struct nb_thread_head *head)
{
	t.pending_calls++;
	head->pending = t.pending_again > 0;
	t.pending_again -= t.pending_again > 0;
}

/* ---- memory ---- */

static enum nb_status
test_charge(void *context, uint64_t bytes)
{
	(void)context;
	if (bytes > t.charge_limit - t.charged)
		return NB_LIMIT_EXCEEDED;
	t.charged += bytes;
	return NB_OK;
}

static void
test_uncharge(void *context, uint64_t bytes)
{
	(void)context;
	assert_true(bytes <= t.charged);
	t.charged -= bytes;
}

/* ---- life ---- */

static inline void
test_begin(void)
{
	struct store_account account = { test_charge, test_uncharge, NULL };

	memset(&t, 0, sizeof(t));
	t.charge_limit = UINT64_MAX;
	assert_int_equal(hosted_fault_thread_init(), NB_OK);
	port_memory_info(&t.before);
	assert_int_equal(port_stack_create(TEST_STACK_BYTES, &t.stack), NB_OK);
	t.head.stack_floor = t.stack.limit + GUEST_KERNEL_HEADROOM;
	t.head.stack_limit = t.stack.top;
	store_init(&t.store, &page_source, 64 << 20, &account);
	store_set_thread(&t.store, &t.head);
	diag_init(&t.diag);
}

/* Destroys what the test has made and checks that all of it came back. */
static inline void
test_end(void)
{
	struct port_memory_info after;

	store_destroy(&t.store);
	for (int i = 0; i < t.module_count; i++)
		code_module_release(&t.modules[i]);
	port_stack_destroy(&t.stack);
	hosted_fault_thread_exit();
	port_memory_info(&after);
	assert_int_equal(after.free_pages, t.before.free_pages);
	assert_int_equal(after.slots_live, t.before.slots_live);
	assert_int_equal(after.stacks_live, t.before.stacks_live);
	assert_int_equal(after.areas_live, t.before.areas_live);
	assert_int_equal(after.code_bytes_live, t.before.code_bytes_live);
	assert_int_equal(t.charged, 0);
}

static inline int
test_setup(void **state)
{
	(void)state;
	test_begin();
	return 0;
}

static inline int
test_teardown(void **state)
{
	(void)state;
	test_end();
	return 0;
}

/* ---- modules ---- */

static __attribute__((noinline, unused)) enum nb_status
test_publish(const char *name, const uint8_t *bytes, size_t len, struct code_module **out)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL,
						       .code = WASM_CODE_VALIDATE };
	struct code_module *module = &t.modules[t.module_count];
	struct compiler_options options;

	compiler_options_init(&options);
	options.cpu_features = t.cpu_features;
	code_module_init(module, &page_source, 16 << 20);
	code_module_set_name(module, name, strlen(name));
	enum nb_status status =
		wasm_module_decode(&module->wasm, &module->arena, bytes, len, &features, &t.diag);
	if (status == NB_OK)
		status = compiler_compile(&module->wasm, &options, &page_source, &module->arena,
					  &module->image, &t.diag);
	if (status == NB_OK)
		status = code_module_place(module);
	if (status == NB_OK)
		status = code_module_seal(module);
	if (status == NB_OK)
		status = code_module_enter(module);
	if (status != NB_OK) {
		code_module_release(module);
		return status;
	}
	t.module_count++;
	*out = module;
	return NB_OK;
}

static inline enum nb_status
test_resolve(void *context, const struct instance *instance, const struct wasm_import *import,
	     struct runtime_extern *out)
{
	(void)context;
	(void)instance;
	for (int i = 0; i < t.import_count; i++) {
		const struct test_import *offer = &t.imports[i];
		if (strlen(offer->module) != import->module.len ||
		    memcmp(offer->module, import->module.bytes, import->module.len) != 0)
			continue;
		if (offer->instance) {
			if (instance_export(offer->instance, import->field.bytes, import->field.len,
					    out))
				return NB_OK;
		} else if (strlen(offer->field) == import->field.len &&
			   memcmp(offer->field, import->field.bytes, import->field.len) == 0) {
			*out = offer->value;
			return NB_OK;
		}
	}
	return NB_NOT_FOUND;
}

static inline void
test_offer(const char *module, struct instance *instance)
{
	t.imports[t.import_count++] =
		(struct test_import){ .module = module, .instance = instance };
}

static inline void
test_offer_one(const char *module, const char *field, struct runtime_extern value)
{
	t.imports[t.import_count++] =
		(struct test_import){ .module = module, .field = field, .value = value };
}

static inline enum nb_status
test_create(const struct code_module *module, struct instance **out)
{
	return instance_create(&t.store, module, test_resolve, NULL, &t.diag, out);
}

/* Publishes a module and makes an instance of it; both must succeed. */
static __attribute__((noinline, unused)) struct instance *
test_instance_of(const char *name, const uint8_t *bytes, size_t len)
{
	struct code_module *module = NULL;
	struct instance *instance = NULL;

	if (test_publish(name, bytes, len, &module) != NB_OK ||
	    test_create(module, &instance) != NB_OK)
		fail_msg("%s: %s", name, t.diag.text);
	return instance;
}

/* ---- calls ---- */

struct test_call {
	const struct nb_callee *callee;
	const struct runtime_value *arguments;
	struct runtime_value *results;
	enum nb_trap trap;
};

static inline void
test_call_entry(void *argument)
{
	struct test_call *call = argument;

	call->trap = runtime_invoke(&t.store, call->callee, call->arguments, call->results);
	guest_context_jump(&t.main_context);
}

/* Calls on the guest stack. */
static inline enum nb_trap
test_invoke(const struct nb_callee *callee, const struct runtime_value *arguments,
	    struct runtime_value *results)
{
	struct test_call call = { callee, arguments, results, NB_TRAP_NONE };

	hosted_fault_handlers_install(); /* cmocka has put its own in place */
	guest_context_init(&t.guest_context, &t.stack, test_call_entry, &call);
	guest_context_switch(&t.main_context, &t.guest_context);
	assert_int_equal(t.head.activation, 0);
	assert_int_equal(t.head.guest_sp, 0);
	return call.trap;
}

/* Calls an export of up to three i32s with at most one result. */
static __attribute__((noinline, unused)) enum nb_trap
test_call3(const struct instance *instance, const char *name, const uint32_t arguments[3],
	   uint64_t *result)
{
	struct runtime_extern found;
	struct runtime_value in[3] = { { { arguments[0], 0 } },
				       { { arguments[1], 0 } },
				       { { arguments[2], 0 } } };
	struct runtime_value out[8] = { { { 0, 0 } } };

	assert_true(instance_export(instance, name, strlen(name), &found));
	assert_int_equal(found.kind, WASM_EXTERN_FUNC);
	enum nb_trap trap = test_invoke(&found.func, in, out);
	*result = out[0].bits[0];
	return trap;
}

static inline enum nb_trap
test_call(const struct instance *instance, const char *name, uint32_t a, uint32_t b,
	  uint64_t *result)
{
	return test_call3(instance, name, (const uint32_t[3]){ a, b, 0 }, result);
}

#endif

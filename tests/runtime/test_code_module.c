/*
 * From addresses to modules, functions, sites and frames.
 */
#include "tests/runtime/modules.h"
#include "tests/runtime/support.h"

static struct code_module *
publish(const uint8_t *bytes, size_t len)
{
	struct code_module *module = NULL;

	assert_int_equal(test_publish("m", bytes, len, &module), NB_OK);
	return module;
}

static void
every_address_leads_to_its_module(void **state)
{
	(void)state;
	struct code_module *first = publish(library_wasm, sizeof(library_wasm));
	struct code_module *second = publish(client_wasm, sizeof(client_wasm));
	uint64_t start, end;

	for (int i = 0; i < 2; i++) {
		struct code_module *module = i ? second : first;
		uint64_t base = (uint64_t)(uintptr_t)module->code.base;
		assert_ptr_equal(code_module_find(base), module);
		assert_ptr_equal(code_module_find(base + module->code.size - 1), module);
		assert_ptr_not_equal(code_module_find(base - 1), module);
		assert_ptr_not_equal(code_module_find(base + module->code.size), module);
	}
	port_code_range(&start, &end);
	assert_null(code_module_find(start - 1));
	assert_null(code_module_find(end));
	assert_null(code_module_find(0));
	assert_null(code_module_find(UINT64_MAX));
	uint64_t gone = (uint64_t)(uintptr_t)second->code.base;
	code_module_release(second);
	assert_null(code_module_find(gone));
	assert_ptr_equal(code_module_find((uint64_t)(uintptr_t)first->code.base), first);
}

static void
every_site_is_found_in_its_function(void **state)
{
	(void)state;
	struct code_module *module = publish(library_wasm, sizeof(library_wasm));
	const struct nb_code_image *image = &module->image;
	uint64_t base = (uint64_t)(uintptr_t)image->code;
	struct code_place place;

	assert_true(image->site_count > 5);
	for (uint32_t i = 0; i < image->site_count; i++) {
		const struct nb_code_site *site = &image->sites[i];
		bool is_call = site->info >> 24 == NB_SITE_CALL;
		assert_true(code_module_locate(base + site->code_offset, is_call, &place));
		assert_ptr_equal(place.site, site);
		assert_ptr_equal(place.module, module);
		uint32_t ordinal = place.func_idx - module->wasm.func_import_count;
		const struct wasm_code *body = &module->wasm.codes[ordinal];
		assert_in_range(place.wasm_offset, body->offset, body->offset + body->len);
	}
	/* Outside functions there is nothing: their padding, the last page's. */
	assert_false(code_module_locate(base + module->code.size - 1, false, &place));
	for (uint32_t i = 0; i + 1 < image->function_count; i++) {
		const struct nb_code_function *function = &image->functions[i];
		uint32_t behind = function->code_offset + function->code_size;
		if (behind < function[1].code_offset)
			assert_false(code_module_locate(base + behind, false, &place));
	}
}

/* A site may name an instruction of another body, before or behind its own. */
static void
inlined_code_is_told_from_its_host(void **state)
{
	(void)state;
	struct code_module *module = publish(library_wasm, sizeof(library_wasm));
	const struct nb_code_image *image = &module->image;
	const struct nb_code_function *host = &image->functions[1]; /* divide */
	struct nb_code_site *site = NULL;
	struct code_place place;

	for (uint32_t i = 0; i < image->site_count; i++)
		if (image->sites[i].info >> 24 == NB_SITE_DIVIDE)
			site = (struct nb_code_site *)(uintptr_t)&image->sites[i];
	assert_non_null(site);
	uint64_t pc = (uint64_t)(uintptr_t)image->code + site->code_offset;
	static const char *const lines[] = {
		"  at wide (m, function 0, offset 0x%x)\n  at divide (m, function 1)\n",
		"  at divide (m, function 1, offset 0x%x)\n",
		"  at load (m, function 2, offset 0x%x)\n  at divide (m, function 1)\n",
	};
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t there = module->wasm.codes[i].offset + 2;
		site->info =
			(uint32_t)NB_SITE_DIVIDE << 24 | ((there - host->wasm_offset) & 0xffffff);
		assert_true(code_module_locate(pc, false, &place));
		assert_int_equal(place.func_idx, 1);
		assert_int_equal(place.origin_idx, i);
		assert_int_equal(place.wasm_offset, there);

		struct runtime_backtrace backtrace = { .count = 1, .frames = { { pc, false } } };
		char expected[128], text[128];
		snprintf(expected, sizeof(expected), lines[i], there);
		runtime_backtrace_format(&backtrace, text, sizeof(text));
		assert_string_equal(text, expected);
	}
}

static void
frames_exist_between_prologue_and_return(void **state)
{
	(void)state;
	struct code_module *module = publish(library_wasm, sizeof(library_wasm));
	const struct nb_code_image *image = &module->image;
	struct code_place place;
	int with_frame = 0;

	for (uint32_t i = 0; i < image->function_count; i++) {
		const struct nb_code_function *function = &image->functions[i];
		uint64_t entry = (uint64_t)(uintptr_t)image->code + function->code_offset;
		uint64_t last = entry + function->code_size - 1;
		assert_true(code_module_locate(entry, false, &place));
		assert_int_equal(place.frame_size, 0);
		if (function->frame_size == 0 || *(const uint8_t *)(uintptr_t)last != 0xc3)
			continue;
		with_frame++;
		assert_true(code_module_locate(last, false, &place));
		assert_int_equal(place.frame_size, 0);
		assert_true(code_module_locate(last, true, &place));
		assert_int_equal(place.frame_size, function->frame_size);
	}
	assert_true(with_frame >= 3);
}

static void
functions_have_names(void **state)
{
	(void)state;
	struct code_module *module = publish(library_wasm, sizeof(library_wasm));
	struct wasm_name name;

	assert_true(code_module_function_name(module, 0, &name));
	assert_int_equal(name.len, 4);
	assert_memory_equal(name.bytes, "wide", 4);
	struct code_module *greedy = publish(greedy_wasm, sizeof(greedy_wasm));
	/* No names there but those of exports. */
	assert_true(code_module_function_name(greedy, 3, &name));
	assert_memory_equal(name.bytes, "spin", 4);
	assert_false(code_module_function_name(greedy, 4, &name));
}

static void
names_of_modules_are_printable(void **state)
{
	(void)state;
	struct code_module module = { 0 };
	char longer[200];

	code_module_set_name(&module, "a\nb\x7f", 4);
	assert_string_equal(module.name, "a?b?");
	memset(longer, 'x', sizeof(longer));
	code_module_set_name(&module, longer, sizeof(longer));
	assert_int_equal(strlen(module.name), CODE_MODULE_NAME_BYTES - 1);
	code_module_set_name(&module, "", 0);
	assert_string_equal(module.name, "");
}

static void
faults_without_a_site_are_no_traps(void **state)
{
	(void)state;
	struct code_module *module = publish(library_wasm, sizeof(library_wasm));
	uint64_t base = (uint64_t)(uintptr_t)module->image.code;
	struct guest_state guest = { .rip = base };
	enum nb_trap trap;
	uint64_t slot;

	assert_int_equal(port_slot_reserve(NB_SLOT_ADDRESSABLE, &slot), NB_OK);
	for (enum guest_fault_kind kind = GUEST_FAULT_MEMORY; kind <= GUEST_FAULT_DIVIDE; kind++)
		if (kind != GUEST_FAULT_NO_MEMORY)
			assert_false(runtime_fault_resolve(kind, slot, &guest, &t.stack, &trap));
	assert_true(runtime_fault_resolve(GUEST_FAULT_NO_MEMORY, slot, &guest, &t.stack, &trap));
	assert_int_equal(trap, NB_TRAP_OUT_OF_MEMORY);
	/* A memory access site explains slots and nothing else. */
	for (uint32_t i = 0; i < module->image.site_count; i++) {
		const struct nb_code_site *site = &module->image.sites[i];
		uint32_t kind = site->info >> 24;
		guest.rip = base + site->code_offset;
		if (kind == NB_TRAP_MEMORY_OUT_OF_BOUNDS) {
			assert_true(runtime_fault_resolve(GUEST_FAULT_MEMORY, slot, &guest,
							  &t.stack, &trap));
			assert_int_equal(trap, NB_TRAP_MEMORY_OUT_OF_BOUNDS);
			assert_false(runtime_fault_resolve(GUEST_FAULT_MEMORY,
							   (uint64_t)(uintptr_t)&t, &guest,
							   &t.stack, &trap));
			assert_false(runtime_fault_resolve(GUEST_FAULT_DIVIDE, 0, &guest, &t.stack,
							   &trap));
		}
		if (kind != NB_SITE_CALL) {
			assert_true(runtime_fault_resolve(GUEST_FAULT_MEMORY, t.stack.limit - 1,
							  &guest, &t.stack, &trap));
			assert_int_equal(trap, NB_TRAP_STACK_OVERFLOW);
			assert_false(runtime_fault_resolve(GUEST_FAULT_MEMORY, t.stack.guard - 1,
							   &guest, &t.stack, &trap));
		}
	}
	port_slot_release(slot, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)
		TEST(every_address_leads_to_its_module),
		TEST(every_site_is_found_in_its_function),
		TEST(inlined_code_is_told_from_its_host),
		TEST(frames_exist_between_prologue_and_return),
		TEST(functions_have_names),
		TEST(names_of_modules_are_printable),
		TEST(faults_without_a_site_are_no_traps),
	};
	return cmocka_run_group_tests_name("code_module", tests, NULL, NULL);
}

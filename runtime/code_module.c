/*
 * Life of a published module, and what lies at an address of its code.
 */
#include "runtime/code_module.h"

#include "kernel/port/guest.h"
#include "lib/string.h"
#include "runtime/code_registry.h"

enum { INT3 = 0xcc, RET = 0xc3, JMP_32 = 0xe9 };
enum { PIECE_BYTES = 256 * 1024 };

/* Names are looked up on the fault stack, so the search has an end. */
enum { EXPORTS_SEARCHED = 4096 };

void
code_module_init(struct code_module *module, const struct arena_source *source, size_t limit_bytes)
{
	*module = (struct code_module){ 0 };
	arena_init(&module->arena, source, limit_bytes);
}

void
code_module_find_entries(struct code_module *module)
{
	static const char *const names[CODE_ENTRY_COUNT] = {
		[CODE_ENTRY_INITIALIZE] = "_initialize",
		[CODE_ENTRY_START] = "_start",
		[CODE_ENTRY_MAIN] = "main",
	};

	for (uint32_t i = 0; i < CODE_ENTRY_COUNT; i++) {
		const struct wasm_export *export =
			wasm_module_find_export(&module->wasm, names[i], strlen(names[i]));

		module->entries[i] =
			export && export->kind == WASM_EXTERN_FUNC ? export->idx : WASM_NO_INDEX;
	}
}

void
code_module_set_name(struct code_module *module, const char *name, size_t len)
{
	size_t n = len < sizeof(module->name) - 1 ? len : sizeof(module->name) - 1;

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)name[i];
		module->name[i] = c < 0x20 || c == 0x7f ? '?' : name[i];
	}
	module->name[n] = 0;
}

enum nb_status
code_module_place(struct code_module *module)
{
	size_t used = module->image.code_size;
	size_t size = (used + PORT_PAGE_BYTES - 1) & ~(size_t)(PORT_PAGE_BYTES - 1);

	if (size == 0)
		return NB_OK;
	enum nb_status status = port_code_reserve(size, &module->code);
	if (status != NB_OK) {
		module->code = (struct port_code){ 0 };
		return status;
	}
	for (size_t at = 0; at < used; at += PIECE_BYTES) {
		size_t left = used - at;

		memcpy(module->code.base + at, module->image.code + at,
		       left < PIECE_BYTES ? left : PIECE_BYTES);
		kernel_relax();
	}
	memset(module->code.base + used, INT3, size - used);
	module->image.code = module->code.base;
	return NB_OK;
}

enum nb_status
code_module_seal(struct code_module *module)
{
	return module->code.size ? port_code_seal(&module->code) : NB_OK;
}

enum nb_status
code_module_enter(struct code_module *module)
{
	enum nb_status status = module->code.size ? code_registry_enter(module) : NB_OK;

	module->is_findable = status == NB_OK;
	return status;
}

void
code_module_leave(struct code_module *module)
{
	if (module->is_findable && module->code.size)
		code_registry_leave(module);
	module->is_findable = false;
}

void
code_module_release(struct code_module *module)
{
	code_module_leave(module);
	if (module->has_data)
		port_image_release(&module->data);
	module->has_data = false;
	if (module->code.size)
		port_code_release(&module->code);
	arena_reset(&module->arena);
	*module = (struct code_module){ .arena = module->arena };
}

enum function_order { BY_CODE, BY_WASM };

/* The last function whose code or body begins at or before `offset`; NULL if
 * none does. Functions are in the order of both. */
static const struct nb_code_function *
function_at(const struct nb_code_image *image, enum function_order order, uint32_t offset)
{
	uint32_t low = 0, high = image->function_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct nb_code_function *function = &image->functions[middle];
		if ((order == BY_CODE ? function->code_offset : function->wasm_offset) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? &image->functions[low - 1] : NULL;
}

/* The offset in the module's bytes that a site of `function` names. */
static uint32_t
site_wasm_offset(const struct nb_code_function *function, const struct nb_code_site *site)
{
	int32_t distance = (int32_t)(site->info << 8) >> 8;

	return function->wasm_offset + (uint32_t)distance;
}

/* The site of the call that returns to `offset`, or of the instruction there;
 * NULL if none. One offset can be both. */
static const struct nb_code_site *
site_at(const struct nb_code_image *image, uint32_t offset, bool is_return_address)
{
	uint32_t low = 0, high = image->site_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (image->sites[middle].code_offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < image->site_count && image->sites[low].code_offset == offset; low++)
		if ((image->sites[low].info >> 24 == NB_SITE_CALL) == is_return_address)
			return &image->sites[low];
	return NULL;
}

/* Whether the instruction is the last one of an easy tail call: a jump out of the
 * function (or to its entry), or jmp [r10]. */
static bool
is_tail_jump(const struct nb_code_image *image, const struct nb_code_function *function,
	     uint32_t offset)
{
	static const uint8_t jmp_r10[] = { 0x41, 0xff, 0x22 };
	const uint8_t *code = image->code + offset;
	uint32_t left = function->code_offset + function->code_size - offset;
	int32_t distance;

	if (left >= sizeof(jmp_r10) && memcmp(code, jmp_r10, sizeof(jmp_r10)) == 0)
		return true;
	if (left < 1 + sizeof(distance) || code[0] != JMP_32)
		return false;
	memcpy(&distance, code + 1, sizeof(distance));
	int64_t target = (int64_t)offset + 5 + distance - function->code_offset;
	return target <= 0 || target >= function->code_size;
}

/* Before its first instruction and where it leaves a function has no frame. */
static uint32_t
frame_at(const struct nb_code_image *image, const struct nb_code_function *function,
	 uint32_t offset, bool is_return_address)
{
	if (!is_return_address && (offset == function->code_offset || image->code[offset] == RET ||
				   is_tail_jump(image, function, offset)))
		return 0;
	return function->frame_size;
}

bool
code_module_locate(uint64_t pc, bool is_return_address, struct code_place *out)
{
	const struct code_module *module = code_module_find(pc);

	if (!module)
		return false;
	const struct nb_code_image *image = &module->image;
	uint64_t offset = pc - (uint64_t)(uintptr_t)image->code;
	if (offset >= image->code_size)
		return false;
	/* A call may be a function's last instruction: its return address then
	 * is the next function's entry. */
	uint32_t inside = (uint32_t)offset - (is_return_address && offset > 0);
	const struct nb_code_function *function = function_at(image, BY_CODE, inside);
	if (!function || inside - function->code_offset >= function->code_size)
		return false;

	uint32_t imports = module->wasm.func_import_count;
	uint32_t func_idx = (uint32_t)(function - image->functions) + imports;
	const struct nb_code_site *site = site_at(image, (uint32_t)offset, is_return_address);
	uint32_t wasm_offset = site ? site_wasm_offset(function, site) : function->wasm_offset;
	const struct nb_code_function *origin = function_at(image, BY_WASM, wasm_offset);
	*out = (struct code_place){
		.module = module,
		.function = function,
		.func_idx = func_idx,
		.site = site,
		.wasm_offset = wasm_offset,
		.origin_idx = origin ? (uint32_t)(origin - image->functions) + imports : func_idx,
		.frame_size = frame_at(image, function, (uint32_t)offset, is_return_address),
	};
	return true;
}

bool
code_module_function_name(const struct code_module *module, uint32_t func_idx,
			  struct wasm_name *out)
{
	const struct wasm_module *wasm = &module->wasm;

	if (wasm_module_function_name(wasm, func_idx, out) && out->len)
		return true;
	uint32_t count =
		wasm->export_count < EXPORTS_SEARCHED ? wasm->export_count : EXPORTS_SEARCHED;
	for (uint32_t i = 0; i < count; i++) {
		const struct wasm_export *export = &wasm->exports[i];
		if (export->kind == WASM_EXTERN_FUNC && export->idx == func_idx) {
			*out = export->name;
			return true;
		}
	}
	return false;
}

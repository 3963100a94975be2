/*
 * Data images: the active data segments of a module laid out once, so that memories
 * are mapped instead of filled.
 *
 * An instance sees no difference: only modules have one of which it is certain that
 * nothing traps before the last segment is applied. That is so if every active
 * segment, of elements too, has a constant offset and fits the first length of what
 * the module itself defines.
 */
#include "kernel/port/guest.h"
#include "lib/string.h"
#include "runtime/code_module.h"
#include "wasm/limits.h"

enum {
	SPREAD_MOST = 4,       /* times the data's size, and */
	SLACK_BYTES = 1 << 16, /* this in addition, an image may have */
	PIECE_BYTES = 256 * 1024,
};

static bool
is_inside(const struct wasm_init_expr *offset, uint64_t count, uint64_t length)
{
	uint64_t at = offset->bits[0];

	if (offset->kind != WASM_INIT_CONST)
		return false;
	if (offset->type == WASM_I32)
		at = (uint32_t)at;
	return count <= length && at <= length - count;
}

static bool
elem_is_certain(const struct wasm_module *wasm, const struct wasm_elem_segment *elem)
{
	if (elem->mode != WASM_SEGMENT_ACTIVE)
		return true;
	if (elem->table_idx < wasm->table_import_count ||
	    !is_inside(&elem->offset, elem->item_count, wasm->tables[elem->table_idx].limits.min))
		return false;
	for (uint32_t i = 0; i < elem->item_count; i++) {
		if (elem->items[i].kind == WASM_INIT_GLOBAL_GET)
			return false;
	}
	return true;
}

/* Where the data of active segments begins and ends, and how much there is. */
struct extent {
	uint64_t start, end, bytes;
};

static bool
measure(const struct wasm_module *wasm, struct extent *out)
{
	uint64_t length;

	*out = (struct extent){ UINT64_MAX, 0, 0 };
	if (wasm->memory_import_count || !wasm->memory_count)
		return false;
	length = wasm->memories[0].limits.min * WASM_PAGE_BYTES;
	for (uint32_t i = 0; i < wasm->elem_count; i++) {
		if (!elem_is_certain(wasm, &wasm->elems[i]))
			return false;
	}
	for (uint32_t i = 0; i < wasm->data_count; i++) {
		const struct wasm_data_segment *data = &wasm->datas[i];
		uint64_t at = data->offset.bits[0];

		if (data->mode != WASM_SEGMENT_ACTIVE)
			continue;
		if (data->memory_idx != 0 || !is_inside(&data->offset, data->bytes_len, length))
			return false;
		if (!data->bytes_len)
			continue;
		if (at < out->start)
			out->start = at;
		if (at + data->bytes_len > out->end)
			out->end = at + data->bytes_len;
		out->bytes += data->bytes_len;
	}
	return true;
}

bool
code_module_data_extent(const struct code_module *module, uint64_t *out_at, uint64_t *out_size)
{
	struct extent extent;

	if (!measure(&module->wasm, &extent) || !extent.bytes)
		return false;
	*out_at = extent.start & ~(uint64_t)(PORT_PAGE_BYTES - 1);
	*out_size =
		((extent.end + PORT_PAGE_BYTES - 1) & ~(uint64_t)(PORT_PAGE_BYTES - 1)) - *out_at;
	return *out_size <= extent.bytes * SPREAD_MOST + SLACK_BYTES;
}

enum nb_status
code_module_make_data(struct code_module *module, uint64_t at, uint64_t size)
{
	const struct wasm_module *wasm = &module->wasm;
	enum nb_status status = port_image_create(at, size, &module->data);

	if (status != NB_OK)
		return status;
	for (uint32_t i = 0; i < wasm->data_count; i++) {
		const struct wasm_data_segment *data = &wasm->datas[i];
		const uint8_t *from = wasm->bytes + data->bytes_offset;
		uint8_t *to = module->data.bytes + (data->offset.bits[0] - at);

		if (data->mode != WASM_SEGMENT_ACTIVE)
			continue;
		for (uint32_t done = 0; done < data->bytes_len; done += PIECE_BYTES) {
			uint32_t left = data->bytes_len - done;

			memcpy(to + done, from + done, left < PIECE_BYTES ? left : PIECE_BYTES);
			kernel_relax();
		}
	}
	module->has_data = true;
	return NB_OK;
}

/* Machine code of one function as text: labels, names of callees, wasm offsets. */
#include "abi/trap.h"
#include "tools/disassemble.h"
#include "tools/dump.h"
#include "tools/paint.h"
#include "tools/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_COLUMNS = 46, BYTES_COLUMNS = 30 };

struct listing {
	const struct code_module *code;
	const struct nb_code_function *function;
	const struct dump_place *place, *places_end;
	uint32_t *labels; /* image offsets that jumps lead to, sorted */
	size_t label_count, label_cap;
	bool shows_bytes, is_colored;
};

static bool
is_inside(const struct nb_code_function *f, uint32_t at)
{
	return at >= f->code_offset && at - f->code_offset < f->code_size;
}

static bool
is_jump(const struct disassembled *inst)
{
	return inst->has_target && strncmp(inst->text, "call", 4) != 0;
}

static void
note_label(void *context, const struct disassembled *inst)
{
	struct listing *l = context;

	if (!is_jump(inst) || !is_inside(l->function, inst->target))
		return;
	if (l->label_count == l->label_cap) {
		l->label_cap = l->label_cap ? 2 * l->label_cap : 64;
		l->labels = realloc(l->labels, l->label_cap * sizeof *l->labels);
		if (!l->labels)
			abort();
	}
	l->labels[l->label_count++] = inst->target;
}

static int
compare_offsets(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
sort_labels(struct listing *l)
{
	size_t kept = 0;

	if (l->label_count)
		qsort(l->labels, l->label_count, sizeof *l->labels, compare_offsets);
	for (size_t i = 0; i < l->label_count; i++)
		if (!kept || l->labels[i] != l->labels[kept - 1])
			l->labels[kept++] = l->labels[i];
	l->label_count = kept;
}

/* "L3" for the third label; NULL if nothing jumps there. */
static const char *
label_of(const struct listing *l, uint32_t at, char text[16])
{
	const uint32_t *found =
		l->label_count ? bsearch(&at, l->labels, l->label_count, sizeof at, compare_offsets)
			       : NULL;

	if (!found)
		return NULL;
	snprintf(text, 16, "L%zu", (size_t)(found - l->labels) + 1);
	return text;
}

/* Whose entry `at` is; NULL if it is none. */
static const char *
callee_at(const struct listing *l, uint32_t at)
{
	const struct nb_code_image *image = &l->code->image;
	uint32_t low = 0, high = image->function_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (image->functions[middle].code_offset <= at)
			low = middle;
		else
			high = middle;
	}
	if (!image->function_count || image->functions[low].code_offset != at)
		return NULL;
	return dump_function_title(&l->code->wasm, l->code->wasm.func_import_count + low);
}

/* The trap of a ud2, or "". */
static const char *
trap_at(const struct listing *l, uint32_t at)
{
	const struct nb_code_image *image = &l->code->image;
	uint32_t i = l->function->first_site;

	while (i < image->site_count && image->sites[i].code_offset < at)
		i++;
	if (i == image->site_count || image->sites[i].code_offset != at)
		return "";
	switch (image->sites[i].info >> 24) {
	case NB_SITE_CALL:
		return "";
	case NB_SITE_DYNAMIC:
		return "trap by number in eax";
	case NB_SITE_INDIRECT:
		return "trap INDIRECT_CALL_TYPE or UNINITIALIZED_ELEMENT";
	case NB_SITE_REFERENCE:
		return "trap INDIRECT_CALL_TYPE or NULL_FUNCTION_REFERENCE";
#define NB_TRAP(name, number, text) \
	case number:                \
		return "trap " #name;
#include "abi/trap.def"
#undef NB_TRAP
	default:
		return "trap";
	}
}

/* The wasm offset that begins at this instruction, if one does. */
static bool
take_place(struct listing *l, uint32_t at, int32_t *out)
{
	bool is_new = false;

	for (; l->place < l->places_end && l->place->code_offset <= at; l->place++) {
		if (l->place + 1 < l->places_end && l->place[1].code_offset <= at)
			continue;
		is_new = true;
		*out = l->place->wasm_offset;
	}
	return is_new;
}

static void
print_operation(const struct listing *l, const struct disassembled *inst, bool is_padded)
{
	size_t name = strcspn(inst->text, " ");
	const char *target = NULL;
	char label[16], operands[sizeof inst->text + 128];

	if (strncmp(inst->text, "lock ", 5) == 0)
		name = 5 + strcspn(inst->text + 5, " ");
	if (inst->has_target) {
		target = is_jump(inst) ? label_of(l, inst->target, label) : NULL;
		target = target ? target : callee_at(l, inst->target);
	}
	snprintf(operands, sizeof operands, "%s%s", target ? " " : inst->text + name,
		 target ? target : "");
	paint_put(stdout, l->is_colored, PAINT_NAME, inst->text, name);
	printf("%-*s", is_padded && name < TEXT_COLUMNS ? TEXT_COLUMNS - (int)name : 0, operands);
}

static void
print_bytes(const struct listing *l, const struct disassembled *inst)
{
	char text[64];
	size_t len = 0;

	for (uint32_t i = 0; i < inst->len && len + 4 < sizeof text; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%02x ",
					l->code->image.code[inst->at + i]);
	len += (size_t)snprintf(text + len, sizeof text - len, "%*s",
				len < BYTES_COLUMNS ? BYTES_COLUMNS - (int)len : 0, "");
	paint_put(stdout, l->is_colored, PAINT_QUIET, text, len);
}

static void
print_line(void *context, const struct disassembled *inst)
{
	struct listing *l = context;
	char label[16], text[160];
	const char *name = label_of(l, inst->at, label);
	const char *trap = strcmp(inst->text, "ud2") == 0 ? trap_at(l, inst->at) : "";
	int32_t wasm_offset = 0;
	bool is_placed = take_place(l, inst->at - l->function->code_offset, &wasm_offset);
	int len;

	if (name) {
		paint_put(stdout, l->is_colored, PAINT_LABEL, name, strlen(name));
		puts(":");
	}
	len = snprintf(text, sizeof text, "%6x  ", inst->at - l->function->code_offset);
	paint_put(stdout, l->is_colored, PAINT_QUIET, text, (size_t)len);
	if (l->shows_bytes)
		print_bytes(l, inst);
	print_operation(l, inst, is_placed || *trap);
	len = is_placed ? snprintf(text, sizeof text, " @%d", wasm_offset) : 0;
	len += snprintf(text + len, sizeof text - (size_t)len, "%s%s", *trap ? " " : "", trap);
	paint_put(stdout, l->is_colored, PAINT_QUIET, text, (size_t)len);
	putchar('\n');
}

/* Where the places of function `func_idx` begin, or those of the next one. */
static const struct dump_place *
first_place(const struct dump_places *places, uint32_t func_idx)
{
	size_t low = 0, high = places->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (places->places[middle].function < func_idx)
			low = middle + 1;
		else
			high = middle;
	}
	return places->places + low;
}

bool
dump_machine_code(const struct code_module *code, uint32_t func_idx,
		  const struct dump_places *places, bool shows_bytes, bool is_colored)
{
	uint32_t number = func_idx - code->wasm.func_import_count;
	struct listing l = {
		.code = code,
		.function = &code->image.functions[number],
		.place = first_place(places, func_idx),
		.places_end = first_place(places, func_idx + 1),
		.shows_bytes = shows_bytes,
		.is_colored = is_colored,
	};
	char head[64];
	int len;
	bool is_done;

	const char *title = dump_function_title(&code->wasm, func_idx);
	paint_put(stdout, is_colored, PAINT_HEAD, "function ", 9);
	paint_put(stdout, is_colored, PAINT_HEAD, title, strlen(title));
	len = snprintf(head, sizeof head, ": %u bytes, frame %u\n", l.function->code_size,
		       l.function->frame_size);
	paint_put(stdout, is_colored, PAINT_QUIET, head, (size_t)len);
	is_done = disassemble_function(&code->image, number, note_label, &l);
	sort_labels(&l);
	is_done = is_done && disassemble_function(&code->image, number, print_line, &l);
	free(l.labels);
	if (!is_done)
		tool_error("no memory for the disassembler");
	return is_done;
}

/* `nebulet dump`: what the compiler makes of a module, as text. */
#include "tools/dump.h"

#include "kernel/port/cpu.h"
#include "lib/diag.h"
#include "tools/code.h"
#include "tools/paint.h"
#include "tools/switches.h"
#include "tools/tool.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 4096 };

struct dump_options {
	const char *input, *function, *passes, *functions;
	const char *stages; /* NULL: no IR */
	bool shows_code, shows_bytes, is_baseline;
};

struct dump {
	struct dump_options options;
	struct code_module code;
	struct dump_places places;
	uint32_t first, end; /* the functions to show, by index */
	uint32_t shown;	     /* stages of functions */
	bool is_colored;
	char line[LINE_MAX_BYTES]; /* of IR, under way */
	size_t line_len;
};

enum { KEY_IR = 256, KEY_ASM, KEY_BYTES, KEY_FUNCTION, KEY_PASSES, KEY_FUNCTIONS, KEY_CPU };

static const struct argp_option option_table[] = {
	{ "ir", KEY_IR, "STAGE,...", OPTION_ARG_OPTIONAL,
	  "Show the IR after these stages: build, a pass's name, schedule (the "
	  "default), allocate (registers), all",
	  0 },
	{ "asm", KEY_ASM, NULL, 0, "Show the machine code", 0 },
	{ "bytes", KEY_BYTES, NULL, 0, "Show the machine code's bytes as well", 0 },
	{ "function", KEY_FUNCTION, "NAME|INDEX", 0,
	  "Only this function, by its name, an export's name or its index", 0 },
	{ "passes", KEY_PASSES, "LIST", 0, "Switch passes: -NAME,+NAME,-all", 0 },
	{ "functions", KEY_FUNCTIONS, "A:B", 0,
	  "Let --passes hold only for the functions of index A to B - 1", 0 },
	{ "cpu", KEY_CPU, "native|baseline", 0,
	  "Compile for this processor (the default) or any x86-64-v2", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct dump_options *options = state->input;

	switch (key) {
	case KEY_IR:
		options->stages = value ? value : "schedule";
		return 0;
	case KEY_BYTES:
		options->shows_bytes = true;
		options->shows_code = true;
		return 0;
	case KEY_ASM:
		options->shows_code = true;
		return 0;
	case KEY_FUNCTION:
		options->function = value;
		return 0;
	case KEY_PASSES:
		options->passes = value;
		return 0;
	case KEY_FUNCTIONS:
		options->functions = value;
		return 0;
	case KEY_CPU:
		options->is_baseline = strcmp(value, "baseline") == 0;
		if (!options->is_baseline && strcmp(value, "native") != 0)
			argp_error(state, "--cpu: '%s' is neither native nor baseline", value);
		return 0;
	case ARGP_KEY_ARG:
		if (options->input)
			argp_error(state, "one file at a time: '%s' is one too many", value);
		options->input = value;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "name the module (.wasm) or artifact (.nbo) to show");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse,
	.args_doc = "FILE",
	.doc = "Show what the compiler makes of the module FILE: its functions with their sizes, "
	       "their IR, or their machine code (of an artifact, what it holds). @N is the "
	       "offset, from the start of the function's body, of the WebAssembly instruction "
	       "from which something stems.\v"
	       "Coloured on a terminal unless NO_COLOR is set.",
};

/* --- names ---------------------------------------------------------------- */

/* The name section's, else an export's. */
static bool
find_name(const struct wasm_module *module, uint32_t func_idx, struct wasm_name *out)
{
	if (wasm_module_function_name(module, func_idx, out))
		return true;
	for (uint32_t i = 0; i < module->export_count; i++) {
		const struct wasm_export *export = &module->exports[i];

		if (export->kind != WASM_EXTERN_FUNC || export->idx != func_idx)
			continue;
		*out = export->name;
		return true;
	}
	return false;
}

/* Control characters must not reach a terminal. */
const char *
dump_function_title(const struct wasm_module *module, uint32_t func_idx)
{
	static char text[256];
	struct wasm_name name;
	int len = snprintf(text, sizeof text, "%u", func_idx);

	if (!find_name(module, func_idx, &name))
		return text;
	snprintf(text + len, sizeof text - (size_t)len, " \"%.*s\"", (int)name.len, name.bytes);
	for (char *c = text; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	return text;
}

static bool
name_is(const struct wasm_name *name, const char *text)
{
	return name->len == strlen(text) && memcmp(name->bytes, text, name->len) == 0;
}

/* The index of the function that --function names; false if there is none. */
static bool
find_function(const struct wasm_module *module, const char *text, uint32_t *out)
{
	const struct wasm_export *export = wasm_module_find_export(module, text, strlen(text));
	struct wasm_name name;
	char *end;

	errno = 0;
	unsigned long index = strtoul(text, &end, 10);
	if (isdigit((unsigned char)*text) && !*end && !errno && index < module->func_count) {
		*out = (uint32_t)index;
		return true;
	}
	for (uint32_t i = 0; i < module->func_count; i++) {
		if (wasm_module_function_name(module, i, &name) && name_is(&name, text)) {
			*out = i;
			return true;
		}
	}
	if (!export || export->kind != WASM_EXTERN_FUNC)
		return false;
	*out = export->idx;
	return true;
}

/* Names that contain `text`, so that a person can choose. */
static void
suggest(const struct wasm_module *module, const char *text)
{
	struct wasm_name name;
	uint32_t count = 0;

	for (uint32_t i = module->func_import_count; i < module->func_count && count < 10; i++) {
		if (!find_name(module, i, &name) ||
		    !memmem(name.bytes, name.len, text, strlen(text)))
			continue;
		if (count++ == 0)
			fputs("  similar ones:\n", stderr);
		fprintf(stderr, "  %s\n", dump_function_title(module, i));
	}
	if (!count)
		fputs("  nebulet dump FILE lists the functions\n", stderr);
}

static bool
choose_functions(struct dump *d)
{
	const struct wasm_module *module = &d->code.wasm;

	d->first = module->func_import_count;
	d->end = module->func_count;
	if (!d->options.function)
		return true;
	if (!find_function(module, d->options.function, &d->first)) {
		tool_error("there is no function '%s' in %s", d->options.function,
			   d->options.input);
		suggest(module, d->options.function);
		return false;
	}
	d->end = d->first + 1;
	if (d->first >= module->func_import_count)
		return true;
	tool_error("function %s is imported; it has no code here",
		   dump_function_title(module, d->first));
	return false;
}

/* --- IR ------------------------------------------------------------------- */

/* Whether the list `stages` has `name`. */
static bool
has_stage(const char *stages, const char *name)
{
	size_t len = strlen(name);

	if (strcmp(stages, "all") == 0)
		return true;
	for (const char *at = stages; *at;) {
		size_t word = strcspn(at, ",");

		if (word == len && memcmp(at, name, len) == 0)
			return true;
		at += word + (at[word] == ',');
	}
	return false;
}

static bool
is_stage(const char *name, size_t len)
{
	static const char *const others[] = { "build", "schedule", "allocate", "all" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (strlen(others[i]) == len && memcmp(others[i], name, len) == 0)
			return true;
	for (unsigned i = 0; i < COMPILER_PASS_COUNT; i++) {
		const char *pass = compiler_pass_text((enum compiler_pass)i);

		if (strlen(pass) == len && memcmp(pass, name, len) == 0)
			return true;
	}
	return false;
}

static bool
check_stages(const char *stages)
{
	for (const char *at = stages; at && *at;) {
		size_t len = strcspn(at, ",");

		if (!is_stage(at, len)) {
			tool_error("--ir: there is no stage '%.*s'; there are: build, the passes "
				   "below, schedule, allocate, all",
				   (int)len, at);
			for (unsigned i = 0; i < COMPILER_PASS_COUNT; i++)
				fprintf(stderr, "  %-12s %s\n",
					compiler_pass_text((enum compiler_pass)i),
					compiler_pass_about((enum compiler_pass)i));
			return false;
		}
		at += len + (at[len] == ',');
	}
	return true;
}

static bool
wants(void *context, uint32_t func_idx, const char *stage)
{
	struct dump *d = context;
	char title[320];

	if (!d->options.stages || func_idx < d->first || func_idx >= d->end ||
	    !has_stage(d->options.stages, stage))
		return false;
	snprintf(title, sizeof title, "function %s after %s",
		 dump_function_title(&d->code.wasm, func_idx), stage);
	printf("%s", d->shown++ ? "\n" : "");
	paint_put(stdout, d->is_colored, PAINT_HEAD, title, strlen(title));
	putchar('\n');
	return true;
}

/* A line of IR: the block's label or the operation, and the place behind it. */
static void
print_ir_line(struct dump *d)
{
	const char *line = d->line, *end = line + d->line_len, *at = line;
	const char *equals = memmem(line, d->line_len, " = ", 3);
	const char *place = memrchr(line, '@', d->line_len);

	if (*line == 'b' || strncmp(line, "block", 5) == 0) {
		at = line + strcspn(line, " :");
		paint_put(stdout, d->is_colored, PAINT_LABEL, line, (size_t)(at - line));
	} else if (*line == '\t') {
		const char *name = equals ? equals + 3 : line + 1;

		fwrite(line, 1, (size_t)(name - line), stdout);
		at = name + strcspn(name, " ");
		at = at > end ? end : at;
		paint_put(stdout, d->is_colored, PAINT_NAME, name, (size_t)(at - name));
	}
	place = place && place > at ? place : end;
	fwrite(at, 1, (size_t)(place - at), stdout);
	paint_put(stdout, d->is_colored, PAINT_QUIET, place, (size_t)(end - place));
	putchar('\n');
	d->line_len = 0;
}

/* A format_emit. */
static void
emit(void *context, const char *bytes, size_t len)
{
	struct dump *d = context;

	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\n' && d->line_len < LINE_MAX_BYTES - 1)
			d->line[d->line_len++] = bytes[i];
		d->line[d->line_len] = 0;
		if (bytes[i] == '\n')
			print_ir_line(d);
	}
}

/* --- machine code --------------------------------------------------------- */

static void
note_place(void *context, uint32_t func_idx, uint32_t code_offset, uint32_t wasm_offset)
{
	struct dump *d = context;
	struct dump_places *places = &d->places;

	if (func_idx < d->first || func_idx >= d->end)
		return;
	if (places->count == places->cap) {
		places->cap = places->cap ? 2 * places->cap : 1024;
		places->places = realloc(places->places, places->cap * sizeof *places->places);
		if (!places->places)
			abort();
	}
	places->places[places->count++] = (struct dump_place){
		.function = func_idx,
		.code_offset = code_offset,
		.wasm_offset = (int32_t)(wasm_offset << 8) >> 8,
	};
}

static void
list_functions(const struct dump *d)
{
	printf("%10s %10s %6s  function\n", "wasm", "machine", "frame");
	for (uint32_t i = d->first; i < d->end; i++) {
		uint32_t number = i - d->code.wasm.func_import_count;
		const struct nb_code_function *f = &d->code.image.functions[number];

		printf("%10u %10u %6u  %s\n", d->code.wasm.codes[number].len,
		       f->code_size + f->pool_size, f->frame_size,
		       dump_function_title(&d->code.wasm, i));
	}
}

static int
show(struct dump *d)
{
	if (d->options.stages) {
		if (d->shown || d->first == d->end)
			return 0;
		tool_error("no stage '%s' ran; is it a pass that --passes switches off?",
			   d->options.stages);
		return 1;
	}
	if (!d->options.shows_code) {
		list_functions(d);
		return 0;
	}
	for (uint32_t i = d->first; i < d->end; i++) {
		printf("%s", i > d->first ? "\n" : "");
		if (!dump_machine_code(&d->code, i, &d->places, d->options.shows_bytes,
				       d->is_colored))
			return TOOL_FAILED;
	}
	return 0;
}

/* The exit status. */
static int
dump(struct dump *d, const uint8_t *bytes, size_t len, struct compiler_options *compiler)
{
	struct compiler_dump sink = { .wants = wants, .emit = emit, .context = d };
	enum nb_status status;
	struct diag diag;

	diag_init(&diag);
	status = tool_code_read(bytes, len, &d->code, &diag);
	if (status == NB_OK) {
		if (!choose_functions(d))
			return 1;
		sink.place = d->options.shows_code ? note_place : NULL;
		compiler->dump = &sink;
		status = tool_code_compile(compiler, &d->code, &diag);
	}
	if (status == NB_OK)
		return show(d);
	return tool_code_refuse(d->options.input, &diag);
}

int
tool_dump(int argc, char **argv)
{
	static struct dump d;
	struct compiler_options compiler;
	const uint8_t *bytes;
	size_t len;

	argp_parse(&argp, argc, argv, 0, NULL, &d.options);
	compiler_options_init(&compiler);
	if (!check_stages(d.options.stages) || !switches_passes(&compiler, d.options.passes) ||
	    !switches_functions(&compiler, d.options.functions))
		return TOOL_USAGE;
	if (!d.options.is_baseline)
		compiler.cpu_features = port_cpu_features();
	bytes = tool_map_file(d.options.input, &len);
	if (!bytes)
		return TOOL_FAILED;
	if (d.options.stages && tool_code_is_artifact(bytes, len)) {
		tool_error("%s is an artifact, which has no IR; name the module it is made of",
			   d.options.input);
		return TOOL_USAGE;
	}
	d.is_colored = paint_wanted(stdout);
	code_module_init(&d.code, &tool_memory, TOOL_MEMORY_LIMIT);
	return dump(&d, bytes, len, &compiler);
}

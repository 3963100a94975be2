/* `nebulet manifest`: the manifests of modules, for who writes drivers. */
#include "lib/manifest.h"
#include "compiler/device.h"
#include "lib/leb128.h"
#include "tools/code.h"
#include "tools/disassemble.h"
#include "tools/tool.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WASM_HEAD_BYTES = 8, LEB_BYTES = 5 };

struct options {
	const char *action, *first, *second, *output;
};

static const struct argp_option option_table[] = {
	{ "output", 'o', "FILE", 0, "Of add: the module to write (default: the input itself)", 0 },
	{ 0 },
};

static error_t
parse(int key, char *value, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'o':
		options->output = value;
		return 0;
	case ARGP_KEY_ARG:
		if (!options->action)
			options->action = value;
		else if (!options->first)
			options->first = value;
		else if (!options->second)
			options->second = value;
		else
			argp_error(state, "'%s' is one too many", value);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = option_table,
	.parser = parse,
	.args_doc = "show FILE\ncheck FILE\nadd MANIFEST.txt IN.wasm",
	.doc = "Show, check or add the manifest of a module: what ports, device memory, "
	       "interrupts and DMA it asks for (docs/drivers.md).\v"
	       "show   prints the manifest of a module (.wasm) or artifact (.nbo).\n"
	       "check  reads a manifest (a module's, an artifact's, or a text's) and, of a module "
	       "or artifact, holds imports and machine code against it.\n"
	       "add    puts the text MANIFEST.txt into the module IN.wasm, in place of one that it "
	       "may have.\n\n"
	       "Exit status 0 if all is well, 1 if there is no manifest, or something is wrong "
	       "with it or outside of it, 2 for wrong usage, 125 for files that cannot be read or "
	       "written.",
};

/* --- modules ------------------------------------------------------------------- */

static bool
is_module(const uint8_t *bytes, size_t len)
{
	return tool_code_is_artifact(bytes, len) || (len >= 4 && memcmp(bytes, "\0asm", 4) == 0);
}

/* The manifest's section; NULL after a message. */
static const struct wasm_custom *
find(const char *path, const struct wasm_module *module)
{
	const struct wasm_custom *custom = wasm_module_find_custom(module, NB_MANIFEST_SECTION);

	if (!custom)
		tool_error("%s has no manifest (section %s)", path, NB_MANIFEST_SECTION);
	return custom;
}

static int
show(const char *path, const struct code_module *code)
{
	const struct wasm_custom *custom = find(path, &code->wasm);

	if (!custom)
		return 1;
	fwrite(code->wasm.bytes + custom->offset, 1, custom->len, stdout);
	if (custom->len && code->wasm.bytes[custom->offset + custom->len - 1] != '\n')
		putchar('\n');
	return 0;
}

/* --- checking -------------------------------------------------------------------- */

static int
check_text(const char *path, const char *text, size_t len)
{
	static struct manifest manifest;
	struct manifest_error error;

	if (manifest_parse(text, len, &manifest, &error) == NB_OK) {
		printf("%s: manifest of %s: right\n", path, manifest.name.text);
		return 0;
	}
	tool_error("%s:%u:%u: %s", path, error.line, error.column, error.text);
	return 1;
}

/* Accesses to ports in the machine code. */
struct accesses {
	uint32_t constant, computed;
};

static void
count_accesses(void *context, const struct disassembled *inst)
{
	struct accesses *accesses = context;
	bool is_access = strncmp(inst->text, "in ", 3) == 0 || strncmp(inst->text, "out ", 4) == 0;

	accesses->constant += is_access;
	/* Each computed one stands behind a comparison of its own. */
	if (strncmp(inst->text, "lea r11d, [rdx", 14) == 0) {
		accesses->constant--;
		accesses->computed++;
	}
}

static int
check_module(const char *path, struct code_module *code)
{
	struct compiler_options compiler;
	struct accesses accesses = { 0 };
	struct device_rules rules;
	struct diag diag;
	uint32_t lines = 0;

	diag_init(&diag);
	compiler_options_init(&compiler);
	enum nb_status status = device_read(&code->wasm, &code->arena, NULL, &rules, &diag);
	if (status == NB_OK && !rules.manifest)
		return find(path, &code->wasm) ? 0 : 1;
	if (status == NB_OK)
		status = tool_code_compile(&compiler, code, &diag);
	if (status == NB_OK)
		status = tool_code_verify(code, 0, NULL, &diag);
	if (status != NB_OK)
		return tool_code_refuse(path, &diag);
	for (uint32_t i = 0; i < code->image.function_count; i++)
		if (!disassemble_function(&code->image, i, count_accesses, &accesses))
			return TOOL_FAILED;
	for (uint32_t i = 0; i < NB_MANIFEST_LINE_COUNT; i++)
		lines += rules.manifest->counts[i];
	printf("%s: manifest of %s: %u lines, right; accesses to ports: %u at constant ports, %u "
	       "at computed ones\n",
	       path, rules.manifest->name.text, lines, accesses.constant, accesses.computed);
	return 0;
}

/* --- adding ---------------------------------------------------------------------- */

/* Whether the section at *at, whose contents end at `end`, is a manifest. */
static bool
is_manifest(const uint8_t *contents, const uint8_t *end)
{
	static const char name[] = NB_MANIFEST_SECTION;
	uint32_t len;

	return leb128_read_u32(&contents, end, &len) == LEB128_OK && len == sizeof name - 1 &&
	       (size_t)(end - contents) >= len && memcmp(contents, name, len) == 0;
}

/* All sections of the module, which is valid, but manifests; returns the bytes. */
static size_t
copy_others(uint8_t *to, const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes + WASM_HEAD_BYTES, *end = bytes + len;
	size_t size = WASM_HEAD_BYTES;

	memcpy(to, bytes, WASM_HEAD_BYTES);
	while (at < end) {
		const uint8_t *start = at++;
		uint32_t section_len;

		if (leb128_read_u32(&at, end, &section_len) != LEB128_OK ||
		    section_len > (size_t)(end - at))
			break;
		if (*start != 0 || !is_manifest(at, at + section_len)) {
			size_t whole = (size_t)(at - start) + section_len;

			memcpy(to + size, start, whole);
			size += whole;
		}
		at += section_len;
	}
	return size;
}

static size_t
put_leb(uint8_t *to, size_t value)
{
	size_t len = 0;

	do {
		to[len++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	return len;
}

static int
add(const struct options *options, const uint8_t *module, size_t module_len)
{
	static const char name[] = NB_MANIFEST_SECTION;
	const char *path = options->output ? options->output : options->second;
	static struct manifest manifest;
	struct manifest_error error;
	size_t text_len, size;
	const char *text = (const char *)tool_map_file(options->first, &text_len);

	if (!text)
		return TOOL_FAILED;
	if (manifest_parse(text, text_len, &manifest, &error) != NB_OK) {
		tool_error("%s:%u:%u: %s", options->first, error.line, error.column, error.text);
		return 1;
	}
	uint8_t *out = malloc(module_len + text_len + sizeof name + 1 + 2 * (size_t)LEB_BYTES);
	if (!out)
		abort();
	size = copy_others(out, module, module_len);
	out[size++] = 0;
	size += put_leb(out + size, 1 + sizeof name - 1 + text_len);
	out[size++] = sizeof name - 1;
	memcpy(out + size, name, sizeof name - 1);
	size += sizeof name - 1;
	memcpy(out + size, text, text_len);
	size += text_len;
	bool is_written = tool_write_file(path, out, size);

	free(out);
	return is_written ? 0 : TOOL_FAILED;
}

/* --- all ------------------------------------------------------------------------ */

/* Whether the words make sense; if so, *out is the file that they are about. */
static bool
is_usable(const struct options *options, const char **out)
{
	bool is_add = options->action && strcmp(options->action, "add") == 0;
	bool is_known = is_add || (options->action && (strcmp(options->action, "show") == 0 ||
						       strcmp(options->action, "check") == 0));

	*out = is_add ? options->second : options->first;
	if (!is_known)
		tool_error("manifest: expected show, check or add");
	else if (!*out || (!is_add && options->second))
		tool_error("manifest %s: expected %s", options->action,
			   is_add ? "MANIFEST.txt IN.wasm" : "one file");
	else if (!is_add && options->output)
		tool_error("manifest %s: --output is for add", options->action);
	else
		return true;
	tool_error("see `nebulet manifest --help`");
	return false;
}

int
tool_manifest(int argc, char **argv)
{
	struct options options = { 0 };
	struct code_module code;
	const char *path;
	struct diag diag;
	size_t len;

	argp_parse(&argp, argc, argv, 0, NULL, &options);
	if (!is_usable(&options, &path))
		return TOOL_USAGE;
	const uint8_t *bytes = tool_map_file(path, &len);
	if (!bytes)
		return TOOL_FAILED;
	if (*options.action == 'c' && !is_module(bytes, len))
		return check_text(path, (const char *)bytes, len);
	diag_init(&diag);
	code_module_init(&code, &tool_memory, TOOL_MEMORY_LIMIT);
	if (tool_code_read(bytes, len, &code, &diag) != NB_OK)
		return tool_code_refuse(path, &diag);
	if (*options.action == 'a' && tool_code_is_artifact(bytes, len)) {
		tool_error("%s is an artifact; add the manifest to the module and compile it",
			   path);
		return 1;
	}
	if (*options.action == 'a')
		return add(&options, bytes, len);
	return *options.action == 's' ? show(path, &code) : check_module(path, &code);
}

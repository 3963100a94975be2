/*
 * Accesses to ports: what the machine code of each is, and for each kind of
 * overreach that the module is refused, where, and with which words.
 */
#include "compiler/compiler.h"
#include "tests/compiler/wasm_text.h"
#include "tests/wasm/host_arena.h"
#include "verifier/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/*
 * The module: functions 0 to 5 are the native calls, 6 and 7 those of 2018, 8 reads
 * the port that it is given (and is small), 9 does so in 4 KiB of code, 10 is the body.
 */
enum { HELPER = 8, LARGE = 9, BODY = 10 };

static const struct {
	const char *module, *field;
	uint8_t type;
} imports[] = {
	{ "nebulet", "port_read8", 1 },	  { "nebulet", "port_read16", 1 },
	{ "nebulet", "port_read32", 1 },  { "nebulet", "port_write8", 2 },
	{ "nebulet", "port_write16", 2 }, { "nebulet", "port_write32", 2 },
	{ "abi", "read_port_u8", 1 },	  { "abi", "write_port_u8", 2 },
};
enum { IMPORTS = sizeof(imports) / sizeof(*imports) };

/* What a test changes about the module. */
enum change {
	AS_IT_IS,
	EXPORTED, /* import 0 */
	IN_A_TABLE,
	OF_ANOTHER_TYPE,
};

struct bench {
	struct host_arena host, work;
	struct wasm_module module;
	struct compiler_options options;
	struct nb_code_image image;
	struct diag diag;
	struct buffer bytes;
	char text[320]; /* of the diagnostic */
};

static void
put_text(struct buffer *out, const char *text)
{
	put_u32(out, (uint32_t)strlen(text));
	put_bytes(out, text, strlen(text));
}

static void
put_imports(struct buffer *module, enum change change)
{
	struct buffer section = { 0 };

	put_u32(&section, IMPORTS);
	for (size_t i = 0; i < IMPORTS; i++) {
		put_text(&section, imports[i].module);
		put_text(&section, imports[i].field);
		put(&section, 0,
		    change == OF_ANOTHER_TYPE && i == 0 ? (uint8_t)3 : imports[i].type);
	}
	put_section(module, SECTION_IMPORT, &section);
}

static void
put_manifest(struct buffer *module, const char *text)
{
	struct buffer section = { 0 };

	put_text(&section, "nebulet.manifest");
	put_bytes(&section, text, strlen(text));
	put_section(module, 0, &section);
}

static void
put_code(struct buffer *module, struct buffer *body)
{
	struct buffer code = { 0 }, large = { 0 };

	put_u32(&code, 3);
	put(&code, 6, 0, 0x20, 0, 0x10, 0, 0x0b);
	put(&large, 0);
	for (int i = 0; i < 64; i++)
		put(&large, 0x41, 1, 0x1a); /* i32.const 1; drop */
	put(&large, 0x20, 0, 0x10, 0, 0x0b);
	put_sized(&code, &large);
	put_sized(&code, body);
	put_section(module, SECTION_CODE, &code);
}

static struct buffer
make_module(const char *manifest, const char *text, enum change change)
{
	struct buffer module = { 0 }, types = { 0 }, body = { 0 };
	char *copy = strdup(text);
	char *save;
	char *line = strtok_r(copy, "\n", &save);
	uint8_t exported = change == EXPORTED ? 0 : BODY;

	put(&types, 4);
	wasm_text_header(line, &types, &body);
	put(&types, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 1, 0x7e, 1, 0x7f);
	while ((line = strtok_r(NULL, "\n", &save)))
		wasm_text_instruction(&body, line);
	put(&body, 0x0b);
	free(copy);
	put_header(&module);
	put_section(&module, SECTION_TYPE, &types);
	put_imports(&module, change);
	put_section_bytes(&module, SECTION_FUNCTION, 3, 1, 1, 0);
	put_section_bytes(&module, SECTION_TABLE, 1, 0x70, 0, 4);
	put_section_bytes(&module, SECTION_MEMORY, 1, 0, 1);
	put_section_bytes(&module, SECTION_EXPORT, 1, 1, 'f', 0, exported);
	if (change == IN_A_TABLE)
		put_section_bytes(&module, SECTION_ELEMENT, 1, 0, 0x41, 0, 0x0b, 1, 3);
	put_code(&module, &body);
	if (manifest)
		put_manifest(&module, manifest);
	return module;
}

static enum nb_status
compile_change(struct bench *b, const char *manifest, const char *text, enum change change)
{
	struct wasm_features features = { .set = WASM_FEATURES_ALL, .code = WASM_CODE_DEFER };

	host_arena_init(&b->host, 1 << 28);
	host_arena_init(&b->work, 1 << 28);
	compiler_options_init(&b->options);
	b->options.check = true;
	diag_init(&b->diag);
	b->bytes = make_module(manifest, text, change);
	if (wasm_module_decode(&b->module, &b->host.arena, b->bytes.bytes, b->bytes.len, &features,
			       &b->diag) != NB_OK)
		fail_msg("%s", b->diag.text);
	enum nb_status status = compiler_compile(&b->module, &b->options, &b->work.source,
						 &b->host.arena, &b->image, &b->diag);
	diag_format(&b->diag, b->text, sizeof(b->text));
	return status;
}

static enum nb_status
compile(struct bench *b, const char *manifest, const char *text)
{
	return compile_change(b, manifest, text, AS_IT_IS);
}

static void
close_bench(struct bench *b)
{
	assert_int_equal(b->work.chunks, 0);
	arena_reset(&b->host.arena);
	buffer_free(&b->bytes);
}

/* --- constants ----------------------------------------------------------------------- */

/* The whole machine code of the body, by hand: ModRM.rm of the values' moves included. */
static const struct {
	const char *manifest, *text, *code;
	uint32_t size;
} constants[] = {
#define CODE(bytes) bytes, sizeof(bytes) - 1
	{ "name x\nport 0x60 1 r", "-> i32\ni32.const 0x60\ncall 0",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x60 2 r", "-> i32\ni32.const 0x60\ncall 1",
	  CODE("\x66\xe5\x60\x0f\xb7\xc0\xc3") },
	{ "name x\nport 0x60 4 r", "-> i32\ni32.const 0x60\ncall 2", CODE("\xe5\x60\xc3") },
	{ "name x\nport 0x60 1 w", "i32 ->\ni32.const 0x60\nlocal.get 0\ncall 3",
	  CODE("\x8b\xc6\xe6\x60\xc3") },
	{ "name x\nport 0x60 2 w", "i32 ->\ni32.const 0x60\nlocal.get 0\ncall 4",
	  CODE("\x8b\xc6\x66\xe7\x60\xc3") },
	{ "name x\nport 0x60 4 w", "i32 ->\ni32.const 0x60\nlocal.get 0\ncall 5",
	  CODE("\x8b\xc6\xe7\x60\xc3") },
	/* An immediate has one byte; others go through DX. */
	{ "name x\nport 0xff 1 r", "-> i32\ni32.const 0xff\ncall 0",
	  CODE("\xe4\xff\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x3f8 8 rw", "-> i32\ni32.const 0x3fd\ncall 0",
	  CODE("\xba\xfd\x03\x00\x00\xec\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x100 2 rw", "-> i32\ni32.const 0x100\ncall 1",
	  CODE("\xba\x00\x01\x00\x00\x66\xed\x0f\xb7\xc0\xc3") },
	{ "name x\nport 0xcf8 8 rw", "-> i32\ni32.const 0xcfc\ncall 2",
	  CODE("\xba\xfc\x0c\x00\x00\xed\xc3") },
	{ "name x\nport 0x3f8 8 rw", "i32 ->\ni32.const 0x3f8\nlocal.get 0\ncall 3",
	  CODE("\x8b\xc6\xba\xf8\x03\x00\x00\xee\xc3") },
	{ "name x\nport 0x3f8 8 rw", "i32 ->\ni32.const 0x3f8\nlocal.get 0\ncall 4",
	  CODE("\x8b\xc6\xba\xf8\x03\x00\x00\x66\xef\xc3") },
	{ "name x\nport 0xcf8 8 rw", "i32 ->\ni32.const 0xcf8\nlocal.get 0\ncall 5",
	  CODE("\x8b\xc6\xba\xf8\x0c\x00\x00\xef\xc3") },
	/* The last byte of the last range. */
	{ "name x\nport 0x60 1 r\nport 0xfffc 4 r", "-> i32\ni32.const 0xfffc\ncall 2",
	  CODE("\xba\xfc\xff\x00\x00\xed\xc3") },
	/* Those of 2018. */
	{ "name x\nport 0x60 1 r", "-> i32\ni32.const 0x60\ncall 6",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x60 1 w", "i32 ->\ni32.const 0x60\nlocal.get 0\ncall 7",
	  CODE("\x8b\xc6\xe6\x60\xc3") },
	/* Constant after folding, after inlining, and through a local. */
	{ "name x\nport 0x60 1 r", "-> i32\ni32.const 0x50\ni32.const 16\ni32.add\ncall 0",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x60 1 r", "-> i32\ni32.const 0x60\ncall 8",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	{ "name x\nport 0x60 1 r", "-> i32 | i32\ni32.const 0x60\nlocal.set 0\nlocal.get 0\ncall 0",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	/* A tail call of one is no call either. */
	{ "name x\nport 0x60 1 r", "-> i32\ni32.const 0x60\nreturn_call 0",
	  CODE("\xe4\x60\x0f\xb6\xc0\xc3") },
	/* What is read and not used is read. */
	{ "name x\nport 0x60 1 r", "->\ni32.const 0x60\ncall 0\ndrop", CODE("\xe4\x60\xc3") },
#undef CODE
};

static const uint8_t *
code_of(const struct bench *b, uint32_t func_idx, uint32_t *size)
{
	const struct nb_code_function *f = &b->image.functions[func_idx - IMPORTS];

	*size = f->code_size;
	return b->image.code + f->code_offset;
}

static void
test_constants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(constants) / sizeof(*constants); i++) {
		char manifest[128];
		struct bench b;
		uint32_t size;

		/* Function 8 and 9 access a computed port. */
		snprintf(manifest, sizeof(manifest), "%s\nport 0x700 1 r\n", constants[i].manifest);
		if (compile(&b, manifest, constants[i].text) != NB_OK)
			fail_msg("case %zu: %s", i, b.text);
		const uint8_t *code = code_of(&b, BODY, &size);

		if (size != constants[i].size || memcmp(code, constants[i].code, size) != 0)
			fail_msg("case %zu: %u bytes of code: %02x %02x %02x %02x %02x %02x …", i,
				 size, code[0], code[1], code[2], code[3], code[4], code[5]);
		close_bench(&b);
	}
}

/* --- overreach -------------------------------------------------------------------------- */

#define READS(port, bytes, needed)                                                             \
	"reads " bytes " bits at port " port ", outside the manifest; it would need the line " \
	"\"port " needed " r\""

static const struct {
	const char *manifest, *text, *words;
	enum nb_status status;
	enum change change;
} refused[] = {
	{ NULL, "->", "imports nebulet.port_read8 but has no manifest (section nebulet.manifest)",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nirq 1\n", "->",
	  "imports nebulet.port_read8 but its manifest has no line \"port\"", NB_ACCESS_DENIED,
	  AS_IT_IS },
	{ "name x\nport 0x60\n", "->",
	  "manifest, line 2, column 10: expected: port FIRST COUNT MODE", NB_MALFORMED, AS_IT_IS },
	/* Below, behind, half behind, and the other direction. */
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x63\ncall 0", READS("0x63", "8", "0x63 1"),
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x65\ncall 0", READS("0x65", "8", "0x65 1"),
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x64\ncall 1",
	  READS("0x64", "16", "0x64 2"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 3 r\n", "-> i32\ni32.const 0x64\ncall 2",
	  READS("0x64", "32", "0x64 4"), NB_ACCESS_DENIED, AS_IT_IS },
	/* Two lines do not add up to one. */
	{ "name x\nport 0x64 1 r\nport 0x65 1 r\n", "-> i32\ni32.const 0x64\ncall 1",
	  READS("0x64", "16", "0x64 2"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 w\nport 0x70 1 r\n", "-> i32\ni32.const 0x64\ncall 0",
	  READS("0x64", "8", "0x64 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "->\ni32.const 0x64\ni32.const 1\ncall 3",
	  "writes 8 bits at port 0x64, outside the manifest; it would need the line "
	  "\"port 0x64 1 w\"",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 4 r\n", "->\ni32.const 0x64\ni32.const 1\ncall 4",
	  "writes 16 bits at port 0x64, outside the manifest; it would need the line "
	  "\"port 0x64 2 w\"",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 4 r\n", "->\ni32.const 0x64\ni32.const 1\ncall 5",
	  "writes 32 bits at port 0x64, outside the manifest; it would need the line "
	  "\"port 0x64 4 w\"",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x65\ncall 6", READS("0x65", "8", "0x65 1"),
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "->\ni32.const 0x64\ni32.const 1\ncall 7",
	  "writes 8 bits at port 0x64", NB_ACCESS_DENIED, AS_IT_IS },
	/* The kernel's, and none at all. */
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x20\ncall 0",
	  "reads 8 bits at port 0x20 of the interrupt controller, which is never granted",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x10064\ncall 0",
	  "reads 8 bits at port 0x10064, which does not exist", NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0xffff 1 r\n", "-> i32\ni32.const 0xffff\ncall 1",
	  "reads 16 bits at port 0xffff, which does not exist", NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const -1\ncall 2",
	  "reads 32 bits at port 0xffffffff, which does not exist", NB_ACCESS_DENIED, AS_IT_IS },
	/* After folding, inlining, choosing; and where nothing ever comes by. */
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x64\ni32.const 1\ni32.add\ncall 0",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x65\ncall 8", READS("0x65", "8", "0x65 1"),
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n",
	  "i32 -> i32\ni32.const 0x64\ni32.const 0x65\nlocal.get 0\nselect\ncall 0",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "->\ni32.const 0\nif\ni32.const 0x65\ncall 0\ndrop\nend",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "->\ni32.const 1\nif\nelse\ni32.const 0x65\ncall 0\ndrop\nend",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n",
	  "->\nblock\ni32.const 1\nbr_if 0\ni32.const 0x65\ncall 0\ndrop\nend",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n",
	  "->\nblock\nblock\ni32.const 1\nbr_table 0 1 1\nend\ni32.const 0x65\ncall 0\ndrop\nend",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x65\nreturn_call 0",
	  READS("0x65", "8", "0x65 1"), NB_ACCESS_DENIED, AS_IT_IS },
	/* A computed port, and no line for it. */
	{ "name x\nport 0x64 1 w\n", "->",
	  "reads 8 bits at a computed port, but the manifest allows that of no port; it would "
	  "need a line such as \"port FIRST 1 r\"",
	  NB_ACCESS_DENIED, AS_IT_IS },
	{ "name x\nport 0x64 3 rw\n", "i32 -> i32\nlocal.get 0\ncall 2",
	  "reads 32 bits at a computed port", NB_ACCESS_DENIED, AS_IT_IS },
	/* Nothing else than a call. */
	{ "name x\nport 0x64 1 r\n", "->",
	  "nebulet.port_read8 is exported or taken by reference; it can only be called",
	  NB_ACCESS_DENIED, EXPORTED },
	{ "name x\nport 0x64 1 r\n", "->",
	  "nebulet.port_write8 is exported or taken by reference; it can only be called",
	  NB_ACCESS_DENIED, IN_A_TABLE },
	{ "name x\nport 0x64 1 r\n", "->",
	  "imports nebulet.port_read8 with another type than [i32] -> [i32]", NB_UNLINKABLE,
	  OF_ANOTHER_TYPE },
};

static void
test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		struct bench b;
		enum nb_status status =
			compile_change(&b, refused[i].manifest, refused[i].text, refused[i].change);

		if (status != refused[i].status || !strstr(b.text, refused[i].words))
			fail_msg("case %zu: status %d: %s", i, status, b.text);
		close_bench(&b);
	}
}

/* Where it stands: function and offset of the call, also of what was inlined, and the same
 * however the passes are set. */
static void
test_place(void **state)
{
	static const char manifest[] = "name x\nport 0x64 1 r\n";
	static const struct {
		const char *text;
		uint32_t function, behind; /* of the code's start */
	} places[] = {
		{ "-> i32\nnop\ni32.const 0x65\ncall 0", BODY, 4 },
		{ "-> i32\nnop\nnop\ni32.const 0x65\ncall 8", HELPER, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		for (uint32_t passes = 0; passes < 2; passes++) {
			struct bench b;

			(void)compile(&b, manifest, places[i].text);
			b.options.disabled_passes = passes ? UINT32_MAX : 0;
			diag_init(&b.diag);
			assert_int_equal(compiler_compile(&b.module, &b.options, &b.work.source,
							  &b.host.arena, &b.image, &b.diag),
					 NB_ACCESS_DENIED);
			assert_int_equal(b.diag.function_idx, places[i].function);
			assert_int_equal(b.diag.offset,
					 b.module.codes[places[i].function - IMPORTS].code_offset +
						 places[i].behind);
			close_bench(&b);
		}
}

/* --- computed ports ---------------------------------------------------------------------- */

struct tally {
	uint32_t accesses, checks, traps, calls;
};

static struct tally
tally_of(const struct bench *b, uint32_t func_idx)
{
	struct tally tally = { 0 };
	uint32_t size;
	const uint8_t *code = code_of(b, func_idx, &size);

	for (uint32_t at = 0; at < size;) {
		struct vf_inst inst;

		assert_int_equal(vf_decode(UINT32_MAX, code + at, size - at, &inst), VERIFIER_NONE);
		uint32_t form = vf_form(&inst);

		tally.accesses += form >= NB_FORM_IN8 && form <= NB_FORM_OUT32_IMM;
		tally.checks += form == NB_FORM_CMP32_IMM && inst.base == NB_R11;
		tally.traps += form == NB_FORM_UD2;
		tally.calls += form == NB_FORM_CALL_32 || form == NB_FORM_CALL_MEM;
		at += inst.len;
	}
	return tally;
}

/* One comparison for each range that may hold the port, none for others. */
static void
test_computed(void **state)
{
	static const struct {
		const char *manifest, *text;
		uint32_t ranges;
	} cases[] = {
		{ "name x\nport 0x64 1 r\n", "i32 -> i32\nlocal.get 0\ncall 0", 1 },
		{ "name x\nport 0x64 1 r\nport 0x70 2 rw\nport 0x80 1 w\n",
		  "i32 -> i32\nlocal.get 0\ncall 0", 2 },
		{ "name x\nport 0x64 1 rw\nport 0x70 2 rw\nport 0x3f8 8 rw\nport 0x74 1 w\n",
		  "i32 i32 ->\nlocal.get 0\nlocal.get 1\ncall 3", 4 },
		{ "name x\nport 0x64 1 rw\nport 0x70 2 rw\nport 0x3f8 8 rw\nport 0x74 1 w\n",
		  "i32 i32 ->\nlocal.get 0\nlocal.get 1\ncall 4", 2 },
		{ "name x\nport 0x64 1 rw\nport 0x70 2 rw\nport 0x3f8 8 rw\n",
		  "i32 i32 ->\nlocal.get 0\nlocal.get 1\ncall 5", 1 },
		{ "name x\nport 0x64 1 rw\nport 0x70 2 rw\nport 0x3f8 8 rw\n",
		  "i32 -> i32\nlocal.get 0\ncall 6", 3 },
		/* Both are constants, but which one is not known. */
		{ "name x\nport 0x64 2 r\n",
		  "i32 -> i32\ni32.const 0x64\ni32.const 0x65\nlocal.get 0\nselect\ncall 0", 1 },
		/* Constant only to whoever looks at ways: not at the default settings. */
		{ "name x\nport 0x64 2 r\n",
		  "i32 -> i32 | i32\ni32.const 0x64\nlocal.set 1\nloop\nlocal.get 1\ni32.const 0\n"
		  "i32.or\nlocal.set 1\nlocal.get 0\nbr_if 0\nend\nlocal.get 1\ncall 0",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench b;

		if (compile(&b, cases[i].manifest, cases[i].text) != NB_OK)
			fail_msg("case %zu: %s", i, b.text);
		struct tally tally = tally_of(&b, BODY);

		if (tally.accesses != cases[i].ranges || tally.checks != cases[i].ranges ||
		    tally.traps != 1 || tally.calls != 0)
			fail_msg("case %zu: %u accesses, %u checks, %u traps, %u calls", i,
				 tally.accesses, tally.checks, tally.traps, tally.calls);
		tally = tally_of(&b, HELPER);
		assert_int_equal(tally.traps, 1);
		close_bench(&b);
	}
}

/* A function too large to be inlined computes its port, whatever it is called with. */
static void
test_not_inlined(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(compile(&b, "name x\nport 0x64 1 r\n", "-> i32\ni32.const 0x65\ncall 9"),
			 NB_OK);
	struct tally tally = tally_of(&b, BODY);

	assert_int_equal(tally.calls, 1);
	assert_int_equal(tally.accesses, 0);
	tally = tally_of(&b, LARGE);
	assert_int_equal(tally.checks, 1);
	close_bench(&b);
}

/* None is left out, merged with another, or moved over another. */
static void
test_order(void **state)
{
	static const char text[] = "i32 -> i32\n"
				   "i32.const 0x60\ncall 0\ndrop\n"
				   "i32.const 0x60\ncall 0\n"
				   "i32.const 0x60\ncall 0\ni32.add\n"
				   "i32.const 0x60\ni32.const 1\ncall 3\n"
				   "i32.const 0x60\ni32.const 1\ncall 3\n"
				   "i32.const 0x61\ncall 0\ni32.add\n"
				   "loop\ni32.const 0x60\ncall 0\nbr_if 0\nend\n";
	static const uint8_t expected[][2] = { { 0xe4, 0x60 }, { 0xe4, 0x60 }, { 0xe4, 0x60 },
					       { 0xe6, 0x60 }, { 0xe6, 0x60 }, { 0xe4, 0x61 },
					       { 0xe4, 0x60 } };
	uint32_t size, found = 0;
	struct bench b;

	(void)state;
	assert_int_equal(compile(&b, "name x\nport 0x60 2 rw\n", text), NB_OK);
	const uint8_t *code = code_of(&b, BODY, &size);

	for (uint32_t at = 0; at < size;) {
		struct vf_inst inst;

		assert_int_equal(vf_decode(UINT32_MAX, code + at, size - at, &inst), VERIFIER_NONE);
		if (vf_form(&inst) >= NB_FORM_IN8 && vf_form(&inst) <= NB_FORM_OUT32_IMM) {
			assert_true(found < sizeof(expected) / sizeof(*expected));
			assert_memory_equal(code + at, expected[found], 2);
			found++;
		}
		at += inst.len;
	}
	assert_int_equal(found, sizeof(expected) / sizeof(*expected));
	close_bench(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_constants),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_place),	    cmocka_unit_test(test_computed),
		cmocka_unit_test(test_not_inlined), cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

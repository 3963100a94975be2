/*
 * Mutation fuzzing of the decoder and validator.
 *
 *	fuzz_decode [--seed S] [--count N] [--large-count N] [--dump DIR] PATH...
 *
 * PATHs are modules or folders, which are searched for *.wasm. Each round takes a file,
 * changes it (truncation, flipped bits, other bytes, pieces moved, removed or
 * taken from another file, mostly in the code section), and decodes it from memory
 * of exactly its size. Held then: no crash and no hang; a report with a place in
 * the input exactly if it was refused; nothing left in the arena; memory in
 * proportion; the same verdict when bodies are validated one by one, and when
 * the arena is short none but out of memory; and readers of validated bytes find
 * each accepted body's end. --count rounds go over files up to 200 KB,
 * --large-count rounds over larger ones. --dump writes every variant to DIR as
 * N.wasm and prints "N STATUS" instead, for a comparison with other validators.
 */
#include "wasm/module.h"

#include "tests/wasm/host_arena.h"
#include "wasm/reader.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

enum {
	SMALL_MOST = 200 * 1024,
	ROUND_SECONDS = 60, /* of a hang; sanitizers are slow on large files */
};

struct file {
	char *path;
	uint8_t *bytes;
	size_t len;
	uint32_t code_offset; /* of the code section's contents; 0: none */
	uint32_t code_len;
};

struct corpus {
	struct file *files;
	size_t count;
};

/* nftw has no context argument. */
static struct corpus small_files;
static struct corpus large_files;
static char repeat_text[4096];

static const struct wasm_features validate = { WASM_FEATURES_2_0, WASM_CODE_VALIDATE };
static const struct wasm_features defer = { WASM_FEATURES_2_0, WASM_CODE_DEFER };

/* Of the sanitizers' run-time library, when there is one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void
say_how_to_repeat(void)
{
	ssize_t written = write(STDERR_FILENO, repeat_text, strlen(repeat_text));

	(void)written;
}

static void
end_by_signal(int signal_number)
{
	say_how_to_repeat();
	if (signal_number == SIGALRM)
		_exit(3);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

static void
fail(const char *what)
{
	fprintf(stderr, "fuzz_decode: %s\n", what);
	abort();
}

static uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t
below(uint64_t *random, size_t limit)
{
	return limit == 0 ? 0 : next_random(random) % limit;
}

static void
add_file(const char *path)
{
	const struct wasm_features features = defer;
	struct host_arena host;
	struct wasm_module module;
	struct corpus *corpus;
	struct diag diag;
	struct file file = { .path = strdup(path) };

	file.bytes = host_read_file(path, &file.len);
	if (!file.bytes || !file.path) {
		fprintf(stderr, "fuzz_decode: cannot read %s\n", path);
		exit(2);
	}
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	if (wasm_module_decode(&module, &host.arena, file.bytes, file.len, &features, &diag) ==
	    NB_OK) {
		file.code_offset = module.code_section_offset;
		file.code_len = module.code_section_len;
	}
	arena_reset(&host.arena);
	corpus = file.len <= SMALL_MOST ? &small_files : &large_files;
	corpus->files = realloc(corpus->files, (corpus->count + 1) * sizeof(file));
	if (!corpus->files)
		exit(2);
	corpus->files[corpus->count++] = file;
}

static int
visit(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	size_t len = strlen(path);

	(void)status;
	(void)walk;
	if (type == FTW_F && len > 5 && strcmp(path + len - 5, ".wasm") == 0)
		add_file(path);
	return 0;
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

/* The order of a folder's entries is not the same everywhere. */
static void
sort_files(struct corpus *corpus)
{
	if (corpus->count > 0)
		qsort(corpus->files, corpus->count, sizeof(struct file), compare_paths);
}

/* A place in the file, mostly in its code section. */
static size_t
pick_place(const struct file *file, uint64_t *random)
{
	if (file->code_len > 0 && below(random, 4) != 0)
		return file->code_offset + below(random, file->code_len);
	return below(random, file->len);
}

/* Bytes that mean something somewhere in the format. */
static const uint8_t telling_bytes[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d,
					 0x0e, 0x0f, 0x10, 0x11, 0x1a, 0x1b, 0x1c, 0x20, 0x21,
					 0x22, 0x23, 0x24, 0x25, 0x26, 0x28, 0x36, 0x3f, 0x40,
					 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x60, 0x6a, 0x6f,
					 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xa7, 0xac,
					 0xd0, 0xd1, 0xd2, 0xfc, 0xfd, 0xfe, 0xff };

/* The variant being made: `len` of `cap` bytes. */
struct variant {
	uint8_t *bytes;
	size_t len;
	size_t cap;
};

/* Changes one thing; `other` is where foreign pieces come from. */
static void
mutate(struct variant *variant, const struct file *file, const struct file *other, uint64_t *random)
{
	uint8_t *bytes = variant->bytes;
	size_t len = variant->len;
	size_t at = pick_place(file, random);
	size_t from = pick_place(other, random);
	size_t count = 1 + below(random, 16);

	if (len == 0)
		return;
	at = at < len ? at : len - 1;
	switch (below(random, 8)) {
	case 0:
	case 1:
		bytes[at] ^= (uint8_t)(1U << below(random, 8));
		break;
	case 2:
	case 3:
		bytes[at] = telling_bytes[below(random, sizeof(telling_bytes))];
		break;
	case 4:
		bytes[at] = (uint8_t)next_random(random);
		break;
	case 5: /* overwrite with a piece of another file */
		count = count < other->len - from ? count : other->len - from;
		count = count < len - at ? count : len - at;
		memcpy(bytes + at, other->bytes + from, count);
		break;
	case 6: /* remove, or insert a copy of what is there */
		count = count < len - at ? count : len - at;
		if (below(random, 2) == 0) {
			memmove(bytes + at, bytes + at + count, len - at - count);
			variant->len -= count;
		} else if (len + count <= variant->cap) {
			memmove(bytes + at + count, bytes + at, len - at);
			variant->len += count;
		}
		break;
	default:
		if (below(random, 4) == 0)
			variant->len = at;
		else
			bytes[at] = (uint8_t)(bytes[at] + 1 - 2 * below(random, 2));
		break;
	}
}

static void
check_walk(const struct wasm_module *module)
{
	for (uint32_t i = module->func_import_count; i < module->func_count; i++) {
		const struct wasm_code *code = wasm_module_code(module, i);
		struct wasm_reader r = wasm_reader_at(module, code->code_offset);
		enum wasm_opcode opcode = WASM_OP_NOP;

		while (wasm_reader_offset(module, &r) < code->offset + code->len) {
			opcode = wasm_read_opcode(&r);
			wasm_skip_immediate(&r, opcode);
		}
		if (opcode != WASM_OP_END ||
		    wasm_reader_offset(module, &r) != code->offset + code->len)
			fail("a walk does not end at a body's end");
	}
}

static void
check_report(const struct diag *diag, enum nb_status status, size_t len)
{
	if (diag->status != status)
		fail("status and report differ");
	if (status == NB_OK)
		return;
	if (status != NB_MALFORMED && status != NB_INVALID && status != NB_UNSUPPORTED_FEATURE &&
	    status != NB_LIMIT_EXCEEDED)
		fail("a status that input cannot cause");
	if (diag->offset > len || diag->text[0] == 0)
		fail("a report without place or reason");
}

/* The verdict with bodies validated one by one, the last first. */
static enum nb_status
verdict_by_function(const uint8_t *bytes, size_t len)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;

	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &defer, &diag);
	for (uint32_t i = module.func_count; status == NB_OK && i > module.func_import_count; i--)
		status = wasm_function_validate(&module, i - 1, &host.arena, &diag);
	arena_reset(&host.arena);
	return status;
}

static void
check_with_little_memory(const uint8_t *bytes, size_t len, size_t used, enum nb_status expected,
			 uint64_t *random)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;

	host_arena_init(&host, below(random, used / 4096 + 1) * 4096);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &validate, &diag);
	if (status != NB_OUT_OF_MEMORY && status != expected)
		fail("another verdict for lack of memory");
	if (status != NB_OK && host.chunks != 0)
		fail("a refused module keeps memory");
	arena_reset(&host.arena);
}

/* Decodes bytes[0..len), which are exactly allocated, and checks all of it. */
static enum nb_status
check_variant(const uint8_t *bytes, size_t len, uint64_t *random)
{
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	enum nb_status status;
	char text[512];
	size_t used;

	host_arena_init(&host, 64 * len + (1 << 20));
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &validate, &diag);
	if (status == NB_OUT_OF_MEMORY)
		fail("memory out of proportion");
	check_report(&diag, status, len);
	diag_format(&diag, text, sizeof(text));
	if (status == NB_OK)
		check_walk(&module);
	else if (host.chunks != 0)
		fail("a refused module keeps memory");
	used = host.requests * 4096 + host.arena.used_bytes;
	arena_reset(&host.arena);
	if (host.chunks != 0)
		fail("the arena leaks");
	if ((verdict_by_function(bytes, len) == NB_OK) != (status == NB_OK))
		fail("another verdict when bodies are validated one by one");
	check_with_little_memory(bytes, len, used, status, random);
	return status;
}

static void
write_variant(const struct variant *variant, const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(variant->bytes, 1, variant->len, file) != variant->len ||
	    fclose(file) != 0) {
		fprintf(stderr, "fuzz_decode: cannot write %s\n", path);
		exit(2);
	}
}

static enum nb_status
run_round(const struct corpus *corpus, uint64_t seed, const char *dump_path)
{
	uint64_t random = seed;
	const struct file *file = &corpus->files[below(&random, corpus->count)];
	size_t changes = 1 + below(&random, below(&random, 4) == 0 ? 12 : 2);
	struct variant variant = { malloc(file->len + 64), file->len, file->len + 64 };
	enum nb_status status;

	if (!variant.bytes)
		exit(2);
	memcpy(variant.bytes, file->bytes, file->len);
	for (; changes > 0; changes--)
		mutate(&variant, file, &corpus->files[below(&random, corpus->count)], &random);
	variant.bytes = realloc(variant.bytes, variant.len ? variant.len : 1);
	if (!variant.bytes)
		exit(2);
	alarm(ROUND_SECONDS);
	status = check_variant(variant.bytes, variant.len, &random);
	alarm(0);
	if (dump_path)
		write_variant(&variant, dump_path);
	free(variant.bytes);
	return status;
}

static void
run_rounds(const struct corpus *corpus, uint64_t seed, uint64_t count, const char *count_option,
	   const char *dump)
{
	const char *other = strcmp(count_option, "--count") == 0 ? "--large-count" : "--count";
	uint64_t accepted = 0;
	char path[512];

	if (count > 0 && corpus->count == 0) {
		fprintf(stderr, "fuzz_decode: no files for %s\n", count_option);
		exit(2);
	}
	for (uint64_t i = 0; i < count; i++) {
		enum nb_status status;

		snprintf(repeat_text, sizeof(repeat_text),
			 "fuzz_decode: repeat with: --seed %" PRIu64
			 " %s 1 %s 0 and the same paths\n",
			 seed + i, count_option, other);
		if (dump)
			snprintf(path, sizeof(path), "%s/%" PRIu64 ".wasm", dump, i);
		status = run_round(corpus, seed + i, dump ? path : NULL);
		accepted += status == NB_OK;
		if (dump)
			printf("%" PRIu64 " %d\n", i, (int)status);
	}
	if (count > 0 && !dump)
		printf("%s %" PRIu64 ": %" PRIu64 " accepted, %" PRIu64 " refused\n", count_option,
		       count, accepted, count - accepted);
}

int
main(int argc, char **argv)
{
	uint64_t seed = (uint64_t)getpid();
	uint64_t counts[2] = { 10000, 0 };
	const char *dump = NULL;
	int first = 1;

	for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
		if (strcmp(argv[first], "--seed") == 0)
			seed = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--count") == 0)
			counts[0] = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--large-count") == 0)
			counts[1] = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--dump") == 0)
			dump = argv[first + 1];
		else
			break;
	}
	if (first >= argc || strncmp(argv[first], "--", 2) == 0) {
		fprintf(stderr, "usage: fuzz_decode [--seed S] [--count N] [--large-count N] "
				"[--dump DIR] PATH...\n");
		return 2;
	}
	for (int i = first; i < argc; i++) {
		if (nftw(argv[i], visit, 16, FTW_PHYS) != 0) {
			fprintf(stderr, "fuzz_decode: cannot read %s\n", argv[i]);
			return 2;
		}
	}
	sort_files(&small_files);
	sort_files(&large_files);
	signal(SIGALRM, end_by_signal);
	signal(SIGABRT, end_by_signal);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_how_to_repeat);
	fprintf(stderr, "seed %" PRIu64 ", %zu small and %zu large files\n", seed,
		small_files.count, large_files.count);
	run_rounds(&small_files, seed, counts[0], "--count", dump);
	run_rounds(&large_files, seed, counts[1], "--large-count", dump);
	return 0;
}

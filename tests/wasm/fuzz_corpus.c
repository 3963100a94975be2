/*
 * The rounds of mutation fuzzing, see fuzz_corpus.h.
 */
#include "tests/wasm/fuzz_corpus.h"

#include "tests/random.h"
#include "tests/wasm/fuzz_structure.h"
#include "tests/wasm/host_arena.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

enum {
	SMALL_MOST = 200 * 1024,
	ROUNDS_PER_SAVE = 50,
};

struct file {
	char *path;
	uint8_t *bytes;
	size_t len;
	uint32_t code_offset; /* of the code section's contents; 0: none */
	uint32_t code_len;
	bool is_valid;
};

struct corpus {
	struct file *files;
	size_t count;
};

/* nftw has no context argument. */
static struct corpus small_files;
static struct corpus large_files;
static const struct fuzz_target *target;
static char repeat_text[4096];

static const struct wasm_features validate = { .set = WASM_FEATURES_ALL,
					       .code = WASM_CODE_VALIDATE };

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

void
fuzz_fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", target->name, what);
	abort();
}

size_t
fuzz_below(uint64_t *state, size_t limit)
{
	return limit == 0 ? 0 : random_next(state) % limit;
}

/* ---- files ---- */

static void
add_file(const char *path)
{
	struct host_arena host;
	struct wasm_module module;
	struct corpus *corpus;
	struct diag diag;
	struct file file = { .path = strdup(path) };

	file.bytes = host_read_file(path, &file.len);
	if (!file.bytes || !file.path) {
		fprintf(stderr, "%s: cannot read %s\n", target->name, path);
		exit(2);
	}
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	file.is_valid = wasm_module_decode(&module, &host.arena, file.bytes, file.len, &validate,
					   &diag) == NB_OK;
	/* Where code lies in one that is not, decides only what is changed. */
	if (module.code_section_offset + (uint64_t)module.code_section_len <= file.len) {
		file.code_offset = module.code_section_offset;
		file.code_len = module.code_section_len;
	}
	arena_reset(&host.arena);
	if (!file.is_valid && target->only_valid) {
		free(file.path);
		free(file.bytes);
		return;
	}
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

/* ---- variants ---- */

/* A place in the file, mostly in its code section. */
static size_t
pick_place(const struct file *file, uint64_t *random)
{
	if (file->code_len > 0 && fuzz_below(random, 4) != 0)
		return file->code_offset + fuzz_below(random, file->code_len);
	return fuzz_below(random, file->len);
}

/* Bytes that mean something somewhere in the format. */
static const uint8_t telling_bytes[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0b, 0x0c, 0x0d,
					 0x0e, 0x0f, 0x10, 0x11, 0x1a, 0x1b, 0x1c, 0x20, 0x21,
					 0x22, 0x23, 0x24, 0x25, 0x26, 0x28, 0x36, 0x3f, 0x40,
					 0x41, 0x42, 0x43, 0x44, 0x45, 0x50, 0x60, 0x6a, 0x6f,
					 0x70, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x80, 0xa7, 0xac,
					 0xd0, 0xd1, 0xd2, 0xfc, 0xfd, 0xfe, 0xff };

/* Changes one thing; `other` is where foreign pieces come from. */
static void
mutate(struct fuzz_bytes *variant, const struct file *file, const struct file *other,
       uint64_t *random)
{
	uint8_t *bytes = variant->items;
	size_t len = variant->len;
	size_t at = pick_place(file, random);
	size_t from = pick_place(other, random);
	size_t count = 1 + fuzz_below(random, 16);

	if (len == 0)
		return;
	at = at < len ? at : len - 1;
	switch (fuzz_below(random, 8)) {
	case 0:
	case 1:
		bytes[at] ^= (uint8_t)(1U << fuzz_below(random, 8));
		break;
	case 2:
	case 3:
		bytes[at] = telling_bytes[fuzz_below(random, sizeof(telling_bytes))];
		break;
	case 4:
		bytes[at] = (uint8_t)random_next(random);
		break;
	case 5: /* overwrite with a piece of another file */
		count = count < other->len - from ? count : other->len - from;
		count = count < len - at ? count : len - at;
		memcpy(bytes + at, other->bytes + from, count);
		break;
	case 6: /* remove, or insert a copy of what is there */
		count = count < len - at ? count : len - at;
		if (fuzz_below(random, 2) == 0) {
			memmove(bytes + at, bytes + at + count, len - at - count);
			variant->len -= count;
		} else if (len + count <= variant->cap) {
			memmove(bytes + at + count, bytes + at, len - at);
			variant->len += count;
		}
		break;
	default:
		if (fuzz_below(random, 4) == 0)
			variant->len = at;
		else
			bytes[at] = (uint8_t)(bytes[at] + 1 - 2 * fuzz_below(random, 2));
		break;
	}
}

static void
write_variant(const struct fuzz_bytes *variant, const char *path)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(variant->items, 1, variant->len, file) != variant->len ||
	    fclose(file) != 0) {
		fprintf(stderr, "cannot write %s\n", path);
		exit(2);
	}
}

/* ---- rounds ---- */

/* What is done; a line of numbers in the file at `path`. */
struct progress {
	const char *path; /* NULL: not kept */
	uint64_t seed;
	uint64_t done[2]; /* small, large */
	uint64_t accepted[2];
};

static void
load_progress(struct progress *progress)
{
	FILE *file = progress->path ? fopen(progress->path, "r") : NULL;

	if (!file)
		return;
	if (fscanf(file, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
		   &progress->seed, &progress->done[0], &progress->done[1], &progress->accepted[0],
		   &progress->accepted[1]) == 5)
		printf("going on behind %" PRIu64 " small and %" PRIu64 " large\n",
		       progress->done[0], progress->done[1]);
	fclose(file);
}

/* Beside it first: an interruption never leaves half a line. */
static void
save_progress(const struct progress *progress)
{
	char part[512];
	FILE *file;

	if (!progress->path)
		return;
	snprintf(part, sizeof(part), "%s.part", progress->path);
	file = fopen(part, "w");
	if (!file)
		return;
	fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		progress->seed, progress->done[0], progress->done[1], progress->accepted[0],
		progress->accepted[1]);
	if (fclose(file) == 0)
		(void)!rename(part, progress->path);
}

/* Changes bytes of a copy of `file`. */
static struct fuzz_bytes
vary_bytes(const struct corpus *corpus, const struct file *file, uint64_t *random)
{
	size_t changes = 1 + fuzz_below(random, fuzz_below(random, 4) == 0 ? 12 : 2);
	struct fuzz_bytes variant = { malloc(file->len + 64), file->len, file->len + 64 };

	if (!variant.items)
		exit(2);
	memcpy(variant.items, file->bytes, file->len);
	for (; changes > 0; changes--)
		mutate(&variant, file, &corpus->files[fuzz_below(random, corpus->count)], random);
	return variant;
}

/* Most files are tiny; larger ones have more to change. */
static const struct file *
pick_file(const struct corpus *corpus, uint64_t *random)
{
	const struct file *file = &corpus->files[fuzz_below(random, corpus->count)];
	const struct file *other = &corpus->files[fuzz_below(random, corpus->count)];

	return fuzz_below(random, 2) == 0 && other->len > file->len ? other : file;
}

static enum nb_status
run_round(const struct corpus *corpus, uint64_t seed, const char *dump_path)
{
	uint64_t random = seed;
	const struct file *file = pick_file(corpus, &random);
	struct fuzz_bytes variant;
	enum nb_status status;

	if (file->is_valid && file->len <= SMALL_MOST && fuzz_below(&random, 3) > 0)
		variant = fuzz_structure(file->bytes, file->len, &random);
	else
		variant = vary_bytes(corpus, file, &random);
	variant.items = realloc(variant.items, variant.len ? variant.len : 1);
	if (!variant.items)
		exit(2);
	alarm(target->round_seconds + (unsigned)(variant.len >> 20) * target->seconds_per_megabyte);
	status = target->check(variant.items, variant.len, &random);
	alarm(0);
	if (dump_path)
		write_variant(&variant, dump_path);
	free(variant.items);
	return status;
}

static void
run_rounds(struct progress *progress, int is_large, uint64_t count, const char *dump)
{
	static const char *const options[2] = { "--count", "--large-count" };
	const struct corpus *corpus = is_large ? &large_files : &small_files;
	char path[512];

	if (count > 0 && corpus->count == 0) {
		fprintf(stderr, "%s: no files for %s\n", target->name, options[is_large]);
		exit(2);
	}
	for (uint64_t i = progress->done[is_large]; i < count; i++) {
		enum nb_status status;

		snprintf(repeat_text, sizeof(repeat_text),
			 "%s: repeat with: --seed %" PRIu64 " %s 1 %s 0 and the same paths\n",
			 target->name, progress->seed + i, options[is_large], options[!is_large]);
		if (dump)
			snprintf(path, sizeof(path), "%s/%" PRIu64 ".wasm", dump, i);
		status = run_round(corpus, progress->seed + i, dump ? path : NULL);
		progress->accepted[is_large] += status == NB_OK;
		progress->done[is_large] = i + 1;
		if (dump)
			printf("%" PRIu64 " %d\n", i, (int)status);
		if (is_large || i % ROUNDS_PER_SAVE == 0)
			save_progress(progress);
	}
	if (count > 0 && !dump)
		printf("%s %" PRIu64 ": %" PRIu64 " accepted, %" PRIu64 " refused\n",
		       options[is_large], count, progress->accepted[is_large],
		       count - progress->accepted[is_large]);
}

static void
add_path(const char *path)
{
	if (nftw(path, visit, 16, FTW_PHYS) == 0)
		return;
	fprintf(stderr, "%s: cannot read %s\n", target->name, path);
	exit(2);
}

int
fuzz_main(const struct fuzz_target *target_, int argc, char **argv)
{
	struct progress progress = { .seed = (uint64_t)getpid() };
	uint64_t counts[2] = { 10000, 0 };
	const char *dump = NULL;
	int first = 1;

	target = target_;
	for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
		if (strcmp(argv[first], "--seed") == 0)
			progress.seed = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--count") == 0)
			counts[0] = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--large-count") == 0)
			counts[1] = strtoull(argv[first + 1], NULL, 0);
		else if (strcmp(argv[first], "--state") == 0)
			progress.path = argv[first + 1];
		else if (strcmp(argv[first], "--dump") == 0)
			dump = argv[first + 1];
		else
			break;
	}
	if (first >= argc || strncmp(argv[first], "--", 2) == 0) {
		fprintf(stderr,
			"usage: %s [--seed S] [--count N] [--large-count N] [--state FILE]\n"
			"       [--dump DIR] PATH...\n",
			target->name);
		return 2;
	}
	for (int i = first; i < argc; i++)
		add_path(argv[i]);
	sort_files(&small_files);
	sort_files(&large_files);
	signal(SIGALRM, end_by_signal);
	signal(SIGABRT, end_by_signal);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(say_how_to_repeat);
	load_progress(&progress);
	fprintf(stderr, "seed %" PRIu64 ", %zu small and %zu large files\n", progress.seed,
		small_files.count, large_files.count);
	run_rounds(&progress, 0, counts[0], dump);
	run_rounds(&progress, 1, counts[1], dump);
	if (progress.path)
		remove(progress.path);
	return 0;
}

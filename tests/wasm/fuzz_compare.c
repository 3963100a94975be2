/*
 * Mutated modules: this validator against an independent one, the engine
 * Wasmtime, whose library is given by $NEBULET_WASMTIME.
 *
 * For options see fuzz_corpus.h. Each variant is judged here, by an engine with
 * exactly the features of WASM_FEATURES_ALL ("same") and by one with all it has
 * ("more"). Both sides may differ for these reasons only, each of which is
 * counted and printed at the end:
 *
 *	limit here	refused here with NB_LIMIT_EXCEEDED, accepted there
 *	limit there	accepted here, refused there because of a limit of theirs
 *	known		accepted here, refused there for one of known_reports[]
 *
 * What is refused here by the name of a feature must be refused by "same"; what
 * is refused here as malformed or invalid must be refused by "more", so that no
 * feature is taken for nonsense. Everything else is a disagreement: the variant
 * is kept, both reasons are printed and the run fails in the end.
 */
#include "tests/wasm/fuzz_corpus.h"
#include "tests/wasm/host_arena.h"
#include "wasm/module.h"

#include <dlfcn.h>
#include <inttypes.h>

struct wasm_config;
struct wasm_engine;
struct wasmtime_error;

struct wasm_message {
	size_t size;
	char *data;
};

typedef void config_set(struct wasm_config *config, bool on);

/* The functions of Wasmtime's C interface that are needed here. */
static struct {
	struct wasm_config *(*config_new)(void);
	struct wasm_engine *(*engine_new)(struct wasm_config *config);
	struct wasmtime_error *(*validate)(struct wasm_engine *engine, const uint8_t *bytes,
					   size_t len);
	void (*error_message)(const struct wasmtime_error *error, struct wasm_message *out);
	void (*error_delete)(struct wasmtime_error *error);
	void (*message_delete)(struct wasm_message *message);
} wasmtime;

static struct wasm_engine *same_features;
static struct wasm_engine *more_features;

enum reason { AGREE, LIMIT_HERE, LIMIT_THERE, KNOWN, DISAGREE, REASON_COUNT };

static const char *const reason_texts[REASON_COUNT] = {
	[AGREE] = "agree", [LIMIT_HERE] = "limit here", [LIMIT_THERE] = "limit there",
	[KNOWN] = "known", [DISAGREE] = "disagree",
};

static uint64_t reason_counts[REASON_COUNT];

/* Reports of theirs for what is valid all the same, and why. */
static const char *const known_reports[] = {
	"",
};

/* Reports of theirs about limits. */
static const char *const limit_reports[] = {
	"limit of",
	"size is out of bounds",
};

static void *
find(void *library, const char *name)
{
	void *symbol = dlsym(library, name);

	if (!symbol) {
		fprintf(stderr, "fuzz_compare: %s\n", dlerror());
		exit(2);
	}
	return symbol;
}

static void
set_feature(void *library, struct wasm_config *config, const char *feature, bool on)
{
	char name[128];
	config_set *set;

	snprintf(name, sizeof(name), "wasmtime_config_wasm_%s_set", feature);
	set = (config_set *)find(library, name);
	set(config, on);
}

/* An engine with the features of this project, and the others if `more`. */
static struct wasm_engine *
make_engine(void *library, bool more)
{
	static const char *const ours[] = {
		"simd",	   "relaxed_simd", "bulk_memory", "multi_value",     "tail_call",
		"threads", "multi_memory", "memory64",	  "reference_types", "function_references"
	};
	static const char *const others[] = { "gc", "exceptions", "wide_arithmetic",
					      "custom_page_sizes", "stack_switching" };
	struct wasm_config *config = wasmtime.config_new();
	struct wasm_engine *engine;

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		set_feature(library, config, ours[i], true);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		set_feature(library, config, others[i], more);
	engine = wasmtime.engine_new(config);
	if (!engine) {
		fprintf(stderr, "fuzz_compare: no engine with these features\n");
		exit(2);
	}
	return engine;
}

static void
open_wasmtime(void)
{
	const char *path = getenv("NEBULET_WASMTIME");
	void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (!library) {
		fprintf(stderr, "fuzz_compare: $NEBULET_WASMTIME: %s\n",
			path ? dlerror() : "not set");
		exit(2);
	}
	*(void **)&wasmtime.config_new = find(library, "wasm_config_new");
	*(void **)&wasmtime.engine_new = find(library, "wasm_engine_new_with_config");
	*(void **)&wasmtime.validate = find(library, "wasmtime_module_validate");
	*(void **)&wasmtime.error_message = find(library, "wasmtime_error_message");
	*(void **)&wasmtime.error_delete = find(library, "wasmtime_error_delete");
	*(void **)&wasmtime.message_delete = find(library, "wasm_byte_vec_delete");
	same_features = make_engine(library, false);
	more_features = make_engine(library, true);
}

/* Whether the engine accepts the module; its reason in text[0..cap) if not. */
static bool
is_valid_there(struct wasm_engine *engine, const uint8_t *bytes, size_t len, char *text, size_t cap)
{
	struct wasmtime_error *error = wasmtime.validate(engine, bytes, len);
	struct wasm_message message;

	text[0] = 0;
	if (!error)
		return true;
	wasmtime.error_message(error, &message);
	snprintf(text, cap, "%.*s", (int)message.size, message.data);
	wasmtime.message_delete(&message);
	wasmtime.error_delete(error);
	for (char *c = text; *c; c++)
		*c = *c == '\n' ? ' ' : *c;
	return false;
}

static bool
is_listed(const char *text, const char *const *reports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (reports[i][0] && strstr(text, reports[i]))
			return true;
	}
	return false;
}

/* The verdict here as a status, and what it means beside theirs. */
static enum reason
judge(enum nb_status here, const uint8_t *bytes, size_t len, char *text, size_t cap)
{
	bool is_there;

	switch ((unsigned)here) {
	case NB_OK:
		if (is_valid_there(same_features, bytes, len, text, cap) ||
		    is_valid_there(more_features, bytes, len, text, cap))
			return AGREE;
		if (is_listed(text, limit_reports, sizeof(limit_reports) / sizeof(*limit_reports)))
			return LIMIT_THERE;
		if (is_listed(text, known_reports, sizeof(known_reports) / sizeof(*known_reports)))
			return KNOWN;
		return DISAGREE;
	case NB_LIMIT_EXCEEDED:
		is_there = is_valid_there(same_features, bytes, len, text, cap);
		return is_there ? LIMIT_HERE : AGREE;
	case NB_UNSUPPORTED_FEATURE:
		is_there = is_valid_there(same_features, bytes, len, text, cap);
		return is_there ? DISAGREE : AGREE;
	case NB_MALFORMED:
	case NB_INVALID:
		is_there = is_valid_there(more_features, bytes, len, text, cap);
		return is_there ? DISAGREE : AGREE;
	default:
		return DISAGREE;
	}
}

static void
keep(const uint8_t *bytes, size_t len, const struct diag *diag, const char *theirs)
{
	const char *folder = getenv("NEBULET_KEEP");
	char here[512];
	char path[512];
	FILE *file;

	diag_format(diag, here, sizeof(here));
	printf("disagreement %" PRIu64 ": here %s; there %s\n", reason_counts[DISAGREE],
	       diag->status == NB_OK ? "valid" : here, theirs[0] ? theirs : "valid");
	snprintf(path, sizeof(path), "%s/disagree-%" PRIu64 ".wasm", folder ? folder : ".",
		 reason_counts[DISAGREE]);
	file = fopen(path, "wb");
	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
		fprintf(stderr, "fuzz_compare: cannot write %s\n", path);
	else
		printf("  kept as %s\n", path);
	fflush(stdout);
}

static enum nb_status
compare(const uint8_t *bytes, size_t len, uint64_t *random)
{
	static const struct wasm_features features = { .set = WASM_FEATURES_ALL };
	struct host_arena host;
	struct wasm_module module;
	struct diag diag;
	char theirs[512] = "";
	enum nb_status status;
	enum reason reason;

	(void)random;
	host_arena_init(&host, SIZE_MAX);
	diag_init(&diag);
	status = wasm_module_decode(&module, &host.arena, bytes, len, &features, &diag);
	arena_reset(&host.arena);
	reason = judge(status, bytes, len, theirs, sizeof(theirs));
	if (reason == DISAGREE && reason_counts[DISAGREE] < 100)
		keep(bytes, len, &diag, theirs);
	reason_counts[reason]++;
	return status;
}

int
main(int argc, char **argv)
{
	static const struct fuzz_target target = { "fuzz_compare", compare, 60, 60, true };
	uint64_t passed = 0;
	int result;

	open_wasmtime();
	result = fuzz_main(&target, argc, argv);
	for (unsigned i = 0; i < REASON_COUNT; i++) {
		printf("%s: %" PRIu64 "\n", reason_texts[i], reason_counts[i]);
		passed += i == DISAGREE ? 0 : reason_counts[i];
	}
	printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, reason_counts[DISAGREE]);
	return result != 0 ? result : reason_counts[DISAGREE] > 0;
}

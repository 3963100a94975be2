/*
 * The runner of the official test suite: state and interfaces of its files.
 *
 * One file of the suite at a time: a store, the spectest module, the modules
 * and instances of the script. Everything runs on one guest stack, whose head
 * is guest_host.head; suite_run is called on it.
 */
#ifndef TESTS_SUITE_SUITE_H
#define TESTS_SUITE_SUITE_H

#include "compiler/compiler.h"
#include "runtime/instance.h"
#include "tests/guest_host.h"
#include "tests/suite/archive.h"

/* Outcome of loading a module. */
enum script_state {
	SCRIPT_READY,  /* published; instantiated if `instance` is set */
	SCRIPT_ABSENT, /* not applicable, or instantiated from what is not */
	SCRIPT_BROKEN, /* has been reported as a failure */
};

/* A module of the script, instance included. */
struct script_module {
	struct code_module module;
	struct instance *instance;
	enum script_state state;
	struct script_module *next;
};

/* A name by which the script knows a module, an instance or a registration. */
enum script_scope { SCRIPT_DEFINITION, SCRIPT_INSTANCE, SCRIPT_REGISTERED };
struct script_name {
	enum script_scope scope;
	struct archive_text text;
	struct script_module *module;
	struct script_name *next;
};

enum {
	SUITE_EXCUSES_MAX = 64,
	SUITE_FAILURES_SHOWN = 10, /* of one file, unless verbose */
	SPECTEST_EXPORTS_MAX = 16,
};

struct spectest_export {
	const char *name;
	struct runtime_extern value;
};

struct suite {
	struct compiler_options options;
	format_emit *emit; /* text for the reader */
	void *emit_context;
	bool is_verbose; /* a line a file */
	/* Called before (true) and after each call of an export; may be NULL. */
	void (*around_invoke)(bool is_before);

	/* Counts over all files. */
	uint64_t passed;
	uint64_t failed;
	uint64_t excused;
	struct suite_excuse {
		struct archive_excuse entry;
		uint64_t count; /* commands */
	} excuses[SUITE_EXCUSES_MAX];
	uint32_t excuse_count;

	/* The file under way. */
	struct archive_text file;
	struct archive_text source_name;
	uint32_t file_failures;
	struct store store;
	struct arena arena; /* records of the script */
	struct script_module *modules;
	struct script_module *latest_definition;
	struct script_module *latest; /* instance */
	struct script_name *names;
	struct spectest_export spectest[SPECTEST_EXPORTS_MAX];
	uint32_t spectest_count;
	uint32_t line; /* of the command under way */
	enum archive_command command;
	struct suite_excuse *excuse; /* of the command under way, or NULL */
	bool is_absent;		     /* something imported is not there: SCRIPT_ABSENT */
};

/* The one runner; fault handlers need to find it. */
extern struct suite suite;

/* Sets up `suite` but for emit and options; 0 or an error. Creates the stack. */
NB_MUST_USE enum nb_status suite_init(void);
void suite_exit(void);

/* Takes --verbose, --check, --cpu=baseline or --passes=LIST; whether it was one. */
bool suite_parse_option(const char *option);

/* Runs the files of the archive whose names match one of the filters (GROUP,
 * GROUP/NAME or NAME; none: all), on guest_host.stack, and prints the summary.
 * Returns whether nothing failed. */
bool suite_run(const uint8_t *archive, size_t len, const char *const *filters, uint32_t count);

/* ---- report.c ---- */
void suite_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The command under way did what it should; a failure if it has an excuse. */
void suite_pass(void);
void suite_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* It could not; a failure unless it has an excuse of that kind. */
void suite_blocked(enum archive_excuse_kind kind, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void suite_summary(void);

/* ---- script.c ---- */
/* Runs one file whose cursor stands behind its length. */
void script_run(struct archive_cursor *cursor);

/* ---- load.c ---- */
/* Decodes, compiles and publishes; what is not READY has been counted. NULL: no
 * memory for the record, reported. */
struct script_module *load_module(const struct archive_module *source);
/* Whether the message names a feature that the system leaves out. */
bool load_names_feature(const struct diag *diag);
/* Only decodes and validates. */
enum nb_status load_validate(const struct archive_module *source, struct diag *diag);
/* Creates an instance; *trap is what segments or the start function ended
 * with. A module that imports from one that is absent becomes so. */
enum nb_status
load_instantiate(struct script_module *module, struct diag *diag, enum nb_trap *trap);
/* What the script has registered under that name, or NULL. */
struct script_module *script_lookup(enum script_scope scope, struct archive_text text);

/* ---- spectest.c ---- */
NB_MUST_USE enum nb_status spectest_create(void);
/* NB_NOT_FOUND if there is no such export. */
enum nb_status spectest_find(const char *name, size_t len, struct runtime_extern *out);

#endif

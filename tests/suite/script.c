/*
 * One file of the suite: its commands in order.
 */
#include "lib/string.h"
#include "tests/suite/suite.h"
#include "tests/suite/values.h"

#define STORE_BYTES_MAX ((size_t)256 << 20)
enum { VALUE_TEXT_BYTES = 256, ARGUMENTS_MAX = 32 };

/* ---- names ---- */

struct script_module *
script_lookup(enum script_scope scope, struct archive_text text)
{
	for (const struct script_name *name = suite.names; name; name = name->next)
		if (name->scope == scope && archive_text_equal(name->text, text))
			return name->module;
	return NULL;
}

/* Later bindings hide earlier ones. Nothing for an empty name. */
static void
bind_name(enum script_scope scope, struct archive_text text, struct script_module *module)
{
	if (text.len == 0)
		return;
	struct script_name *name = arena_new(&suite.arena, struct script_name);
	if (!name) {
		suite_fail("no memory for the runner");
		return;
	}
	*name = (struct script_name){ scope, text, module, suite.names };
	suite.names = name;
}

/* The instance that a command names; the latest one for no name. */
static struct script_module *
instance_named(struct archive_text text)
{
	return text.len ? script_lookup(SCRIPT_INSTANCE, text) : suite.latest;
}

/* ---- modules ---- */

static void
print_backtrace(void)
{
	char text[1024];

	runtime_backtrace_format(&guest_host.backtrace, text, sizeof(text));
	suite_print("%s", text);
}

static void
block_absent(void)
{
	suite_blocked(ARCHIVE_EXCUSE_AFTER, "needs a module that was refused");
}

/* Makes `module` the latest instance; its instantiation must succeed. */
static void
instantiate(struct script_module *module, struct archive_text name)
{
	struct diag diag;
	enum nb_trap trap;

	suite.latest = module;
	bind_name(SCRIPT_INSTANCE, name, module);
	if (!module || module->state != SCRIPT_READY)
		return;
	enum nb_status status = load_instantiate(module, &diag, &trap);
	if (status == NB_OK && trap == NB_TRAP_NONE) {
		suite_pass();
		return;
	}
	if (module->state == SCRIPT_ABSENT) {
		block_absent();
		return;
	}
	module->state = SCRIPT_BROKEN;
	if (status != NB_OK) {
		suite_fail("%s: %s", nb_status_text(status), diag.text);
		return;
	}
	suite_fail("trap: %s", nb_trap_text(trap));
	print_backtrace();
}

static void
run_module(struct archive_cursor *cursor)
{
	struct archive_text name = archive_text(cursor);
	struct archive_module source = archive_module(cursor);

	suite.latest_definition = load_module(&source);
	bind_name(SCRIPT_DEFINITION, name, suite.latest_definition);
	instantiate(suite.latest_definition, name);
}

static void
run_definition(struct archive_cursor *cursor)
{
	struct archive_text name = archive_text(cursor);
	struct archive_module source = archive_module(cursor);
	struct script_module *module = load_module(&source);

	suite.latest_definition = module;
	bind_name(SCRIPT_DEFINITION, name, module);
	if (module && module->state == SCRIPT_READY)
		suite_pass();
}

/* A second instance of a definition: the same code, a record of its own. The
 * code belongs to the first record. */
static struct script_module *
another_instance_of(const struct script_module *definition)
{
	struct script_module *module = arena_new(&suite.arena, struct script_module);

	if (module) {
		*module = *definition;
		module->instance = NULL;
		module->next = NULL;
	}
	return module;
}

static void
run_instance(struct archive_cursor *cursor)
{
	struct archive_text name = archive_text(cursor);
	struct archive_text of = archive_text(cursor);
	struct script_module *definition =
		of.len ? script_lookup(SCRIPT_DEFINITION, of) : suite.latest_definition;

	if (!definition) {
		suite_fail("no such definition");
		return;
	}
	if (definition->state == SCRIPT_ABSENT)
		block_absent();
	else if (definition->state == SCRIPT_BROKEN)
		suite_fail("its definition is not there");
	instantiate(another_instance_of(definition), name);
}

static void
run_register(struct archive_cursor *cursor)
{
	struct script_module *module = instance_named(archive_text(cursor));

	bind_name(SCRIPT_REGISTERED, archive_text(cursor), module);
}

/* ---- actions ---- */

struct outcome {
	enum nb_trap trap;
	const enum wasm_valtype *types;
	uint32_t count;
	struct runtime_value values[VALUES_MAX];
	enum wasm_valtype global_type;
};

static bool
invoke(const struct archive_action *action, const struct runtime_extern *found, struct outcome *out)
{
	const struct wasm_functype *type = store_type_of(&suite.store, found->func.signature);
	struct archive_cursor cursor = action->arguments;
	struct runtime_value arguments[ARGUMENTS_MAX];
	uint8_t count = archive_u8(&cursor);

	if (count != type->param_count || count > ARGUMENTS_MAX ||
	    type->result_count > VALUES_MAX) {
		suite_fail("%.*s has another type", action->field.len, action->field.bytes);
		return false;
	}
	for (uint8_t i = 0; i < count; i++)
		arguments[i] = values_argument(&cursor);
	out->types = type->results;
	out->count = type->result_count;
	if (suite.around_invoke)
		suite.around_invoke(true);
	out->trap = runtime_invoke(&suite.store, &found->func, arguments, out->values);
	if (suite.around_invoke)
		suite.around_invoke(false);
	return true;
}

/* Performs the action; false if that was impossible, which has been counted. */
static bool
act(const struct archive_action *action, struct outcome *out)
{
	const struct script_module *module = instance_named(action->module);
	struct runtime_extern found;

	if (module && module->state == SCRIPT_ABSENT) {
		block_absent();
		return false;
	}
	if (!module || !module->instance) {
		suite_fail("its module is not there");
		return false;
	}
	if (!instance_export(module->instance, action->field.bytes, action->field.len, &found) ||
	    found.kind != (action->is_get ? WASM_EXTERN_GLOBAL : WASM_EXTERN_FUNC)) {
		suite_fail("no export %.*s", action->field.len, action->field.bytes);
		return false;
	}
	if (!action->is_get)
		return invoke(action, &found, out);
	out->trap = NB_TRAP_NONE;
	out->global_type = found.global.type.type;
	out->types = &out->global_type;
	out->count = 1;
	memcpy(out->values[0].bits, found.global.cell, sizeof(out->values[0].bits));
	return true;
}

static void
fail_trapped(const struct archive_action *action, enum nb_trap trap)
{
	suite_fail("%.*s trapped: %s", action->field.len, action->field.bytes, nb_trap_text(trap));
	print_backtrace();
}

static void
check_results(const struct archive_action *action, const struct outcome *outcome,
	      struct archive_cursor *expected)
{
	uint8_t count = archive_u8(expected);

	if (count != outcome->count) {
		suite_fail("%.*s gave %u results", action->field.len, action->field.bytes,
			   outcome->count);
		return;
	}
	for (uint8_t i = 0; i < count; i++) {
		struct archive_cursor before = *expected;
		char wanted[VALUE_TEXT_BYTES], got[VALUE_TEXT_BYTES];
		if (values_match(expected, outcome->types[i], &outcome->values[i]))
			continue;
		values_format_expected(before, wanted, sizeof(wanted));
		values_format(outcome->types[i], &outcome->values[i], got, sizeof(got));
		suite_fail("%.*s: result %u should be %s and is %s", action->field.len,
			   action->field.bytes, i, wanted, got);
		return;
	}
	suite_pass();
}

static void
run_return(struct archive_cursor *cursor)
{
	struct archive_action action = archive_action(cursor);
	struct archive_cursor expected = *cursor;
	struct outcome outcome = { 0 };

	archive_skip_values(cursor);
	if (!act(&action, &outcome))
		return;
	if (outcome.trap != NB_TRAP_NONE)
		fail_trapped(&action, outcome.trap);
	else if (suite.command == ARCHIVE_ACTION)
		suite_pass();
	else
		check_results(&action, &outcome, &expected);
}

/* The suite's wording may be longer ("uninitialized element 2"). */
static bool
is_worded(struct archive_text expected, const char *text)
{
	size_t len = strlen(text);

	if (expected.len == 0)
		return true;
	return expected.len >= len && memcmp(expected.bytes, text, len) == 0;
}

static void
run_trap(struct archive_cursor *cursor)
{
	struct archive_action action = archive_action(cursor);
	struct archive_text expected = archive_text(cursor);
	struct outcome outcome = { 0 };

	if (!act(&action, &outcome))
		return;
	if (outcome.trap == NB_TRAP_NONE)
		suite_fail("%.*s did not trap, expected: %.*s", action.field.len,
			   action.field.bytes, expected.len, expected.bytes);
	else if (!is_worded(expected, nb_trap_text(outcome.trap)))
		suite_fail("%.*s trapped with: %s, expected: %.*s", action.field.len,
			   action.field.bytes, nb_trap_text(outcome.trap), expected.len,
			   expected.bytes);
	else
		suite_pass();
}

/* ---- assertions on modules ---- */

/*
 * An invalid module may be refused as malformed, because the suite words it for
 * 3.0, where some syntax became wider; a malformed one also for a limit of ours
 * (counts that could not be true).
 */
static bool
is_refusal(enum nb_status status)
{
	if (status == NB_MALFORMED)
		return true;
	return status == (suite.command == ARCHIVE_ASSERT_INVALID ? NB_INVALID : NB_LIMIT_EXCEEDED);
}

static void
check_refused(const struct archive_module *source, struct archive_text text)
{
	struct diag diag;
	enum nb_status status = load_validate(source, &diag);

	if (is_refusal(status))
		suite_pass();
	else if (status == NB_OK)
		suite_blocked(ARCHIVE_EXCUSE_STALE, "accepted, expected: %.*s", text.len,
			      text.bytes);
	else if (status == NB_UNSUPPORTED_FEATURE && load_names_feature(&diag))
		suite_blocked(ARCHIVE_EXCUSE_FEATURE, "%s: %s, expected: %.*s",
			      nb_status_text(status), diag.text, text.len, text.bytes);
	else
		suite_fail("%s: %s, expected: %.*s", nb_status_text(status), diag.text, text.len,
			   text.bytes);
}

/* What a custom section holds is nothing to us: the module must be accepted. */
static void
check_custom(const struct archive_module *source)
{
	struct diag diag;
	enum nb_status status = load_validate(source, &diag);

	if (status == NB_OK)
		suite_blocked(ARCHIVE_EXCUSE_CUSTOM, "accepted");
	else
		suite_fail("%s: %s", nb_status_text(status), diag.text);
}

static void
check_unlinkable(struct script_module *module, struct archive_text text)
{
	struct diag diag;
	enum nb_trap trap;
	enum nb_status status = load_instantiate(module, &diag, &trap);

	if (module->state == SCRIPT_ABSENT)
		block_absent();
	else if (status == NB_OK)
		suite_blocked(ARCHIVE_EXCUSE_STALE, "linked, expected: %.*s", text.len, text.bytes);
	else if (status != NB_UNLINKABLE || memcmp(diag.text, text.bytes, text.len) != 0)
		suite_fail("%s: %s, expected: %.*s", nb_status_text(status), diag.text, text.len,
			   text.bytes);
	else
		suite_pass();
}

static void
check_uninstantiable(struct script_module *module, struct archive_text text)
{
	struct diag diag;
	enum nb_trap trap;
	enum nb_status status = load_instantiate(module, &diag, &trap);

	if (module->state == SCRIPT_ABSENT)
		block_absent();
	else if (status != NB_OK)
		suite_fail("%s: %s", nb_status_text(status), diag.text);
	else if (!is_worded(text, nb_trap_text(trap)) || trap == NB_TRAP_NONE)
		suite_fail("ended with: %s, expected: %.*s", nb_trap_text(trap), text.len,
			   text.bytes);
	else
		suite_pass();
}

static struct script_module *
module_to_instantiate(const struct archive_module *source)
{
	struct archive_text name = { (const char *)source->bytes, (uint16_t)source->len };

	if (source->kind != ARCHIVE_NAMED)
		return load_module(source);
	const struct script_module *definition = script_lookup(SCRIPT_DEFINITION, name);
	if (!definition || definition->state == SCRIPT_BROKEN)
		suite_fail("its definition is not there");
	else if (definition->state == SCRIPT_ABSENT)
		block_absent();
	return definition ? another_instance_of(definition) : NULL;
}

static void
run_instantiation(const struct archive_module *source, struct archive_text text)
{
	struct script_module *module = module_to_instantiate(source);

	if (!module || module->state != SCRIPT_READY)
		return;
	if (suite.command == ARCHIVE_ASSERT_UNLINKABLE)
		check_unlinkable(module, text);
	else
		check_uninstantiable(module, text);
}

static void
run_module_assertion(struct archive_cursor *cursor)
{
	struct archive_module source = archive_module(cursor);
	struct archive_text text = archive_text(cursor);

	if (source.kind == ARCHIVE_TEXT)
		suite_blocked(ARCHIVE_EXCUSE_TEXT, "the module is in the text format");
	else if (suite.command == ARCHIVE_ASSERT_INVALID ||
		 suite.command == ARCHIVE_ASSERT_MALFORMED)
		check_refused(&source, text);
	else if (suite.command == ARCHIVE_ASSERT_INVALID_CUSTOM ||
		 suite.command == ARCHIVE_ASSERT_MALFORMED_CUSTOM)
		check_custom(&source);
	else
		run_instantiation(&source, text);
}

/* ---- files ---- */

static void
run_command(struct archive_cursor *cursor)
{
	suite.command = (enum archive_command)archive_u8(cursor);
	suite.line = archive_u32(cursor);
	uint8_t excuse = archive_u8(cursor);
	if (excuse > suite.excuse_count)
		cursor->is_bad = true;
	suite.excuse = excuse && excuse <= suite.excuse_count ? &suite.excuses[excuse - 1] : NULL;
	switch (suite.command) {
	case ARCHIVE_MODULE:
		run_module(cursor);
		break;
	case ARCHIVE_MODULE_DEFINITION:
		run_definition(cursor);
		break;
	case ARCHIVE_MODULE_INSTANCE:
		run_instance(cursor);
		break;
	case ARCHIVE_REGISTER:
		run_register(cursor);
		break;
	case ARCHIVE_ACTION:
	case ARCHIVE_ASSERT_RETURN:
		run_return(cursor);
		break;
	case ARCHIVE_ASSERT_TRAP:
	case ARCHIVE_ASSERT_EXHAUSTION:
	case ARCHIVE_ASSERT_EXCEPTION:
		run_trap(cursor);
		break;
	case ARCHIVE_ASSERT_INVALID:
	case ARCHIVE_ASSERT_MALFORMED:
	case ARCHIVE_ASSERT_UNLINKABLE:
	case ARCHIVE_ASSERT_UNINSTANTIABLE:
	case ARCHIVE_ASSERT_INVALID_CUSTOM:
	case ARCHIVE_ASSERT_MALFORMED_CUSTOM:
		run_module_assertion(cursor);
		break;
	case ARCHIVE_COMMAND_COUNT:
	default:
		cursor->is_bad = true;
		break;
	}
}

static void
script_clear(void)
{
	store_destroy(&suite.store);
	for (struct script_module *module = suite.modules; module; module = module->next)
		code_module_release(&module->module);
	arena_reset(&suite.arena);
	suite.modules = suite.latest_definition = suite.latest = NULL;
	suite.names = NULL;
}

static void
check_leaks(const struct port_memory_info *before)
{
	struct port_memory_info after;

	port_memory_info(&after);
	if (after.free_pages != before->free_pages || after.slots_live != before->slots_live ||
	    after.areas_live != before->areas_live || after.stacks_live != before->stacks_live ||
	    after.code_bytes_live != before->code_bytes_live)
		suite_fail("leak: %lld pages, %lld slots, %lld areas, %lld bytes of code",
			   (long long)(before->free_pages - after.free_pages),
			   (long long)(after.slots_live - before->slots_live),
			   (long long)(after.areas_live - before->areas_live),
			   (long long)(after.code_bytes_live - before->code_bytes_live));
}

void
script_run(struct archive_cursor *cursor)
{
	struct port_memory_info before;

	port_memory_info(&before);
	suite.line = 0;
	suite.excuse = NULL;
	arena_init(&suite.arena, &page_source, STORE_BYTES_MAX);
	store_init(&suite.store, &page_source, STORE_BYTES_MAX, NULL);
	store_set_thread(&suite.store, &guest_host.head);
	if (spectest_create() != NB_OK)
		suite_fail("no memory for spectest");
	for (uint32_t n = archive_u32(cursor); n > 0 && !cursor->is_bad; n--)
		run_command(cursor);
	suite.excuse = NULL;
	if (cursor->is_bad)
		suite_fail("the archive is damaged");
	script_clear();
	check_leaks(&before);
}

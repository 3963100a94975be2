/*
 * Launching processes; see launch.h. Personalities are published once and kept.
 */
#include "user/libs/launch/launch.h"

#include "user/libs/archive/archive.h"
#include "user/libs/disk/disk.h"
#include "user/libs/launch/block.h"
#include "user/sdk/bytes.h"

#include "nebulet.h"

#include <stdbool.h>
#include <stddef.h>

/* A module that is linked into processes that import its namespace. */
struct personality {
	const char *namespace;
	const char *path;  /* in the RAM disk; NULL: another name of the one below */
	const char *below; /* namespace that it imports itself, or NULL */
	uint32_t module;   /* NB_HANDLE_NONE until first needed */
};

static struct personality personalities[] = {
	{ "abi", "lib/abi.nbo", NULL, NB_HANDLE_NONE },
	{ "wasi_snapshot_preview1", "lib/wasi.nbo", NULL, NB_HANDLE_NONE },
	{ "wasi", NULL, "wasi_snapshot_preview1", NB_HANDLE_NONE },
	{ "wasi_unstable", "lib/wasi_unstable.nbo", "wasi_snapshot_preview1", NB_HANDLE_NONE },
};
#define PERSONALITY_COUNT (sizeof personalities / sizeof personalities[0])

/* After the first failure in a row; doubled with each further one, up to the other. */
#define RETRY_FIRST_NS 1000000ll
#define RETRY_MOST_NS  5000000000ll

static struct archive_entry entry; /* scratch */
static char imports[4096];	   /* of the module that is launched */
static uint8_t startup[NB_STARTUP_MAX] __attribute__((aligned(8)));
static char diagnostic[1024];

enum nb_status
launch_module_result(uint32_t module, struct text *error)
{
	struct nb_module_info info;
	int64_t result = nb_object_wait_one(module, NB_SIGNAL_SIGNALED, NB_DEADLINE_NEVER);

	if (result >= 0)
		result = nb_object_info(module, NB_INFO_MODULE, &info, sizeof info);
	if (result < 0)
		return (enum nb_status) - result;
	if (info.state == NB_MODULE_READY)
		return NB_OK;
	result = nb_object_info(module, NB_INFO_DIAGNOSTIC, diagnostic, sizeof diagnostic);
	if (result > 0)
		text_add_bytes(error, diagnostic,
			       result < (int64_t)sizeof diagnostic ? (uint32_t)result
								   : (uint32_t)sizeof diagnostic);
	else
		text_add(error, nb_status_text((enum nb_status)info.status));
	return info.status ? (enum nb_status)info.status : NB_INTERNAL;
}

/* Whether the launched module imports from `namespace`. */
static bool
is_imported(const char *namespace, uint32_t imports_len)
{
	uint32_t at = 0, len;

	while (at < imports_len) {
		len = text_length_within(imports + at, imports_len - at);
		if (text_is(imports + at, len, namespace))
			return true;
		at += len + 1;
	}
	return false;
}

static enum nb_status
personality_load(struct personality *personality, uint32_t ramdisk, struct text *error)
{
	enum nb_status status;

	if (personality->module != NB_HANDLE_NONE)
		return NB_OK;
	status = disk_publish(ramdisk, personality->path, &entry, &personality->module);
	if (!status)
		status = launch_module_result(personality->module, error);
	if (status) {
		text_add(error, " (");
		text_add(error, personality->path);
		text_add(error, ")");
		if (personality->module != NB_HANDLE_NONE)
			(void)nb_handle_close(personality->module);
		personality->module = NB_HANDLE_NONE;
	}
	return status;
}

/* What has been instantiated in the process so far. */
struct linking {
	uint32_t process;
	uint32_t count;
	struct nb_binding bindings[PERSONALITY_COUNT];
	uint32_t imports_len;
};

static enum nb_status
instantiate(struct linking *linking, uint32_t module, uint32_t *instance, struct text *error)
{
	struct nb_text_buffer buffer = { (uint32_t)(uintptr_t)diagnostic, sizeof diagnostic };
	int64_t result;

	diagnostic[0] = 0;
	result = nb_process_instantiate(linking->process, module, linking->bindings, linking->count,
					&buffer);
	if (result < 0) {
		text_add(error,
			 diagnostic[0] ? diagnostic : nb_status_text((enum nb_status) - result));
		return (enum nb_status) - result;
	}
	*instance = (uint32_t)result;
	return NB_OK;
}

/* Binds another name to the personality below, which is bound already. */
static void
add_name(struct linking *linking, const struct personality *name)
{
	for (uint32_t i = 0; i < linking->count; i++) {
		struct nb_binding binding = linking->bindings[i];

		if (!text_is((const char *)(uintptr_t)binding.name, binding.name_len, name->below))
			continue;
		binding.name = (uint32_t)(uintptr_t)name->namespace;
		binding.name_len = text_length(name->namespace);
		linking->bindings[linking->count++] = binding;
		return;
	}
}

/* Instantiates the personalities that the program or another of them needs. */
static enum nb_status
link_personalities(struct linking *linking, uint32_t ramdisk, struct text *error)
{
	bool wanted[PERSONALITY_COUNT] = { false };
	enum nb_status status = NB_OK;
	uint32_t instance;

	for (uint32_t i = PERSONALITY_COUNT; i-- > 0;) {
		if (is_imported(personalities[i].namespace, linking->imports_len))
			wanted[i] = true;
		for (uint32_t j = 0; wanted[i] && personalities[i].below && j < i; j++) {
			if (text_is(personalities[j].namespace,
				    text_length(personalities[j].namespace),
				    personalities[i].below))
				wanted[j] = true;
		}
	}
	for (uint32_t i = 0; i < PERSONALITY_COUNT && !status; i++) {
		if (!wanted[i])
			continue;
		if (!personalities[i].path) {
			add_name(linking, &personalities[i]);
			continue;
		}
		status = personality_load(&personalities[i], ramdisk, error);
		if (!status)
			status = instantiate(linking, personalities[i].module, &instance, error);
		if (!status)
			linking->bindings[linking->count++] = (struct nb_binding){
				.name = (uint32_t)(uintptr_t)personalities[i].namespace,
				.name_len = text_length(personalities[i].namespace),
				.instance = instance,
			};
	}
	return status;
}

static enum nb_status
grant_handles(const struct launch *launch, uint32_t process, struct block *block)
{
	int64_t number;

	for (uint32_t i = 0; i < launch->handle_count; i++) {
		const struct launch_handle *handle = &launch->handles[i];

		if (handle->handle == NB_HANDLE_NONE)
			continue;
		number = nb_process_grant(process, handle->handle, handle->rights);
		if (number < 0)
			return (enum nb_status) - number;
		block_add_handle(block, handle->name, (uint32_t)number);
	}
	return NB_OK;
}

static enum nb_status
build(const struct launch *launch, uint32_t process, struct text *error)
{
	struct linking linking = { .process = process };
	const struct nb_startup_record *record;
	struct block block;
	uint32_t at = 0, instance;
	int64_t result = nb_object_info(launch->module, NB_INFO_IMPORTS, imports, sizeof imports);
	enum nb_status status = result < 0 ? (enum nb_status) - result : NB_OK;

	linking.imports_len =
		result > (int64_t)sizeof imports ? (uint32_t)sizeof imports : (uint32_t)result;
	if (!status)
		status = link_personalities(&linking, launch->ramdisk, error);
	block_init(&block, startup, sizeof startup);
	while ((record = nb_startup_next(launch->records, launch->records_size, &at)))
		block_add_record(&block, record);
	/* Before the module: what its manifest wants must be there by then. */
	if (!status)
		status = grant_handles(launch, process, &block);
	if (!status)
		status = instantiate(&linking, launch->module, &instance, error);
	if (status)
		return status;
	if (block.is_full) {
		text_add(error, "arguments and environment are too long");
		return NB_LIMIT_EXCEEDED;
	}
	result = nb_process_start(process, instance, block.bytes, block.size);
	if (result == -NB_NOT_FOUND)
		text_add(error, "it has neither a start function nor an export _start");
	if (result == -NB_UNLINKABLE)
		text_add(error, "its export _start or _initialize has parameters or results");
	return result < 0 ? (enum nb_status) - result : NB_OK;
}

enum nb_status
launch_process(const struct launch *launch, uint32_t *process, struct text *error)
{
	struct nb_limits limits = {
		.memory_bytes = launch->memory_bytes,
		.priority = launch->priority,
		.threads = launch->threads,
		.processor_permille = launch->processor_permille,
	};
	uint32_t before = error->length;
	int64_t created;
	enum nb_status status;

	created = nb_process_create(launch->name, text_length_within(launch->name, NB_NAME_MAX),
				    &limits);
	status = created < 0 ? (enum nb_status) - created : NB_OK;
	if (!status) {
		*process = (uint32_t)created;
		status = build(launch, *process, error);
		if (status) {
			(void)nb_process_kill(*process, 0);
			(void)nb_handle_close(*process);
		}
	}
	if (status && error->length == before)
		text_add(error, nb_status_text(status));
	return status;
}

int64_t
launch_retry_ns(uint32_t *failures, int64_t ran_ns)
{
	int64_t wait_ns = 0;

	*failures = ran_ns < LAUNCH_SOUND_NS ? *failures + 1 : 0;
	for (uint32_t i = 0; i < *failures && wait_ns < RETRY_MOST_NS; i++)
		wait_ns = wait_ns ? 2 * wait_ns : RETRY_FIRST_NS;
	return nb_clock_get(NB_CLOCK_MONOTONIC) +
	       (wait_ns < RETRY_MOST_NS ? wait_ns : RETRY_MOST_NS);
}

uint32_t
launch_trap_text(uint32_t process, const char *name, char *bytes, uint32_t cap)
{
	struct nb_process_info info = { 0 };
	struct text text;
	int64_t len = nb_object_info(process, NB_INFO_BACKTRACE, bytes, cap);

	if (len > 0)
		return len < (int64_t)cap ? (uint32_t)len : cap;
	(void)nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info);
	text_init(&text, bytes, cap);
	text_add(&text, name);
	text_add(&text, ": ");
	text_add(&text, nb_trap_text((enum nb_trap)info.trap));
	text_add(&text, "\n");
	return text.length;
}

enum nb_status
launch_streams_create(struct launch_streams *streams)
{
	*streams = (struct launch_streams){ 0 };
	for (uint32_t i = 0; i < 3; i++) {
		struct nb_stream_ends ends;
		int64_t result = nb_stream_create(&ends, 0);

		if (result < 0) {
			launch_streams_close_far(streams);
			for (uint32_t j = 0; j < i; j++)
				launch_streams_close_near(streams, j);
			return (enum nb_status) - result;
		}
		streams->near[i] = i == 0 ? ends.writer : ends.reader;
		streams->far[i] = i == 0 ? ends.reader : ends.writer;
	}
	return NB_OK;
}

void
launch_streams_close_near(struct launch_streams *streams, uint32_t which)
{
	if (streams->near[which] != NB_HANDLE_NONE)
		(void)nb_handle_close(streams->near[which]);
	streams->near[which] = NB_HANDLE_NONE;
}

void
launch_streams_close_far(struct launch_streams *streams)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (streams->far[i] != NB_HANDLE_NONE)
			(void)nb_handle_close(streams->far[i]);
		streams->far[i] = NB_HANDLE_NONE;
	}
}

/*
 * Roles of native test programs.
 */
#include "tests/user/programs/native/lib/roles.h"

#include "user/libs/disk/disk.h"
#include "user/sdk/startup.h"
#include "user/sdk/stream.h"

#include "nebulet.h"

enum { MODULES_MAX = 4, REASON_BYTES = 256 };

/* The record with which a process is told its role. */
struct role_record {
	struct nb_startup_record head;
	char name[ROLE_BYTES];
	int64_t value;
};

static struct archive_entry entry; /* scratch */
static struct {
	const char *path;
	uint32_t module;
} published[MODULES_MAX];

uint32_t
role_publish(const char *path)
{
	char reason_bytes[REASON_BYTES];
	struct text reason;
	uint32_t module;

	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (disk_publish(startup_handle("ramdisk"), path, &entry, &module) ||
	    launch_module_result(module, &reason))
		nb_process_exit(3);
	return module;
}

static uint32_t
module_of(const char *path)
{
	uint32_t i = 0;

	while (i < MODULES_MAX && published[i].path && published[i].path != path)
		i++;
	if (i == MODULES_MAX)
		nb_process_exit(3);
	if (published[i].path)
		return published[i].module;
	published[i].module = role_publish(path);
	published[i].path = path;
	return published[i].module;
}

uint32_t
role_start(const struct role *role)
{
	struct role_record record = { .head = { .kind = NB_STARTUP_PRIVATE,
						.length = ROLE_BYTES + sizeof record.value },
				      .value = role->value };
	uint32_t ramdisk = startup_handle("ramdisk"), process;
	struct launch_handle handles[2 + ROLE_HANDLES_MAX] = {
		{ "ramdisk", ramdisk, NB_RIGHTS_SAME },
		{ "stdout", startup_handle("stdout"), NB_RIGHTS_SAME },
	};
	struct launch launch = { .name = role->name,
				 .module = module_of(role->path),
				 .ramdisk = ramdisk,
				 .priority = role->priority,
				 .processor_permille = role->permille,
				 .handles = handles,
				 .handle_count = 2 + role->handle_count,
				 .records = &record,
				 .records_size = sizeof record };
	char reason_bytes[REASON_BYTES];
	struct text reason;

	for (uint32_t i = 0; i < ROLE_BYTES && role->name[i]; i++)
		record.name[i] = role->name[i];
	for (uint32_t i = 0; i < role->handle_count; i++)
		handles[2 + i] = role->handles[i];
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	if (launch_process(&launch, &process, &reason))
		nb_process_exit(3);
	return process;
}

static const struct role_record *
own_record(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	while (startup.block && (record = nb_startup_next(startup.block, startup.size, &at)))
		if (record->kind == NB_STARTUP_PRIVATE)
			return (const struct role_record *)record;
	return 0;
}

char
role_letter(void)
{
	const struct role_record *record = own_record();

	return record ? record->name[0] : 0;
}

int64_t
role_value(void)
{
	return own_record()->value;
}

uint64_t
role_run_ns(uint32_t process)
{
	struct nb_process_info info;

	if (nb_object_info(process, NB_INFO_PROCESS, &info, sizeof info) < 0 ||
	    info.state != NB_PROCESS_RUNNING)
		nb_process_exit(4);
	return info.run_ns;
}

void
role_wait(uint32_t process)
{
	if (nb_object_wait_one(process, NB_SIGNAL_TERMINATED, NB_DEADLINE_NEVER) < 0)
		nb_process_exit(5);
	(void)nb_handle_close(process);
}

void
role_kill(uint32_t process)
{
	(void)nb_process_kill(process, 0);
	role_wait(process);
}

void
role_print(const char *word, const uint64_t *numbers, uint32_t count)
{
	char bytes[256];
	struct text line;

	text_init(&line, bytes, sizeof bytes);
	text_add(&line, word);
	for (uint32_t i = 0; i < count; i++) {
		text_add(&line, " ");
		text_add_number(&line, (int64_t)numbers[i]);
	}
	text_add(&line, "\n");
	(void)stream_write_all(startup_handle("stdout"), line.bytes, line.length);
}

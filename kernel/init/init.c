/*
 * Starting init: its module, its handles, its startup block.
 */
#include "kernel/init/init.h"

#include "abi/startup.h"
#include "kernel/code/publish.h"
#include "kernel/init/ustar.h"
#include "kernel/ipc/serial.h"
#include "kernel/mm/account.h"
#include "kernel/object/memory.h"
#include "kernel/object/process.h"
#include "kernel/object/resource.h"
#include "kernel/object/system.h"
#include "kernel/sys/log.h"
#include "lib/string.h"

/* A startup block under construction; `bytes` NULL: only counts. */
struct block {
	uint8_t *bytes;
	uint32_t size;
};

enum { HANDLE_COUNT = 5 };

/* A handle that init gets. */
struct grant {
	const char *name;
	uint32_t handle;
};

bool
init_next_word(const char **line, const char **word, size_t *len)
{
	const char *at = *line;

	while (*at == ' ')
		at++;
	*word = at;
	while (*at && *at != ' ')
		at++;
	*line = at;
	*len = (size_t)(at - *word);
	return *len != 0;
}

/* ---- startup block ---- */

/* Adds a record whose contents are two pieces. */
static void
block_add(struct block *block, enum nb_startup_kind kind, const void *first, size_t first_len,
	  const char *second, size_t second_len)
{
	struct nb_startup_record record = { .kind = (uint16_t)kind,
					    .length = (uint32_t)(first_len + second_len) };

	if (block->bytes) {
		uint8_t *at = block->bytes + block->size;

		memcpy(at, &record, sizeof record);
		memcpy(at + sizeof record, first, first_len);
		memcpy(at + sizeof record + first_len, second, second_len);
	}
	block->size += (uint32_t)nb_startup_record_size(record.length);
}

static void
block_fill(struct block *block, const char *command_line, const struct grant *grants)
{
	const char *word;
	size_t len;

	block->size = 0;
	block_add(block, NB_STARTUP_ARGUMENT, "init", 4, "", 0);
	while (init_next_word(&command_line, &word, &len))
		block_add(block, NB_STARTUP_ARGUMENT, word, len, "", 0);
	for (int i = 0; i < HANDLE_COUNT; i++)
		block_add(block, NB_STARTUP_HANDLE, &grants[i].handle, sizeof grants[i].handle,
			  grants[i].name, strlen(grants[i].name));
}

/* ---- handles ---- */

/* Grants `object`, whose reference it takes over. */
static enum nb_status
grant(struct process *process, struct object *object, uint32_t rights, const char *name,
      struct grant *out)
{
	enum nb_status status = process_grant(process, object, rights, &out->handle);

	out->name = name;
	object_put(object);
	return status;
}

static enum nb_status
grant_serial(struct process *process, struct account *account, enum port_serial port,
	     const char *name, struct grant *out)
{
	struct serial *serial;
	enum nb_status status = serial_create(account, port, &serial);

	if (status != NB_OK)
		return status;
	return grant(process, &serial->object, serial_type.rights, name, out);
}

static enum nb_status
grant_all(struct process *process, const struct port_boot_info *info, struct account *account,
	  struct grant *grants)
{
	struct memory *ramdisk;
	struct object *system;
	struct resource *root;
	enum nb_status status =
		memory_create_view(account, info->ramdisk, info->ramdisk_len, &ramdisk);

	if (status == NB_OK)
		status = grant(process, &ramdisk->object,
			       memory_type.rights & ~(uint32_t)NB_RIGHT_WRITE, "ramdisk",
			       &grants[0]);
	if (status == NB_OK)
		status = system_create(account, &system);
	if (status == NB_OK)
		status = grant(process, system, system_type.rights, "system", &grants[1]);
	if (status == NB_OK)
		status = grant_serial(process, account, PORT_SERIAL_CONSOLE, "console", &grants[2]);
	if (status == NB_OK)
		status = grant_serial(process, account, PORT_SERIAL_LINK, "link", &grants[3]);
	if (status == NB_OK)
		status = resource_create_root(account, &root);
	if (status == NB_OK)
		status = grant(process, &root->object, resource_type.rights, "root", &grants[4]);
	return status;
}

/* ---- start ---- */

static enum nb_status
start(struct process *process, struct module *module, const struct port_boot_info *info,
      struct account *account, struct diag *diag)
{
	struct grant grants[HANDLE_COUNT];
	struct block block = { NULL, 0 };
	uint32_t main_idx;
	enum nb_status status = process_instantiate(process, module, NULL, 0, diag, &main_idx);

	if (status == NB_OK)
		status = grant_all(process, info, account, grants);
	if (status != NB_OK)
		return status;
	block_fill(&block, info->command_line, grants);
	block.bytes = account_alloc(process->account, block.size);
	if (!block.bytes)
		return NB_OUT_OF_MEMORY;
	block_fill(&block, info->command_line, grants);
	status = process_start(process, main_idx, block.bytes, block.size);
	if (status != NB_OK)
		account_free(process->account, block.bytes, block.size);
	return status;
}

static enum nb_status
publish_init(const struct port_boot_info *info, struct account *account, struct module **out,
	     struct diag *diag)
{
	struct module_source source = { 0 };
	struct ustar_file file;
	enum nb_status status =
		info->ramdisk ? ustar_find(info->ramdisk, info->ramdisk_len, INIT_PATH, &file)
			      : NB_NOT_FOUND;

	if (status != NB_OK)
		return diag_report(diag, status, DIAG_NO_OFFSET, "%s in the RAM disk: %s",
				   INIT_PATH, nb_status_text(status));
	source.bytes = file.bytes;
	source.len = file.size;
	status = publish_begin(account, NB_PRIORITY_MAX, &source, out);
	if (status != NB_OK)
		return status;
	(void)!object_name_set(&(*out)->object, "init", 4);
	if (module_state(*out) == NB_MODULE_READY)
		return NB_OK;
	status = module_state(*out) == NB_MODULE_FAILED ? (*out)->status : NB_NOT_SUPPORTED;
	(void)diag_report(diag, status, DIAG_NO_OFFSET, "%s: %s", INIT_PATH,
			  (*out)->diagnostic[0] ? (*out)->diagnostic : "not an artifact");
	publish_cancel(*out);
	object_put(&(*out)->object);
	return status;
}

enum nb_status
init_start(const struct port_boot_info *info, struct account *account, struct process **out)
{
	const struct process_options options = {
		.account = account,
		.name = "init",
		.name_len = 4,
		.priority = NB_PRIORITY_MAX,
	};
	struct module *module = NULL;
	struct diag diag;
	enum nb_status status;

	diag_init(&diag);
	status = publish_init(info, account, &module, &diag);
	if (status == NB_OK) {
		status = process_create(&options, out);
		if (status == NB_OK) {
			status = start(*out, module, info, account, &diag);
			if (status != NB_OK) {
				process_kill(*out, 0);
				object_put(&(*out)->object);
			}
		}
		object_put(&module->object);
	}
	if (status != NB_OK)
		log_write(NB_LOG_ERROR, "init cannot start: %s",
			  diag.status != NB_OK ? diag.text : nb_status_text(status));
	return status;
}

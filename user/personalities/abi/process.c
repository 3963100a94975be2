/*
 * Starting a process: the launcher of all servers does it, with this very
 * personality from the RAM disk, if the code imports it.
 */
#include "user/libs/launch/launch.h"
#include "user/personalities/abi/abi.h"
#include "user/sdk/startup.h"

#include "nebulet.h"

enum nb_status
abi_start(struct abi_entry *entry)
{
	static char reason_bytes[512];
	struct launch_handle handles[3];
	struct launch launch = {
		.name = "abi child",
		.module = entry->code,
		.ramdisk = startup_handle("ramdisk"),
		.handles = handles,
	};
	uint32_t stdout_handle = startup_handle("stdout");
	struct text reason;
	enum nb_status status;

	if (entry->native != NB_HANDLE_NONE)
		return NB_BAD_STATE;
	handles[launch.handle_count++] =
		(struct launch_handle){ "ramdisk", launch.ramdisk, NB_RIGHTS_SAME };
	if (entry->channel != NB_HANDLE_NONE)
		handles[launch.handle_count++] =
			(struct launch_handle){ "abi", entry->channel, NB_RIGHTS_SAME };
	if (stdout_handle != NB_HANDLE_NONE)
		handles[launch.handle_count++] =
			(struct launch_handle){ "stdout", stdout_handle, NB_RIGHTS_SAME };
	text_init(&reason, reason_bytes, sizeof reason_bytes);
	status = launch_process(&launch, &entry->native, &reason);
	if (status) {
		entry->native = NB_HANDLE_NONE;
		(void)nb_log_write(NB_LOG_ERROR, reason.bytes, reason.length);
		return status;
	}
	/* The child has its own handle to the channel. */
	if (entry->channel != NB_HANDLE_NONE)
		(void)nb_handle_close(entry->channel);
	(void)nb_handle_close(entry->code);
	entry->channel = entry->code = NB_HANDLE_NONE;
	return NB_OK;
}

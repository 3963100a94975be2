/* Loading and searching the startup block; see startup.h. */
#include "user/sdk/startup.h"

#include "user/sdk/bytes.h"
#include "user/sdk/heap.h"

#include "nebulet.h"

#include <stddef.h>

static struct startup loaded;

struct startup
startup_get(void)
{
	int64_t size;
	void *block;

	if (loaded.block)
		return loaded;
	size = nb_process_startup(NULL, 0);
	if (size <= 0 || size > NB_STARTUP_MAX)
		return loaded;
	block = heap_take((uint32_t)size);
	if (!block || nb_process_startup(block, (uint32_t)size) != size)
		return loaded;
	loaded = (struct startup){ block, (uint32_t)size };
	return loaded;
}

uint32_t
startup_handle(const char *name)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0, handle;

	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		const char *contents = startup_contents(record);

		if (record->kind != NB_STARTUP_HANDLE || record->length < sizeof handle)
			continue;
		bytes_copy(&handle, contents, sizeof handle);
		if (text_is(contents + sizeof handle, record->length - (uint32_t)sizeof handle,
			    name))
			return handle;
	}
	return NB_HANDLE_NONE;
}

/* RAM disk files; see disk.h. */
#include "user/libs/disk/disk.h"

#include "user/sdk/bytes.h"

#include "nebulet.h"

static int64_t
disk_read(void *context, uint64_t offset, void *buffer, uint32_t len)
{
	return nb_memory_read(*(const uint32_t *)context, offset, buffer, len);
}

struct archive_source
disk_source(const uint32_t *handle)
{
	int64_t size = nb_memory_size(*handle);

	return (struct archive_source){
		.read = disk_read,
		.context = (void *)(uintptr_t)handle,
		.size = size < 0 ? 0 : (uint64_t)size,
	};
}

static enum nb_status
find(uint32_t handle, const char *path, struct archive_entry *entry)
{
	struct archive_source source = disk_source(&handle);

	return archive_find(&source, path, entry);
}

enum nb_status
disk_read_file(uint32_t handle, const char *path, struct archive_entry *entry, void *buffer,
	       uint32_t cap, uint32_t *len)
{
	enum nb_status status = find(handle, path, entry);
	int64_t got;

	if (status)
		return status;
	if (entry->size > cap)
		return NB_BUFFER_TOO_SMALL;
	got = nb_memory_read(handle, entry->data_offset, buffer, (uint32_t)entry->size);
	if (got < 0)
		return (enum nb_status) - got;
	*len = (uint32_t)got;
	return NB_OK;
}

enum nb_status
disk_publish(uint32_t handle, const char *path, struct archive_entry *entry, uint32_t *module)
{
	enum nb_status status = find(handle, path, entry);
	const char *name = path;
	int64_t published;

	if (status)
		return status;
	published = nb_module_publish_object(handle, entry->data_offset, entry->size);
	if (published < 0)
		return (enum nb_status) - published;
	*module = (uint32_t)published;
	/* A name that the kernel does not take is not worth failing for. */
	for (; *path; path++) {
		if (*path == '/')
			name = path + 1;
	}
	(void)nb_object_set_name(*module, name, text_length_within(name, NB_NAME_MAX));
	return NB_OK;
}

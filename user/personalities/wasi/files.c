/*
 * The RAM disk's files: a tree over the archive in the read-only memory
 * object "ramdisk", built when a path is first looked up, so that a program
 * that opens nothing pays nothing.
 */
#include "user/personalities/wasi/wasi.h"
#include "user/sdk/heap.h"
#include "user/sdk/startup.h"

static struct tree tree;
static uint32_t disk; /* handle, NB_HANDLE_NONE until first use */
static bool is_built;
static struct archive_entry entry; /* scratch for building */

static int64_t
disk_read(void *context, uint64_t offset, void *buffer, uint32_t len)
{
	(void)context;
	return nb_memory_read(disk, offset, buffer, len);
}

enum wasi_errno
files_get(const struct tree **out)
{
	struct archive_source source = { .read = disk_read };
	enum nb_status status;
	int64_t size;

	*out = &tree;
	if (is_built)
		return WASI_SUCCESS;
	disk = startup_handle("ramdisk");
	if (disk == NB_HANDLE_NONE)
		return WASI_NOENT;
	size = nb_memory_size(disk);
	if (size < 0)
		return errno_of(size);
	source.size = (uint64_t)size;
	status = tree_build(&tree, &source, &entry, heap_take);
	if (status)
		return status == NB_OUT_OF_MEMORY ? WASI_NOMEM : WASI_IO;
	is_built = true;
	return WASI_SUCCESS;
}

enum wasi_errno
files_read(const struct tree_node *file, uint64_t offset, uint32_t client, uint32_t len,
	   uint32_t *read)
{
	int64_t got;

	*read = 0;
	if (offset >= file->size)
		return WASI_SUCCESS;
	if (len > file->size - offset)
		len = (uint32_t)(file->size - offset);
	got = nb_client_memory_read(disk, file->data_offset + offset, client, len);
	if (got < 0)
		return errno_of(got);
	*read = (uint32_t)got;
	return WASI_SUCCESS;
}

enum wasi_filetype
files_type(const struct tree_node *node)
{
	switch (node->type) {
	case ARCHIVE_FILE:
		return WASI_FILETYPE_REGULAR_FILE;
	case ARCHIVE_DIRECTORY:
		return WASI_FILETYPE_DIRECTORY;
	case ARCHIVE_SYMLINK:
		return WASI_FILETYPE_SYMBOLIC_LINK;
	}
	return WASI_FILETYPE_UNKNOWN;
}

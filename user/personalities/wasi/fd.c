/*
 * The descriptor table: streams 0 to 2, preopened directories from 3 on, then
 * what the client opens. Static and single-threaded, like the instance.
 */
#include "user/libs/launch/records.h"
#include "user/personalities/wasi/wasi.h"
#include "user/sdk/bytes.h"
#include "user/sdk/startup.h"

static struct fd table[FD_MAX];

enum wasi_errno
fd_get(uint32_t number, uint64_t rights, struct fd **out)
{
	struct fd *fd = &table[number % FD_MAX];

	if (number >= FD_MAX || fd->kind == FD_FREE)
		return WASI_BADF;
	if ((fd->rights & rights) != rights)
		return WASI_NOTCAPABLE;
	*out = fd;
	return WASI_SUCCESS;
}

enum wasi_errno
fd_get_bytes(uint32_t number, uint64_t rights, struct fd **out)
{
	enum wasi_errno error = fd_get(number, 0, out);

	if (error)
		return error;
	return (*out)->kind == FD_DIRECTORY ? WASI_ISDIR : fd_get(number, rights, out);
}

enum wasi_errno
fd_get_directory(uint32_t number, uint64_t rights, struct fd **out)
{
	const struct tree *tree;
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error)
		return error;
	if (fd->kind != FD_DIRECTORY)
		return WASI_NOTDIR;
	error = fd_get(number, rights, out);
	if (error || fd->node)
		return error;
	error = files_get(&tree);
	if (error)
		return error;
	fd->node = tree_walk(tree, fd->prefix, text_length(fd->prefix));
	if (!fd->node)
		return WASI_NOENT;
	return fd->node->type == ARCHIVE_DIRECTORY ? WASI_SUCCESS : WASI_NOTDIR;
}

enum wasi_errno
fd_allocate(uint32_t *number, struct fd **out)
{
	for (uint32_t i = 0; i < FD_MAX; i++) {
		if (table[i].kind == FD_FREE) {
			*number = i;
			*out = &table[i];
			return WASI_SUCCESS;
		}
	}
	return WASI_MFILE;
}

static void
add_stream(uint32_t number, const char *name, uint64_t direction)
{
	uint32_t handle = startup_handle(name);

	if (handle == NB_HANDLE_NONE)
		return;
	table[number] = (struct fd){
		.kind = FD_STREAM,
		.filetype = WASI_FILETYPE_UNKNOWN,
		.handle = handle,
		.rights = RIGHTS_STREAM & ~(WASI_RIGHT_FD_READ | WASI_RIGHT_FD_WRITE),
	};
	table[number].rights |= direction;
}

/* `contents` holds the client's name and the prefix, each with its zero byte. */
static void
add_preopen(const char *contents, uint32_t length)
{
	uint32_t name = text_length_within(contents, length), number;
	struct fd *fd;

	if (length < 2 || contents[length - 1] || name + 1 >= length)
		return;
	for (number = 3; number < FD_MAX && table[number].kind != FD_FREE; number++)
		;
	if (number == FD_MAX)
		return;
	fd = &table[number];
	*fd = (struct fd){
		.kind = FD_DIRECTORY,
		.filetype = WASI_FILETYPE_DIRECTORY,
		.rights = RIGHTS_DIRECTORY,
		.inheriting = RIGHTS_INHERITED,
		.preopen = contents,
		.prefix = contents + name + 1,
	};
}

void
fd_initialize(void)
{
	struct startup startup = startup_get();
	const struct nb_startup_record *record;
	uint32_t at = 0;

	add_stream(0, "stdin", WASI_RIGHT_FD_READ);
	add_stream(1, "stdout", WASI_RIGHT_FD_WRITE);
	add_stream(2, "stderr", WASI_RIGHT_FD_WRITE);
	while ((record = nb_startup_next(startup.block, startup.size, &at))) {
		const char *contents = startup_contents(record);

		if (record->kind == NB_STARTUP_PREOPEN)
			add_preopen(contents, record->length);
		for (uint32_t i = 0; record->kind == STARTUP_TERMINAL && i < record->length; i++) {
			if (contents[i] >= 0 && contents[i] < 3)
				table[(uint32_t)contents[i]].filetype =
					WASI_FILETYPE_CHARACTER_DEVICE;
		}
	}
}

uint32_t
wasi_fd_close(uint32_t number)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error)
		return error;
	if (fd->kind == FD_STREAM)
		error = errno_of(nb_handle_close(fd->handle));
	*fd = (struct fd){ .kind = FD_FREE };
	return error;
}

uint32_t
wasi_fd_renumber(uint32_t from, uint32_t to)
{
	struct fd *source, *target;
	enum wasi_errno error = fd_get(from, 0, &source);

	if (!error)
		error = fd_get(to, 0, &target);
	if (error || from == to)
		return error;
	error = wasi_fd_close(to);
	*target = *source;
	*source = (struct fd){ .kind = FD_FREE };
	return error;
}

uint32_t
wasi_fd_fdstat_get(uint32_t number, uint32_t stat_out)
{
	struct wasi_fdstat stat = { 0 };
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error)
		return error;
	stat.filetype = fd->filetype;
	stat.flags = fd->flags;
	stat.rights = fd->rights;
	stat.inheriting = fd->inheriting;
	return client_put(stat_out, &stat, sizeof stat);
}

uint32_t
wasi_fd_fdstat_set_flags(uint32_t number, uint32_t flags)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, WASI_RIGHT_FD_FDSTAT_SET_FLAGS, &fd);

	if (error)
		return error;
	if (flags & ~(uint32_t)WASI_FDFLAGS_ALL)
		return WASI_INVAL;
	/* As with F_SETFL, what concerns synchronisation is fixed at opening. */
	if ((flags ^ fd->flags) & (WASI_FDFLAG_DSYNC | WASI_FDFLAG_RSYNC | WASI_FDFLAG_SYNC))
		return WASI_NOTSUP;
	fd->flags = (uint16_t)flags;
	return WASI_SUCCESS;
}

uint32_t
wasi_fd_fdstat_set_rights(uint32_t number, uint64_t rights, uint64_t inheriting)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error)
		return error;
	if ((rights & ~fd->rights) || (inheriting & ~fd->inheriting))
		return WASI_NOTCAPABLE;
	fd->rights = rights;
	fd->inheriting = inheriting;
	return WASI_SUCCESS;
}

uint32_t
wasi_fd_prestat_get(uint32_t number, uint32_t prestat_out)
{
	struct wasi_prestat prestat = { .tag = WASI_PREOPEN_DIRECTORY };
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error || !fd->preopen)
		return WASI_BADF;
	prestat.name_len = text_length(fd->preopen);
	return client_put(prestat_out, &prestat, sizeof prestat);
}

uint32_t
wasi_fd_prestat_dir_name(uint32_t number, uint32_t path_out, uint32_t path_len)
{
	struct fd *fd;
	enum wasi_errno error = fd_get(number, 0, &fd);

	if (error || !fd->preopen)
		return WASI_BADF;
	if (path_len < text_length(fd->preopen))
		return WASI_NAMETOOLONG;
	return client_put(path_out, fd->preopen, text_length(fd->preopen));
}

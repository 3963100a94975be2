/*
 * Paths: looking up below a directory without ever leaving it, opening,
 * status, reading links. A link is expanded in a buffer, so lookup does not
 * recurse; ".." of the directory where the lookup began, absolute paths and
 * absolute links are ways out and refused.
 */
#include "user/personalities/wasi/wasi.h"
#include "user/sdk/bytes.h"

#define LINKS_MAX      40
#define DEVICE_STREAMS 1u
#define DEVICE_RAMDISK 2u

/* What is left of the path, with links expanded. */
struct pending {
	char text[2 * ARCHIVE_PATH_MAX];
	uint32_t at;
	uint32_t len;
};

static struct pending pending; /* scratch of one lookup; too large for a frame */

/* The next component, length 0 at the end. */
static uint32_t
next_component(const char **name)
{
	uint32_t from;

	while (pending.at < pending.len && pending.text[pending.at] == '/')
		pending.at++;
	from = pending.at;
	while (pending.at < pending.len && pending.text[pending.at] != '/')
		pending.at++;
	*name = pending.text + from;
	return pending.at - from;
}

/* Whether only slashes are left. */
static bool
is_last(void)
{
	for (uint32_t i = pending.at; i < pending.len; i++) {
		if (pending.text[i] != '/')
			return false;
	}
	return true;
}

/* Puts the target of `link` in front of what is left. */
static enum wasi_errno
expand(const struct tree_node *link)
{
	uint32_t rest = pending.len - pending.at, len = (uint32_t)link->size;

	if (!len)
		return WASI_NOENT;
	if (link->link[0] == '/')
		return WASI_NOTCAPABLE;
	if (len + rest > sizeof pending.text)
		return WASI_NAMETOOLONG;
	bytes_move(pending.text + len, pending.text + pending.at, rest);
	bytes_copy(pending.text, link->link, len);
	pending.at = 0;
	pending.len = len + rest;
	return WASI_SUCCESS;
}

static enum wasi_errno
walk(const struct tree *tree, const struct tree_node *top, uint32_t flags, struct lookup *out)
{
	const struct tree_node *node = top, *child;
	const char *name;
	uint32_t len, links = 0;
	enum wasi_errno error;

	while ((len = next_component(&name))) {
		bool last = is_last();

		out->wants_directory = last && pending.at < pending.len;
		if (text_is(name, len, ".")) {
			out->wants_directory = true;
			continue;
		}
		if (text_is(name, len, "..")) {
			if (node == top)
				return WASI_NOTCAPABLE;
			node = node->parent;
			continue;
		}
		child = tree_child(tree, node, name, len);
		if (!child) {
			*out = (struct lookup){ NULL, node, out->wants_directory };
			return last ? WASI_SUCCESS : WASI_NOENT;
		}
		if (child->type == ARCHIVE_SYMLINK &&
		    (!last || out->wants_directory || (flags & WASI_LOOKUP_SYMLINK_FOLLOW))) {
			error = ++links > LINKS_MAX ? WASI_LOOP : expand(child);
			if (error)
				return error;
			continue;
		}
		if (child->type != ARCHIVE_DIRECTORY && (!last || out->wants_directory))
			return WASI_NOTDIR;
		node = child;
	}
	*out = (struct lookup){ node, node == top ? top : node->parent, out->wants_directory };
	return WASI_SUCCESS;
}

enum wasi_errno
path_lookup(uint32_t number, uint64_t rights, uint32_t flags, uint32_t path, uint32_t path_len,
	    struct lookup *out)
{
	const struct tree *tree;
	struct fd *fd;
	enum wasi_errno error = fd_get_directory(number, rights, &fd);

	*out = (struct lookup){ 0 };
	if (!error)
		error = files_get(&tree);
	if (error)
		return error;
	if (flags & ~(uint32_t)WASI_LOOKUP_SYMLINK_FOLLOW)
		return WASI_INVAL;
	if (path_len == 0)
		return WASI_NOENT;
	if (path_len >= ARCHIVE_PATH_MAX)
		return WASI_NAMETOOLONG;
	error = client_get(pending.text, path, path_len);
	if (error)
		return error;
	if (text_length_within(pending.text, path_len) < path_len)
		return WASI_INVAL;
	if (pending.text[0] == '/')
		return WASI_NOTCAPABLE;
	pending.at = 0;
	pending.len = path_len;
	return walk(tree, fd->node, flags, out);
}

/* Whether what was found (or not) may be opened like this. */
static enum wasi_errno
check_open(const struct lookup *found, uint32_t oflags, uint64_t rights)
{
	const struct tree_node *node = found->node;

	if (!node)
		return oflags & WASI_OFLAG_CREAT && !found->wants_directory ? WASI_ROFS
									    : WASI_NOENT;
	if ((oflags & WASI_OFLAG_CREAT) && (oflags & WASI_OFLAG_EXCL))
		return WASI_EXIST;
	if (node->type == ARCHIVE_SYMLINK)
		return WASI_LOOP;
	if (node->type == ARCHIVE_DIRECTORY) {
		if ((rights & WASI_RIGHT_FD_WRITE) || (oflags & WASI_OFLAG_TRUNC))
			return WASI_ISDIR;
		return WASI_SUCCESS;
	}
	if (oflags & WASI_OFLAG_DIRECTORY)
		return WASI_NOTDIR;
	/* Go asks for the right to set the size of files that it only reads. */
	if ((rights & WASI_RIGHT_FD_WRITE) || (oflags & WASI_OFLAG_TRUNC))
		return WASI_ROFS;
	return WASI_SUCCESS;
}

uint32_t
wasi_path_open(uint32_t number, uint32_t lookup, uint32_t path, uint32_t path_len, uint32_t oflags,
	       uint64_t rights, uint64_t inheriting, uint32_t fdflags, uint32_t fd_out)
{
	uint64_t needed = WASI_RIGHT_PATH_OPEN;
	struct lookup found;
	struct fd *directory, *fd;
	uint32_t opened;
	enum wasi_errno error;

	if (oflags & WASI_OFLAG_CREAT)
		needed |= WASI_RIGHT_PATH_CREATE_FILE;
	if (oflags & WASI_OFLAG_TRUNC)
		needed |= WASI_RIGHT_PATH_FILESTAT_SET_SIZE;
	error = path_lookup(number, needed, lookup, path, path_len, &found);
	if (!error)
		error = fd_get(number, 0, &directory);
	if (error)
		return error;
	if ((oflags & ~(uint32_t)WASI_OFLAGS_ALL) || (fdflags & ~(uint32_t)WASI_FDFLAGS_ALL))
		return WASI_INVAL;
	if (rights & ~directory->inheriting)
		return WASI_NOTCAPABLE;
	error = check_open(&found, oflags, rights);
	if (!error)
		error = fd_allocate(&opened, &fd);
	if (!error)
		error = client_put_u32(fd_out, opened);
	if (error)
		return error;
	*fd = (struct fd){ .filetype = (uint8_t)files_type(found.node),
			   .flags = (uint16_t)fdflags,
			   .node = found.node };
	if (found.node->type == ARCHIVE_DIRECTORY) {
		fd->kind = FD_DIRECTORY;
		fd->rights = rights & RIGHTS_DIRECTORY;
		fd->inheriting = inheriting & directory->inheriting;
	} else {
		fd->kind = FD_FILE;
		fd->rights = rights & RIGHTS_FILE;
	}
	return WASI_SUCCESS;
}

static struct wasi_filestat
filestat_of(const struct tree_node *node)
{
	uint64_t time_ns = node->mtime_s * UINT64_C(1000000000);

	return (struct wasi_filestat){
		.dev = DEVICE_RAMDISK,
		.ino = node->id,
		.filetype = (uint8_t)files_type(node),
		.nlink = 1,
		.size = node->size,
		.atim_ns = time_ns,
		.mtim_ns = time_ns,
		.ctim_ns = time_ns,
	};
}

static enum wasi_errno
put_filestat(uint32_t out, const struct wasi_filestat *stat, bool is_unstable)
{
	struct wasi_unstable_filestat old = {
		.dev = stat->dev,
		.ino = stat->ino,
		.filetype = stat->filetype,
		.nlink = (uint32_t)stat->nlink,
		.size = stat->size,
		.atim_ns = stat->atim_ns,
		.mtim_ns = stat->mtim_ns,
		.ctim_ns = stat->ctim_ns,
	};

	return is_unstable ? client_put(out, &old, sizeof old)
			   : client_put(out, stat, sizeof *stat);
}

static enum wasi_errno
fd_filestat(uint32_t number, uint32_t stat_out, bool is_unstable)
{
	struct wasi_filestat stat = { .dev = DEVICE_STREAMS, .ino = number, .nlink = 1 };
	struct fd *fd;
	enum wasi_errno error = fd_get(number, WASI_RIGHT_FD_FILESTAT_GET, &fd);

	if (!error && fd->kind == FD_DIRECTORY)
		error = fd_get_directory(number, WASI_RIGHT_FD_FILESTAT_GET, &fd);
	if (error)
		return error;
	if (fd->kind == FD_STREAM)
		stat.filetype = fd->filetype;
	else
		stat = filestat_of(fd->node);
	return put_filestat(stat_out, &stat, is_unstable);
}

static enum wasi_errno
path_filestat(uint32_t number, uint32_t lookup, uint32_t path, uint32_t path_len,
	      struct wasi_filestat *out)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(number, WASI_RIGHT_PATH_FILESTAT_GET, lookup, path, path_len, &found);

	if (error)
		return error;
	if (!found.node)
		return WASI_NOENT;
	*out = filestat_of(found.node);
	return WASI_SUCCESS;
}

uint32_t
wasi_fd_filestat_get(uint32_t number, uint32_t stat_out)
{
	return fd_filestat(number, stat_out, false);
}

uint32_t
wasi_unstable_fd_filestat_get(uint32_t number, uint32_t stat_out)
{
	return fd_filestat(number, stat_out, true);
}

uint32_t
wasi_path_filestat_get(uint32_t number, uint32_t lookup, uint32_t path, uint32_t path_len,
		       uint32_t stat_out)
{
	struct wasi_filestat stat;
	enum wasi_errno error = path_filestat(number, lookup, path, path_len, &stat);

	return error ? error : put_filestat(stat_out, &stat, false);
}

uint32_t
wasi_unstable_path_filestat_get(uint32_t number, uint32_t lookup, uint32_t path, uint32_t path_len,
				uint32_t stat_out)
{
	struct wasi_filestat stat;
	enum wasi_errno error = path_filestat(number, lookup, path, path_len, &stat);

	return error ? error : put_filestat(stat_out, &stat, true);
}

uint32_t
wasi_path_readlink(uint32_t number, uint32_t path, uint32_t path_len, uint32_t buf, uint32_t len,
		   uint32_t used_out)
{
	struct lookup found;
	enum wasi_errno error =
		path_lookup(number, WASI_RIGHT_PATH_READLINK, 0, path, path_len, &found);

	if (error)
		return error;
	if (!found.node)
		return WASI_NOENT;
	if (found.node->type != ARCHIVE_SYMLINK)
		return WASI_INVAL;
	if (len > found.node->size)
		len = (uint32_t)found.node->size;
	error = client_put(buf, found.node->link, len);
	return error ? error : client_put_u32(used_out, len);
}

/*
 * Listing directories. A cookie is the number of entries that come before:
 * 0 is ".", 1 is "..", then the children in the order of the archive, which
 * never changes.
 */
#include "user/personalities/wasi/wasi.h"

/* The directory entry that cookie `cookie` stands for. */
struct listing {
	const struct tree_node *node; /* NULL: the end */
	const char *name;
	uint32_t name_len;
};

/* The child after `cookie - 2` others; remembers it, so that going on from
 * there takes no walk. */
static const struct tree_node *
child_at(struct fd *fd, uint64_t cookie)
{
	const struct tree_node *node = fd->node->first;
	uint64_t at = 2;

	if (fd->listed && fd->cookie <= cookie) {
		node = fd->listed;
		at = fd->cookie;
	}
	while (node && at < cookie) {
		node = node->next;
		at++;
	}
	if (node) {
		fd->listed = node;
		fd->cookie = cookie;
	}
	return node;
}

static struct listing
listing_at(struct fd *fd, uint64_t cookie)
{
	const struct tree_node *node;

	if (cookie == 0)
		return (struct listing){ fd->node, ".", 1 };
	/* A preopened directory is the top of what its client sees. */
	if (cookie == 1)
		return (struct listing){ fd->preopen ? fd->node : fd->node->parent, "..", 2 };
	node = child_at(fd, cookie);
	return node ? (struct listing){ node, node->name, node->name_len }
		    : (struct listing){ NULL, NULL, 0 };
}

/* Puts as much of bytes[0..len) as fits before `end`. */
static enum wasi_errno
put_cut(uint32_t *at, uint32_t end, const void *bytes, uint32_t len)
{
	enum wasi_errno error;

	if (len > end - *at)
		len = end - *at;
	error = client_put(*at, bytes, len);
	*at += len;
	return error;
}

uint32_t
wasi_fd_readdir(uint32_t number, uint32_t buf, uint32_t len, uint64_t cookie, uint32_t used_out)
{
	uint32_t at = buf, end;
	struct fd *fd;
	enum wasi_errno error = fd_get_directory(number, WASI_RIGHT_FD_READDIR, &fd);

	if (!error && __builtin_add_overflow(buf, len, &end))
		error = WASI_FAULT;
	while (!error && at < end) {
		struct listing entry = listing_at(fd, cookie);
		struct wasi_dirent dirent = { .next = ++cookie, .name_len = entry.name_len };

		if (!entry.node)
			break;
		dirent.ino = entry.node->id;
		dirent.filetype = (uint8_t)files_type(entry.node);
		error = put_cut(&at, end, &dirent, sizeof dirent);
		if (!error)
			error = put_cut(&at, end, entry.name, entry.name_len);
	}
	return error ? error : client_put_u32(used_out, at - buf);
}

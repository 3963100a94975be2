/* Writing archives; see tar.h. */
#include "tools/tar.h"

#include "lib/ustar.h"
#include "tools/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE_MAX_OCTAL UINT64_C(077777777777)

/* What a header says. */
struct member {
	const char *path;
	const char *link; /* symbolic links */
	char type;
	uint64_t size;
	time_t mtime;
};

void
tar_init(struct tar *tar, int fd)
{
	*tar = (struct tar){ .fd = fd };
}

static void
put(struct tar *tar, const void *bytes, size_t len)
{
	const char *at = bytes;

	if (tar->limit_bytes && len > tar->limit_bytes - tar->written_bytes && !tar->has_failed) {
		tool_error("the files are more than %llu MiB in all; give fewer",
			   (unsigned long long)(tar->limit_bytes >> 20));
		tar->has_failed = true;
	}
	while (len && !tar->has_failed) {
		ssize_t put = write(tar->fd, at, len);

		if (put < 0 && errno != EINTR) {
			tool_error("writing the archive: %s", strerror(errno));
			tar->has_failed = true;
		} else if (put > 0) {
			at += put;
			len -= (size_t)put;
			tar->written_bytes += (uint64_t)put;
		}
	}
}

static void
put_padding(struct tar *tar, uint64_t size)
{
	static const char zero[USTAR_BLOCK_BYTES];

	put(tar, zero, (USTAR_BLOCK_BYTES - size % USTAR_BLOCK_BYTES) % USTAR_BLOCK_BYTES);
}

static void
put_header(struct tar *tar, const struct member *member, const char *name)
{
	struct ustar_header header = { .type = member->type, .version = { '0', '0' } };
	const unsigned char *bytes = (const unsigned char *)&header;
	unsigned sum = 0;
	uint64_t mtime = member->mtime < 0 ? 0 : (uint64_t)member->mtime;

	memcpy(header.name, name, strnlen(name, sizeof header.name));
	if (member->link)
		memcpy(header.link, member->link, strnlen(member->link, sizeof header.link));
	memcpy(header.mode, member->type == '5' ? "0000755" : "0000644", 8);
	memcpy(header.uid, "0000000", 8);
	memcpy(header.gid, "0000000", 8);
	snprintf(header.size, sizeof header.size, "%011llo", (unsigned long long)member->size);
	snprintf(header.mtime, sizeof header.mtime, "%011llo",
		 (unsigned long long)(mtime & SIZE_MAX_OCTAL));
	memcpy(header.magic, "ustar", 6);
	memset(header.checksum, ' ', sizeof header.checksum);
	for (size_t i = 0; i < sizeof header; i++)
		sum += bytes[i];
	snprintf(header.checksum, sizeof header.checksum, "%06o", sum);
	put(tar, &header, sizeof header);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts all of it, itself included. */
static char *
pax_record(const char *key, const char *value, size_t *len)
{
	size_t rest = strlen(key) + strlen(value) + 3, total = rest;
	char *record;

	for (int digits = 1; digits < 10; digits++) {
		int needed = snprintf(NULL, 0, "%zu", rest + (size_t)digits);

		if (needed == digits) {
			total = rest + (size_t)digits;
			break;
		}
	}
	if (asprintf(&record, "%zu %s=%s\n", total, key, value) < 0)
		abort();
	*len = total;
	return record;
}

static void
put_pax(struct tar *tar, const char *key, const char *value)
{
	size_t len;
	char *record = pax_record(key, value, &len);
	struct member extended = { .type = 'x', .size = len };

	put_header(tar, &extended, "pax");
	put(tar, record, len);
	put_padding(tar, len);
	free(record);
}

/* A header, with extended ones before it for long names. */
static void
put_member(struct tar *tar, const struct member *member)
{
	if (member->size > SIZE_MAX_OCTAL) {
		tool_error("%s is too large for the RAM disk", member->path);
		tar->has_failed = true;
		return;
	}
	if (strlen(member->path) > sizeof((struct ustar_header *)0)->name)
		put_pax(tar, "path", member->path);
	if (member->link && strlen(member->link) > sizeof((struct ustar_header *)0)->link)
		put_pax(tar, "linkpath", member->link);
	put_header(tar, member, member->path);
}

void
tar_add_bytes(struct tar *tar, const char *path, const void *bytes, size_t len, time_t mtime)
{
	put_member(tar, &(struct member){ .path = path, .type = '0', .size = len, .mtime = mtime });
	put(tar, bytes, len);
	put_padding(tar, len);
}

/* Copies exactly `size` bytes of `file`; a file that shrank meanwhile is filled up. */
static void
copy_contents(struct tar *tar, int file, uint64_t size, const char *name)
{
	static char buffer[1 << 16];
	uint64_t left = size;

	while (left && !tar->has_failed) {
		size_t want = left < sizeof buffer ? (size_t)left : sizeof buffer;
		ssize_t got = read(file, buffer, want);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			tool_error("reading %s: %s", name, strerror(errno));
			tar->has_failed = true;
			return;
		}
		if (got == 0) {
			memset(buffer, 0, want);
			got = (ssize_t)want;
		}
		put(tar, buffer, (size_t)got);
		left -= (uint64_t)got;
	}
	put_padding(tar, size);
}

void
tar_add_file(struct tar *tar, const char *path, const char *source)
{
	struct stat stat;
	int file = open(source, O_RDONLY | O_CLOEXEC);

	if (file < 0 || fstat(file, &stat)) {
		tool_error("cannot read %s: %s", source, strerror(errno));
		tar->has_failed = true;
	} else if (!S_ISREG(stat.st_mode)) {
		tool_error("%s is not a file", source);
		tar->has_failed = true;
	} else {
		put_member(tar, &(struct member){ .path = path,
						  .type = '0',
						  .size = (uint64_t)stat.st_size,
						  .mtime = stat.st_mtime });
		copy_contents(tar, file, (uint64_t)stat.st_size, source);
	}
	if (file >= 0)
		close(file);
}

void
tar_add_rest(struct tar *tar, const char *path, int file, uint64_t size)
{
	put_member(tar, &(struct member){
				.path = path, .type = '0', .size = size, .mtime = time(NULL) });
	copy_contents(tar, file, size, path);
}

static void
add_symlink(struct tar *tar, const char *path, const char *source, time_t mtime)
{
	static char target[PATH_MAX];
	ssize_t len = readlink(source, target, sizeof target - 1);

	if (len < 0)
		return;
	target[len] = 0;
	put_member(tar,
		   &(struct member){ .path = path, .link = target, .type = '2', .mtime = mtime });
}

/* Adds whatever `source` is. */
static void
add_any(struct tar *tar, const char *path, const char *source)
{
	struct stat stat;

	if (lstat(source, &stat)) {
		tool_error("cannot read %s: %s", source, strerror(errno));
		tar->has_failed = true;
		return;
	}
	if (S_ISDIR(stat.st_mode))
		tar_add_tree(tar, path, source);
	else if (S_ISLNK(stat.st_mode))
		add_symlink(tar, path, source, stat.st_mtime);
	else if (S_ISREG(stat.st_mode))
		tar_add_file(tar, path, source);
}

void
tar_add_tree(struct tar *tar, const char *path, const char *source)
{
	struct dirent **entries;
	struct stat stat;
	int count = scandir(source, &entries, NULL, alphasort);

	if (count < 0 || lstat(source, &stat)) {
		tool_error("cannot list %s: %s", source, strerror(errno));
		tar->has_failed = true;
		return;
	}
	if (*path)
		put_member(tar,
			   &(struct member){ .path = path, .type = '5', .mtime = stat.st_mtime });
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		char *below, *from;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !tar->has_failed) {
			if (asprintf(&below, "%s%s%s", path, *path ? "/" : "", name) < 0 ||
			    asprintf(&from, "%s/%s", source, name) < 0)
				abort();
			add_any(tar, below, from);
			free(below);
			free(from);
		}
		free(entries[i]);
	}
	free(entries);
}

void
tar_add_archive(struct tar *tar, const char *source)
{
	struct stat stat;
	int file = open(source, O_RDONLY | O_CLOEXEC);

	if (file < 0 || fstat(file, &stat) || stat.st_size < 2 * (off_t)USTAR_BLOCK_BYTES) {
		tool_error("cannot read %s: %s; type: make ramdisk", source,
			   file < 0 ? strerror(errno) : "not an archive");
		tar->has_failed = true;
	} else {
		/* tar_finish ends an archive with two zero blocks. */
		copy_contents(tar, file, (uint64_t)stat.st_size - 2 * USTAR_BLOCK_BYTES, source);
	}
	if (file >= 0)
		close(file);
}

bool
tar_finish(struct tar *tar)
{
	static const char zero[2 * USTAR_BLOCK_BYTES];

	put(tar, zero, sizeof zero);
	return !tar->has_failed;
}

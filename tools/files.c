/* Memory and files for subcommands that work on modules. */
#include "tools/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *
chunk_get(void *context, size_t size)
{
	void *chunk = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)context;
	return chunk == MAP_FAILED ? NULL : chunk;
}

static void
chunk_put(void *context, void *chunk, size_t size)
{
	(void)context;
	munmap(chunk, size);
}

const struct arena_source tool_memory = { .chunk_get = chunk_get, .chunk_put = chunk_put };

const uint8_t *
tool_map_file(const char *path, size_t *len)
{
	struct stat stat;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	void *bytes = MAP_FAILED;

	if (file >= 0 && fstat(file, &stat) == 0 && S_ISDIR(stat.st_mode)) {
		errno = EISDIR;
	} else if (file >= 0 && fstat(file, &stat) == 0) {
		*len = (size_t)stat.st_size;
		bytes = mmap(NULL, *len ? *len : 1, PROT_READ, MAP_PRIVATE, file, 0);
	}
	if (bytes == MAP_FAILED)
		tool_error("cannot read %s: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
	return bytes == MAP_FAILED ? NULL : bytes;
}

bool
tool_write_file(const char *path, const uint8_t *bytes, size_t len)
{
	bool is_replaced = tool_may_replace(path);
	char *temporary;
	FILE *out;
	bool is_written;

	if (asprintf(&temporary, is_replaced ? "%s.part" : "%s", path) < 0)
		abort();
	out = fopen(temporary, "wb");
	is_written = out && fwrite(bytes, 1, len, out) == len;
	is_written = out && fclose(out) == 0 && is_written;
	is_written = is_written && (!is_replaced || rename(temporary, path) == 0);
	if (!is_written) {
		tool_error("cannot write %s: %s", path, strerror(errno));
		if (is_replaced)
			unlink(temporary);
	}
	free(temporary);
	return is_written;
}

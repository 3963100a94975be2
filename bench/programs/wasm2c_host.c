/*
 * The host of a program that wasm2c translated to C: the few calls of WASI preview 1 that the
 * benchmark programs make, and main(). MODULE_HEADER is the translation's header; IMPORT, EXPORT
 * and the other names say how this version of wasm2c spells things (see engines.py).
 */
#include MODULE_HEADER

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WASI_BADF = 8, WASI_SPIPE = 70, FILE_TYPE_CHARACTERS = 2, IOVEC_SIZE = 8 };

struct HOST_INSTANCE {
	int argc;
	char **argv;
};

static struct HOST_INSTANCE host;
static MODULE_INSTANCE instance;

static uint8_t *
at(u32 address)
{
	return EXPORT(memory)(&instance)->data + address;
}

static void
put32(u32 address, u32 value)
{
	memcpy(at(address), &value, sizeof value);
}

u32
IMPORT(args_sizes_get)(struct HOST_INSTANCE *self, u32 count, u32 size)
{
	u32 bytes = 0;

	for (int i = 0; i < self->argc; i++)
		bytes += (u32)strlen(self->argv[i]) + 1;
	put32(count, (u32)self->argc);
	put32(size, bytes);
	return 0;
}

u32
IMPORT(args_get)(struct HOST_INSTANCE *self, u32 pointers, u32 text)
{
	for (int i = 0; i < self->argc; i++) {
		u32 len = (u32)strlen(self->argv[i]) + 1;
		put32(pointers + 4 * (u32)i, text);
		memcpy(at(text), self->argv[i], len);
		text += len;
	}
	return 0;
}

u32
IMPORT(environ_sizes_get)(struct HOST_INSTANCE *self, u32 count, u32 size)
{
	(void)self;
	put32(count, 0);
	put32(size, 0);
	return 0;
}

u32
IMPORT(environ_get)(struct HOST_INSTANCE *self, u32 pointers, u32 text)
{
	(void)self, (void)pointers, (void)text;
	return 0;
}

u32
IMPORT(clock_time_get)(struct HOST_INSTANCE *self, u32 id, u64 precision, u32 result)
{
	struct timespec now;

	(void)self, (void)precision;
	clock_gettime(id ? CLOCK_MONOTONIC : CLOCK_REALTIME, &now);
	u64 value = (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
	memcpy(at(result), &value, sizeof value);
	return 0;
}

u32
IMPORT(fd_write)(struct HOST_INSTANCE *self, u32 file, u32 vectors, u32 count, u32 result)
{
	u32 total = 0;

	(void)self;
	if (file != STDOUT_FILENO && file != STDERR_FILENO)
		return WASI_BADF;
	for (u32 i = 0; i < count; i++) {
		u32 vector[2];
		memcpy(vector, at(vectors + i * IOVEC_SIZE), sizeof vector);
		if (write((int)file, at(vector[0]), vector[1]) != (ssize_t)vector[1])
			return WASI_BADF;
		total += vector[1];
	}
	put32(result, total);
	return 0;
}

u32
IMPORT(fd_fdstat_get)(struct HOST_INSTANCE *self, u32 file, u32 result)
{
	(void)self;
	if (file > STDERR_FILENO)
		return WASI_BADF;
	memset(at(result), 0, 24);
	*at(result) = FILE_TYPE_CHARACTERS;
	memset(at(result + 8), 0xff, 16);
	return 0;
}

void
IMPORT(proc_exit)(struct HOST_INSTANCE *self, u32 status)
{
	(void)self;
	_exit((int)status);
}

u32
IMPORT(random_get)(struct HOST_INSTANCE *self, u32 address, u32 len)
{
	(void)self;
	memset(at(address), 7, len);
	return 0;
}

u32
IMPORT(sched_yield)(struct HOST_INSTANCE *self)
{
	(void)self;
	return 0;
}

/* The programs use no files: whatever a library asks of one is refused. */
#define REFUSE(name, ...)                                          \
	u32 IMPORT(name)(struct HOST_INSTANCE * self, __VA_ARGS__) \
	{                                                          \
		(void)self;                                        \
		return WASI_BADF;                                  \
	}
REFUSE(fd_close, u32 a)
REFUSE(fd_seek, u32 a, u64 b, u32 c, u32 d)
REFUSE(fd_tell, u32 a, u32 b)
REFUSE(fd_read, u32 a, u32 b, u32 c, u32 d)
REFUSE(fd_pread, u32 a, u32 b, u32 c, u64 d, u32 e)
REFUSE(fd_pwrite, u32 a, u32 b, u32 c, u64 d, u32 e)
REFUSE(fd_sync, u32 a)
REFUSE(fd_datasync, u32 a)
REFUSE(fd_advise, u32 a, u64 b, u64 c, u32 d)
REFUSE(fd_allocate, u32 a, u64 b, u64 c)
REFUSE(fd_renumber, u32 a, u32 b)
REFUSE(fd_fdstat_set_flags, u32 a, u32 b)
REFUSE(fd_filestat_get, u32 a, u32 b)
REFUSE(fd_filestat_set_size, u32 a, u64 b)
REFUSE(fd_filestat_set_times, u32 a, u64 b, u64 c, u32 d)
REFUSE(fd_prestat_get, u32 a, u32 b)
REFUSE(fd_prestat_dir_name, u32 a, u32 b, u32 c)
REFUSE(fd_readdir, u32 a, u32 b, u32 c, u64 d, u32 e)
REFUSE(path_create_directory, u32 a, u32 b, u32 c)
REFUSE(path_filestat_get, u32 a, u32 b, u32 c, u32 d, u32 e)
REFUSE(path_filestat_set_times, u32 a, u32 b, u32 c, u32 d, u64 e, u64 f, u32 g)
REFUSE(path_link, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f, u32 g)
REFUSE(path_open, u32 a, u32 b, u32 c, u32 d, u32 e, u64 f, u64 g, u32 h, u32 i)
REFUSE(path_readlink, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
REFUSE(path_remove_directory, u32 a, u32 b, u32 c)
REFUSE(path_rename, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f)
REFUSE(path_symlink, u32 a, u32 b, u32 c, u32 d, u32 e)
REFUSE(path_unlink_file, u32 a, u32 b, u32 c)
REFUSE(poll_oneoff, u32 a, u32 b, u32 c, u32 d)
REFUSE(clock_res_get, u32 a, u32 b)

int
main(int argc, char **argv)
{
	host = (struct HOST_INSTANCE){ argc, argv };
	wasm_rt_init();
	INIT_MODULE();
	INSTANTIATE(&instance, &host);
	EXPORT(_start)(&instance);
	return 0;
}

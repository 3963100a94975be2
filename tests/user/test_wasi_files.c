/*
 * The WASI personality's files over a fake kernel: arguments, paths, reading,
 * status, listing, rights, and what a read-only file system refuses.
 */
#include "tests/user/wasi_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
reads_arguments_and_environment(void **state)
{
	(void)state;
	assert_int_equal(wasi_args_sizes_get(OUT, OUT2), 0);
	assert_int_equal(get_u32(OUT), 2);
	assert_int_equal(get_u32(OUT2), 5 + 1 + 7 + 1);
	assert_int_equal(wasi_args_get(OUT, BUF), 0);
	assert_int_equal(get_u32(OUT), BUF);
	assert_int_equal(get_u32(OUT + 4), BUF + 6);
	assert_memory_equal(fake.client + BUF, "hello\0an arg\xff", 14);
	assert_int_equal(wasi_environ_sizes_get(OUT, OUT2), 0);
	assert_int_equal(get_u32(OUT), 1);
	assert_int_equal(wasi_environ_get(OUT, BUF), 0);
	assert_string_equal((char *)fake.client + BUF, "A=b c");
	assert_int_equal(wasi_args_get(OUT, BAD_ADDRESS), WASI_FAULT);
	assert_int_equal(wasi_args_sizes_get(BAD_ADDRESS, OUT), WASI_FAULT);
}

static void
names_preopened_directories(void **state)
{
	(void)state;
	assert_int_equal(wasi_fd_prestat_get(ROOT, OUT), 0);
	assert_int_equal(get_u32(OUT), WASI_PREOPEN_DIRECTORY);
	assert_int_equal(get_u32(OUT + 4), 1);
	assert_int_equal(wasi_fd_prestat_dir_name(DATA, BUF, 64), 0);
	assert_memory_equal(fake.client + BUF, "/data", 5);
	assert_int_equal(wasi_fd_prestat_dir_name(DATA, BUF, 4), WASI_NAMETOOLONG);
	assert_int_equal(wasi_fd_prestat_get(5, OUT), WASI_BADF);
	assert_int_equal(wasi_fd_prestat_get(0, OUT), WASI_BADF);
}

static void
reads_files(void **state)
{
	uint32_t fd = open_file(ROOT, "data/hello.txt");

	(void)state;
	put_iovec(0, BUF, 5);
	put_iovec(1, BUF + 100, 0);
	put_iovec(2, BUF + 200, 100);
	assert_int_equal(wasi_fd_read(fd, IOV, 3, OUT), 0);
	assert_int_equal(get_u32(OUT), 12);
	assert_memory_equal(fake.client + BUF, "hello", 5);
	assert_memory_equal(fake.client + BUF + 200, " there\n", 7);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);

	assert_int_equal(wasi_fd_seek(fd, -6, WASI_WHENCE_END, OUT), 0);
	assert_int_equal(get_u64(OUT), 6);
	assert_int_equal(wasi_fd_seek(fd, 1, WASI_WHENCE_CUR, OUT), 0);
	assert_int_equal(wasi_fd_tell(fd, OUT), 0);
	assert_int_equal(get_u64(OUT), 7);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), 0);
	assert_memory_equal(fake.client + BUF, "here\n", 5);
	assert_int_equal(wasi_fd_pread(fd, IOV, 1, 1, OUT), 0);
	assert_memory_equal(fake.client + BUF, "ello ", 5);
	assert_int_equal(wasi_fd_pread(fd, IOV, 1, UINT64_MAX, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);

	assert_int_equal(wasi_fd_seek(fd, -1, WASI_WHENCE_SET, OUT), WASI_INVAL);
	assert_int_equal(wasi_fd_seek(fd, 0, 3, OUT), WASI_INVAL);
	assert_int_equal(wasi_fd_seek(fd, INT64_MAX, WASI_WHENCE_SET, OUT), 0);
	assert_int_equal(wasi_fd_seek(fd, 1, WASI_WHENCE_CUR, OUT), WASI_OVERFLOW);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);
	/* preview 0 numbers SET 2, CUR 0 */
	assert_int_equal(wasi_unstable_fd_seek(fd, 3, 2, OUT), 0);
	assert_int_equal(wasi_unstable_fd_seek(fd, 1, 0, OUT), 0);
	assert_int_equal(get_u64(OUT), 4);
	assert_int_equal(wasi_unstable_fd_seek(fd, -1, 1, OUT), 0);
	assert_int_equal(get_u64(OUT), 11);

	assert_int_equal(wasi_fd_write(fd, IOV, 1, OUT), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_pwrite(fd, IOV, 1, 0, OUT), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_allocate(fd, 0, 1), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_filestat_set_size(fd, 0), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_filestat_set_times(fd, 0, 0, 0), WASI_ROFS);
	assert_int_equal(wasi_fd_sync(fd), 0);
	assert_int_equal(wasi_fd_datasync(fd), 0);
	assert_int_equal(wasi_fd_advise(fd, 0, 10, 5), 0);
	assert_int_equal(wasi_fd_advise(fd, 0, 10, 6), WASI_INVAL);
	assert_int_equal(wasi_fd_close(fd), 0);
	assert_int_equal(wasi_fd_close(fd), WASI_BADF);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), WASI_BADF);
}

static void
bad_addresses_fail_and_change_nothing(void **state)
{
	uint32_t fd = open_file(ROOT, "data/hello.txt");

	(void)state;
	put_iovec(0, BAD_ADDRESS, 5);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), WASI_FAULT);
	assert_int_equal(wasi_fd_read(fd, BAD_ADDRESS, 1, OUT), WASI_FAULT);
	assert_int_equal(wasi_fd_tell(fd, OUT), 0);
	assert_int_equal(get_u64(OUT), 0);
	/* what was read before the bad part counts */
	put_iovec(0, BUF, 2);
	put_iovec(1, BAD_ADDRESS, 5);
	assert_int_equal(wasi_fd_read(fd, IOV, 2, OUT), 0);
	assert_int_equal(get_u32(OUT), 2);
	assert_int_equal(wasi_path_open(ROOT, 0, BAD_ADDRESS, 5, 0, 0, 0, 0, OUT), WASI_FAULT);
	assert_int_equal(wasi_fd_seek(fd, 0, WASI_WHENCE_SET, BAD_ADDRESS), WASI_FAULT);
	assert_int_equal(wasi_fd_tell(fd, OUT), 0);
	assert_int_equal(get_u64(OUT), 2);
	assert_int_equal(wasi_fd_close(fd), 0);
}

static void
paths_stay_below_their_directory(void **state)
{
	(void)state;
	assert_int_equal(open_error("data/../data/./hello.txt", 0, 0), 0);
	assert_int_equal(open_error("data//sub///deep.txt", 0, 0), 0);
	assert_int_equal(open_error("..", 0, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_error("data/../../secret", 0, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_error("/data/hello.txt", 0, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_error("data/out", 1, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_error("data/absolute", 1, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_error("data/up/hello.txt", 0, 0), WASI_NOENT);
	assert_int_equal(open_error("data/up/data/hello.txt", 0, 0), 0);
	/* what is fine below / is a way out of /data */
	assert_int_equal(open_with(DATA, "up", 1, 0, 0), WASI_NOTCAPABLE);
	assert_int_equal(open_with(DATA, "../data/hello.txt", 1, 0, 0), WASI_NOTCAPABLE);
}

static void
lookup_has_its_errnos(void **state)
{
	static char long_path[5000];

	(void)state;
	assert_int_equal(open_error("missing", 0, 0), WASI_NOENT);
	assert_int_equal(open_error("missing/x", 0, 0), WASI_NOENT);
	assert_int_equal(open_error("data/hello.txt/x", 0, 0), WASI_NOTDIR);
	assert_int_equal(open_error("data/hello.txt/", 0, 0), WASI_NOTDIR);
	assert_int_equal(open_error("data/", 0, 0), 0);
	assert_int_equal(open_error("", 0, 0), WASI_NOENT);
	assert_int_equal(open_error(".", 0, 0), 0);
	assert_int_equal(open_error("data/loop", 1, 0), WASI_LOOP);
	assert_int_equal(open_error("data/link", 0, 0), WASI_LOOP);
	assert_int_equal(open_error("data/link", 0, WASI_OFLAG_DIRECTORY), WASI_LOOP);
	assert_int_equal(open_error("data/link", 1, 0), 0);
	assert_int_equal(open_error("data/link", 1, WASI_OFLAG_DIRECTORY), WASI_NOTDIR);
	assert_int_equal(open_error("data/sublink", 1, WASI_OFLAG_DIRECTORY), 0);
	assert_int_equal(open_error("data/sublink/deep.txt", 0, 0), 0);
	assert_int_equal(open_error("data/sublink/", 0, 0), 0);
	assert_int_equal(open_error("data/dangling", 1, 0), WASI_NOENT);
	assert_int_equal(open_error("data/hello.txt", 2, 0), WASI_INVAL);
	assert_int_equal(open_error("data/hello.txt", 0, 16), WASI_INVAL);
	memset(long_path, 'x', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = 0;
	assert_int_equal(open_error(long_path, 0, 0), WASI_NAMETOOLONG);
	memcpy(fake.client + PATH, "data/hel\0o", 10);
	assert_int_equal(wasi_path_open(ROOT, 0, PATH, 10, 0, 0, 0, 0, OUT), WASI_INVAL);
	assert_int_equal(open_with(0, "x", 0, 0, 0), WASI_NOTDIR);
	assert_int_equal(open_with(77, "x", 0, 0, 0), WASI_BADF);
}

static void
opening_to_write_says_read_only(void **state)
{
	(void)state;
	assert_int_equal(open_error("new", 0, WASI_OFLAG_CREAT), WASI_ROFS);
	assert_int_equal(open_error("data/hello.txt", 0, WASI_OFLAG_CREAT), 0);
	assert_int_equal(open_error("data/hello.txt", 0, WASI_OFLAG_CREAT | WASI_OFLAG_EXCL),
			 WASI_EXIST);
	assert_int_equal(open_error("data/hello.txt", 0, WASI_OFLAG_TRUNC), WASI_ROFS);
	assert_int_equal(open_error("data", 0, WASI_OFLAG_TRUNC), WASI_ISDIR);
	assert_int_equal(open_with(ROOT, "data/hello.txt", 0, 0, WASI_RIGHT_FD_WRITE), WASI_ROFS);
	/* What Go asks for to read a file. */
	assert_int_equal(open_with(ROOT, "data/hello.txt", 0, 0,
				   WASI_RIGHT_FD_READ | WASI_RIGHT_FD_ALLOCATE |
					   WASI_RIGHT_FD_FILESTAT_SET_SIZE),
			 WASI_SUCCESS);
	assert_int_equal(wasi_fd_filestat_set_size(get_u32(OUT), 0), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_close(get_u32(OUT)), WASI_SUCCESS);
	assert_int_equal(open_with(ROOT, "data", 0, WASI_OFLAG_DIRECTORY, WASI_RIGHT_FD_WRITE),
			 WASI_ISDIR);
	assert_int_equal(open_with(ROOT, "data", 0, 0, WASI_RIGHT_SOCK_SHUTDOWN), WASI_NOTCAPABLE);
}

static uint32_t
change(uint32_t (*call)(uint32_t, uint32_t, uint32_t), const char *path)
{
	return call(ROOT, PATH, put_text(PATH, path));
}

static void
changes_fail_as_posix_has_it(void **state)
{
	uint32_t len, len2;

	(void)state;
	assert_int_equal(change(wasi_path_create_directory, "data"), WASI_EXIST);
	assert_int_equal(change(wasi_path_create_directory, "new"), WASI_ROFS);
	assert_int_equal(change(wasi_path_create_directory, "no/new"), WASI_NOENT);
	assert_int_equal(change(wasi_path_remove_directory, "data"), WASI_ROFS);
	assert_int_equal(change(wasi_path_remove_directory, "data/hello.txt"), WASI_NOTDIR);
	assert_int_equal(change(wasi_path_remove_directory, "no"), WASI_NOENT);
	assert_int_equal(change(wasi_path_unlink_file, "data/hello.txt"), WASI_ROFS);
	assert_int_equal(change(wasi_path_unlink_file, "data"), WASI_ISDIR);
	assert_int_equal(change(wasi_path_unlink_file, "no"), WASI_NOENT);
	len = put_text(PATH, "data/hello.txt");
	len2 = put_text(PATH2, "new");
	assert_int_equal(wasi_path_rename(ROOT, PATH, len, ROOT, PATH2, len2), WASI_ROFS);
	assert_int_equal(wasi_path_rename(ROOT, PATH2, len2, ROOT, PATH, len), WASI_NOENT);
	assert_int_equal(wasi_path_link(ROOT, 0, PATH, len, ROOT, PATH2, len2), WASI_ROFS);
	assert_int_equal(wasi_path_link(ROOT, 0, PATH, len, ROOT, PATH, len), WASI_EXIST);
	assert_int_equal(wasi_path_link(ROOT, 0, PATH2, len2, ROOT, PATH, len), WASI_NOENT);
	assert_int_equal(wasi_path_symlink(PATH, len, ROOT, PATH2, len2), WASI_ROFS);
	assert_int_equal(wasi_path_symlink(PATH2, len2, ROOT, PATH, len), WASI_EXIST);
	assert_int_equal(wasi_path_filestat_set_times(ROOT, 0, PATH, len, 0, 0, 0), WASI_ROFS);
	assert_int_equal(wasi_path_filestat_set_times(ROOT, 0, PATH, len, 0, 0,
						      WASI_FSTFLAG_MTIM | WASI_FSTFLAG_MTIM_NOW),
			 WASI_INVAL);
	assert_int_equal(wasi_path_filestat_set_times(ROOT, 0, PATH2, len2, 0, 0, 0), WASI_NOENT);
	assert_int_equal(wasi_fd_filestat_set_size(ROOT, 0), WASI_ISDIR);
}

static void
tells_file_status(void **state)
{
	struct wasi_filestat stat;
	struct wasi_unstable_filestat old;
	uint32_t fd = open_file(ROOT, "data/hello.txt");
	uint32_t len = put_text(PATH, "data/link");

	(void)state;
	assert_int_equal(wasi_fd_filestat_get(fd, OUT), 0);
	memcpy(&stat, fake.client + OUT, sizeof stat);
	assert_int_equal(stat.filetype, WASI_FILETYPE_REGULAR_FILE);
	assert_int_equal(stat.size, 12);
	assert_int_equal(stat.nlink, 1);
	assert_int_equal(stat.mtim_ns, 1234567 * UINT64_C(1000000000));
	assert_int_equal(wasi_path_filestat_get(ROOT, 1, PATH, len, OUT2), 0);
	assert_memory_equal(fake.client + OUT2, fake.client + OUT, sizeof stat);
	assert_int_equal(wasi_path_filestat_get(ROOT, 0, PATH, len, OUT2), 0);
	memcpy(&stat, fake.client + OUT2, sizeof stat);
	assert_int_equal(stat.filetype, WASI_FILETYPE_SYMBOLIC_LINK);
	assert_int_equal(stat.size, 9);
	assert_int_equal(wasi_unstable_path_filestat_get(ROOT, 1, PATH, len, OUT2), 0);
	memcpy(&old, fake.client + OUT2, sizeof old);
	assert_int_equal(old.size, 12);
	assert_int_equal(old.nlink, 1);
	assert_int_equal(wasi_unstable_fd_filestat_get(1, OUT2), 0);
	memcpy(&old, fake.client + OUT2, sizeof old);
	assert_int_equal(old.filetype, WASI_FILETYPE_CHARACTER_DEVICE);
	assert_int_equal(wasi_fd_filestat_get(0, OUT2), 0);
	memcpy(&stat, fake.client + OUT2, sizeof stat);
	assert_int_equal(stat.filetype, WASI_FILETYPE_UNKNOWN);
	assert_int_equal(wasi_path_filestat_get(ROOT, 0, PATH, put_text(PATH, "no"), OUT),
			 WASI_NOENT);
	assert_int_equal(wasi_fd_close(fd), 0);
}

static void
reads_links(void **state)
{
	uint32_t len = put_text(PATH, "data/link");

	(void)state;
	memset(fake.client + BUF, '#', 32);
	assert_int_equal(wasi_path_readlink(ROOT, PATH, len, BUF, 32, OUT), 0);
	assert_int_equal(get_u32(OUT), 9);
	assert_memory_equal(fake.client + BUF, "hello.txt#", 10);
	assert_int_equal(wasi_path_readlink(ROOT, PATH, len, BUF + 100, 4, OUT), 0);
	assert_int_equal(get_u32(OUT), 4);
	len = put_text(PATH, "data/hello.txt");
	assert_int_equal(wasi_path_readlink(ROOT, PATH, len, BUF, 32, OUT), WASI_INVAL);
}

/* Lists with a buffer of `len` bytes; counts the entries. */
static uint32_t
list(uint32_t fd, uint32_t len, char names[][32], uint32_t cap)
{
	struct wasi_dirent dirent;
	uint64_t cookie = 0;
	uint32_t count = 0, used, at;

	for (;;) {
		assert_int_equal(wasi_fd_readdir(fd, BUF, len, cookie, OUT), 0);
		used = get_u32(OUT);
		assert_in_range(used, 0, len);
		for (at = 0; used - at >= sizeof dirent;
		     at += (uint32_t)sizeof dirent + dirent.name_len) {
			memcpy(&dirent, fake.client + BUF + at, sizeof dirent);
			if (used - at - sizeof dirent < dirent.name_len)
				break;
			assert_in_range(count, 0, cap - 1);
			snprintf(names[count++], 32, "%.*s", (int)dirent.name_len,
				 (char *)fake.client + BUF + at + sizeof dirent);
			cookie = dirent.next;
		}
		if (used < len)
			return count;
	}
}

static void
lists_directories(void **state)
{
	static const char *const expected[] = { ".",	"..",	    "hello.txt", "sub",
						"link", "sublink",  "dangling",	 "loop",
						"out",	"absolute", "up" };
	char names[32][32];
	uint32_t fd = open_file(ROOT, "data");

	(void)state;
	for (uint32_t len = 40; len < 600; len += 7) {
		assert_int_equal(list(fd, len, names, 32), 11);
		for (int i = 0; i < 11; i++)
			assert_string_equal(names[i], expected[i]);
	}
	/* from the end and beyond it */
	assert_int_equal(wasi_fd_readdir(fd, BUF, 100, 11, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);
	assert_int_equal(wasi_fd_readdir(fd, BUF, 100, UINT64_MAX, OUT), 0);
	assert_int_equal(get_u32(OUT), 0);
	assert_int_equal(wasi_fd_readdir(fd, BAD_ADDRESS, 100, 0, OUT), WASI_FAULT);
	assert_int_equal(wasi_fd_readdir(fd, UINT32_MAX, 100, 0, OUT), WASI_FAULT);
	assert_int_equal(wasi_fd_readdir(1, BUF, 100, 0, OUT), WASI_NOTDIR);
	put_iovec(0, BUF, 5);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), WASI_ISDIR);
	assert_int_equal(wasi_fd_write(fd, IOV, 1, OUT), WASI_ISDIR);
	assert_int_equal(wasi_fd_seek(fd, 0, WASI_WHENCE_CUR, OUT), WASI_ISDIR);
	assert_int_equal(wasi_fd_tell(fd, OUT), WASI_ISDIR);
	assert_int_equal(wasi_fd_close(fd), 0);
}

static void
rights_only_shrink(void **state)
{
	struct wasi_fdstat stat;
	uint32_t fd = open_file(ROOT, "data/hello.txt");
	uint32_t dir;

	(void)state;
	assert_int_equal(wasi_fd_fdstat_get(fd, OUT), 0);
	memcpy(&stat, fake.client + OUT, sizeof stat);
	assert_int_equal(stat.filetype, WASI_FILETYPE_REGULAR_FILE);
	assert_int_equal(stat.rights, RIGHTS_FILE);
	assert_int_equal(wasi_fd_fdstat_set_rights(fd, stat.rights & ~WASI_RIGHT_FD_READ, 0), 0);
	put_iovec(0, BUF, 5);
	assert_int_equal(wasi_fd_read(fd, IOV, 1, OUT), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_fdstat_set_rights(fd, stat.rights, 0), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_close(fd), 0);

	assert_int_equal(wasi_path_open(ROOT, 0, PATH, put_text(PATH, "data"), 0, RIGHTS_DIRECTORY,
					WASI_RIGHT_FD_READ, 0, OUT),
			 0);
	dir = get_u32(OUT);
	assert_int_equal(open_with(dir, "hello.txt", 0, 0, READ_RIGHTS), WASI_NOTCAPABLE);
	assert_int_equal(open_with(dir, "hello.txt", 0, 0, WASI_RIGHT_FD_READ), 0);
	assert_int_equal(wasi_fd_close(get_u32(OUT)), 0);
	assert_int_equal(wasi_fd_fdstat_set_rights(dir, WASI_RIGHT_FD_READDIR, 0), 0);
	assert_int_equal(open_with(dir, "hello.txt", 0, 0, 0), WASI_NOTCAPABLE);
	assert_int_equal(wasi_fd_close(dir), 0);
}

static void
renumbers(void **state)
{
	uint32_t a = open_file(ROOT, "data/hello.txt"), b = open_file(ROOT, "data/sub/deep.txt");

	(void)state;
	put_iovec(0, BUF, 4);
	assert_int_equal(wasi_fd_read(a, IOV, 1, OUT), 0);
	assert_int_equal(wasi_fd_renumber(a, b), 0);
	assert_int_equal(wasi_fd_close(a), WASI_BADF);
	assert_int_equal(wasi_fd_tell(b, OUT), 0);
	assert_int_equal(get_u64(OUT), 4);
	assert_int_equal(wasi_fd_renumber(b, a), WASI_BADF);
	assert_int_equal(wasi_fd_renumber(b, b), 0);
	assert_int_equal(wasi_fd_close(b), 0);
}

static void
runs_out_of_descriptors(void **state)
{
	uint32_t opened = 0, error;

	(void)state;
	while (!(error = open_with(ROOT, "data", 0, 0, 0)))
		opened++;
	assert_int_equal(error, WASI_MFILE);
	assert_int_equal(opened, FD_MAX - 5);
	for (uint32_t fd = 5; fd < FD_MAX; fd++)
		assert_int_equal(wasi_fd_close(fd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_arguments_and_environment),
		cmocka_unit_test(names_preopened_directories),
		cmocka_unit_test(reads_files),
		cmocka_unit_test(bad_addresses_fail_and_change_nothing),
		cmocka_unit_test(paths_stay_below_their_directory),
		cmocka_unit_test(lookup_has_its_errnos),
		cmocka_unit_test(opening_to_write_says_read_only),
		cmocka_unit_test(changes_fail_as_posix_has_it),
		cmocka_unit_test(tells_file_status),
		cmocka_unit_test(reads_links),
		cmocka_unit_test(lists_directories),
		cmocka_unit_test(rights_only_shrink),
		cmocka_unit_test(renumbers),
		cmocka_unit_test(runs_out_of_descriptors),
	};

	return cmocka_run_group_tests(tests, wasi_setup, wasi_teardown);
}

/* A process for the WASI tests; see wasi_fixture.h. */
#include "tests/user/wasi_fixture.h"

#include "user/libs/launch/records.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

uint32_t
get_u32(uint32_t address)
{
	uint32_t value;

	memcpy(&value, fake.client + address, sizeof value);
	return value;
}

uint64_t
get_u64(uint32_t address)
{
	uint64_t value;

	memcpy(&value, fake.client + address, sizeof value);
	return value;
}

uint32_t
put_text(uint32_t address, const char *text)
{
	memcpy(fake.client + address, text, strlen(text));
	return (uint32_t)strlen(text);
}

void
put_iovec(uint32_t index, uint32_t address, uint32_t len)
{
	struct wasi_iovec part = { address, len };

	memcpy(fake.client + IOV + index * sizeof part, &part, sizeof part);
}

uint32_t
open_with(uint32_t directory, const char *path, uint32_t lookup, uint32_t oflags, uint64_t rights)
{
	return wasi_path_open(directory, lookup, PATH, put_text(PATH, path), oflags, rights,
			      RIGHTS_INHERITED, 0, OUT);
}

uint32_t
open_file(uint32_t directory, const char *path)
{
	assert_int_equal(open_with(directory, path, 1, 0, RIGHTS_FILE | RIGHTS_DIRECTORY), 0);
	return get_u32(OUT);
}

uint32_t
open_error(const char *path, uint32_t lookup, uint32_t oflags)
{
	uint32_t error = open_with(ROOT, path, lookup, oflags, READ_RIGHTS);

	if (!error)
		assert_int_equal(wasi_fd_close(get_u32(OUT)), 0);
	return error;
}

int
wasi_setup(void **state)
{
	static const char root[] = "/\0root", data[] = "/data\0root/data";
	static const uint8_t terminals[] = { 1 };

	(void)state;
	image_member(&fake.disk, '0', "secret", NULL, "not for you");
	image_member(&fake.disk, '5', "root/", NULL, NULL);
	image_member(&fake.disk, '0', "root/data/hello.txt", NULL, "hello there\n");
	image_member(&fake.disk, '0', "root/data/sub/deep.txt", NULL, "deep");
	image_member(&fake.disk, '2', "root/data/link", "hello.txt", NULL);
	image_member(&fake.disk, '2', "root/data/sublink", "./sub", NULL);
	image_member(&fake.disk, '2', "root/data/dangling", "nothing", NULL);
	image_member(&fake.disk, '2', "root/data/loop", "loop", NULL);
	image_member(&fake.disk, '2', "root/data/out", "../../secret", NULL);
	image_member(&fake.disk, '2', "root/data/absolute", "/secret", NULL);
	image_member(&fake.disk, '2', "root/data/up", "..", NULL);
	image_finish(&fake.disk);
	fake.monotonic_ns = 1000000;
	fake.realtime_ns = INT64_C(1700000000000000000);
	fake_startup_add(NB_STARTUP_ARGUMENT, "hello", 5);
	fake_startup_add(NB_STARTUP_VARIABLE, "A=b c", 5);
	fake_startup_add(NB_STARTUP_ARGUMENT, "an arg\xff", 7);
	fake_startup_add(NB_STARTUP_PREOPEN, root, sizeof root);
	fake_startup_add(NB_STARTUP_PREOPEN, data, sizeof data);
	fake_startup_add(STARTUP_TERMINAL, terminals, sizeof terminals);
	fake_startup_add_handle("stdin", FAKE_STREAM_HANDLE);
	fake_startup_add_handle("stdout", FAKE_STREAM_HANDLE + 1);
	fake_startup_add_handle("stderr", FAKE_STREAM_HANDLE + 2);
	fake_startup_add_handle("ramdisk", FAKE_DISK_HANDLE);
	wasi_initialize();
	return 0;
}

int
wasi_teardown(void **state)
{
	(void)state;
	free(fake.disk.bytes);
	return 0;
}

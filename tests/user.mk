# Native tests of user/: the sources under test are linked beside the test.
USER_TEST_CFLAGS := -Ibuild/gen/sdk -Wno-attributes
$(B)/tests/user/test_archive: tests/user/image.c user/libs/archive/archive.c \
	user/libs/archive/tree.c
$(B)/tests/user/test_terminal: user/libs/terminal/line.c user/libs/terminal/words.c \
	user/sdk/text.c
$(B)/tests/user/test_keep: user/servers/bus/keep.c
$(B)/tests/user/test_screen: user/drivers/keyboard/keys.c user/drivers/vga/screen.c \
	user/drivers/vga/glyphs.c
$(B)/tests/user/test_wasi_files $(B)/tests/user/test_wasi_io: tests/user/image.c \
	tests/user/fake_kernel.c tests/user/wasi_fixture.c $(wildcard user/personalities/wasi/*.c) user/libs/archive/archive.c \
	user/libs/archive/tree.c user/sdk/startup.c
$(B)/tests/user/%: HOSTED_CFLAGS += $(USER_TEST_CFLAGS)

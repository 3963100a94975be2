# Native tests of user/: the sources under test are linked beside the test.
$(B)/tests/user/test_archive: user/libs/archive/archive.c user/libs/archive/tree.c
$(B)/tests/user/test_terminal: user/libs/terminal/line.c user/libs/terminal/words.c \
	user/sdk/text.c

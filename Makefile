# Nebulet. `./dev help` is the friendly entry; this builds.
#
#   make [MODE=release|debug|asan] [CC=gcc|clang] tool | kernel | user | ramdisk | tests | check
#
# Everything built goes to build/<mode>/. Folders are picked up by wildcard.

MODE ?= release
CC ?= gcc
B := build/$(MODE)

WARN := -Wall -Wextra -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wswitch-enum \
	-Wvla -Wframe-larger-than=4096
OPT_release := -O2 -g
OPT_debug := -O1 -g -DNB_DEBUG=1
OPT_asan := -O1 -g -DNB_DEBUG=1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
CFLAGS_ALL := -std=gnu17 -I. -I$(B)/gen -Ibuild/gen $(WARN) $(OPT_$(MODE)) -MMD -MP -fno-strict-aliasing -ffunction-sections -fdata-sections $(EXTRA_CFLAGS)

# --- the engine and kernel core as a hosted library -------------------------
CORE_DIRS := lib wasm compiler compiler/ir compiler/pass compiler/x64 verifier runtime \
	kernel/object kernel/ipc kernel/sched kernel/mm kernel/code kernel/sys kernel/init arch/x86_64
HOSTED_DIRS := platform/hosted
CORE_SRC := $(sort $(foreach d,$(CORE_DIRS),$(wildcard $(d)/*.c) $(wildcard $(d)/*.S)))
HOSTED_SRC := $(sort $(foreach d,$(HOSTED_DIRS),$(wildcard $(d)/*.c) $(wildcard $(d)/*.S)))
# NAME.c gives NAME.o and NAME.S gives NAME.S.o, so both may exist.
obj = $(patsubst %.c,$(B)/$(1)/%.o,$(filter %.c,$(2))) $(patsubst %,$(B)/$(1)/%.o,$(filter %.S,$(2)))

HOSTED_OBJ := $(call obj,hosted,$(CORE_SRC) $(HOSTED_SRC))
HOSTED_CFLAGS := $(CFLAGS_ALL) -D_GNU_SOURCE
HOSTED_LIB := $(B)/libnebulet-hosted.a

$(B)/hosted/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) -c $< -o $@
$(B)/hosted/%.S.o: %.S
	@mkdir -p $(@D)
	$(CC) -I. -I$(B)/gen -Ibuild/gen -g -MMD -MP -c $< -o $@
$(HOSTED_LIB): $(HOSTED_OBJ)
	@rm -f $@
	ar rcs $@ $^

.PHONY: lib tests clean
lib: $(HOSTED_LIB)

# --- hosted unit tests: every tests/**/test_*.c is a cmocka program ----------
TEST_SRC := $(shell find tests -name 'test_*.c' 2>/dev/null | sort)
TEST_BIN := $(patsubst tests/%.c,$(B)/tests/%,$(TEST_SRC))
$(B)/tests/%: tests/%.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter %.c %.o,$^) -o $@ $(HOSTED_LIB) -lcmocka
tests: $(TEST_BIN)

clean:
	rm -rf build

# Folders with rules of their own bring them in NAME.mk beside their sources.
-include $(sort $(wildcard platform/*/*.mk user/*.mk tools/*.mk tests/*.mk scripts/*.mk abi/*.mk))
-include $(shell find $(B) -name '*.d' 2>/dev/null)

# What `./dev check` compiles with every compiler in every mode: all C of the
# project, as objects; linking would tell nothing more about warnings.
#   make CC=… MODE=… B=build/check/… EXTRA_CFLAGS=-Werror check-objects
#   make G=build/check/guests GUEST_CC='clang -Werror' check-guests
CHECK_TEST_SRC := $(shell find tests -name '*.c' -not -path 'tests/pc/*' \
	-not -path 'tests/kernel/guests/*' -not -path 'tests/user/programs/*' \
	-not -path 'tests/modules/inputs/*' \
	-not -name pc_main.c)
# Guest code that native tests link.
CHECK_USER_SRC := $(wildcard user/libs/archive/*.c user/personalities/wasi/*.c) \
	user/libs/terminal/line.c user/libs/terminal/words.c user/sdk/text.c user/sdk/startup.c
CHECK_OBJ := $(sort $(HOSTED_OBJ) $(TOOL_OBJ) $(call obj,hosted,$(CHECK_TEST_SRC) \
	platform/hosted/main/main.c $(CHECK_USER_SRC)) \
	$(PC_CORE_OBJ) $(PC_PLATFORM_OBJ) $(call obj,pc,$(wildcard tests/pc/*.c) \
	$(SUITE_SRC) tests/suite/pc_main.c))

$(call obj,hosted,$(CHECK_USER_SRC) $(filter tests/user/%,$(CHECK_TEST_SRC))): HOSTED_CFLAGS += $(USER_TEST_CFLAGS)
$(CHECK_OBJ): | build/gen/abi.stamp

.PHONY: check-objects check-guests check-flags
# What decides how the objects come out, beside their sources.
check-flags:
	@echo '$(subst ','\'',$(CC) $(HOSTED_CFLAGS) $(PC_CFLAGS) $(PC_GENERAL_REGS) $(PC_VECTOR_DIRS) \
		$(USER_TEST_CFLAGS) $(GUEST_CC) $(GUEST_CFLAGS) $(WASI_CFLAGS) $(GUEST_WARN))'
check-objects: $(CHECK_OBJ)
check-guests: $(BASE_MODULES:%=$(G)/modules/%.wasm) $(SMALL_PROGRAMS:%=$(P)/%/%.wasm) \
	$(GUEST_TEST_C) $(GUEST_TEST_NATIVE) $(KERNEL_GUESTS)

# The official test suite: its archive and the runner as a Linux tool.
#   make suite-archive          build/suite.bin from NEBULET_SPEC_DIR; nothing without it
#   make [MODE=...] suite-hosted
NEBULET_SPEC_DIR ?= ../shared/spec
SUITE_ARCHIVE := build/suite.bin
SUITE_SRC := tests/guest_host.c tests/no_kernel.c $(filter-out tests/suite/%_main.c,$(wildcard tests/suite/*.c))

$(SUITE_ARCHIVE): tests/suite/pack.py tests/suite/not-applicable.txt \
		$(wildcard $(NEBULET_SPEC_DIR)/manifest.json)
	@mkdir -p $(@D)
	python3 $< $(NEBULET_SPEC_DIR) tests/suite/not-applicable.txt $@

$(B)/suite-hosted: $(call obj,hosted,$(SUITE_SRC) tests/suite/hosted_main.c \
		tests/suite/step_main.c) $(HOSTED_LIB)
	$(CC) $(HOSTED_CFLAGS) $^ -o $@

.PHONY: suite-archive suite-hosted
ifneq ($(wildcard $(NEBULET_SPEC_DIR)/manifest.json),)
suite-archive: $(SUITE_ARCHIVE)
else
suite-archive:
	@echo "no specification suite in $(NEBULET_SPEC_DIR) (set NEBULET_SPEC_DIR): left out"
endif
suite-hosted: $(B)/suite-hosted

# The same runner as a kernel image: `make suite-pc`.
PC_SUITE_DIRS := lib wasm compiler compiler/ir compiler/pass compiler/x64 verifier runtime \
	arch/x86_64
PC_SUITE_OBJ := $(call obj,pc,$(SUITE_SRC) tests/suite/pc_main.c \
	$(foreach d,$(PC_SUITE_DIRS),$(wildcard $(d)/*.c $(d)/*.S))) $(PC_PLATFORM_OBJ)
$(B)/nebulet-suite.elf: $(PC_SUITE_OBJ) platform/pc/kernel.ld scripts/pc_symbols.py
	$(call pc_link,$@,$(PC_SUITE_OBJ))
.PHONY: suite-pc
suite-pc: $(B)/nebulet-suite.elf

# The official test suite: its archive and the runner as a Linux tool.
#   make suite-archive          build/suite.bin from NEBULET_SPEC_DIR
#   make [MODE=...] suite-hosted
NEBULET_SPEC_DIR ?= ../shared/spec
SUITE_ARCHIVE := build/suite.bin
SUITE_SRC := $(filter-out tests/suite/%_main.c,$(wildcard tests/suite/*.c))

$(SUITE_ARCHIVE): tests/suite/pack.py $(wildcard $(NEBULET_SPEC_DIR)/manifest.json)
	@mkdir -p $(@D)
	python3 $< $(NEBULET_SPEC_DIR) $@

$(B)/suite-hosted: $(call obj,hosted,$(SUITE_SRC) tests/suite/hosted_main.c) $(HOSTED_LIB)
	$(CC) $(HOSTED_CFLAGS) $^ -o $@

.PHONY: suite-archive suite-hosted
suite-archive: $(SUITE_ARCHIVE)
suite-hosted: $(B)/suite-hosted

# What follows from the tables in abi/: prototypes, dispatch table, SDK header.
# ABI_GEN is an order-only prerequisite of everything that includes them; the
# generator touches a file only when its text changes.
ABI_TABLES := $(wildcard abi/*.def) abi/types.h abi/startup.h
ABI_GEN := build/gen/abi.stamp
ABI_HEADERS := $(addprefix build/gen/,sys_calls.h sys_table.inc sdk/nebulet.h sdk/nebulet_random.h)

$(ABI_GEN): scripts/gen_abi.py $(ABI_TABLES)
	@mkdir -p $(@D)
	python3 scripts/gen_abi.py --out build/gen
	@touch $@

# The tables of the verifier's decoder, which a program makes that runs here.
VERIFIER_TABLES := build/gen/vf_tables.inc
$(VERIFIER_TABLES): verifier/generate/tables.c $(wildcard verifier/*.h abi/*.h abi/*.def lib/string.h)
	@mkdir -p $(@D)
	$(CC) -std=gnu17 -I. -O1 $< -o $@.program
	$@.program >$@.new && mv $@.new $@
$(ABI_GEN): | $(VERIFIER_TABLES)

# What includes a header is newer than it only after the generator has run.
$(ABI_HEADERS): $(ABI_GEN) ;

$(HOSTED_OBJ) $(TEST_BIN): | $(ABI_GEN)

.PHONY: abi-update abi-check
abi-update:
	python3 scripts/gen_abi.py --update
abi-check:
	python3 scripts/gen_abi.py --check

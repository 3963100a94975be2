# The verifier against all that the compiler makes of modules.
$(B)/tests/verifier/verify_modules: tests/verifier/verify_modules.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $< -o $@ $(HOSTED_LIB)
$(B)/tests/verifier/test_rules: $(call obj,hosted,tests/verifier/builder.c tests/verifier/cases.c \
	$(wildcard tests/verifier/cases_*.c))

# The same with faults put into the compiler: faults.py builds the files that have
# them, with these commands, and links them before the library.
FAULT_CHECK := $(call obj,hosted,tests/verifier/fault_check.c tests/verifier/module_facts.c \
	$(wildcard tests/verifier/emulate*.c))
$(B)/tests/verifier/faults.flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(HOSTED_CFLAGS)' >$@.new; cmp -s $@ $@.new || cp $@.new $@
.PHONY: FORCE faults
faults: $(FAULT_CHECK) $(B)/tests/verifier/faults.flags $(HOSTED_LIB) \
	build/guest/programs/sqlite/sqlite.wasm build/guest/programs/coremark/coremark.wasm

# Mutations of accepted code in an emulator, with rules that can be left out.
$(B)/tests/verifier/mutate: $(wildcard tests/verifier/mutate*.c tests/verifier/emulate*.c) \
		tests/verifier/builder.c $(wildcard tests/verifier/cases*.c) \
		tests/verifier/module_facts.c tests/verifier/verify_open.c tests/verifier/verify_plain.c verifier/verify.c \
		$(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter tests/%.c,$^) -o $@ $(HOSTED_LIB) -lZydis

# The decoder against an independent one.
$(B)/tests/verifier/decoder_check: tests/verifier/decoder_check.c \
		tests/compiler/x64/form_check.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@ $(HOSTED_LIB) -lZydis

# The emulator against the processor.
$(B)/tests/verifier/test_emulate: tests/verifier/test_emulate.c \
		$(call obj,hosted,$(wildcard tests/verifier/emulate*.c)) $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter %.c %.o,$^) -o $@ $(HOSTED_LIB) -lcmocka -lZydis

# The tool of differential testing: generates modules, runs them in this engine.
DIFF_OBJ := $(call obj,hosted,tests/guest_host.c tests/no_kernel.c $(wildcard tests/diff/*.c))
$(B)/tests/diff/diff_engine: $(DIFF_OBJ) $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $^ -o $@

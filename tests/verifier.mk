# The verifier against all that the compiler makes of modules.
$(B)/tests/verifier/verify_modules: tests/verifier/verify_modules.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $< -o $@ $(HOSTED_LIB)
$(B)/tests/verifier/test_rules: $(call obj,hosted,tests/verifier/builder.c tests/verifier/cases.c \
	$(wildcard tests/verifier/cases_*.c))

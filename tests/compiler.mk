# The encoder's test and the contract checker need an independent decoder.
$(B)/tests/compiler/x64/test_encode: tests/compiler/x64/test_encode.c \
		tests/compiler/x64/form_check.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@ $(HOSTED_LIB) -lcmocka -lZydis
$(B)/tests/compiler/test_crew: $(B)/hosted/tools/crew.o
$(B)/tests/compiler/growth: $(B)/hosted/tests/compiler/growth_shapes.o
$(B)/tests/compiler/x64/contract_check: tests/compiler/x64/contract_check.c \
		tests/compiler/x64/contract_memory.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $(filter %.c,$^) -o $@ $(HOSTED_LIB) -lZydis

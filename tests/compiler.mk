# The encoder's test needs an independent decoder.
$(B)/tests/compiler/x64/test_encode: tests/compiler/x64/test_encode.c $(HOSTED_LIB)
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) $< -o $@ $(HOSTED_LIB) -lcmocka -lZydis

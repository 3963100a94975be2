# The host tool with a pass that is wrong on purpose.
$(B)/tests/tools/wrong-nebulet: $(TOOL_OBJ) $(HOSTED_LIB) $(B)/hosted/tests/tools/wrong_pass.o
	@mkdir -p $(@D)
	$(CC) $(HOSTED_CFLAGS) -Wl,--gc-sections -Wl,--wrap=pass_strength $(TOOL_OBJ) \
		$(B)/hosted/tests/tools/wrong_pass.o $(HOSTED_LIB) -o $@

# The host tool: `make tool` gives build/<mode>/nebulet.
TOOL_SRC := $(sort $(wildcard tools/*.c)) user/libs/launch/block.c
TOOL_OBJ := $(call obj,hosted,$(TOOL_SRC))
$(B)/nebulet: $(TOOL_OBJ) $(HOSTED_LIB)
	$(CC) $(HOSTED_CFLAGS) -Wl,--gc-sections $(TOOL_OBJ) $(HOSTED_LIB) -o $@
$(TOOL_OBJ): | $(ABI_GEN)
.PHONY: tool
tool: $(B)/nebulet

# Images that boot instead of the kernel and test the platform from within.

PC_SELFTEST_OBJ := $(call obj,pc,$(wildcard tests/pc/*.[cS])) $(PC_PLATFORM_OBJ) $(PC_LIB_OBJ) \
	$(PC_ARCH_OBJ)
$(B)/pc-selftest.elf: $(PC_SELFTEST_OBJ) platform/pc/kernel.ld scripts/pc_symbols.py
	$(call pc_link,$@,$(PC_SELFTEST_OBJ))
pc-tests: $(B)/pc-selftest.elf

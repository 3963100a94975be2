# Objects that unit tests of arch and runtime need besides the hosted library.
$(patsubst %.c,$(B)/%,$(wildcard tests/runtime/test_*.c)) $(addprefix $(B)/tests/,arch/x86_64/test_guest \
	arch/x86_64/test_stubs platform/hosted/test_memory compiler/x64/test_vector): $(B)/hosted/tests/no_kernel.o
$(B)/tests/arch/x86_64/test_guest: $(B)/hosted/tests/arch/x86_64/guest_code.S.o
$(B)/tests/arch/x86_64/test_stubs: $(B)/hosted/tests/arch/x86_64/stub_code.S.o
# Modules that test_tail.c links to each other.
TAIL_MODULES := $(patsubst %.wat,build/gen/%.wasm,$(wildcard tests/runtime/tail/*.wat))
build/gen/tests/runtime/tail/%.wasm: tests/runtime/tail/%.wat
	@mkdir -p $(@D)
	wat2wasm --enable-tail-call --debug-names $< -o $@
$(B)/hosted/tests/runtime/tail/modules.S.o: $(TAIL_MODULES)
$(B)/tests/runtime/test_tail: $(B)/hosted/tests/runtime/tail/modules.S.o

# Modules that test_template.c copies.
TEMPLATE_MODULES := $(patsubst %.wat,build/gen/%.wasm,$(wildcard tests/runtime/template/*.wat))
build/gen/tests/runtime/template/%.wasm: tests/runtime/template/%.wat
	@mkdir -p $(@D)
	wat2wasm --debug-names $< -o $@
$(B)/hosted/tests/runtime/template/modules.S.o: $(TEMPLATE_MODULES)
$(B)/tests/runtime/test_template: $(B)/hosted/tests/runtime/template/modules.S.o

# All memory of the platform comes through the test.
$(B)/tests/runtime/test_instance: HOSTED_CFLAGS += -Wl,--wrap=hosted_account_take

# Guest modules for the kernel tests: tests/kernel/guests/NAME.c is compiled to
# WebAssembly and linked into the test programs as guest_NAME[] (guests.S).
KERNEL_GUESTS := $(patsubst tests/kernel/guests/%.c,build/gen/tests/%.wasm,\
	$(wildcard tests/kernel/guests/*.c))

# Of a guest whose threads wait for each other's words.
GUEST_FLAGS_threads := -matomics -mbulk-memory -mmutable-globals -Wl,--shared-memory,--max-memory=1048576 \
	-Wl,--export=__stack_pointer
# Its copies are instructions, not calls.
GUEST_FLAGS_mapping := -mbulk-memory
build/gen/tests/%.wasm: tests/kernel/guests/%.c tests/kernel/guests/guest.h $(ABI_GEN)
	@mkdir -p $(@D)
	clang --target=wasm32 $(GUEST_FLAGS_$*) -O1 -g0 -nostdlib -Wall -Wextra -Werror -I. -Ibuild/gen/sdk \
		-Wl,--no-entry,--export-if-defined=_start,--stack-first $< -o $@

KERNEL_TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/kernel/test_*.c))
KERNEL_TEST_OBJ := $(B)/hosted/tests/kernel/harness.o $(B)/hosted/tests/kernel/guests.S.o
$(B)/hosted/tests/kernel/guests.S.o: $(KERNEL_GUESTS)
$(KERNEL_TESTS): $(KERNEL_TEST_OBJ)

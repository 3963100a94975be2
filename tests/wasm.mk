# The mutation fuzzers share the rounds.
$(B)/tests/wasm/fuzz_decode $(B)/tests/wasm/fuzz_compare $(B)/tests/compiler/fuzz_compile: \
	$(call obj,hosted,tests/wasm/fuzz_corpus.c tests/wasm/fuzz_structure.c \
	tests/wasm/fuzz_make.c)
$(B)/tests/wasm/fuzz_compare: tests/wasm/fuzz_compare.c

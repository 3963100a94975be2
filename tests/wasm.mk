# Both mutation fuzzers share the rounds.
$(B)/tests/wasm/fuzz_decode $(B)/tests/compiler/fuzz_compile: \
	$(B)/hosted/tests/wasm/fuzz_corpus.o

# Objects that unit tests of arch and runtime need besides the hosted library.
$(B)/tests/arch/x86_64/test_guest: $(B)/hosted/tests/arch/x86_64/guest_code.S.o

/*
 * cprng_fill(buffer, len): random bytes that nobody can foretell.
 *
 * Prints: no two alike
 */
#include "tests/user/programs/abi/abi.h"

void
main_of_2018(void)
{
	uint64_t numbers[2] = { 0, 0 };

	EXPECT(cprng_fill(numbers, sizeof numbers) == 0);
	EXPECT(numbers[0] && numbers[1] && numbers[0] != numbers[1]);
	EXPECT(cprng_fill((void *)0xfffffff0, 17) == ERROR_INVALID_ADDRESS);
	SAY("no two alike");
}

/* A large program in C++: the SAT solver CaDiCaL on random formulas and a pigeon hole. */
#include "bench.h"

#include <cadical.hpp>

static void
solve_random(int variables, int clauses, uint64_t seed)
{
	CaDiCaL::Solver solver;
	uint64_t model = 0;

	solver.set("quiet", 1);
	for (int i = 0; i < clauses; i++) {
		for (int k = 0; k < 3; k++) {
			int variable = 1 + (int)(bench_random(&seed) % (uint32_t)variables);
			solver.add(bench_random(&seed) % 2 ? variable : -variable);
		}
		solver.add(0);
	}
	int result = solver.solve();
	bench_put_integer("random", (uint64_t)result);
	for (int i = 1; result == 10 && i <= variables; i++)
		model = model * 3 + (solver.val(i) > 0);
	bench_put_integer("model", model);
}

static void
add_clause(CaDiCaL::Solver &solver, int a, int b)
{
	solver.add(a);
	solver.add(b);
	solver.add(0);
}

/* `holes` + 1 pigeons do not fit. */
static void
solve_pigeons(int holes)
{
	CaDiCaL::Solver solver;

	solver.set("quiet", 1);
	for (int p = 0; p <= holes; p++) {
		for (int h = 1; h <= holes; h++)
			solver.add(p * holes + h);
		solver.add(0);
	}
	for (int h = 1; h <= holes; h++)
		for (int p = 0; p <= holes; p++)
			for (int q = 0; q < p; q++)
				add_clause(solver, -(p * holes + h), -(q * holes + h));
	bench_put_integer("pigeons", (uint64_t)solver.solve());
}

static void
bench_round(void)
{
	solve_random(90, 375, 5);
	solve_random(70, 290, 9);
	solve_pigeons(5);
}

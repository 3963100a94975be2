/* Floating point: five bodies under gravity. */
#include "bench.h"

#include <math.h>

enum { BODIES = 5, STEPS = 10000 };

struct body {
	double x, y, z, vx, vy, vz, mass;
};

static const struct body start[BODIES] = {
	{ 0, 0, 0, 0, 0, 0, 39.47841760435743 },
	{ 4.84143144246472090, -1.16032004402742839, -0.10362204447112311, 0.60632639299583202,
	  2.81198684491626016, -0.02521836165988763, 0.03769367487038949 },
	{ 8.34336671824457987, 4.12479856412430479, -0.40352341711432138, -1.01077434617879236,
	  1.82566237123041186, 0.00841576137658415, 0.01128632613196877 },
	{ 12.8943695621391310, -15.1111514016986312, -0.22330757889265573, 1.08279100644153536,
	  0.86871301816960822, -0.01083263740136364, 0.00172372405705971 },
	{ 15.3796971148509165, -25.9193146099879641, 0.17925877295037118, 0.97909073224389798,
	  0.59469899864767617, -0.03475595555078104, 0.00203368686992463 },
};

static void
advance(struct body *bodies, double step)
{
	for (int i = 0; i < BODIES; i++) {
		for (int k = i + 1; k < BODIES; k++) {
			struct body *a = &bodies[i], *b = &bodies[k];
			double dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
			double square = dx * dx + dy * dy + dz * dz;
			double pull = step / (square * sqrt(square));
			a->vx -= dx * b->mass * pull;
			a->vy -= dy * b->mass * pull;
			a->vz -= dz * b->mass * pull;
			b->vx += dx * a->mass * pull;
			b->vy += dy * a->mass * pull;
			b->vz += dz * a->mass * pull;
		}
	}
	for (int i = 0; i < BODIES; i++) {
		bodies[i].x += step * bodies[i].vx;
		bodies[i].y += step * bodies[i].vy;
		bodies[i].z += step * bodies[i].vz;
	}
}

static void
bench_round(void)
{
	struct body bodies[BODIES];

	memcpy(bodies, start, sizeof bodies);
	for (int i = 0; i < STEPS; i++)
		advance(bodies, 0.01);
	for (int i = 0; i < BODIES; i++)
		bench_put_double("x", bodies[i].x);
}

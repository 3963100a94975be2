struct point {
	double x, y;
};

int
sum(int a, int b)
{
	int s = 0;
	for (int i = 0; i < a; i++)
		s += i * b;
	return s;
}

double
length2(const struct point *p)
{
	return p->x * p->x + p->y * p->y;
}

void
add(float *restrict a, const float *restrict b)
{
	for (int i = 0; i < 256; i++)
		a[i] += b[i];
}

/* Images: WebP, a picture encoded, lossy and lossless, and decoded. */
#include "bench.h"

#include <src/webp/decode.h>
#include <src/webp/encode.h>

enum { WIDTH = 64, HEIGHT = 40 };

static uint8_t picture[HEIGHT][WIDTH][3];

static void
paint(void)
{
	uint64_t seed = 1;

	for (int y = 0; y < HEIGHT; y++) {
		for (int x = 0; x < WIDTH; x++) {
			int dx = x - WIDTH / 2, dy = y - HEIGHT / 2;
			picture[y][x][0] = (uint8_t)(dx * dx / 40 + y);
			picture[y][x][1] = (uint8_t)(dy * dx / 30);
			picture[y][x][2] =
				(uint8_t)((x / 16 + y / 16) % 2 * 90 + bench_random(&seed) % 12);
		}
	}
}

static void
check(const char *what, uint8_t *file, size_t len)
{
	int width, height;
	uint8_t *back = WebPDecodeRGB(file, len, &width, &height);

	if (!back || width != WIDTH || height != HEIGHT)
		exit(1);
	bench_put_integer(what, len);
	bench_digest(back, (size_t)width * (size_t)height * 3);
	WebPFree(back);
	WebPFree(file);
}

static void
bench_round(void)
{
	uint8_t *file;
	size_t len;

	paint();
	len = WebPEncodeRGB(picture[0][0], WIDTH, HEIGHT, WIDTH * 3, 75, &file);
	check("lossy", file, len);
	len = WebPEncodeLosslessRGB(picture[0][0], WIDTH, HEIGHT, WIDTH * 3, &file);
	check("lossless", file, len);
}

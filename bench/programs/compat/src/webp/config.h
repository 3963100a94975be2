/* libwebp without code that is written for one processor. */
#ifndef BENCH_WEBP_CONFIG_H
#define BENCH_WEBP_CONFIG_H

#endif

/* For libraries that include it but, as they are built here, never jump: wasi-libc has none. */
#ifndef BENCH_SETJMP_H
#define BENCH_SETJMP_H

typedef int jmp_buf[1];

#endif

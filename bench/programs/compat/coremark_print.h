/* CoreMark calls its print function undeclared. */
#ifndef BENCH_COREMARK_PRINT_H
#define BENCH_COREMARK_PRINT_H

int coremark_print(const char *format, ...);

#endif

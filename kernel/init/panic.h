/*
 * The end of a kernel whose invariants are broken.
 */
#ifndef KERNEL_INIT_PANIC_H
#define KERNEL_INIT_PANIC_H

/* Prints the formatted text (language of lib/format.h) and what the platform
 * can add (a backtrace), and stops the machine. May be called anywhere. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Panics with the condition's text unless it holds; kept in every build. */
#define ASSERT(condition) \
	((condition) ? (void)0 : panic("%s:%d: %s does not hold", __FILE__, __LINE__, #condition))

#endif

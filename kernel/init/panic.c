/*
 * Panic: format the message, leave the rest to the platform.
 */
#include "kernel/init/panic.h"

#include "kernel/port/platform.h"
#include "kernel/sys/log.h"
#include "lib/format.h"

#include <stdarg.h>

void
panic(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	format_text_va(text, sizeof text, format, args);
	va_end(args);
	port_panic(text);
}

void
kernel_panicking(void)
{
	log_panic();
}

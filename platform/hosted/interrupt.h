/*
 * Between the files of platform/hosted: raising interrupts.
 */
#ifndef PLATFORM_HOSTED_INTERRUPT_H
#define PLATFORM_HOSTED_INTERRUPT_H

/* Interrupts the processor that serves the serial ports. Any pthread. */
void hosted_interrupt_serial(void);

#endif

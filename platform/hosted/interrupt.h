/*
 * Between the files of platform/hosted: raising interrupts.
 */
#ifndef PLATFORM_HOSTED_INTERRUPT_H
#define PLATFORM_HOSTED_INTERRUPT_H

/* Interrupts the processor that serves the serial ports. Any pthread. */
void hosted_interrupt_serial(void);
/* The same for devices: calls hosted_device_deliver there. */
void hosted_interrupt_device(void);
/* On the processor, interrupts off: hands over what devices have raised. */
void hosted_device_deliver(void);

#endif

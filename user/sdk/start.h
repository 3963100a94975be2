/*
 * The function that a native program defines, and the entry that calls it.
 */
#ifndef USER_SDK_START_H
#define USER_SDK_START_H

/* The program; returns its exit status. */
int module_main(void);

/* Exported as _start. */
void module_start(void);

#endif

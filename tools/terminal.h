/*
 * Modes of the terminal: raw for the prompt, restored at every way out.
 */
#ifndef TOOLS_TERMINAL_H
#define TOOLS_TERMINAL_H

/* Makes standard input raw if it is a terminal: every byte typed arrives as it
 * is, newlines are still translated. It is restored by terminal_restore and
 * when the process exits or dies of a signal. */
void terminal_make_raw(void);
void terminal_restore(void);

#endif

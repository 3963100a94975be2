/*
 * Startup records that modules agree on among themselves (abi/startup.h,
 * kinds from NB_STARTUP_PRIVATE on).
 *
 *   TERMINAL  uint8_t descriptor numbers (0, 1, 2) that are a terminal
 *   MODULE    path of the program's module in the RAM disk, text
 *   ABOUT     one line that says what the program is, text
 *   SERVICES  nothing; the program gets the handle "services"
 *
 * Files of the RAM disk made of such records beside ARGUMENT, VARIABLE and
 * PREOPEN: etc/run, which asks the session server to run one program;
 * etc/programs/NAME, how to run a bundled program; etc/preopens, directories
 * that every program at the prompt is given. The file etc/stdin, if there is
 * one beside etc/run, is the program's standard input.
 */
#ifndef USER_LIBS_LAUNCH_RECORDS_H
#define USER_LIBS_LAUNCH_RECORDS_H

#include "abi/startup.h"

enum startup_private {
	STARTUP_TERMINAL = NB_STARTUP_PRIVATE,
	STARTUP_MODULE,
	STARTUP_ABOUT,
	STARTUP_SERVICES,
};

#endif

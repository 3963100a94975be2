/*
 * Entry of a program written against the native calls: link this file and
 * define module_main; its result is the exit status.
 */
#include "user/sdk/start.h"

#include "nebulet.h"

__attribute__((export_name("_start"))) void
module_start(void)
{
	nb_process_exit(module_main());
}

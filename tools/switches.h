/* Options of the compiler on the command line. */
#ifndef TOOLS_SWITCHES_H
#define TOOLS_SWITCHES_H

#include "compiler/compiler.h"

/* Takes the value of --passes, such as "-gvn,+licm", or of --functions, such as
 * "10:20"; NULL changes nothing. False after an error, which is reported with
 * what there is instead. */
bool switches_passes(struct compiler_options *options, const char *text);
bool switches_functions(struct compiler_options *options, const char *text);

#endif

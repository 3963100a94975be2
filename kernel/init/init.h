/*
 * Starting the first process.
 */
#ifndef KERNEL_INIT_INIT_H
#define KERNEL_INIT_INIT_H

#include "abi/status.h"
#include "kernel/port/platform.h"

#include <stdbool.h>
#include <stddef.h>

struct account;
struct process;

#define INIT_PATH "boot/init.nbo"

/* Publishes INIT_PATH of the RAM disk and starts it with its handles and the
 * command line; logs what fails. *out owns a reference. */
NB_MUST_USE enum nb_status
init_start(const struct port_boot_info *info, struct account *account, struct process **out);

/* A process is about to run its first guest instruction. */
void init_entered(void);

/* Steps through the words of a command line; false at its end. */
bool init_next_word(const char **line, const char **word, size_t *len);

#endif

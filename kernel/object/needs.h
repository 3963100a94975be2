/*
 * Manifests against handles: whether a process that is being built has what a
 * module that is to be instantiated in it says it needs.
 *
 * Code of such a module accesses ports by instructions, with no check any more, so
 * this is where authority over ports is checked, once for the process's life.
 */
#ifndef KERNEL_OBJECT_NEEDS_H
#define KERNEL_OBJECT_NEEDS_H

#include "kernel/object/process.h"
#include "lib/diag.h"
#include "lib/manifest.h"

/*
 * NB_ACCESS_DENIED, with the line of the manifest in `diag`, if no single resource
 * that the process has a handle to covers what a `port`, `mmio`, `irq` or `dma` line
 * wants, with the rights for it. An interrupt object serves for its interrupt.
 * Lines that mean the device that is driven (`mmio bar0`, `irq pci`) are between the
 * driver and whoever knows the device.
 */
NB_MUST_USE enum nb_status
needs_check(struct process *process, const struct manifest *manifest, struct diag *diag);

#endif

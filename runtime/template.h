/*
 * Templates: an instance as it is in every store whose first one it is, made once when its
 * module is published, so that making one is a copy.
 *
 * Such instances differ only in where they lie, in their memories, and in the imports that
 * depend on the process. The template holds the rest with addresses counted from the
 * place of the instance or of the store, and where those are. It is found by making the
 * instance twice, in different places: a word that differs by as much as the places do is
 * an address. Only small modules have one; for others the copy would be no quicker.
 */
#ifndef RUNTIME_TEMPLATE_H
#define RUNTIME_TEMPLATE_H

#include "runtime/code_module.h"
#include "runtime/instance.h"

/* Makes the module's template, if it can have one and there is memory, in its arena. Its
 * types, data image and code are final. `resolve` supplies what an import is in every
 * process, with addresses in the instance or, at the same distance from it in all, around the
 * store; NB_NOT_FOUND: that depends. The stores lie apart, of any content, and mean
 * nothing afterwards. */
void template_make(struct code_module *module, instance_resolve *resolve, void *context,
		   struct store *const stores[2]);

/* Whether an instance of `module` in `store` can be a copy. */
static inline bool
template_fits(const struct code_module *module, const struct store *store)
{
	return module->template && store->reference_count == 1 && !store->type_count &&
	       !store->memories && !store->tables && !store->instances;
}

/* instance_create by the template, which fits. */
NB_MUST_USE enum nb_status
template_copy(struct store *store, const struct code_module *module, instance_resolve *resolve,
	      void *context, struct diag *diag, struct instance **out);

#endif

/*
 * The one error enumeration, from status.def. Freestanding.
 */
#ifndef ABI_STATUS_H
#define ABI_STATUS_H

/* NB_OK is success; every function that can fail returns this, and a caller
 * must look at it. Native calls return -(int64_t)status. */
enum nb_status {
#define NB_STATUS(name, number, text) NB_##name = number,
#include "abi/status.def"
#undef NB_STATUS
};

#define NB_MUST_USE __attribute__((warn_unused_result))

/* The English text of `status`, without a full stop; never NULL. */
static inline const char *
nb_status_text(enum nb_status status)
{
	switch (status) {
#define NB_STATUS(name, number, text) \
	case NB_##name:               \
		return text;
#include "abi/status.def"
#undef NB_STATUS
	}
	return "unknown status";
}

#endif

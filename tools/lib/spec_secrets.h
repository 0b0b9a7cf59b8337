/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SAS, or whatever else stands behind the '?' of an address on the command line: moved to
 * locked memory and wiped from the process's arguments, so that ps, the mount
 * table, logs and errors never show it.
 */
#ifndef ADE_TOOLS_LIB_SPEC_SECRETS_H
#define ADE_TOOLS_LIB_SPEC_SECRETS_H

#include "crypto/secret.h"
#include "tools/lib/report.h"

#define SPEC_SECRETS_MAX 128

struct spec_secrets {
	const char *spec[SPEC_SECRETS_MAX];	/* the address without its query: in argv, in environ */
	struct secret *sas[SPEC_SECRETS_MAX];
	size_t n;
};

/* Right after secret_process_init(): cut "?…" off all addresses among the arguments (but
 * for "?snapshot=TIME"), and off $ADEBACKUP_VAULT. */
void spec_secrets_take(struct spec_secrets *s, int argc, char **argv);

/* Tell the user what is better, if there were any. */
void spec_secrets_warn(const struct spec_secrets *s, const struct report *report);

const struct secret *spec_secrets_find(const struct spec_secrets *s, const char *spec);
void spec_secrets_clear(struct spec_secrets *s);

static inline void spec_secrets_clear_cleanup(struct spec_secrets *s) { spec_secrets_clear(s); }

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a store's address and the options of a command (sas-file=, endpoint=,
 * …) to an open store.
 */
#ifndef ADE_TOOLS_LIB_STORE_OPENING_H
#define ADE_TOOLS_LIB_STORE_OPENING_H

#include "fs/store/store.h"
#include "tools/lib/options.h"
#include "tools/lib/report.h"

/* As store_open(). */
/* How the options say that spec is reached; what they name is borrowed. */
struct store_reach { struct store_options store; struct token_options token; };
void store_reach_from(struct store_reach *r, const char *spec, const struct options *o);

struct store *store_from_options(const char *spec, bool create, const struct options *o, struct error *err);

/* Is it an address, and not a path? */
bool store_is_remote(const char *spec);

#endif

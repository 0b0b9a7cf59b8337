/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/find_keys.h"

#include <errno.h>

#define MAX_CANDIDATES 256

static int by_tags(const struct azure_settings *s, struct keystores *stores, struct audit *audit,
		   struct keyring *ring, struct error *err, struct error *warning)
{
	const char *machine = s->machine ? s->machine : s->vm_name;
	size_t before = keyring_count(ring);
	int rc = bek_fetch_candidates(stores, machine, MAX_CANDIDATES, audit, ring, err, warning);

	if (rc || keyring_count(ring) > before)
		return rc;
	return error_set(err, ENOENT, "no key store has a secret that is tagged as a disk's key");
}

/* The secrets that are named.  How many came; *why: the first that did not. */
static size_t by_name(const struct azure_settings *s, struct keystores *stores, struct audit *audit,
		      struct keyring *ring, struct error *why, struct error *warning)
{
	size_t found = 0;

	for (size_t i = 0; i < s->n_secrets; i++) {
		struct bek_hint hint = { .secret_url = s->secrets[i].secret_url, .kek_url = s->secrets[i].kek_url,
					 .secret_data = s->secrets[i].secret_data };
		struct error now = ERROR_INIT;

		if (bek_fetch(stores, &hint, audit, ring, &now, warning) == 0)
			found++;
		else if (!why->code)
			error_copy(why, &now);
	}
	return found;
}

int azure_find_keys(const struct azure_settings *s, struct keystores *stores, struct audit *audit,
		    struct keyring *ring, struct error *err, struct error *warning)
{
	struct error why = ERROR_INIT, none = ERROR_INIT;
	size_t found = by_name(s, stores, audit, ring, &why, warning);

	if (!found && !s->n_secrets)
		return by_tags(s, stores, audit, ring, err, warning);
	if (!found && why.code == ENOENT && keystores_count(stores) &&
	    by_tags(s, stores, audit, ring, &none, NULL) == 0)
		found = 1;
	if (why.code)
		error_copy(found ? warning : err, &why);
	return found ? 0 : -why.code;
}

int azure_find_point_keys(const struct jval *vm_config, const char *vm, struct keystores *stores,
			  struct audit *audit, struct keyring *ring, struct error *err, struct error *warning)
{
	AUTO(azure_settings_free) struct azure_settings *s =
		vm_config ? azure_settings_from(vm_config, NULL) : NULL;
	struct azure_settings nothing = { .vm_name = (char *)vm };

	return azure_find_keys(s ? s : &nothing, stores, audit, ring, err, warning);
}

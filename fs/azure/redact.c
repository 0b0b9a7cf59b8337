/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/settings.h"

#include <errno.h>
#include <strings.h>

#define MAX_DEPTH 64		/* deeper than that nothing of Azure's is: it is left out */

static bool opens_disks(const char *name)
{
	static const char *const names[] = { "secretData", "keyBackupData", "keyVaultSecretBackupData",
					     "keyVaultKeyBackupData", "aadClientSecret", "passphrase" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

struct copy { struct jval *to; unsigned depth; };

static struct jval *redacted(const struct jval *v, unsigned depth);

static int copy_member(void *arg, const char *name, struct jval *member)
{
	struct copy *c = arg;
	struct jval *v = opens_disks(name) ? jval_new_text(NULL) : redacted(member, c->depth + 1);

	return jval_set(c->to, name, v);
}

static struct jval *redacted(const struct jval *v, unsigned depth)
{
	AUTO(jval_free) struct jval *out = NULL;
	struct copy c = { .depth = depth };

	if (depth == MAX_DEPTH)
		return jval_new_text(NULL);
	if (jval_is_object(v)) {
		c.to = out = jval_object();
		return out && jval_each(v, copy_member, &c) == 0 ? TAKE(out) : NULL;
	}
	if (!jval_is_array(v))
		return jval_copy(v);
	out = jval_array();
	for (size_t i = 0; out && i < jval_len(v); i++)
		if (jval_append(out, redacted(jval_at(v, i), depth + 1)) < 0)
			return NULL;
	return TAKE(out);
}

struct jval *azure_redacted(const struct jval *doc)
{
	return redacted(doc, 0);
}

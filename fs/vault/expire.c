/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/expire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool store_says_later(int rc)
{
	return rc == -EACCES || rc == -EPERM || rc == -EROFS || rc == -EBUSY;
}

int expire_mark(struct vault *v, const char *manifest, struct error *err)
{
	char name[64];
	int rc;

	snprintf(name, sizeof(name), "exp/%.40s", strrchr(manifest, '/') + 1);
	rc = object_put(vault_store(v), vault_ring(v), OBJECT_EXPIRED, name, "{}", 2, err);
	if (rc != -EEXIST)
		return rc;
	error_clear(err);
	return 0;
}

int readers_seen_take(struct vault *v, struct readers_seen *out, struct error *err)
{
	int rc = store_now(vault_store(v), &out->now, err);

	return rc < 0 ? rc : signs_list(v, OBJECT_READER, &out->row, &out->n, err);
}

const struct sign *readers_seen_on(const struct readers_seen *r, const char *manifest)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->now - r->row[i].last <= READER_ALIVE &&
		    (!r->row[i].target[0] || !strcmp(r->row[i].target, manifest)))
			return &r->row[i];
	return NULL;
}

int expire_delete(struct inventory *inv, const struct inventory_point *p, struct error *err)
{
	struct store *st = vault_store(inv->vault);
	char refs[64];
	int rc, forgot;

	/* What lets this one go, its mark or a newer manifest beside it, may be of somebody who died before
	 * his sync.  The manifest first: refs without one are the dead's, a manifest without refs is damage. */
	rc = store_settle(st, p->object, err);
	if (rc == 0)
		rc = store_settle(st, "exp/", err);
	if (rc == 0)
		rc = store_remove(st, p->object, err);
	if (rc < 0)
		return rc;
	forgot = inventory_forget(inv, p->session, err);
	if (forgot < 0 && forgot != -ENOENT && forgot != -EBADMSG && forgot != -ENOTSUP)
		return forgot;
	error_clear(err);
	snprintf(refs, sizeof(refs), "ref/%s", p->session);
	return store_remove(st, refs, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault_rotate.h"

#include <errno.h>
#include <string.h>

/* The slots as they were, and which secret each is for. */
struct slots {
	struct vault *vault;
	const struct slot_secret *secrets;
	size_t n_secrets;
	struct owned { struct slot_info info; size_t secret; } *all;
	size_t n;
	struct error *err;
};

static int refuse(const struct slot_info *info, struct error *err)
{
	error_set(err, EBUSY, "the slot %s (%s%s%s) is for a key that was not given", info->id,
		  slot_kind_name(info->kind), info->label[0] ? ", " : "", info->label);
	error_next(err, "`adebackup key remove` it, rotate, and `adebackup key add` it again; an RSA key's "
			"public half can be given with --vault-rsa-public.");
	return -EBUSY;
}

static int own(void *arg, const struct slot_info *info)
{
	struct slots *s = arg;
	struct owned *more;
	size_t i = 0;
	int rc = -EKEYREJECTED;

	for (; i < s->n_secrets && rc == -EKEYREJECTED; i++)
		rc = slot_matches(vault_store(s->vault), vault_info(s->vault)->id, info->id, &s->secrets[i], s->err);
	if (rc == -EKEYREJECTED)
		return refuse(info, s->err);
	if (rc < 0)
		return rc;
	more = realloc(s->all, (s->n + 1) * sizeof(*more));
	if (!more)
		return error_set(s->err, ENOMEM, "out of memory");
	s->all = more;
	s->all[s->n++] = (struct owned){ *info, i - 1 };
	return 0;
}

static int seal_again(struct slots *s, const struct key_ring *ring, struct error *err)
{
	char id[SLOT_ID_TEXT];
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = slot_put(vault_store(s->vault), ring, &s->secrets[s->all[i].secret], s->all[i].info.label, id, err);
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = slot_remove(vault_store(s->vault), s->all[i].info.id, key_ring_epoch(ring), err);
	return rc;
}

int vault_rotate(struct vault *v, const struct slot_secret *secrets, size_t n, unsigned *epoch,
		 struct error *err)
{
	AUTO(key_ring_free) struct key_ring *ring = NULL;
	struct slots s = { .vault = v, .secrets = secrets, .n_secrets = n, .err = err };
	int rc = vault_ring(v) ? slot_list(vault_store(v), own, &s, err)
			       : error_set(err, ENOKEY, "the vault is open without its keys");

	if (rc == 0) {
		ring = key_ring_grow(vault_ring(v), err);
		rc = ring ? seal_again(&s, ring, err) : -EIO;
	}
	if (rc == 0)
		*epoch = key_ring_epoch(ring);
	free(s.all);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault_rotate.h"
#include "fs/vault/slot_public.h"

#include <errno.h>
#include <string.h>

/* A slot as it was, and what seals the new ring for its owner. */
struct owned {
	struct slot_info info;
	struct slot_secret secret;
	struct secret *pem;		/* of a slot that keeps its public half, owned */
};

struct slots {
	struct vault *vault;
	const struct slot_secret *secrets;
	size_t n_secrets;
	struct owned *all;
	size_t n;
	struct error *err;
};

static void slots_clear(struct slots *s)
{
	for (size_t i = 0; i < s->n; i++)
		secret_free(s->all[i].pem);
	free(s->all);
}

static struct owned *append(struct slots *s, const struct slot_info *info)
{
	struct owned *more = realloc(s->all, (s->n + 1) * sizeof(*more));

	if (!more)
		return NULL;
	s->all = more;
	s->all[s->n] = (struct owned){ .info = *info };
	return &s->all[s->n++];
}

static int refuse(const struct slot_info *info, struct error *err)
{
	error_set(err, EBUSY, "the slot %s (%s%s%s) is for a key that was not given", info->id,
		  slot_kind_name(info->kind), info->label[0] ? ", " : "", info->label);
	error_next(err, "`adebackup key remove` it, rotate, and `adebackup key add` it again; an RSA key's "
			"public half can be given with --vault-rsa-public.");
	return -EBUSY;
}

/* A slot that keeps its public half, which the vault's key vouches for. */
static int own_public(void *arg, const struct slot_text *t, const struct rsa_key *key, struct error *err)
{
	struct slots *s = arg;
	struct slot_info info = { .kind = t->kek_url[0] ? SLOT_KEK : SLOT_RSA };
	struct owned *o;

	(void)key;
	memcpy(info.id, t->id, sizeof(info.id));
	memcpy(info.label, t->label, sizeof(info.label));
	memcpy(info.kek_url, t->kek_url, sizeof(info.kek_url));
	o = append(s, &info);
	if (o)
		o->pem = secret_copy(t->public_pem, strlen(t->public_pem));
	if (!o || !o->pem)
		return error_set(err, ENOMEM, "out of memory");
	o->secret = (struct slot_secret){ .kind = info.kind, .bytes = o->pem, .for_capsules = t->for_capsules };
	return 0;
}

/* Each other slot must be for one of the secrets. */
static int own(void *arg, const struct slot_info *info)
{
	struct slots *s = arg;
	struct owned *o;
	size_t i = 0;
	int rc = -EKEYREJECTED;

	for (size_t j = 0; j < s->n; j++)
		if (!strcmp(s->all[j].info.id, info->id))
			return 0;
	for (; i < s->n_secrets && rc == -EKEYREJECTED; i++)
		rc = slot_matches(vault_store(s->vault), vault_info(s->vault)->id, info->id, &s->secrets[i], s->err);
	if (rc == -EKEYREJECTED)
		return refuse(info, s->err);
	if (rc < 0)
		return rc;
	o = append(s, info);
	if (!o)
		return error_set(s->err, ENOMEM, "out of memory");
	o->secret = s->secrets[i - 1];
	return 0;
}

static int seal_again(struct slots *s, const struct key_ring *ring, struct error *err)
{
	char id[SLOT_ID_TEXT];
	int rc = 0;

	for (size_t i = 0; i < s->n && rc == 0; i++) {
		struct owned *o = &s->all[i];

		if (o->secret.kind == SLOT_KEK)
			o->secret.kek_url = o->info.kek_url;
		rc = slot_put(vault_store(s->vault), ring, &o->secret, o->info.label, id, err);
	}
	for (size_t i = 0; i < s->n && rc == 0; i++)
		rc = slot_remove(vault_store(s->vault), s->all[i].info.id, key_ring_epoch(ring), err);
	return rc;
}

int vault_rotate(struct vault *v, const struct slot_secret *secrets, size_t n, unsigned *epoch,
		 struct error *err)
{
	AUTO(key_ring_free) struct key_ring *ring = NULL;
	struct slots s = { .vault = v, .secrets = secrets, .n_secrets = n, .err = err };
	int rc = vault_ring(v) ? slot_each_public(vault_store(v), vault_ring(v), own_public, &s, err)
			       : error_set(err, ENOKEY, "the vault is open without its keys");

	rc = rc ? rc : slot_list(vault_store(v), own, &s, err);
	if (rc == 0) {
		ring = key_ring_grow(vault_ring(v), err);
		rc = ring ? seal_again(&s, ring, err) : -EIO;
	}
	if (rc == 0)
		*epoch = key_ring_epoch(ring);
	slots_clear(&s);
	return rc;
}

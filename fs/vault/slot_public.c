/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/slot_public.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <string.h>

static uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	put_le32(p, (uint32_t)n);
	memcpy(p + 4, text, n);
	return p + 4 + n;
}

int slot_voucher(const struct slot_text *t, const struct key_ring *ring, uint8_t out[SHA256_BYTES])
{
	static const char use[] = "adebackup 1 slot public";
	size_t room = sizeof(use) + 4 + 3 * 4 + strlen(t->id) + strlen(t->kek_url) + strlen(t->public_pem);
	AUTO(free) uint8_t *data = malloc(room);
	uint8_t key[32], *p = data;
	int rc;

	if (!data)
		return -ENOMEM;
	memcpy(p, use, sizeof(use) - 1);
	p += sizeof(use) - 1;
	put_le32(p, t->epoch);
	p[4] = t->for_capsules;
	p = put_text(p + 5, t->id);
	p = put_text(p, t->kek_url);
	p = put_text(p, t->public_pem);
	rc = key_ring_derive(ring, t->epoch, "slot", key);
	if (!rc)
		rc = hmac_sha256(key, sizeof(key), data, (size_t)(p - data), out);
	wipe(key, sizeof(key));
	return rc;
}

struct walk {
	const struct key_ring *ring;
	slot_public_fn *fn;
	void *arg;
	struct error *err;
};

/* Is it the key that the slot is named after? */
static bool is_named_key(const struct slot_text *t, const struct rsa_key *key)
{
	uint8_t sum[SHA256_BYTES];
	char id[SLOT_ID_TEXT];

	if (rsa_key_fingerprint(key, sum) < 0)
		return false;
	hex_encode(sum, (SLOT_ID_TEXT - 1) / 2, id);
	return !strcmp(id, t->id);
}

static int look(void *arg, const struct slot_text *t, struct error *err)
{
	struct walk *w = arg;
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	uint8_t voucher[SHA256_BYTES];
	int rc;

	if (!t->public_pem || t->epoch != key_ring_epoch(w->ring))
		return 0;
	rc = slot_voucher(t, w->ring, voucher);
	if (rc)
		return error_set(err, -rc, "the slot's voucher cannot be computed");
	key = rsa_key_from_pem(t->public_pem, strlen(t->public_pem), NULL, err);
	if (!key || rsa_key_is_private(key) || !is_named_key(t, key) ||
	    !bytes_equal_ct(voucher, t->voucher, sizeof(voucher))) {
		error_set(err, EBADMSG, "damaged slot: its public key is not vouched for by the vault's key");
		error_next(err, "`adebackup key remove` it, and `adebackup key add` the key again.");
		return -EBADMSG;
	}
	return w->fn(w->arg, t, key, err);
}

static int failed(void *arg, int rc, const struct error *why)
{
	error_copy(((struct walk *)arg)->err, why);
	return rc;
}

int slot_each_public(struct store *st, const struct key_ring *ring, slot_public_fn *fn, void *arg,
		     struct error *err)
{
	struct walk w = { .ring = ring, .fn = fn, .arg = arg, .err = err };

	return slot_each(st, "slot/", look, failed, &w, err);
}

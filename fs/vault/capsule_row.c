/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/capsule_row.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define SALT 32u
#define KEY_MAX (16u << 10)

static const struct { enum key_kind kind; const char *name; } kinds[] = {
	{ KEY_BEK, "bek" }, { KEY_PASSPHRASE, "passphrase" }, { KEY_RECOVERY_PASSWORD, "recovery-password" },
	{ KEY_PASSWORD, "password" },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *capsule_kind_name(enum key_kind kind)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

bool capsule_kind_parse(const char *name, enum key_kind *kind)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (!strcmp(kinds[i].name, name)) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

/* What the row's key is derived from: the vault's, and the content key behind it. */
static int input_key(const struct row_cipher *c, unsigned epoch, uint8_t out[32 + CONTENT_KEY_BYTES])
{
	if (c->content)
		memcpy(out + 32, secret_bytes(c->content), CONTENT_KEY_BYTES);
	return key_ring_derive(c->ring, epoch, "capsule", out);
}

static struct gcm *cipher(const struct row_cipher *c, unsigned epoch, const uint8_t salt[SALT])
{
	static const char plain[] = "adebackup 1 capsule key", locked[] = "adebackup 1 capsule key locked";
	const char *info = c->content ? locked : plain;
	uint8_t in[32 + CONTENT_KEY_BYTES], key[GCM_KEY_BYTES];
	struct gcm *g = NULL;

	if (input_key(c, epoch, in) == 0 &&
	    hkdf_sha256(in, c->content ? sizeof(in) : 32, salt, SALT, info, strlen(info), key, sizeof(key)) == 0)
		g = gcm_new(key);
	wipe(in, sizeof(in));
	wipe(key, sizeof(key));
	return g;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	put_le32(p, (uint32_t)n);
	memcpy(p + 4, text, n);
	return p + 4 + n;
}

/* The key belongs to this point, and is what it says. */
static uint8_t *make_aad(const char *point_id, const struct row_label *l, size_t *len)
{
	static const char use[] = "adebackup 1 capsule";
	const char *text[] = { point_id, l->kind, l->name, l->guid, l->kek, l->algorithm };
	size_t n = l->kek ? 6 : 4, room = sizeof(use);
	uint8_t *aad, *p;

	for (size_t i = 0; i < n; i++)
		room += 4 + strlen(text[i]);
	aad = p = malloc(room);
	if (!aad)
		return NULL;
	memcpy(p, use, sizeof(use) - 1);
	p += sizeof(use) - 1;
	for (size_t i = 0; i < n; i++)
		p = put_text(p, text[i]);
	*len = (size_t)(p - aad);
	return aad;
}

int capsule_set_hex(struct jval *o, const char *name, const void *data, size_t len)
{
	AUTO(free) char *text = malloc(2 * len + 1);

	if (!text)
		return -ENOMEM;
	hex_encode(data, len, text);
	return jval_set_text(o, name, text);
}

static int set_label(struct jval *o, const struct row_label *l)
{
	int rc = jval_set_text(o, "kind", l->kind);

	rc = rc ? rc : jval_set_text(o, "name", l->name);
	rc = rc ? rc : jval_set_text(o, "guid", l->guid);
	if (!rc && l->kek)
		rc = jval_set_text(o, "kek", l->kek);
	return rc || !l->kek ? rc : jval_set_text(o, "algorithm", l->algorithm);
}

struct jval *capsule_row_seal(const struct row_cipher *c, const struct row_label *l, const uint8_t *bytes, size_t n)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	AUTO(jval_free) struct jval *o = jval_object();
	AUTO(free) uint8_t *aad = NULL, *sealed = NULL;
	unsigned epoch = key_ring_epoch(c->ring);
	AUTO(gcm_free) struct gcm *g = NULL;
	size_t aad_len;
	uint8_t salt[SALT];
	int rc;

	if (!n || n > KEY_MAX || getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return NULL;
	g = cipher(c, epoch, salt);
	aad = make_aad(c->point_id, l, &aad_len);
	sealed = malloc(n + GCM_TAG_BYTES);
	if (!g || !aad || !sealed || gcm_seal(g, nonce, aad, aad_len, bytes, n, sealed, sealed + n))
		return NULL;
	rc = set_label(o, l);
	rc = rc ? rc : jval_set_u64_text(o, "epoch", epoch);
	rc = rc ? rc : capsule_set_hex(o, "salt", salt, sizeof(salt));
	rc = rc ? rc : capsule_set_hex(o, "sealed", sealed, n + GCM_TAG_BYTES);
	return rc ? NULL : TAKE(o);
}

bool capsule_row_label(const struct jval *o, struct row_label *l)
{
	*l = (struct row_label){ jval_text(jval_get(o, "kind")), jval_text(jval_get(o, "name")),
			     jval_text(jval_get(o, "guid")), NULL, NULL };
	if (!l->kind || !l->name || !l->guid)
		return false;
	if (strcmp(l->kind, CAPSULE_WRAPPED_KIND))
		return true;
	l->kek = jval_text(jval_get(o, "kek"));
	l->algorithm = jval_text(jval_get(o, "algorithm"));
	return l->kek && l->algorithm;
}

int capsule_row_open(const struct row_cipher *c, const struct jval *o, const struct row_label *l,
		     struct secret **out, struct error *err)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	const char *hex = jval_text(jval_get(o, "sealed")), *salt_text = jval_text(jval_get(o, "salt"));
	size_t n = hex ? strlen(hex) / 2 : 0, aad_len;
	AUTO(secret_free) struct secret *bytes = NULL;
	AUTO(free) uint8_t *sealed = NULL, *aad = NULL;
	AUTO(gcm_free) struct gcm *g = NULL;
	uint8_t salt[SALT];
	uint64_t epoch;

	if (n <= GCM_TAG_BYTES || n > KEY_MAX + GCM_TAG_BYTES || !salt_text ||
	    hex_decode(salt_text, salt, SALT) < 0 || !jval_u64(jval_get(o, "epoch"), &epoch) || !epoch ||
	    epoch > key_ring_epoch(c->ring))
		return error_set(err, EBADMSG, "damaged capsule: what it says makes no sense");
	sealed = malloc(n);
	aad = make_aad(c->point_id, l, &aad_len);
	g = cipher(c, (unsigned)epoch, salt);
	bytes = secret_new(n - GCM_TAG_BYTES);
	if (!sealed || !aad || !g || !bytes)
		return error_set(err, ENOMEM, "out of memory");
	if (hex_decode(hex, sealed, n) < 0 ||
	    gcm_open(g, nonce, aad, aad_len, sealed, n - GCM_TAG_BYTES, secret_data(bytes),
		     sealed + n - GCM_TAG_BYTES) < 0)
		return error_set(err, EBADMSG, "damaged capsule: a key was not sealed for this point");
	*out = TAKE(bytes);
	return 0;
}

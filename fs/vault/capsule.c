/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/capsule.h"
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

static const char *kind_name(enum key_kind kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

static bool kind_parse(const char *name, enum key_kind *kind)
{
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name)) {
			*kind = kinds[i].kind;
			return true;
		}
	return false;
}

static struct gcm *cipher(const struct key_ring *ring, unsigned epoch, const uint8_t salt[SALT])
{
	static const char info[] = "adebackup 1 capsule key";
	uint8_t use[32], key[GCM_KEY_BYTES];
	struct gcm *g = NULL;

	if (key_ring_derive(ring, epoch, "capsule", use) == 0 &&
	    hkdf_sha256(use, sizeof(use), salt, SALT, info, sizeof(info) - 1, key, sizeof(key)) == 0)
		g = gcm_new(key);
	wipe(use, sizeof(use));
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
static uint8_t *make_aad(const char *point_id, const char *kind, const char *name, const char *guid, size_t *len)
{
	static const char use[] = "adebackup 1 capsule";
	uint8_t *aad = malloc(sizeof(use) + strlen(point_id) + strlen(kind) + strlen(name) + strlen(guid) + 16);
	uint8_t *p = aad;

	if (!aad)
		return NULL;
	memcpy(p, use, sizeof(use) - 1);
	p = put_text(p + sizeof(use) - 1, point_id);
	p = put_text(p, kind);
	p = put_text(p, name);
	p = put_text(p, guid);
	*len = (size_t)(p - aad);
	return aad;
}

static int set_hex(struct jval *o, const char *name, const void *data, size_t len)
{
	AUTO(free) char *text = malloc(2 * len + 1);

	if (!text)
		return -ENOMEM;
	hex_encode(data, len, text);
	return jval_set_text(o, name, text);
}

/* Of a path the last part: a folder of this machine means nothing later. */
static const char *short_name(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static struct jval *seal_key(const struct key_ring *ring, const char *point_id, const struct key *k)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	AUTO(jval_free) struct jval *o = jval_object();
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) uint8_t *aad = NULL, *sealed = NULL;
	const char *kind = kind_name(k->kind), *name = short_name(k->name);
	size_t n = secret_len(k->bytes), aad_len;
	uint8_t salt[SALT];
	int rc;

	if (!kind || getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return NULL;
	g = cipher(ring, key_ring_epoch(ring), salt);
	aad = make_aad(point_id, kind, name, k->guid, &aad_len);
	sealed = malloc(n + GCM_TAG_BYTES);
	if (!g || !aad || !sealed || gcm_seal(g, nonce, aad, aad_len, secret_bytes(k->bytes), n, sealed, sealed + n))
		return NULL;
	rc = jval_set_text(o, "kind", kind);
	rc = rc ? rc : jval_set_text(o, "name", name);
	rc = rc ? rc : jval_set_text(o, "guid", k->guid);
	rc = rc ? rc : jval_set_u64_text(o, "epoch", key_ring_epoch(ring));
	rc = rc ? rc : set_hex(o, "salt", salt, sizeof(salt));
	rc = rc ? rc : set_hex(o, "sealed", sealed, n + GCM_TAG_BYTES);
	return rc ? NULL : TAKE(o);
}

int capsule_make(const struct key_ring *ring, const char *point_id, struct keyring *keys,
		 struct jval **out, struct error *err)
{
	AUTO(jval_free) struct jval *capsule = jval_object(), *list = jval_array();
	int rc = capsule && list ? 0 : -ENOMEM;

	*out = NULL;
	for (size_t i = 0; i < keyring_count(keys) && !rc && jval_len(list) < CAPSULE_KEYS_MAX; i++) {
		const struct key *k = keyring_at(keys, i);

		if (k->used && secret_len(k->bytes) <= KEY_MAX)
			rc = jval_append(list, seal_key(ring, point_id, k));
	}
	if (!rc && !jval_len(list))
		return 0;
	if (!rc)
		rc = jval_set(capsule, "keys", TAKE(list));
	if (rc)
		return error_set(err, EIO, "the disks' keys cannot be sealed");
	*out = TAKE(capsule);
	return 0;
}

static int open_key(const struct key_ring *ring, const char *point_id, const struct jval *o, struct keyring *to,
		    struct error *err)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	const char *kind_text = jval_text(jval_get(o, "kind")), *name = jval_text(jval_get(o, "name"));
	const char *guid = jval_text(jval_get(o, "guid")), *hex = jval_text(jval_get(o, "sealed"));
	const char *salt_text = jval_text(jval_get(o, "salt"));
	size_t n = hex ? strlen(hex) / 2 : 0, aad_len;
	AUTO(secret_free) struct secret *bytes = NULL;
	AUTO(free) uint8_t *sealed = NULL, *aad = NULL;
	AUTO(gcm_free) struct gcm *g = NULL;
	uint8_t salt[SALT];
	enum key_kind kind;
	uint64_t epoch;

	if (!kind_parse(kind_text, &kind) || !name || !guid || n <= GCM_TAG_BYTES || n > KEY_MAX + GCM_TAG_BYTES ||
	    !salt_text || hex_decode(salt_text, salt, SALT) < 0 || !jval_u64(jval_get(o, "epoch"), &epoch) ||
	    !epoch || epoch > key_ring_epoch(ring))
		return error_set(err, EBADMSG, "damaged capsule: what it says makes no sense");
	sealed = malloc(n);
	aad = make_aad(point_id, kind_text, name, guid, &aad_len);
	g = cipher(ring, (unsigned)epoch, salt);
	bytes = secret_new(n - GCM_TAG_BYTES);
	if (!sealed || !aad || !g || !bytes)
		return error_set(err, ENOMEM, "out of memory");
	if (hex_decode(hex, sealed, n) < 0 ||
	    gcm_open(g, nonce, aad, aad_len, sealed, n - GCM_TAG_BYTES, secret_data(bytes),
		     sealed + n - GCM_TAG_BYTES) < 0)
		return error_set(err, EBADMSG, "damaged capsule: a key was not sealed for this point");
	return keyring_add_secret(to, kind, name, TAKE(bytes), err);
}

int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err)
{
	struct jval *list = jval_get(capsule, "keys");
	int rc = 0;

	if (!capsule)
		return 0;
	if (!jval_is_array(list) || jval_len(list) > CAPSULE_KEYS_MAX)
		return error_set(err, EBADMSG, "damaged capsule: it has no list of keys");
	for (size_t i = 0; i < jval_len(list) && rc == 0; i++)
		rc = open_key(ring, point_id, jval_at(list, i), to, err);
	return rc;
}

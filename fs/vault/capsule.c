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
#define WRAPPED "wrapped"

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

/* What is said of a sealed key; kek and algorithm NULL: it is the key itself. */
struct label { const char *kind, *name, *guid, *kek, *algorithm; };

/* The key belongs to this point, and is what it says. */
static uint8_t *make_aad(const char *point_id, const struct label *l, size_t *len)
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

static int set_label(struct jval *o, const struct label *l)
{
	int rc = jval_set_text(o, "kind", l->kind);

	rc = rc ? rc : jval_set_text(o, "name", l->name);
	rc = rc ? rc : jval_set_text(o, "guid", l->guid);
	if (!rc && l->kek)
		rc = jval_set_text(o, "kek", l->kek);
	return rc || !l->kek ? rc : jval_set_text(o, "algorithm", l->algorithm);
}

static struct jval *seal_key(const struct key_ring *ring, const char *point_id, const struct label *l,
			     const uint8_t *bytes, size_t n)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	AUTO(jval_free) struct jval *o = jval_object();
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) uint8_t *aad = NULL, *sealed = NULL;
	size_t aad_len;
	uint8_t salt[SALT];
	int rc;

	if (getrandom(salt, sizeof(salt), 0) != sizeof(salt))
		return NULL;
	g = cipher(ring, key_ring_epoch(ring), salt);
	aad = make_aad(point_id, l, &aad_len);
	sealed = malloc(n + GCM_TAG_BYTES);
	if (!g || !aad || !sealed || gcm_seal(g, nonce, aad, aad_len, bytes, n, sealed, sealed + n))
		return NULL;
	rc = set_label(o, l);
	rc = rc ? rc : jval_set_u64_text(o, "epoch", key_ring_epoch(ring));
	rc = rc ? rc : set_hex(o, "salt", salt, sizeof(salt));
	rc = rc ? rc : set_hex(o, "sealed", sealed, n + GCM_TAG_BYTES);
	return rc ? NULL : TAKE(o);
}

/* What may be kept of one key, appended.  Not wrapped, and only wrapped ones may be: nothing. */
static int keep(const struct key_ring *ring, enum capsule_mode mode, const char *point_id, const struct key *k,
		struct jval *list)
{
	const struct wrapped_key *w = k->wrapped;
	struct label l = { kind_name(k->kind), short_name(k->name), k->guid, NULL, NULL };

	if (mode == CAPSULE_SEALED && l.kind && secret_len(k->bytes) <= KEY_MAX)
		return jval_append(list, seal_key(ring, point_id, &l, secret_bytes(k->bytes), secret_len(k->bytes)));
	if (mode != CAPSULE_WRAPPED || !w)
		return 0;
	l.kind = WRAPPED;
	l.kek = w->kek_url;
	l.algorithm = w->algorithm;
	return jval_append(list, seal_key(ring, point_id, &l, w->bytes, w->len));
}

int capsule_make(const struct key_ring *ring, enum capsule_mode mode, const char *point_id,
		 struct keyring *keys, struct jval **out, struct error *err)
{
	AUTO(jval_free) struct jval *capsule = jval_object(), *list = jval_array();
	int rc = capsule && list ? 0 : -ENOMEM;

	*out = NULL;
	for (size_t i = 0; i < keyring_count(keys) && !rc && jval_len(list) < CAPSULE_KEYS_MAX; i++)
		if (keyring_at(keys, i)->used)
			rc = keep(ring, mode, point_id, keyring_at(keys, i), list);
	if (!rc && !jval_len(list))
		return 0;
	if (!rc)
		rc = jval_set(capsule, "keys", TAKE(list));
	if (rc)
		return error_set(err, EIO, "the disks' keys cannot be sealed");
	*out = TAKE(capsule);
	return 0;
}

static bool get_label(const struct jval *o, struct label *l)
{
	*l = (struct label){ jval_text(jval_get(o, "kind")), jval_text(jval_get(o, "name")),
			     jval_text(jval_get(o, "guid")), NULL, NULL };
	if (!l->kind || !l->name || !l->guid)
		return false;
	if (strcmp(l->kind, WRAPPED))
		return true;
	l->kek = jval_text(jval_get(o, "kek"));
	l->algorithm = jval_text(jval_get(o, "algorithm"));
	return l->kek && l->algorithm;
}

/* What seal_key() has sealed. */
static int unseal(const struct key_ring *ring, const char *point_id, const struct jval *o, const struct label *l,
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
	    epoch > key_ring_epoch(ring))
		return error_set(err, EBADMSG, "damaged capsule: what it says makes no sense");
	sealed = malloc(n);
	aad = make_aad(point_id, l, &aad_len);
	g = cipher(ring, (unsigned)epoch, salt);
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

static int open_key(const struct key_ring *ring, const char *point_id, const struct jval *o, struct keyring *to,
		    struct error *err)
{
	AUTO(secret_free) struct secret *bytes = NULL;
	enum key_kind kind;
	struct label l;
	int rc;

	if (!get_label(o, &l) || (!l.kek && !kind_parse(l.kind, &kind)))
		return error_set(err, EBADMSG, "damaged capsule: what it says makes no sense");
	if (l.kek)
		return 0;
	rc = unseal(ring, point_id, o, &l, &bytes, err);
	return rc ? rc : keyring_add_secret(to, kind, l.name, TAKE(bytes), err);
}

static int get_list(const struct jval *capsule, struct jval **list, struct error *err)
{
	*list = jval_get(capsule, "keys");
	if (!capsule || (jval_is_array(*list) && jval_len(*list) <= CAPSULE_KEYS_MAX))
		return 0;
	return error_set(err, EBADMSG, "damaged capsule: it has no list of keys");
}

int capsule_open(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		 struct keyring *to, struct error *err)
{
	struct jval *list;
	int rc = get_list(capsule, &list, err);

	for (size_t i = 0; i < jval_len(list) && rc == 0; i++)
		rc = open_key(ring, point_id, jval_at(list, i), to, err);
	return rc;
}

bool capsule_has_plain(const struct jval *capsule)
{
	const struct jval *list = jval_get(capsule, "keys");
	struct label l;

	for (size_t i = 0; i < jval_len(list); i++)
		if (get_label(jval_at(list, i), &l) && !l.kek)
			return true;
	return false;
}

static int no_kek(const struct label *l, struct error *err)
{
	error_set(err, ENOKEY, "the key %s is wrapped by a KEK that is not at hand: %s", l->name,
		  *l->kek ? l->kek : "its URL is not known");
	error_next(err, "Name the store that holds it with keystore=, or its private key with keystore=pem:FILE.");
	return -ENOKEY;
}

static int unwrap_key(const struct key_ring *ring, const char *point_id, const struct jval *o,
		      struct keystores *stores, struct audit *audit, struct keyring *to, struct error *err)
{
	AUTO(secret_free) struct secret *wrapped = NULL, *bytes = NULL;
	struct key_ref kek = { .host = "" };
	enum wrap_alg alg;
	struct label l;
	int rc, noted;

	if (!get_label(o, &l) || !l.kek)
		return 0;
	rc = unseal(ring, point_id, o, &l, &wrapped, err);
	if (rc)
		return rc;
	if (wrap_alg_parse(l.algorithm, &alg) < 0 || (*l.kek && key_ref_parse(l.kek, "keys", &kek, err) < 0))
		return error_set(err, ENOTSUP, "the key %s is wrapped in an unknown way", l.name);
	if (!stores || !keystores_count(stores))
		return no_kek(&l, err);
	rc = keystores_unwrap(stores, &kek, alg, secret_bytes(wrapped), secret_len(wrapped), &bytes, err);
	noted = audit_note(audit, "unwrap", l.name, l.kek, rc);
	if (rc)
		return rc == -ENOENT ? no_kek(&l, err) : rc;
	if (noted)
		return error_set(err, -noted, "the audit line could not be kept, so no key is handed out");
	return keyring_add_secret(to, KEY_PASSPHRASE, l.name, TAKE(bytes), err);
}

int capsule_unwrap(const struct key_ring *ring, const char *point_id, const struct jval *capsule,
		   struct keystores *stores, struct audit *audit, struct keyring *to, struct error *err)
{
	struct error why = ERROR_INIT;
	struct jval *list;
	int rc = get_list(capsule, &list, err), one;

	for (size_t i = 0; i < jval_len(list) && rc != -ENOMEM; i++) {
		one = unwrap_key(ring, point_id, jval_at(list, i), stores, audit, to, &why);
		if (one && !rc) {
			rc = one;
			error_copy(err, &why);
		}
	}
	return rc;
}

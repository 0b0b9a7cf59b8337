/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/slot.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "fs/keys/audit.h"
#include "fs/keys/keystore.h"
#include "fs/vault/object.h"
#include "fs/vault/slot_public.h"
#include "fs/vault/slot_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SLOT_KEY_BYTES 32u
#define ARGON2_PASSES 3u
#define ARGON2_MEMORY_KIB (128u << 10)
#define ARGON2_LANES 4u

static const char *const kinds[] = { "key-file", "passphrase", "rsa", "kek" };

const char *slot_kind_name(enum slot_kind kind)
{
	return kinds[kind];
}

void slot_object_name(const char *id, unsigned epoch, char *out, size_t size)
{
	if (epoch == 1)
		snprintf(out, size, "slot/%s", id);
	else
		snprintf(out, size, "slot/%s.%u", id, epoch);
}

/* The fingerprint of the secret: the slot's id; of a passphrase nothing may be told. */
static int fingerprint(const struct slot_secret *s, const struct rsa_key *rsa, char id[SLOT_ID_TEXT])
{
	static const char use[] = "adebackup 1 slot id";
	uint8_t sum[SHA256_BYTES];
	int rc;

	if (rsa)
		rc = rsa_key_fingerprint(rsa, sum);
	else if (s->kind == SLOT_KEY_FILE)
		rc = hmac_sha256(secret_bytes(s->bytes), secret_len(s->bytes), use, sizeof(use) - 1, sum);
	else
		rc = getrandom(sum, sizeof(sum), 0) == sizeof(sum) ? 0 : -EIO;
	if (rc == 0)
		hex_encode(sum, (SLOT_ID_TEXT - 1) / 2, id);
	return rc;
}

/* By whichever store holds the KEK. */
static int ask_stores(const struct slot_text *t, const struct slot_secret *s, struct secret **out, struct error *err)
{
	struct key_ref kek;
	int rc = key_ref_parse(t->kek_url, "keys", &kek, err), noted;

	if (rc)
		return rc;
	rc = keystores_unwrap(s->stores, &kek, WRAP_RSA_OAEP_256, t->wrapped, t->wrapped_len, out, err);
	noted = audit_note(s->audit, "unwrap", t->id, t->kek_url, rc);
	if (rc == -ENOENT && err) {
		error_prefix(err, rc, "the KEK %.200s opens the vault, and is in none of the key stores", t->kek_url);
		err->code = ENOKEY;
	}
	if (rc || !noted)
		return rc == -ENOENT ? -ENOKEY : rc;
	secret_free(TAKE(*out));
	return error_set(err, -noted, "the audit line could not be kept, so the vault is not opened");
}

/* The slot's key from the user's secret; RSA: unwrapped. */
static int slot_key(const struct slot_text *t, const struct slot_secret *s, const struct rsa_key *rsa,
		    struct secret **out, struct error *err)
{
	static const char use[] = "adebackup 1 slot key-file";
	AUTO(secret_free) struct secret *key = NULL;
	int rc;

	if (s->kind == SLOT_KEK)
		return ask_stores(t, s, out, err);
	if (t->kind == SLOT_RSA)
		return rsa_key_unwrap(rsa, WRAP_RSA_OAEP_256, t->wrapped, t->wrapped_len, out, err);
	key = secret_new(SLOT_KEY_BYTES);
	if (!key)
		return error_set(err, ENOMEM, "out of memory");
	if (t->kind == SLOT_KEY_FILE)
		rc = hkdf_sha256(secret_bytes(s->bytes), secret_len(s->bytes), t->salt, sizeof(t->salt), use,
				 sizeof(use) - 1, secret_data(key), SLOT_KEY_BYTES);
	else
		rc = kdf_argon2(ARGON2ID, secret_bytes(s->bytes), secret_len(s->bytes), t->salt,
				sizeof(t->salt), t->passes, t->memory_kib, t->lanes, secret_data(key),
				SLOT_KEY_BYTES);
	if (rc < 0)
		return error_set(err, -rc, "the slot's key cannot be derived: %s", strerror(-rc));
	*out = TAKE(key);
	return 0;
}

static struct gcm *slot_cipher(const struct secret *key, const struct slot_text *t)
{
	static const char use[] = "adebackup 1 slot seal";
	uint8_t k[GCM_KEY_BYTES];
	struct gcm *g = NULL;

	if (hkdf_sha256(secret_bytes(key), secret_len(key), t->salt, sizeof(t->salt), use, sizeof(use) - 1,
			k, sizeof(k)) == 0)
		g = gcm_new(k);
	wipe(k, sizeof(k));
	return g;
}

static int commitment(const struct secret *key, uint8_t out[SHA256_BYTES])
{
	return hmac_sha256(secret_bytes(key), secret_len(key), "commit", 6, out);
}

/* Seal the ring into t, whose other parts are filled. */
static int seal_ring(struct slot_text *t, const struct key_ring *ring, const struct secret *key)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	const struct secret *bytes = key_ring_bytes(ring);
	AUTO(gcm_free) struct gcm *g = slot_cipher(key, t);
	AUTO(free) void *aad = NULL;
	size_t n = secret_len(bytes), aad_len;

	t->ring_len = n + GCM_TAG_BYTES;
	t->ring = malloc(t->ring_len);
	aad = slot_text_aad(t, &aad_len);
	if (!g || !t->ring || !aad || commitment(key, t->commit) < 0)
		return -ENOMEM;
	return gcm_seal(g, nonce, aad, aad_len, secret_bytes(bytes), n, t->ring, t->ring + n);
}

static struct rsa_key *rsa_of(const struct slot_secret *s, struct error *err)
{
	return rsa_key_from_pem(secret_bytes(s->bytes), secret_len(s->bytes), NULL, err);
}

/* A fresh key for an RSA slot, wrapped into t. */
static int wrap_new_key(struct slot_text *t, const struct rsa_key *rsa, struct secret **key,
			struct error *err)
{
	AUTO(secret_free) struct secret *k = secret_new(SLOT_KEY_BYTES);
	int rc;

	t->wrapped = malloc(RSA_MAX_BYTES);
	if (!k || !t->wrapped)
		return error_set(err, ENOMEM, "out of memory");
	if (getrandom(secret_data(k), SLOT_KEY_BYTES, 0) != SLOT_KEY_BYTES)
		return error_set(err, EIO, "the system gives no random numbers");
	rc = rsa_key_wrap(rsa, WRAP_RSA_OAEP_256, secret_bytes(k), SLOT_KEY_BYTES, t->wrapped,
			  &t->wrapped_len, err);
	if (rc == 0)
		*key = TAKE(k);
	return rc;
}

static bool has_rsa(const struct slot_secret *s)
{
	return s->kind == SLOT_RSA || s->kind == SLOT_KEK;
}

/* The public half, kept with the slot and vouched for by the ring. */
static int keep_public(struct slot_text *t, const struct key_ring *ring, const struct slot_secret *s,
		       const struct rsa_key *rsa)
{
	t->public_pem = rsa_key_public_pem(rsa);
	t->for_capsules = s->for_capsules;
	if (s->kek_url && strlen(s->kek_url) >= sizeof(t->kek_url))
		return -ENAMETOOLONG;
	snprintf(t->kek_url, sizeof(t->kek_url), "%s", s->kek_url ? s->kek_url : "");
	return t->public_pem ? slot_voucher(t, ring, t->voucher) : -ENOMEM;
}

static int fill_text(struct slot_text *t, const struct key_ring *ring, const struct slot_secret *s,
		     const char *label, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *rsa = has_rsa(s) ? rsa_of(s, err) : NULL;
	AUTO(secret_free) struct secret *key = NULL;
	int rc;

	if (has_rsa(s) && !rsa)
		return -err->code;
	t->kind = rsa ? SLOT_RSA : s->kind;
	t->epoch = key_ring_epoch(ring);
	memcpy(t->vault_id, key_ring_vault_id(ring), VAULT_ID_BYTES);
	snprintf(t->label, sizeof(t->label), "%s", label ? label : "");
	if (s->kind == SLOT_PASSPHRASE) {
		t->passes = ARGON2_PASSES;
		t->memory_kib = ARGON2_MEMORY_KIB;
		t->lanes = ARGON2_LANES;
	}
	if (fingerprint(s, rsa, t->id) < 0 || getrandom(t->salt, sizeof(t->salt), 0) != sizeof(t->salt))
		return error_set(err, EIO, "the system gives no random numbers");
	rc = rsa ? wrap_new_key(t, rsa, &key, err) : slot_key(t, s, NULL, &key, err);
	if (rc == 0 && rsa)
		rc = keep_public(t, ring, s, rsa);
	if (rc == 0)
		rc = seal_ring(t, ring, key);
	return rc < 0 && !err->code ? error_set(err, -rc, "the slot cannot be sealed") : rc;
}

int slot_put(struct store *st, const struct key_ring *ring, const struct slot_secret *s,
	     const char *label, char id[SLOT_ID_TEXT], struct error *err)
{
	AUTO(slot_text_clear) struct slot_text t = { 0 };
	struct error own = ERROR_INIT;
	AUTO(free) char *text = NULL;
	char name[64];
	int rc;

	if (!err)
		err = &own;
	error_clear(err);
	rc = fill_text(&t, ring, s, label, err);
	if (rc < 0)
		return rc;
	text = slot_text_print(&t);
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	memcpy(id, t.id, SLOT_ID_TEXT);
	slot_object_name(t.id, t.epoch, name, sizeof(name));
	rc = object_put(st, NULL, OBJECT_SLOT, name, text, strlen(text), err);
	if (rc == -EEXIST)
		error_set(err, EEXIST, "the vault has a slot for this key already");
	return rc;
}

/* 0, -EKEYREJECTED: another secret's slot, -EBADMSG: damaged. */
static int try_slot(const struct slot_text *t, const struct slot_secret *s, const struct rsa_key *rsa,
		    struct key_ring **ring, struct error *err)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	AUTO(secret_free) struct secret *key = NULL, *bytes = NULL;
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) void *aad = NULL;
	uint8_t commit[SHA256_BYTES];
	size_t n = t->ring_len - GCM_TAG_BYTES, aad_len;
	int rc = slot_key(t, s, rsa, &key, err);

	if (rc < 0)
		return rc;
	if (commitment(key, commit) < 0 || !bytes_equal_ct(commit, t->commit, sizeof(commit)))
		return error_set(err, EKEYREJECTED, "the key does not open the slot");
	bytes = secret_new(n);
	g = slot_cipher(key, t);
	aad = slot_text_aad(t, &aad_len);
	if (!bytes || !g || !aad)
		return error_set(err, ENOMEM, "out of memory");
	if (gcm_open(g, nonce, aad, aad_len, t->ring, n, secret_data(bytes), t->ring + n) < 0)
		return error_set(err, EBADMSG, "damaged slot: the key fits, what it seals does not open");
	*ring = key_ring_load(t->vault_id, bytes, err);
	if (*ring && key_ring_epoch(*ring) != t->epoch) {
		key_ring_free(TAKE(*ring));
		return error_set(err, EBADMSG, "damaged slot: it holds another epoch's keys");
	}
	return *ring ? 0 : -EBADMSG;
}

struct search {
	struct store *st;
	const struct slot_secret *secret;
	const uint8_t *vault_id;
	const struct rsa_key *rsa;
	char id[SLOT_ID_TEXT];		/* "": any passphrase */
	struct key_ring *ring;
	struct error damage;		/* the first damaged slot that may have been ours */
};

static int search_one(void *arg, const struct slot_text *t, struct error *err)
{
	struct search *s = arg;
	struct key_ring *ring = NULL;
	int rc;

	if (s->secret->kind == SLOT_KEK ? !t->kek_url[0] : t->kind != s->secret->kind)
		return 0;
	if (s->id[0] && strcmp(t->id, s->id))
		return 0;
	if (memcmp(t->vault_id, s->vault_id, VAULT_ID_BYTES))
		return error_set(err, EBADMSG, "the slot belongs to another vault");
	if (s->ring && key_ring_epoch(s->ring) >= t->epoch)
		return 0;
	rc = try_slot(t, s->secret, s->rsa, &ring, err);
	if (rc == -EKEYREJECTED && s->secret->kind == SLOT_PASSPHRASE)
		return 0;
	if (rc < 0 && s->secret->kind == SLOT_KEK)
		return rc;		/* the next may do; what this one said is told if none does */
	if (rc < 0)
		return rc == -EKEYREJECTED
			? error_set(err, EBADMSG, "damaged slot: the key that it is named after does not open it")
			: rc;
	key_ring_free(s->ring);
	s->ring = ring;
	return 0;
}

/* The newest epoch wins; a damaged slot matters only where none opened. */
static int search_damaged(void *arg, int rc, const struct error *why)
{
	struct search *s = arg;

	if (rc == -ENOMEM)
		return rc;
	if (!s->damage.code)
		error_copy(&s->damage, why);
	return 0;
}

int slot_open(struct store *st, const uint8_t vault_id[VAULT_ID_BYTES], const struct slot_secret *s,
	      struct key_ring **ring, struct error *err)
{
	static const char *const what[] = { "this key file", "this passphrase", "this RSA key", "a key of a Key Vault" };
	AUTO(rsa_key_free) struct rsa_key *rsa = NULL;
	struct search search = { .st = st, .secret = s, .vault_id = vault_id };
	char prefix[64] = "slot/";
	int rc = 0;

	if (s->kind == SLOT_RSA) {
		rsa = rsa_of(s, err);
		if (!rsa)
			return err && err->code ? -err->code : -EBADMSG;
		if (!rsa_key_is_private(rsa))
			return error_set(err, ENOKEY, "this is the public half; the private key opens the vault");
	}
	search.rsa = rsa;
	if (s->kind != SLOT_PASSPHRASE && s->kind != SLOT_KEK) {
		rc = fingerprint(s, rsa, search.id);
		snprintf(prefix, sizeof(prefix), "slot/%s", search.id);
	}
	if (rc == 0)
		rc = slot_each(st, prefix, search_one, search_damaged, &search, err);
	if (rc < 0) {
		key_ring_free(search.ring);
		return rc;
	}
	*ring = search.ring;
	if (*ring)
		return 0;
	if (search.damage.code) {
		error_copy(err, &search.damage);
		return -search.damage.code;
	}
	error_set(err, EKEYREJECTED, "no slot of the vault is for %s", what[s->kind]);
	error_next(err, "`adebackup key list` shows the slots to whoever can open the vault.");
	return -EKEYREJECTED;
}

void slot_expect(struct store *st, const struct slot_secret *s)
{
	AUTO(rsa_key_free) struct rsa_key *rsa = s->kind == SLOT_RSA ? rsa_of(s, NULL) : NULL;
	char id[SLOT_ID_TEXT] = "", name[64] = "slot/";

	if (s->kind == SLOT_RSA && !rsa)
		return;
	if (s->kind != SLOT_PASSPHRASE && fingerprint(s, rsa, id) == 0) {
		slot_object_name(id, 1, name, sizeof(name));
		store_expect(st, EXPECT_GET, name);
	}
	store_expect(st, EXPECT_LIST, name);
}

int slot_matches(struct store *st, const uint8_t vault_id[VAULT_ID_BYTES], const char *id,
		 const struct slot_secret *s, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *rsa = s->kind == SLOT_RSA ? rsa_of(s, err) : NULL;
	struct search search = { .st = st, .secret = s, .vault_id = vault_id };
	char prefix[64];
	bool opened;
	int rc;

	if (s->kind == SLOT_RSA && !rsa)
		return err && err->code ? -err->code : -EBADMSG;
	if (s->kind != SLOT_PASSPHRASE && s->kind != SLOT_KEK) {
		if (fingerprint(s, rsa, search.id) < 0)
			return error_set(err, EIO, "the key's fingerprint cannot be made");
		return strcmp(search.id, id) ? -EKEYREJECTED : 0;
	}
	snprintf(prefix, sizeof(prefix), "slot/%s", id);
	rc = slot_each(st, prefix, search_one, search_damaged, &search, err);
	opened = search.ring;
	key_ring_free(search.ring);
	return rc < 0 ? rc : opened ? 0 : -EKEYREJECTED;
}

struct removal {
	struct store *st;
	const char *id;
	unsigned epoch;			/* 0: all */
	struct error *err;
};

/* "slot/<id>" or "slot/<id>.<epoch>": damaged ones go too. */
static int remove_one(void *arg, const struct object *o)
{
	struct removal *r = arg;
	const char *rest = o->name + 5 + strlen(r->id);
	unsigned long epoch = *rest == '.' ? strtoul(rest + 1, NULL, 10) : 1;

	if ((*rest && *rest != '.') || (r->epoch && epoch >= r->epoch))
		return 0;
	return store_remove(r->st, o->name, r->err);
}

int slot_remove(struct store *st, const char *id, unsigned epoch, struct error *err)
{
	struct removal r = { .st = st, .id = id, .epoch = epoch, .err = err };
	char prefix[64];

	snprintf(prefix, sizeof(prefix), "slot/%s", id);
	return store_list(st, prefix, remove_one, &r, err);
}

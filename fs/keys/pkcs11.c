/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KEKs on a PKCS#11 token.  The key is the one that the URI names; else the
 * one labelled as the KEK is called, NAME/VERSION before NAME; else each of
 * the token's in turn.  A module is one for the whole process, ends for all
 * when one ends it, and is no friend of threads and forks: so it is loaded for
 * each call and one call is made at a time; the PIN is kept.
 */
#include "fs/keys/keyfile.h"
#include "fs/keys/keystore.h"
#include "fs/keys/pkcs11_uri.h"

#include <errno.h>
#include <libp11.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define KEYS_TRIED 16
#define PIN_MAX 256
#define MODULE_DEFAULT "p11-kit-proxy.so"	/* all modules that the system knows */

struct pkcs11_keystore {
	struct keystore ks;
	struct pkcs11_uri uri;
	struct secret *pin;		/* ends in a NUL; NULL: the token wants none */
	pthread_mutex_t lock;
};

/* A module at work. */
struct module {
	PKCS11_CTX *ctx;
	PKCS11_SLOT *slots;
	unsigned n_slots;
	PKCS11_SLOT *slot;		/* the token's */
};

static bool fits(const char *want, const char *is)
{
	return !*want || (is && !strcmp(want, is));
}

static bool slot_fits(const struct pkcs11_uri *u, PKCS11_SLOT *s)
{
	const PKCS11_TOKEN *t = s->token;
	char id[24];

	if (!t || !t->initialized)
		return false;
	snprintf(id, sizeof(id), "%lu", PKCS11_get_slotid_from_slot(s));
	return fits(u->token, t->label) && fits(u->manufacturer, t->manufacturer) &&
	       fits(u->serial, t->serialnr) && fits(u->model, t->model) && fits(u->slot_id, id);
}

static int find_token(struct module *m, const struct pkcs11_uri *u, struct error *err)
{
	for (unsigned i = 0; i < m->n_slots; i++) {
		if (!slot_fits(u, &m->slots[i]))
			continue;
		if (m->slot) {
			error_set(err, EINVAL, "several tokens fit the URI");
			error_next(err, "name one: pkcs11:token=%.64s", m->slot->token->label);
			return -EINVAL;
		}
		m->slot = &m->slots[i];
	}
	if (m->slot)
		return 0;
	error_set(err, ENOENT, "no token of the %u slots fits the URI", m->n_slots);
	error_next(err, "see what there is: p11tool --list-tokens, or pkcs11-tool --module MODULE -L");
	return -ENOENT;
}

static const char *module_of(const struct pkcs11_uri *u)
{
	return u->module[0] ? u->module : MODULE_DEFAULT;
}

static int load_module(struct module *m, const struct pkcs11_uri *u, struct error *err)
{
	m->ctx = PKCS11_CTX_new();
	if (!m->ctx)
		return error_set(err, ENOMEM, "no memory");
	if (PKCS11_CTX_load(m->ctx, module_of(u)) == 0) {
		if (PKCS11_enumerate_slots(m->ctx, &m->slots, &m->n_slots) == 0)
			return 0;
		PKCS11_CTX_unload(m->ctx);
	}
	PKCS11_CTX_free(m->ctx);
	m->ctx = NULL;
	error_set(err, ENOENT, "the PKCS#11 module %.200s cannot be loaded", module_of(u));
	error_next(err, "name it in the URI: ?module-path=/usr/lib/softhsm/libsofthsm2.so");
	return -ENOENT;
}

static void unload_module(struct module *m)
{
	if (m->slot)
		PKCS11_logout(m->slot);
	if (m->ctx) {
		PKCS11_release_all_slots(m->ctx, m->slots, m->n_slots);
		PKCS11_CTX_unload(m->ctx);
		PKCS11_CTX_free(m->ctx);
	}
	ERR_clear_error();
}

/* With a NUL behind it, as the module wants it. */
static struct secret *terminated(const struct secret *pin)
{
	struct secret *s = pin ? secret_new(secret_len(pin) + 1) : NULL;

	if (s)
		memcpy(secret_data(s), secret_bytes(pin), secret_len(pin));
	return s;
}

static int get_pin(struct pkcs11_keystore *p, const PKCS11_TOKEN *t, const struct keystore_options *o,
		   struct error *err)
{
	const char *file = p->uri.pin_source[0] ? p->uri.pin_source : o->pin_file;
	AUTO(secret_free) struct secret *pin = NULL;
	char question[120];

	snprintf(question, sizeof(question), "PIN of the token %.64s: ", t->label);
	if (file) {
		pin = keyfile_read(file, PIN_MAX, err);
		if (!pin)
			return err && err->code ? -err->code : -ENOENT;
		keyfile_trim(pin);
	} else if (o->ask) {
		pin = o->ask(question);
	}
	p->pin = terminated(pin);
	if (p->pin)
		return 0;
	error_set(err, ENOKEY, "the token %.64s wants a PIN", t->label);
	error_next(err, "name its file: keystore-pin-file=FILE, or pin-source=file:FILE in the URI");
	return -ENOKEY;
}

/* A script that tries a wrong PIN every night must not lock the token. */
static int may_try(const PKCS11_TOKEN *t, const struct keystore_options *o, struct error *err)
{
	if (t->userPinLocked) {
		error_set(err, EACCES, "the token %.64s is locked: too many wrong PINs", t->label);
		error_next(err, "its security officer unlocks it: pkcs11-tool --init-pin --login --so-pin …");
		return -EACCES;
	}
	if (t->userPinFinalTry && !o->ask) {
		error_set(err, EACCES, "the token %.64s has one try left before it locks; not taken", t->label);
		error_next(err, "log in by hand with the right PIN first: pkcs11-tool --login --list-objects");
		return -EACCES;
	}
	return 0;
}

/* o: where a PIN that is not known yet comes from. */
static int log_in(struct pkcs11_keystore *p, struct module *m, const struct keystore_options *o, struct error *err)
{
	const PKCS11_TOKEN *t = m->slot->token;
	int rc;

	if (!t->loginRequired)
		return 0;
	rc = may_try(t, o, err);
	if (!rc && !t->secureLogin && !p->pin)
		rc = get_pin(p, t, o, err);
	if (rc || PKCS11_login(m->slot, 0, p->pin ? (const char *)secret_bytes(p->pin) : NULL) == 0)
		return rc;
	error_set(err, EKEYREJECTED, "the token %.64s does not take the PIN", t->label);
	error_next(err, "check the PIN file; after some wrong ones a token locks itself");
	return -EKEYREJECTED;
}

static int connect_token(struct pkcs11_keystore *p, struct module *m, const struct keystore_options *o,
			 struct error *err)
{
	int rc = load_module(m, &p->uri, err);

	rc = rc ? rc : find_token(m, &p->uri, err);
	return rc ? rc : log_in(p, m, o, err);
}

/* Which keys are tried, the likely ones first. */
static int rank(const struct pkcs11_uri *u, const struct key_ref *ref, const PKCS11_KEY *k)
{
	char whole[KEYSTORE_NAME_MAX + 70];

	if (!k->isPrivate || !fits(u->object, k->label) ||
	    (u->id_len && (u->id_len != k->id_len || memcmp(u->id, k->id, u->id_len))))
		return -1;
	if (pkcs11_uri_names_key(u) || !k->label)
		return 2;
	snprintf(whole, sizeof(whole), "%s/%s", ref->name, ref->version);
	return !strcmp(k->label, whole) ? 0 : !strcmp(k->label, ref->name) ? 1 : 2;
}

/* How one attempt ended, to be told if none succeeds. */
struct tries { unsigned n; int rc; struct error why; };

static int try_key(PKCS11_KEY *k, enum wrap_alg alg, const uint8_t *wrapped, size_t len, struct secret **out,
		   struct tries *t)
{
	struct error why = ERROR_INIT;
	AUTO(rsa_key_free) struct rsa_key *key =
		rsa_key_from_token(PKCS11_get_private_key(k), PKCS11_pkey_meths, &why);
	int rc = key ? rsa_key_unwrap(key, alg, wrapped, len, out, &why) : -why.code;

	if (rc && rc != -ENOTSUP && (!t->n++ || rc == -EIO)) {
		t->rc = rc;
		error_copy(&t->why, &why);
		error_object(&t->why, "key %.100s of the token", k->label ? k->label : "without a label");
	}
	return rc;
}

/* A key that the user named is his to find; any other may be in another store. */
static int no_key(const struct pkcs11_keystore *p, const struct module *m, struct error *err)
{
	int code = pkcs11_uri_names_key(&p->uri) ? ENOKEY : ENOENT;

	error_set(err, code, "the token %.64s has no such private RSA key", m->slot->token->label);
	error_next(err, "see what it has: pkcs11-tool --module %.100s --login --list-objects --type privkey",
		   module_of(&p->uri));
	return -code;
}

static int unwrap_by(const struct pkcs11_keystore *p, struct module *m, const struct key_ref *ref, enum wrap_alg alg,
		     const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	struct tries t = { .n = 0 };
	PKCS11_KEY *keys = NULL;
	unsigned n = 0;

	if (PKCS11_enumerate_keys(m->slot->token, &keys, &n) < 0)
		return error_set(err, EIO, "the token %.64s does not list its keys", m->slot->token->label);
	for (int r = 0; r <= 2; r++)
		for (unsigned i = 0; i < n && t.n < KEYS_TRIED; i++)
			if (rank(&p->uri, ref, &keys[i]) == r && try_key(&keys[i], alg, wrapped, len, out, &t) == 0)
				return 0;
	if (!t.n)
		return no_key(p, m, err);
	error_copy(err, &t.why);
	return t.rc;
}

static int pkcs11_unwrap(struct keystore *ks, const struct key_ref *ref, enum wrap_alg alg,
			 const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	struct pkcs11_keystore *p = (struct pkcs11_keystore *)ks;
	static const struct keystore_options nobody;
	struct module m = { .ctx = NULL };
	struct error why = ERROR_INIT;
	int rc;

	pthread_mutex_lock(&p->lock);
	rc = connect_token(p, &m, &nobody, &why);
	rc = rc ? rc : unwrap_by(p, &m, ref, alg, wrapped, len, out, &why);
	unload_module(&m);
	pthread_mutex_unlock(&p->lock);
	if (rc && !why.object[0])
		error_object(&why, "%s", ks->spec);
	if (rc)
		error_copy(err, &why);
	return rc;
}

static struct rsa_key *public_half(PKCS11_KEY *k, struct error *err)
{
	AUTO(rsa_key_free) struct rsa_key *key = rsa_key_from_token(PKCS11_get_private_key(k), PKCS11_pkey_meths, err);
	uint8_t n[RSA_MAX_BYTES], e[RSA_MAX_BYTES];

	return key ? rsa_key_from_public(n, rsa_key_modulus(key, n), e, rsa_key_exponent(key, e), err) : NULL;
}

static int find_public(const struct pkcs11_keystore *p, struct module *m, const struct key_ref *ref,
		       struct rsa_key **out, struct error *err)
{
	PKCS11_KEY *keys = NULL, *best = NULL;
	unsigned n = 0, same = 0;
	int least = 3;

	if (PKCS11_enumerate_keys(m->slot->token, &keys, &n) < 0)
		return error_set(err, EIO, "the token %.64s does not list its keys", m->slot->token->label);
	for (unsigned i = 0; i < n; i++) {
		int r = rank(&p->uri, ref, &keys[i]);

		if (r < 0 || r > least)
			continue;
		same = r < least ? 1 : same + 1;
		least = r;
		best = &keys[i];
	}
	if (!best)
		return no_key(p, m, err);
	if (same > 1) {
		error_set(err, EINVAL, "the token %.64s has several keys that may be it", m->slot->token->label);
		error_next(err, "name one in the URI: pkcs11:token=…;object=LABEL");
		return -EINVAL;
	}
	*out = public_half(best, err);
	return *out ? 0 : err && err->code ? -err->code : -EIO;
}

static int pkcs11_public_key(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	struct pkcs11_keystore *p = (struct pkcs11_keystore *)ks;
	static const struct keystore_options nobody;
	struct module m = { .ctx = NULL };
	struct error why = ERROR_INIT;
	int rc;

	pthread_mutex_lock(&p->lock);
	rc = connect_token(p, &m, &nobody, &why);
	rc = rc ? rc : find_public(p, &m, ref, out, &why);
	unload_module(&m);
	pthread_mutex_unlock(&p->lock);
	if (rc && !why.object[0])
		error_object(&why, "%s", ks->spec);
	if (rc)
		error_copy(err, &why);
	return rc;
}

static void pkcs11_free(struct keystore *ks)
{
	struct pkcs11_keystore *p = (struct pkcs11_keystore *)ks;

	secret_free(p->pin);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static const struct keystore_ops pkcs11_ops = {
	.scheme = "pkcs11", .unwrap = pkcs11_unwrap, .public_key = pkcs11_public_key,
	.free = pkcs11_free,
};

struct keystore *keystore_pkcs11_open(const char *uri, const struct keystore_options *o, struct error *err)
{
	struct pkcs11_keystore *p = calloc(1, sizeof(*p));
	struct module m = { .ctx = NULL };
	struct error why = ERROR_INIT;
	int rc;

	if (!p)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&p->lock, NULL);
	keystore_init(&p->ks, &pkcs11_ops, uri);
	rc = pkcs11_uri_parse(uri, &p->uri, &why);
	rc = rc ? rc : connect_token(p, &m, o, &why);
	unload_module(&m);
	if (!rc)
		return &p->ks;
	if (!why.object[0])
		error_object(&why, "%s", p->ks.spec);
	error_copy(err, &why);
	pkcs11_free(&p->ks);
	return NULL;
}

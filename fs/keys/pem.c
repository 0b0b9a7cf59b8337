/* SPDX-License-Identifier: Apache-2.0 */
/* A KEK in a PEM file: unwraps whatever it can, whatever the key's name was. */
#include "fs/keys/keystore.h"

#include <errno.h>
#include <string.h>

struct pem_keystore {
	struct keystore ks;
	struct rsa_key *key;
};

static int pem_unwrap(struct keystore *ks, const struct key_ref *ref, enum wrap_alg alg,
		      const uint8_t *wrapped, size_t len, struct secret **out, struct error *err)
{
	struct pem_keystore *p = (struct pem_keystore *)ks;
	int rc = rsa_key_unwrap(p->key, alg, wrapped, len, out, err);

	(void)ref;
	if (rc)
		error_object(err, "%s", ks->spec);
	return rc;
}

static int pem_public_key(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err)
{
	(void)ref;
	*out = rsa_key_public_half(((struct pem_keystore *)ks)->key, err);
	return *out ? 0 : -ENOMEM;
}

static void pem_free(struct keystore *ks)
{
	rsa_key_free(((struct pem_keystore *)ks)->key);
	free(ks);
}

static const struct keystore_ops pem_ops = {
	.scheme = "pem", .unwrap = pem_unwrap, .public_key = pem_public_key, .free = pem_free,
};

/* A passphrase file may end in a newline that is not part of it. */
static struct secret *read_passphrase(const char *file, struct error *err)
{
	struct secret *s = keyfile_read(file, 4096, err);

	while (s && secret_len(s) && strchr("\r\n", secret_bytes(s)[secret_len(s) - 1]))
		secret_truncate(s, secret_len(s) - 1);
	return s;
}

struct keystore *keystore_pem_open(const char *file, const char *pass_file, struct error *err)
{
	AUTO(secret_free) struct secret *pem = NULL, *pass = NULL;
	AUTO(rsa_key_free) struct rsa_key *key = NULL;
	struct pem_keystore *p;

	if (pass_file && !(pass = read_passphrase(pass_file, err)))
		return NULL;
	pem = keyfile_read(file, RSA_MAX_PEM, err);
	if (!pem)
		return NULL;
	key = rsa_key_from_pem(secret_bytes(pem), secret_len(pem), pass, err);
	if (key && !rsa_key_is_private(key)) {
		rsa_key_free(key);
		key = NULL;
		error_set(err, ENOKEY, "this is the public half of a key, the private one unwraps");
	}
	if (!key) {
		error_object(err, "%s", file);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_null(err, ENOMEM, "no memory");
	keystore_init(&p->ks, &pem_ops, file);
	p->key = TAKE(key);
	return &p->ks;
}

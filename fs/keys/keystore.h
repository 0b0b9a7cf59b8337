/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where secrets and key-encryption keys live: Azure Key Vault, the embedded
 * local key store, a PEM file, a PKCS#11 token.  One interface; stores are
 * asked in the order in which the user named them.  An object is named by a
 * struct key_ref, which is what a Key Vault URL says.
 * Stores are made once and may be used by many threads.
 */
#ifndef ADE_FS_KEYS_KEYSTORE_H
#define ADE_FS_KEYS_KEYSTORE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/keywrap.h"
#include "crypto/secret.h"
#include "fs/util/json_value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYSTORE_NAME_MAX 127

/* https://HOST[:443]/secrets|keys/NAME[/VERSION], or just NAME[/VERSION]. */
struct key_ref {
	char host[256];			/* lower case; empty: any store */
	char name[KEYSTORE_NAME_MAX + 1];
	char version[64];		/* empty: the newest enabled */
};

/* 0 or -EINVAL with words.  kind: "secrets" or "keys"; a URL of the other kind is refused. */
int key_ref_parse(const char *text, const char *kind, struct key_ref *out, struct error *err);
bool keystore_name_ok(const char *name);	/* Key Vault's rule: 1 to 127 of [0-9A-Za-z-] */

struct keystore_secret {
	char name[KEYSTORE_NAME_MAX + 1];
	char version[64];
	char url[512];			/* as the store names it; may be empty */
	char content_type[128];
	struct secret *value;		/* the text of the value; NULL in lists */
	struct jval *tags;		/* object of strings, owned; or NULL */
	bool enabled, managed;		/* managed: part of a certificate */
	int64_t not_before, expires;	/* seconds since 1970; 0: none */
	int64_t created, updated;
};

void keystore_secret_clear(struct keystore_secret *s);
const char *keystore_secret_tag(const struct keystore_secret *s, const char *name);	/* any case; or NULL */

/* For list(): s is valid during the call; non-zero stops and is returned. */
typedef int keystore_secret_fn(void *arg, const struct keystore_secret *s);

struct keystore;

struct keystore_ops {
	const char *scheme;
	/* -ENOENT: not here; -EACCES: disabled, forbidden; -EKEYREJECTED: sealed
	 * by another key; -ENOTSUP: this store holds no such thing. */
	int (*get)(struct keystore *ks, const struct key_ref *ref, struct keystore_secret *out,
		   struct error *err);
	/* The newest enabled version of each secret, without values. */
	int (*list)(struct keystore *ks, keystore_secret_fn *fn, void *arg, struct error *err);
	int (*unwrap)(struct keystore *ks, const struct key_ref *key, enum wrap_alg alg,
		      const uint8_t *wrapped, size_t len, struct secret **out, struct error *err);
	/* The public half.  ref->version is filled in when it was empty. */
	int (*public_key)(struct keystore *ks, struct key_ref *ref, struct rsa_key **out, struct error *err);
	/* Key Vault's backup blob, base64url, of a secret or key.  kind: "secrets", "keys". */
	int (*backup)(struct keystore *ks, const char *kind, const struct key_ref *ref, struct secret **blob,
		      struct error *err);
	void (*free)(struct keystore *ks);
};

struct keystore {		/* first member of every store's struct */
	const struct keystore_ops *ops;
	char spec[300];		/* as the user named it, for messages */
};

void keystore_init(struct keystore *ks, const struct keystore_ops *ops, const char *spec);
void keystore_free(struct keystore *ks);

/* What opening a store may need beside SPEC. */
struct http;
struct keystore_options {
	const char *keystore_key;	/* file; for local: */
	const char *pin_file;		/* for pkcs11: and encrypted pem: */
	struct http *http;		/* borrowed; NULL: made when needed */
	const char *ca_file;
	const struct token_options *token;	/* fs/net/azure_token.h; NULL: from the environment */
	struct secret *(*ask)(const char *question);	/* a person, for a PIN; NULL: nobody is there */
};

/* SPEC: local:DIR, pem:FILE, pkcs11:URI, https://NAME.vault.azure.net/, azure[:DOMAIN].  NULL with words. */
struct keystore *keystore_open(const char *spec, const struct keystore_options *o, struct error *err);

/* Constructors of the kinds. */
struct keystore *keystore_local_open(const char *dir, const char *key_file, struct error *err);
struct keystore *keystore_pem_open(const char *file, const char *pass_file, struct error *err);
/* URI: RFC 7512, with or without pkcs11: in front.  ENOENT: no such module, token or key;
 * ENOKEY: no PIN; EKEYREJECTED: a wrong one; EACCES: locked, or about to be. */
struct keystore *keystore_pkcs11_open(const char *uri, const struct keystore_options *o,
				      struct error *err);
struct keystore *keystore_keyvault_open(const char *url, const struct keystore_options *o,
					struct error *err);
/* Whichever Key Vault a URL names, if it is under domain; empty: of one of Azure's clouds.
 * What the pointers of o, and of its token, name must outlive the store. */
struct keystore *keystore_azure_open(const char *domain, const struct keystore_options *o,
				     struct error *err);

/* Would it be asked? */
bool keystore_azure_may_ask(const char *domain, const char *host);

/* Several stores, in order. */
struct keystores;
struct keystores *keystores_new(void);
void keystores_free(struct keystores *k);
int keystores_add(struct keystores *k, struct keystore *taken, struct error *err);
size_t keystores_count(const struct keystores *k);

/* Ask each in turn until one answers.  When none does, the most telling
 * refusal is handed on: forbidden before unreachable before not found. */
int keystores_get(struct keystores *k, const struct key_ref *ref, struct keystore_secret *out,
		  struct error *err);
int keystores_list(struct keystores *k, keystore_secret_fn *fn, void *arg, struct error *err);
int keystores_unwrap(struct keystores *k, const struct key_ref *key, enum wrap_alg alg,
		     const uint8_t *wrapped, size_t len, struct secret **out, struct error *err);
/* The first that has the key, or such a blob. */
int keystores_public_key(struct keystores *k, struct key_ref *ref, struct rsa_key **out, struct error *err);
int keystores_backup(struct keystores *k, const char *kind, const struct key_ref *ref, struct secret **blob,
		     struct error *err);

/* A whole file, at most max bytes, into a secret.  NULL with words. */
struct secret *keyfile_read(const char *path, size_t max, struct error *err);

static inline void keystore_secret_clear_cleanup(struct keystore_secret *s) { keystore_secret_clear(s); }
DEFINE_CLEANUP(struct keystore *, keystore_free);
DEFINE_CLEANUP(struct keystores *, keystores_free);

#endif

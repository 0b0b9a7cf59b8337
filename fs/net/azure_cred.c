/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/azure_cred.h"
#include "crypto/base64.h"
#include "fs/net/azure_sign.h"
#include "fs/net/connection_string.h"
#include "fs/net/reload.h"
#include "fs/net/token_parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RESOURCE "https://storage.azure.com"

struct azure_cred {
	enum azure_cred_kind kind;
	char *account, *file;		/* file NULL: not from one */
	const char *source;
	char *endpoint;			/* of a connection string */
	struct token_source *tokens;	/* AZURE_BEARER */
	pthread_mutex_t lock;		/* guards what follows */
	struct secret *held;		/* AZURE_SAS, AZURE_KEY */
	unsigned reloads;		/* reload_count() when it was read */
};

void azure_cred_free(struct azure_cred *c)
{
	if (!c)
		return;
	secret_free(c->held);
	token_source_free(c->tokens);
	pthread_mutex_destroy(&c->lock);
	free(c->account);
	free(c->file);
	free(c->endpoint);
	free(c);
}

static struct secret *env_secret(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? secret_copy(value, strlen(value)) : NULL;
}

static bool same_account(const struct azure_cred *c, const struct secret *name)
{
	return !name || (secret_len(name) == strlen(c->account) &&
			 !strncasecmp((const char *)secret_bytes(name), c->account, secret_len(name)));
}

/* NULL: not base64. */
static struct secret *decode_key(const struct secret *text, struct error *err)
{
	struct secret *key = base64_decode_secret((const char *)secret_bytes(text), secret_len(text));

	if (!key || !secret_len(key)) {
		secret_free(key);
		error_set(err, EINVAL, "that is no key of a storage account: it is not base64");
		error_next(err, "az storage account keys list shows the keys; a SAS goes into sas-file=");
		return NULL;
	}
	return key;
}

/* A connection string holds a key or a SAS; what it says decides the kind. */
static struct secret *from_connection(struct azure_cred *c, const struct secret *text,
				      enum azure_cred_kind *kind, struct error *err)
{
	AUTO(secret_free) struct secret *name = connection_string_part(text, "AccountName");
	AUTO(secret_free) struct secret *key = connection_string_part(text, "AccountKey");
	AUTO(secret_free) struct secret *sas = connection_string_part(text, "SharedAccessSignature");
	AUTO(secret_free) struct secret *where = connection_string_part(text, "BlobEndpoint");

	if (!same_account(c, name))
		return error_null(err, EINVAL, "the connection string is for another storage account");
	if (where && !c->endpoint)
		c->endpoint = strndup((const char *)secret_bytes(where), secret_len(where));
	*kind = key ? AZURE_KEY : AZURE_SAS;
	if (key)
		return decode_key(key, err);
	if (sas)
		return sas_clean(secret_bytes(sas), secret_len(sas), err);
	return error_null(err, EINVAL, "the connection string holds neither AccountKey nor SharedAccessSignature");
}

/* kind: what the user says the file is; a connection string says it itself. */
static struct secret *read_file(struct azure_cred *c, enum azure_cred_kind *kind, struct error *err)
{
	AUTO(secret_free) struct secret *text = secret_from_file(c->file, err), *s = NULL;

	if (!text)
		return NULL;
	if (connection_string_is(text))
		s = from_connection(c, text, kind, err);
	else
		s = *kind == AZURE_SAS ? sas_clean(secret_bytes(text), secret_len(text), err)
				       : decode_key(text, err);
	if (!s)
		error_object(err, "%s", c->file);
	return TAKE(s);
}

static bool from_environment(struct azure_cred *c, struct error *err)
{
	AUTO(secret_free) struct secret *name = env_secret("AZURE_STORAGE_ACCOUNT");
	AUTO(secret_free) struct secret *sas = env_secret("AZURE_STORAGE_SAS_TOKEN");
	AUTO(secret_free) struct secret *key = env_secret("AZURE_STORAGE_KEY");
	AUTO(secret_free) struct secret *conn = env_secret("AZURE_STORAGE_CONNECTION_STRING");
	AUTO(secret_free) struct secret *conn_name = conn ? connection_string_part(conn, "AccountName") : NULL;

	if (sas && same_account(c, name)) {
		c->source = "AZURE_STORAGE_SAS_TOKEN";
		c->kind = AZURE_SAS;
		c->held = sas_clean(secret_bytes(sas), secret_len(sas), err);
	} else if (key && same_account(c, name)) {
		c->source = "AZURE_STORAGE_KEY";
		c->kind = AZURE_KEY;
		c->held = decode_key(key, err);
	} else if (conn && same_account(c, conn_name)) {
		c->source = "AZURE_STORAGE_CONNECTION_STRING";
		c->held = from_connection(c, conn, &c->kind, err);
	} else {
		return false;
	}
	if (!c->held)
		error_object(err, "%s", c->source);
	return true;
}

static int use_tokens(struct azure_cred *c, const struct azure_cred_options *o, struct http *http, struct error *err)
{
	struct token_options token = { 0 };

	if (o->token)
		token = *o->token;
	token.token_file = o->token_file ? o->token_file : token.token_file;
	c->kind = AZURE_BEARER;
	c->source = o->token_file ? "token-file" : "the Azure sign-in";
	c->tokens = token_source_new(&token, http, err);
	return c->tokens ? 0 : -ENOMEM;
}

static int choose(struct azure_cred *c, const struct azure_cred_options *o, struct http *http, struct error *err)
{
	const char *file = o->sas_file ? o->sas_file : o->key_file;

	if ((o->sas_file != NULL) + (o->key_file != NULL) + (o->token_file != NULL) + (o->sas != NULL) > 1) {
		error_set(err, EINVAL, "several credentials of the storage account are named");
		error_next(err, "give one of sas-file, account-key-file and token-file");
		return -EINVAL;
	}
	if (o->sas) {
		c->source = "the SAS in the address";
		c->held = sas_clean(secret_bytes(o->sas), secret_len(o->sas), err);
		return c->held ? 0 : -EINVAL;
	}
	if (file) {
		c->kind = o->sas_file ? AZURE_SAS : AZURE_KEY;
		c->source = o->sas_file ? "sas-file" : "account-key-file";
		c->file = strdup(file);
		c->held = c->file ? read_file(c, &c->kind, err) : NULL;
		return c->held ? 0 : -EINVAL;
	}
	if (!o->token_file && from_environment(c, err))
		return c->held ? 0 : -EINVAL;
	return use_tokens(c, o, http, err);
}

struct azure_cred *azure_cred_new(const struct azure_cred_options *o, struct http *http, struct error *err)
{
	AUTO(azure_cred_free) struct azure_cred *c = calloc(1, sizeof(*c));

	if (!c)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&c->lock, NULL);
	c->reloads = reload_count();
	c->account = strdup(o->account);
	if (!c->account)
		return error_null(err, ENOMEM, "no memory");
	return choose(c, o, http, err) < 0 ? NULL : TAKE(c);
}

enum azure_cred_kind azure_cred_kind(const struct azure_cred *c)
{
	return c->kind;
}

const char *azure_cred_source(const struct azure_cred *c)
{
	return c->source;
}

char *azure_cred_endpoint(const struct azure_cred *c)
{
	return c->endpoint ? strdup(c->endpoint) : NULL;
}

/* With the lock held.  What cannot be read leaves the old one. */
static void read_again(struct azure_cred *c)
{
	enum azure_cred_kind kind = c->kind;
	struct secret *now;

	c->reloads = reload_count();
	now = c->file ? read_file(c, &kind, NULL) : NULL;
	if (!now || c->kind != kind) {
		secret_free(now);
		return;
	}
	secret_free(c->held);
	c->held = now;
}

struct secret *azure_cred_get(struct azure_cred *c, struct error *err)
{
	struct secret *s;

	if (c->kind == AZURE_BEARER) {
		bool fresh;

		pthread_mutex_lock(&c->lock);
		fresh = c->reloads != reload_count();
		c->reloads = reload_count();
		pthread_mutex_unlock(&c->lock);
		return token_get(c->tokens, RESOURCE, NULL, NULL, fresh, err);
	}
	pthread_mutex_lock(&c->lock);
	if (c->reloads != reload_count())
		read_again(c);
	s = secret_copy(secret_bytes(c->held), secret_len(c->held));
	pthread_mutex_unlock(&c->lock);
	return s ? s : error_null(err, ENOMEM, "no memory");
}

bool azure_cred_renew(struct azure_cred *c, const struct secret *refused)
{
	AUTO(secret_free) struct secret *token = NULL;
	bool other;

	if (c->kind == AZURE_BEARER) {
		token = token_get(c->tokens, RESOURCE, NULL, NULL, false, NULL);
		if (token && !secret_equal(token, refused))
			return true;
		secret_free(token);
		token = token_get(c->tokens, RESOURCE, NULL, NULL, true, NULL);
		return token && !secret_equal(token, refused);
	}
	pthread_mutex_lock(&c->lock);
	if (secret_equal(c->held, refused))
		read_again(c);
	other = !secret_equal(c->held, refused);
	pthread_mutex_unlock(&c->lock);
	return other;
}

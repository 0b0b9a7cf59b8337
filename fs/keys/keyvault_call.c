/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/keyvault_call.h"
#include "fs/keys/challenge.h"
#include "fs/keys/keyvault_answer.h"
#include "fs/net/azure_token.h"
#include "fs/net/http.h"
#include "fs/net/retry.h"
#include "fs/net/url.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define API "api-version=7.4"
#define DEADLINE_MS 60000
#define FORBIDDEN_TRIES 3		/* a policy that was just changed takes a moment */

struct keyvault {
	struct http *http, *own_http;
	struct token_source *tokens;
	char base[300], host[280];
	pthread_mutex_t lock;		/* over challenge */
	struct challenge challenge;	/* empty resource: none yet */
};

struct keyvault *keyvault_new(const char *url, const struct keystore_options *o, struct error *err)
{
	AUTO(keyvault_free) struct keyvault *kv = calloc(1, sizeof(*kv));
	struct http_options how = { .ca_file = o->ca_file };
	struct url u;

	if (!kv)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&kv->lock, NULL);
	if (url_parse(url, &u) < 0 || !u.https || u.path_len > 1 || u.query) {
		error_set(err, EINVAL, "a Key Vault is named https://NAME.vault.azure.net/");
		error_object(err, "%.*s", (int)strcspn(url, "?#"), url);
		return NULL;
	}
	snprintf(kv->host, sizeof(kv->host), u.port == 443 ? "%s" : "%s:%u", u.host, u.port);
	snprintf(kv->base, sizeof(kv->base), "https://%s", kv->host);
	if (!o->http && !(kv->own_http = http_new(&how, err)))
		return NULL;
	kv->http = o->http ? o->http : kv->own_http;
	kv->tokens = token_source_new(o->token, kv->http, err);
	return kv->tokens ? TAKE(kv) : NULL;
}

void keyvault_free(struct keyvault *kv)
{
	if (!kv)
		return;
	token_source_free(kv->tokens);
	http_free(kv->own_http);
	pthread_mutex_destroy(&kv->lock);
	free(kv);
}

const char *keyvault_base(const struct keyvault *kv)
{
	return kv->base;
}

const char *keyvault_host(const struct keyvault *kv)
{
	return kv->host;
}

/* One call on its way. */
struct call {
	struct keyvault *kv;
	const char *method;
	char url[2048];
	struct secret *body;
	uint64_t deadline_ms;
	struct http_response rs;
};

static unsigned left_ms(const struct call *c)
{
	uint64_t now = clock_ms();

	return now < c->deadline_ms ? (unsigned)(c->deadline_ms - now) : 1;
}

static int send(struct call *c, const struct secret *token, struct error *err)
{
	static const char *const headers[] = { "Content-Type: application/json", "Accept: application/json" };
	struct http_request rq = { .method = c->method, .url = c->url, .headers = headers, .n_headers = 2,
				   .authorization = token, .bearer = true, .secret_body = true,
				   .deadline_ms = left_ms(c) };

	/* without a token the body stays at home: only a challenge is asked for */
	if (token && c->body) {
		rq.body = secret_bytes(c->body);
		rq.body_len = secret_len(c->body);
	}
	http_response_free(&c->rs);
	return http_send(c->kv->http, &rq, &c->rs, err);
}

static void known_challenge(struct keyvault *kv, struct challenge *out)
{
	pthread_mutex_lock(&kv->lock);
	*out = kv->challenge;
	pthread_mutex_unlock(&kv->lock);
}

static int learn(struct call *c, struct challenge *out, struct error *err)
{
	int rc = challenge_parse(http_header(&c->rs, "www-authenticate"), c->kv->host, out, err);

	if (rc)
		return rc;
	pthread_mutex_lock(&c->kv->lock);
	c->kv->challenge = *out;
	pthread_mutex_unlock(&c->kv->lock);
	return 0;
}

static int send_with_token(struct call *c, const struct challenge *ch, bool fresh, struct error *err)
{
	struct error why = ERROR_INIT;
	AUTO(secret_free) struct secret *token =
		token_get(c->kv->tokens, ch->resource, ch->authority, ch->tenant, fresh, &why);

	if (token)
		return send(c, token, err);
	error_copy(err, &why);
	return why.code ? -why.code : -EACCES;
}

static int send_authorized(struct call *c, struct error *err)
{
	struct challenge ch;
	int rc;

	known_challenge(c->kv, &ch);
	if (!*ch.resource) {
		rc = send(c, NULL, err);
		if (rc || c->rs.status != 401)
			return rc;
		rc = learn(c, &ch, err);
		if (rc)
			return rc;
	}
	rc = send_with_token(c, &ch, false, err);
	if (rc || c->rs.status != 401)
		return rc;
	rc = learn(c, &ch, err);	/* the token has ended, or another tenant is wanted: once more */
	return rc ? rc : send_with_token(c, &ch, true, err);
}

static bool may_heal(const char *code)
{
	return !strcmp(code, "AccessDenied") || !strcmp(code, "ForbiddenByPolicy") ||
	       !strcmp(code, "ForbiddenByRbac");
}

/* As `az keyvault set-policy` names what this call needs. */
static const char *permissions_of(const struct call *c, bool key)
{
	static const char *const verbs[] = { "backup", "restore", "recover" };
	const char *end = strchr(c->url, '?'), *slash;
	size_t n;

	if (!strcmp(c->method, "PUT"))
		return key ? "import" : "set";
	for (size_t i = 0; end && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		n = strlen(verbs[i]);
		slash = end - n - 1;
		if (!strcmp(c->method, "POST") && slash > c->url && *slash == '/' && !strncmp(slash + 1, verbs[i], n))
			return verbs[i];
	}
	return key ? "get unwrapKey" : "get list";
}

static int forbidden(const struct call *c, const char *code, const char *words, struct error *err)
{
	bool key = strstr(c->url, "/keys/") || strstr(c->url, "/deletedkeys/");

	if (strstr(code, "Disabled")) {
		error_set(err, EACCES, "the %s is disabled (%s)", key ? "key" : "secret", code);
		error_next(err, "enable it in the Key Vault");
	} else if (!strcmp(code, "ForbiddenByFirewall")) {
		error_set(err, EACCES, "the Key Vault's firewall does not let this address in (%s)", code);
		error_next(err, "allow this address, or run where the vault can be reached");
	} else {
		error_set(err, EACCES, "UserErrorKeyVaultPermissionsNotConfigured: no permission (%s) %.200s",
			  *code ? code : "Forbidden", words ? words : "");
		error_next(err, "grant it: az keyvault set-policy -n VAULT --object-id ID --%s-permissions %s; "
				"`adebackup keys check` tells all that is missing", key ? "key" : "secret",
			   permissions_of(c, key));
	}
	return -EACCES;
}

static int failure(const struct call *c, const struct jval *v, struct error *err)
{
	const char *code = keyvault_error_code(v), *words = jval_text(jval_path_ci(v, "error.message"));
	int rc, s = c->rs.status;
	char shown[240];

	if (s == 401) {
		rc = error_set(err, EACCES, "the token is not accepted (%s): wrong tenant or audience, or expired",
			       *code ? code : "Unauthorized");
		error_next(err, "sign in to the tenant that owns the Key Vault: azure-tenant=ID");
	} else if (s == 403) {
		rc = forbidden(c, code, words, err);
	} else if (s == 404) {
		rc = error_set(err, ENOENT, "the Key Vault has no such object (%s)", *code ? code : "NotFound");
	} else if (s == 409) {
		rc = error_set(err, EBUSY, "conflict (%s)", *code ? code : "Conflict");
	} else if (s == 400) {
		rc = error_set(err, EKEYREJECTED, "refused (%s) %.200s", *code ? code : "BadParameter",
			       words ? words : "");
	} else if (s >= 300 && s < 400) {
		rc = error_set(err, EACCES, "the server sends us elsewhere (HTTP %d); not followed, since a "
			       "token would go along", s);
	} else {
		rc = error_set(err, EHOSTUNREACH, "the Key Vault answers HTTP %d after %u tries%s", s,
			       c->rs.tries, s == 429 ? ", too many requests" : "");
		error_next(err, "try again later");
	}
	url_show(c->url, shown, sizeof(shown));
	error_object(err, "%s", shown);
	return rc;
}

static int judge(struct call *c, struct jval **out, struct error *err)
{
	struct jval *v = c->rs.body && c->rs.len ? jval_parse(c->rs.body, c->rs.len, NULL) : NULL;
	char shown[240];
	int rc;

	if (c->rs.status >= 200 && c->rs.status < 300 && jval_is_object(v)) {
		*out = v;
		return 0;
	}
	if (c->rs.status >= 200 && c->rs.status < 300) {
		url_show(c->url, shown, sizeof(shown));
		rc = error_set(err, EBADMSG, "the answer is not what a Key Vault says");
		error_object(err, "%s", shown);
	} else {
		rc = failure(c, v, err);
	}
	jval_free(v);
	return rc;
}

static bool heals(const struct call *c)
{
	AUTO(jval_free) struct jval *v = NULL;

	if (c->rs.status != 403 || !c->rs.body)
		return false;
	v = jval_parse(c->rs.body, c->rs.len, NULL);
	return may_heal(keyvault_error_code(v));
}

static int make_url(struct call *c, const char *path, struct error *err)
{
	struct url u, base;
	bool whole = strstr(path, "://") != NULL;
	int n;

	n = whole ? snprintf(c->url, sizeof(c->url), "%s", path) :
	    snprintf(c->url, sizeof(c->url), "%s%s%s" API, c->kv->base, path, strchr(path, '?') ? "&" : "?");
	if (n < 0 || (size_t)n >= sizeof(c->url) || url_parse(c->url, &u) < 0 ||
	    url_parse(c->kv->base, &base) < 0 || !url_same_origin(&u, &base))
		return error_set(err, EBADMSG, "the list goes on at another host: refused");
	return 0;
}

static void take_code(const struct call *c, char *denied)
{
	AUTO(jval_free) struct jval *v = c->rs.status == 403 && c->rs.body ?
		jval_parse(c->rs.body, c->rs.len, NULL) : NULL;

	if (denied)
		snprintf(denied, 64, "%.63s", c->rs.status == 403 ? v ? keyvault_error_code(v) : "Forbidden" : "");
}

static int call(struct keyvault *kv, const char *method, const char *path, const struct jval *body,
		unsigned tries, struct jval **out, char *denied, struct error *err)
{
	struct call c = { .kv = kv, .method = method, .deadline_ms = clock_ms() + DEADLINE_MS };
	int rc = make_url(&c, path, err);

	if (!rc && body && !(c.body = jval_print_secret(body)))
		rc = error_set(err, ENOMEM, "no memory");
	for (unsigned try = 1; !rc; try++) {
		rc = send_authorized(&c, err);
		if (rc || try == tries || !heals(&c))
			break;
		sleep_ms(1000 * try);
	}
	if (rc == -EMSGSIZE)
		rc = error_set(err, EBADMSG, "the answer is longer than a Key Vault's");
	if (!rc)
		take_code(&c, denied);
	if (!rc)
		rc = judge(&c, out, err);
	http_response_free(&c.rs);
	secret_free(c.body);
	return rc;
}

int keyvault_call(struct keyvault *kv, const char *method, const char *path,
		  const struct jval *body, struct jval **out, struct error *err)
{
	return call(kv, method, path, body, FORBIDDEN_TRIES, out, NULL, err);
}

int keyvault_try(struct keyvault *kv, const char *method, const char *path, const struct jval *body,
		 struct jval **out, char *denied, struct error *err)
{
	return call(kv, method, path, body, 1, out, denied, err);
}

struct secret *keyvault_token(struct keyvault *kv)
{
	struct challenge ch;

	known_challenge(kv, &ch);
	return *ch.resource ? token_get(kv->tokens, ch.resource, ch.authority, ch.tenant, false, NULL) : NULL;
}

int keyvault_is_deleted(struct keyvault *kv, const char *kind, const char *name)
{
	AUTO(jval_free) struct jval *v = NULL;
	char path[300];

	snprintf(path, sizeof(path), "/deleted%s/%s", kind, name);
	return keyvault_try(kv, "GET", path, NULL, &v, NULL, NULL);
}

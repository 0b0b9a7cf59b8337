/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/azure_token.h"
#include "fs/net/retry.h"
#include "fs/net/token_parts.h"
#include "fs/net/url.h"
#include "fs/util/json_value.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEPT 8
#define RENEW_BEFORE_MS (5 * 60 * 1000)
#define IMDS "http://169.254.169.254"
#define ASSERTION "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct kept {
	char resource[256];
	struct secret *token;
	uint64_t got_ms, until_ms;	/* clock_ms() */
};

struct token_source {
	struct token_options o;		/* strings owned */
	struct http *http;
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t answered;
	bool asking;			/* somebody is, without the lock */
	struct kept kept[KEPT];
	unsigned next;
	char failed_for[256];		/* the last resource that no token could be got for */
	uint64_t failed_ms;		/* when; 0: never */
	struct error failure;
};

/* Where the strings of token_options are, and which variable stands in. */
static const struct { size_t at; const char *env; } strings[] = {
	{ offsetof(struct token_options, tenant), "AZURE_TENANT_ID" },
	{ offsetof(struct token_options, client_id), "AZURE_CLIENT_ID" },
	{ offsetof(struct token_options, object_id), NULL },
	{ offsetof(struct token_options, resource_id), NULL },
	{ offsetof(struct token_options, client_secret_file), NULL },
	{ offsetof(struct token_options, client_cert_file), "AZURE_CLIENT_CERTIFICATE_PATH" },
	{ offsetof(struct token_options, federated_token_file), "AZURE_FEDERATED_TOKEN_FILE" },
	{ offsetof(struct token_options, token_file), NULL },
	{ offsetof(struct token_options, token_command), NULL },
	{ offsetof(struct token_options, authority), "AZURE_AUTHORITY_HOST" },
	{ offsetof(struct token_options, identity_endpoint), "AZURE_POD_IDENTITY_AUTHORITY_HOST" },
};
#define N_STRINGS (sizeof(strings) / sizeof(strings[0]))

static const char **field(struct token_options *o, size_t i)
{
	return (const char **)((char *)o + strings[i].at);
}

static int check_identity(const struct token_options *o, struct error *err)
{
	if (!o || (o->client_id != NULL) + (o->object_id != NULL) + (o->resource_id != NULL) <= 1)
		return 0;
	error_set(err, EINVAL, "an identity is named twice");
	error_next(err, "name it by one of client id, object id and resource id");
	return -EINVAL;
}

struct token_source *token_source_new(const struct token_options *o, struct http *http,
				      struct error *err)
{
	struct token_source *t;

	if (check_identity(o, err))
		return NULL;
	t = calloc(1, sizeof(*t));
	if (!t)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->answered, NULL);
	t->http = http;
	if (o)
		t->o = *o;
	for (size_t i = 0; i < N_STRINGS; i++) {
		const char **f = field(&t->o, i);

		if (!*f && strings[i].env)
			*f = getenv(strings[i].env);
		*f = *f && **f ? strdup(*f) : NULL;
	}
	if (!t->o.deadline_ms)
		t->o.deadline_ms = 30000;
	return t;
}

void token_source_free(struct token_source *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < KEPT; i++)
		secret_free(t->kept[i].token);
	for (size_t i = 0; i < N_STRINGS; i++)
		free((char *)*field(&t->o, i));
	pthread_cond_destroy(&t->answered);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static struct secret *bearer(const void *token, size_t len)
{
	struct secret *s = secret_new(7 + len);

	if (s) {
		memcpy(secret_data(s), "Bearer ", 7);
		memcpy(secret_data(s) + 7, token, len);
	}
	return s;
}

int token_parse(const void *json, size_t len, struct secret **token, int64_t *lifetime_s,
		struct error *err)
{
	AUTO(jval_free) struct jval *v = jval_parse(json, len, err);
	const char *text = jval_get_text(v, "access_token");
	int64_t n;

	if (!text)
		text = jval_get_text(v, "accessToken");		/* as `az account get-access-token` says it */
	if (!text || !*text || strpbrk(text, "\r\n "))
		return error_set(err, EBADMSG, "the answer holds no access token");
	*lifetime_s = 300;
	if (jval_i64(jval_get_ci(v, "expires_in"), &n))
		*lifetime_s = n;
	else if (jval_i64(jval_get_ci(v, "expires_on"), &n))
		*lifetime_s = n - (int64_t)time(NULL);
	if (*lifetime_s < 0 || *lifetime_s > 7 * 24 * 3600)
		*lifetime_s = 300;
	*token = bearer(text, strlen(text));
	return *token ? 0 : error_set(err, ENOMEM, "no memory");
}

/* What the endpoint said against it; never more than the first line. */
static int refused(const struct http_response *rs, const char *url, struct error *err)
{
	AUTO(jval_free) struct jval *v = rs->body ? jval_parse(rs->body, rs->len, NULL) : NULL;
	const char *code = jval_get_text(v, "error"), *words = jval_get_text(v, "error_description");
	int n = words ? (int)strcspn(words, "\r\n") : 0, e = EACCES;
	char shown[200];

	if (retry_status(rs->status))
		e = EHOSTUNREACH;
	url_show(url, shown, sizeof(shown));
	error_set(err, e, "no token: HTTP %d %s%s%.*s", rs->status, code ? code : "", n ? ": " : "",
		  n < 200 ? n : 200, words ? words : "");
	error_object(err, "%s", shown);
	error_next(err, "check tenant, client id and secret or certificate, and that they have not expired");
	return -e;
}

static int fetch(struct token_source *t, const struct http_request *rq, struct secret **token,
		 int64_t *lifetime_s, struct error *err)
{
	__attribute__((cleanup(http_response_free_cleanup))) struct http_response rs;
	int rc = http_send(t->http, rq, &rs, err);

	if (rc)
		return error_prefix(err, rc, "no token");
	if (rs.status != 200)
		return refused(&rs, rq->url, err);
	rc = token_parse(rs.body ? (void *)rs.body : (void *)"", rs.len, token, lifetime_s, err);
	return rc ? error_prefix(err, rc, "no token") : 0;
}

static bool known_authority(const char *url)
{
	static const char *const hosts[] = { "login.microsoftonline.com", "login.microsoft.com",
		"login.windows.net", "sts.windows.net", "login.microsoftonline.us",
		"login.chinacloudapi.cn", "login.partner.microsoftonline.cn", "login.microsoftonline.de" };
	struct url u;

	if (!url || url_parse(url, &u) < 0 || !u.https || u.port != 443)
		return false;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (!strcmp(u.host, hosts[i]))
			return true;
	return false;
}

/* The token endpoint.  A challenge may only point at Entra's own hosts, else
 * it could have our client secret sent anywhere. */
static int endpoint(struct token_source *t, const char *authority, const char *tenant, char *out,
		    size_t room, struct error *err)
{
	const char *base = t->o.authority;
	const char *scheme;
	size_t n;

	if (!base)
		base = known_authority(authority) ? authority : "https://login.microsoftonline.com";
	if (t->o.tenant)
		tenant = t->o.tenant;
	if (!tenant || !*tenant || strspn(tenant, "0123456789abcdefghijklmnopqrstuvwxyz"
					  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-.") != strlen(tenant)) {
		error_set(err, ENOKEY, "the tenant to sign in to is not known");
		error_next(err, "name it with azure-tenant=ID");
		return -ENOKEY;
	}
	scheme = strstr(base, "://") ? "" : "https://";
	n = *scheme ? strcspn(base, "/") : strcspn(base, ":") + 3 + strcspn(strstr(base, "://") + 3, "/");
	snprintf(out, room, "%s%.*s/%s/oauth2/v2.0/token", scheme, (int)n, base, tenant);
	return 0;
}

static int add_proof(struct token_source *t, const char *url, struct secret **form, struct error *err)
{
	AUTO(secret_free) struct secret *s = NULL;
	const char *env = getenv("AZURE_CLIENT_SECRET");
	int rc;

	if (t->o.client_secret_file && !(s = secret_from_file(t->o.client_secret_file, err)))
		return -EACCES;
	if (s)
		return form_add(form, "client_secret", secret_bytes(s), secret_len(s));
	if (t->o.client_cert_file)
		s = client_assertion(t->o.client_cert_file, t->o.client_id, url, err);
	else if (t->o.federated_token_file)
		s = secret_from_file(t->o.federated_token_file, err);
	else
		return form_add_text(form, "client_secret", env ? env : "");
	if (!s)
		return -EACCES;
	rc = form_add_text(form, "client_assertion_type", ASSERTION);
	return rc ? rc : form_add(form, "client_assertion", secret_bytes(s), secret_len(s));
}

static int by_client(struct token_source *t, const char *resource, const char *authority,
		     const char *tenant, struct secret **token, int64_t *life, struct error *err)
{
	static const char *const headers[] = { "Content-Type: application/x-www-form-urlencoded" };
	AUTO(secret_free) struct secret *form = NULL;
	struct http_request rq = { .method = "POST", .headers = headers, .n_headers = 1, .bearer = true,
				   .deadline_ms = t->o.deadline_ms, .secret_body = true };
	char url[700], scope[300];
	int rc = endpoint(t, authority, tenant, url, sizeof(url), err);

	if (rc)
		return rc;
	snprintf(scope, sizeof(scope), "%s/.default", resource);
	if (form_add_text(&form, "grant_type", "client_credentials") < 0 ||
	    form_add_text(&form, "client_id", t->o.client_id) < 0 ||
	    form_add_text(&form, "scope", scope) < 0)
		return error_set(err, ENOMEM, "no memory");
	rc = add_proof(t, url, &form, err);
	if (rc)
		return rc;
	rq.url = url;
	rq.body = secret_bytes(form);
	rq.body_len = secret_len(form);
	return fetch(t, &rq, token, life, err);
}

/* Which of a VM's identities, as the metadata service's API names it ("&…");
 * malloc'ed, empty: its own.  NULL: no memory. */
static char *identity_query(const struct token_options *o)
{
	const char *id = o->object_id ? o->object_id : o->resource_id ? o->resource_id : o->client_id;
	const char *name = o->object_id ? "object_id" : o->resource_id ? "msi_res_id" : "client_id";
	AUTO(free) char *escaped = id ? url_escape(id) : NULL;
	char *out = NULL;

	if (!id)
		return strdup("");
	return escaped && asprintf(&out, "&%s=%s", name, escaped) > 0 ? out : NULL;
}

static int by_managed_identity(struct token_source *t, const char *resource, struct secret **token,
			       int64_t *life, struct error *err)
{
	static const char *const headers[] = { "Metadata: true" };
	AUTO(free) char *res = url_escape(resource);
	AUTO(free) char *id = identity_query(&t->o), *url = NULL;
	struct http_request rq = { .headers = headers, .n_headers = 1, .link_local = true,
				   .retry_not_found = true, .deadline_ms = t->o.deadline_ms,
				   .secret_body = true };
	int rc;

	if (!res || !id || asprintf(&url, "%s/metadata/identity/oauth2/token?api-version=2018-02-01&resource=%s%s",
				    t->o.identity_endpoint ? t->o.identity_endpoint : IMDS, res, id) < 0)
		return error_set(err, ENOMEM, "no memory");
	rq.url = url;
	rc = fetch(t, &rq, token, life, err);
	if (rc == -EHOSTUNREACH || rc == -ETIMEDOUT)
		error_next(err, "this is no Azure VM, or it has no managed identity; name credentials "
			   "(azure-client-id=, azure-client-secret-file=, token-file=, token-command=)");
	return rc;
}

/* A file or a command gives the token itself, or JSON around it. */
static int by_text(struct token_source *t, struct secret **token, int64_t *life, struct error *err)
{
	AUTO(secret_free) struct secret *s = NULL;
	const uint8_t *p;

	s = t->o.token_file ? secret_from_file(t->o.token_file, err) :
	    secret_from_command(t->o.token_command, t->o.deadline_ms, err);
	if (!s)
		return -EACCES;
	p = secret_bytes(s);
	if (secret_len(s) && *p == '{')
		return token_parse(p, secret_len(s), token, life, err);
	if (memchr(p, '\n', secret_len(s)) || memchr(p, ' ', secret_len(s)))
		return error_set(err, EBADMSG, "not a token");
	*life = 600;
	*token = bearer(p, secret_len(s));
	return *token ? 0 : -ENOMEM;
}

static int get_new(struct token_source *t, const char *resource, const char *authority,
		   const char *tenant, struct secret **token, int64_t *life, struct error *err)
{
	if (t->o.token_file || t->o.token_command)
		return by_text(t, token, life, err);
	if (t->o.client_id && !t->o.object_id && !t->o.resource_id && (t->o.client_secret_file || t->o.client_cert_file ||
			       t->o.federated_token_file || getenv("AZURE_CLIENT_SECRET")))
		return by_client(t, resource, authority, tenant, token, life, err);
	return by_managed_identity(t, resource, token, life, err);
}

static struct kept *find(struct token_source *t, const char *resource)
{
	for (unsigned i = 0; i < KEPT; i++)
		if (t->kept[i].token && !strcmp(t->kept[i].resource, resource))
			return &t->kept[i];
	return NULL;
}

static void keep(struct token_source *t, const char *resource, const struct secret *token, int64_t life)
{
	struct kept *k = find(t, resource);
	uint64_t ms = (uint64_t)life * 1000;

	if (!k)
		k = &t->kept[t->next++ % KEPT];
	secret_free(k->token);
	snprintf(k->resource, sizeof(k->resource), "%s", resource);
	k->token = secret_copy(secret_bytes(token), secret_len(token));
	k->got_ms = clock_ms();
	k->until_ms = k->got_ms + (ms > 2 * RENEW_BEFORE_MS ? ms - RENEW_BEFORE_MS : ms / 2);
}

/* Is there an answer for who asked at that time?  Under the lock. */
static bool is_known(struct token_source *t, const char *resource, uint64_t asked, bool fresh, struct secret **token,
		     struct error *err)
{
	const struct kept *k = find(t, resource);

	if (k && clock_ms() < k->until_ms && (!fresh || k->got_ms > asked)) {
		*token = secret_copy(secret_bytes(k->token), secret_len(k->token));
		return true;
	}
	if (t->failed_ms <= asked || strcmp(t->failed_for, resource))
		return false;
	error_copy(err, &t->failure);
	return true;
}

static void note_failure(struct token_source *t, const char *resource, const struct error *why)
{
	t->failed_ms = clock_ms();
	t->failure = *why;
	snprintf(t->failed_for, sizeof(t->failed_for), "%s", resource);
}

struct secret *token_get(struct token_source *t, const char *resource, const char *authority,
			 const char *tenant, bool fresh, struct error *err)
{
	uint64_t asked = clock_ms();
	struct error why = ERROR_INIT;
	struct secret *token = NULL;
	int64_t life = 0;
	bool known;

	pthread_mutex_lock(&t->lock);
	/* What comes of it holds for all who wait, or each would wait for an endpoint that is gone in his turn. */
	while (!(known = is_known(t, resource, asked, fresh, &token, err)) && t->asking)
		pthread_cond_wait(&t->answered, &t->lock);
	t->asking |= !known;
	pthread_mutex_unlock(&t->lock);
	if (known)
		return token;
	get_new(t, resource, authority, tenant, &token, &life, &why);
	pthread_mutex_lock(&t->lock);
	if (token)
		keep(t, resource, token, life);
	else
		note_failure(t, resource, &why);
	t->asking = false;
	pthread_cond_broadcast(&t->answered);
	pthread_mutex_unlock(&t->lock);
	if (!token)
		error_copy(err, &why);
	return token;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/s3_cred.h"
#include "fs/net/reload.h"
#include "fs/net/token_parts.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct s3_cred {
	char *file, *profile;		/* file NULL: from the environment */
	pthread_mutex_t lock;		/* guards what follows */
	struct s3_keys keys;
	unsigned reloads;
};

void s3_keys_clear(struct s3_keys *k)
{
	secret_free(k->key);
	secret_free(k->session);
	*k = (struct s3_keys){ .key = NULL };
}

/* A stretch of the text without blanks around it. */
struct span {
	const char *at;
	size_t len;
};

static struct span trim(const char *from, const char *to)
{
	while (from < to && isspace((unsigned char)*from))
		from++;
	while (to > from && isspace((unsigned char)to[-1]))
		to--;
	return (struct span){ from, (size_t)(to - from) };
}

static bool span_is(struct span s, const char *text)
{
	return s.len == strlen(text) && !memcmp(s.at, text, s.len);
}

static bool printable(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] <= ' ' || (unsigned char)s.at[i] >= 0x7f)
			return false;
	return s.len > 0;
}

static int take(struct s3_keys *out, struct span name, struct span value)
{
	struct secret **to = span_is(name, "aws_secret_access_key") ? &out->key
			     : span_is(name, "aws_session_token") ? &out->session : NULL;

	if (span_is(name, "aws_access_key_id")) {
		if (!printable(value) || value.len >= sizeof(out->id))
			return -EINVAL;
		snprintf(out->id, sizeof(out->id), "%.*s", (int)value.len, value.at);
	}
	if (!to)
		return 0;
	if (!printable(value))
		return -EINVAL;
	secret_free(*to);
	*to = secret_copy(value.at, value.len);
	return *to ? 0 : -ENOMEM;
}

static int parse_lines(const char *p, const char *end, const char *profile, struct s3_keys *out)
{
	bool ours = !strcmp(profile, "default");	/* lines in front of any section are the default's */
	int rc = 0;

	while (rc == 0 && p < end) {
		const char *next = memchr(p, '\n', (size_t)(end - p)), *eq;
		struct span line = trim(p, next ? next : end);

		p = next ? next + 1 : end;
		if (!line.len || *line.at == '#' || *line.at == ';')
			continue;
		if (*line.at == '[') {
			struct span name = trim(line.at + 1, line.at + line.len - (line.at[line.len - 1] == ']'));

			ours = span_is(name, profile);
			continue;
		}
		eq = memchr(line.at, '=', line.len);
		if (ours && eq)
			rc = take(out, trim(line.at, eq), trim(eq + 1, line.at + line.len));
	}
	return rc;
}

int s3_cred_parse(const void *text, size_t len, const char *profile, struct s3_keys *out, struct error *err)
{
	struct s3_keys k = { .key = NULL };
	int rc = parse_lines(text, (const char *)text + len, profile, &k);

	if (rc == 0 && (!k.id[0] || !k.key))
		rc = -ENOENT;
	if (rc == 0) {
		*out = k;
		return 0;
	}
	s3_keys_clear(&k);
	error_set(err, EINVAL, rc == -ENOENT ? "the section [%s] has no aws_access_key_id and aws_secret_access_key"
					     : "the section [%s] cannot be read", profile);
	error_next(err, "write a line aws_access_key_id = … and a line aws_secret_access_key = … below [%s]", profile);
	return -EINVAL;
}

static int read_file(const struct s3_cred *c, struct s3_keys *out, struct error *err)
{
	AUTO(secret_free) struct secret *text = secret_from_file(c->file, err);
	int rc;

	if (!text)
		return err && err->code ? -err->code : -EACCES;
	rc = s3_cred_parse(secret_bytes(text), secret_len(text), c->profile, out, err);
	if (rc < 0)
		error_object(err, "%s", c->file);
	return rc;
}

static bool from_environment(struct s3_keys *out)
{
	const char *id = getenv("AWS_ACCESS_KEY_ID"), *key = getenv("AWS_SECRET_ACCESS_KEY");
	const char *session = getenv("AWS_SESSION_TOKEN");

	if (!id || !*id || strlen(id) >= sizeof(out->id) || !key || !*key)
		return false;
	snprintf(out->id, sizeof(out->id), "%s", id);
	out->key = secret_copy(key, strlen(key));
	out->session = session && *session ? secret_copy(session, strlen(session)) : NULL;
	return out->key != NULL;
}

/* The file that Amazon's tools keep; malloc'ed, NULL: none. */
static char *usual_file(void)
{
	const char *named = getenv("AWS_SHARED_CREDENTIALS_FILE"), *home = getenv("HOME");
	char *path;

	if (named && *named)
		return strdup(named);
	if (!home || asprintf(&path, "%s/.aws/credentials", home) < 0)
		return NULL;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static int choose(struct s3_cred *c, const char *file, struct error *err)
{
	if (!file && from_environment(&c->keys))
		return 0;
	c->file = file ? strdup(file) : usual_file();
	if (c->file)
		return read_file(c, &c->keys, err);
	error_set(err, ENOKEY, "no access key for S3 is named");
	error_next(err, "give s3-credentials-file=FILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	return -ENOKEY;
}

struct s3_cred *s3_cred_new(const char *file, struct error *err)
{
	AUTO(s3_cred_free) struct s3_cred *c = calloc(1, sizeof(*c));
	const char *profile = getenv("AWS_PROFILE");

	if (!c)
		return error_null(err, ENOMEM, "no memory");
	pthread_mutex_init(&c->lock, NULL);
	c->reloads = reload_count();
	c->profile = strdup(profile && *profile ? profile : "default");
	if (!c->profile)
		return error_null(err, ENOMEM, "no memory");
	return choose(c, file, err) < 0 ? NULL : TAKE(c);
}

void s3_cred_free(struct s3_cred *c)
{
	if (!c)
		return;
	s3_keys_clear(&c->keys);
	pthread_mutex_destroy(&c->lock);
	free(c->file);
	free(c->profile);
	free(c);
}

const char *s3_cred_source(const struct s3_cred *c)
{
	return c->file ? c->file : "AWS_ACCESS_KEY_ID";
}

/* With the lock held.  What cannot be read leaves the old ones. */
static void read_again(struct s3_cred *c)
{
	struct s3_keys now = { .key = NULL };

	c->reloads = reload_count();
	if (!c->file || read_file(c, &now, NULL) < 0)
		return;
	s3_keys_clear(&c->keys);
	c->keys = now;
}

static int copy(const struct s3_keys *from, struct s3_keys *to)
{
	*to = (struct s3_keys){ .key = secret_copy(secret_bytes(from->key), secret_len(from->key)) };
	snprintf(to->id, sizeof(to->id), "%s", from->id);
	if (from->session)
		to->session = secret_copy(secret_bytes(from->session), secret_len(from->session));
	return to->key && (to->session || !from->session) ? 0 : -ENOMEM;
}

int s3_cred_get(struct s3_cred *c, struct s3_keys *out)
{
	int rc;

	pthread_mutex_lock(&c->lock);
	if (c->reloads != reload_count())
		read_again(c);
	rc = copy(&c->keys, out);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static bool same(const struct s3_keys *a, const struct s3_keys *b)
{
	return !strcmp(a->id, b->id) && secret_equal(a->key, b->key) && !a->session == !b->session &&
	       (!a->session || secret_equal(a->session, b->session));
}

bool s3_cred_renew(struct s3_cred *c, const struct s3_keys *refused)
{
	bool other;

	pthread_mutex_lock(&c->lock);
	if (same(&c->keys, refused))
		read_again(c);
	other = !same(&c->keys, refused);
	pthread_mutex_unlock(&c->lock);
	return other;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/store.h"
#include "fs/store/address.h"
#include "fs/store/azblob.h"
#include "fs/store/dir.h"
#include "fs/store/httpstore.h"
#include "fs/store/s3store.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_BYTES 255u

bool store_name_ok(const char *name)
{
	size_t part = 0, len = strlen(name);

	if (!len || len > NAME_MAX_BYTES)
		return false;
	for (const char *p = name;; p++) {
		if (*p == '/' || !*p) {
			if (!part)
				return false;
			part = 0;
			if (!*p)
				return true;
			continue;
		}
		if (!part && *p == '.')
			return false;
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *p))
			return false;
		part++;
	}
}

static int check_name(const char *name, struct error *err)
{
	return store_name_ok(name) ? 0 : error_set(err, EINVAL, "not an object's name");
}

static struct store *unknown(const char *url, struct error *err)
{
	error_set(err, ENOTSUP, "no such kind of store: %.*s", (int)strcspn(url, ":"), url);
	error_next(err, "A vault is a directory, az://ACCOUNT/CONTAINER, s3://BUCKET or https://HOST/PATH.");
	return NULL;
}

static struct store *only_read(const char *url, struct error *err)
{
	error_set(err, EROFS, "what a web server shows can only be read");
	error_object(err, "%s", url);
	error_next(err, "A vault is made in a directory, az://ACCOUNT/CONTAINER or s3://BUCKET.");
	return NULL;
}

struct store *store_open_with(const char *url, bool create, const struct store_options *o,
			      struct error *err)
{
	static const struct store_options none;

	if (!o)
		o = &none;
	switch (store_kind_of(url)) {
	case STORE_DIR:
		return store_dir_open(strncmp(url, "file://", 7) ? url : url + 7, create, err);
	case STORE_AZ:
		return store_azblob_open(url, create, o, err);
	case STORE_S3:
		return store_s3_open(url, o, err);
	case STORE_HTTP:
		return create ? only_read(url, err) : store_http_open(url, o, err);
	default:
		return unknown(url, err);
	}
}

struct store *store_open(const char *url, bool create, struct error *err)
{
	return store_open_with(url, create, NULL, err);
}

void store_free(struct store *st)
{
	if (st)
		st->ops->free(st);
}

void store_hurry(struct store *st, unsigned ms)
{
	if (st->ops->hurry)
		st->ops->hurry(st, ms);
}

int store_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
	      struct error *err)
{
	int rc = check_name(name, err);

	*got = 0;
	return rc < 0 ? rc : st->ops->get(st, name, off, buf, len, got, err);
}

int store_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
	       struct error *err)
{
	AUTO(free) void *buf = NULL;
	int rc = check_name(name, err);

	*got = 0;
	if (rc < 0 || st->ops->read)
		return rc < 0 ? rc : st->ops->read(st, name, off, len, sink, got, err);
	buf = malloc(len ? len : 1);
	rc = buf ? st->ops->get(st, name, off, buf, len, got, err) : error_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		sink->part(sink, 0, buf, *got);
	return rc;
}

int store_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
	      struct error *err)
{
	int rc = check_name(name, err);

	if (rc < 0)
		return rc;
	if (!st->ops->put)
		return error_set(err, EROFS, "this store can only be read");
	return st->ops->put(st, name, data, len, mode, err);
}

int store_stat(struct store *st, const char *name, struct object *out, struct error *err)
{
	int rc = check_name(name, err);

	return rc < 0 ? rc : st->ops->stat(st, name, out, err);
}

int store_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	if (!st->ops->list)
		return error_set(err, ENOTSUP, "this store cannot list its objects");
	return st->ops->list(st, prefix, fn, arg, err);
}

int store_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err)
{
	return st->ops->folders ? st->ops->folders(st, prefix, fn, arg, err)
				: error_set(err, ENOTSUP, "a list is as cheap");
}

int store_remove(struct store *st, const char *name, struct error *err)
{
	int rc = check_name(name, err);

	if (rc < 0)
		return rc;
	if (!st->ops->remove)
		return error_set(err, EROFS, "this store can only be read");
	return st->ops->remove(st, name, err);
}

int store_now(struct store *st, int64_t *seconds, struct error *err)
{
	return st->ops->now(st, seconds, err);
}

unsigned store_at_once(const struct store *st)
{
	return st->far ? 16 : 2;
}

int store_settle(struct store *st, const char *prefix, struct error *err)
{
	return st->ops->settle ? st->ops->settle(st, prefix, err) : 0;
}

/* Grows *buf to size and fills it from *len on; fewer only at the object's end. */
static int get_more(struct store *st, const char *name, void **buf, size_t size, size_t *len, struct error *err)
{
	void *more = realloc(*buf, size);
	size_t got = 0;
	int rc;

	if (!more)
		return error_set(err, ENOMEM, "out of memory");
	*buf = more;
	rc = store_get(st, name, *len, (char *)more + *len, size - *len, &got, err);
	*len += got;
	return rc;
}

/* first: how much is asked for at first. */
static int get_all(struct store *st, const char *name, size_t first, size_t max, void **data, size_t *len,
		   struct error *err)
{
	size_t size = max < first ? max + 1 : first, n = 0;
	AUTO(free) void *buf = NULL;
	void *fit;
	int rc = get_more(st, name, &buf, size, &n, err);

	while (rc == 0 && n == size && n <= max) {
		size = size <= max / 2 ? 2 * size : max + 1;
		rc = get_more(st, name, &buf, size, &n, err);
	}
	if (rc < 0)
		return rc;
	if (n > max)
		return error_set(err, EBADMSG, "%s: more than the %zu bytes that such an object has", name, max);
	fit = realloc(buf, n ? n : 1);
	*data = fit ? fit : buf;
	buf = NULL;
	*len = n;
	return 0;
}

int store_get_all(struct store *st, const char *name, size_t max, void **data, size_t *len,
		  struct error *err)
{
	return get_all(st, name, STORE_GET_FIRST, max, data, len, err);
}

int store_get_listed(struct store *st, const struct object *o, size_t max, void **data, size_t *len, struct error *err)
{
	size_t first = o->size && o->size < STORE_GET_FIRST ? (size_t)o->size + 1 : STORE_GET_FIRST;

	return get_all(st, o->name, first, max, data, len, err);
}

void store_expect(struct store *st, enum store_expect what, const char *name)
{
	if (st->ops->expect && (what == EXPECT_NOTHING || what == EXPECT_LIST || store_name_ok(name)))
		st->ops->expect(st, what, name);
}

bool store_near(struct store *st, const char *name, uint64_t off, size_t len)
{
	return st->ops->near && store_name_ok(name) && st->ops->near(st, name, off, len);
}

int store_warm(struct store *st, const char *name, uint64_t off, size_t len, struct error *err)
{
	int rc = check_name(name, err);

	if (rc < 0)
		return rc;
	return st->ops->warm ? st->ops->warm(st, name, off, len, err)
			     : error_set(err, ENOTSUP, "nothing is cached on this machine");
}

void store_traffic(struct store *st, struct http_stats *out)
{
	*out = (struct http_stats){ 0 };
	if (st->ops->traffic)
		st->ops->traffic(st, out);
}

int store_is_same(struct store *st, const char *name, const void *data, size_t len, struct error *err)
{
	AUTO(free) void *there = NULL;
	struct error why = ERROR_INIT;
	size_t n = 0;
	int rc = store_get_all(st, name, len, &there, &n, &why);

	if (rc == 0)
		return n == len && !memcmp(there, data, len);
	if (rc == -ENOENT || rc == -EBADMSG)		/* gone again, or longer */
		return 0;
	error_copy(err, &why);
	return rc;
}

bool store_recall(struct store *st, const struct object *o, void **data)
{
	AUTO(free) void *buf = NULL;

	if (!st->ops->recall || !o->size || o->size > STORE_KEEP_MAX || !store_name_ok(o->name))
		return false;
	buf = malloc((size_t)o->size);
	if (!buf || !st->ops->recall(st, o, buf))
		return false;
	*data = buf;
	buf = NULL;
	return true;
}

void store_keep(struct store *st, const struct object *o, const void *data)
{
	if (st->ops->keep && o->size && o->size <= STORE_KEEP_MAX && store_name_ok(o->name))
		st->ops->keep(st, o, data);
}

int store_put_once(struct store *st, const char *name, const void *data, size_t len,
		   struct error *err)
{
	struct error taken = ERROR_INIT;
	int rc = store_put(st, name, data, len, PUT_NEW, &taken), same;

	if (rc == -EEXIST) {
		same = store_is_same(st, name, data, len, err);
		if (same)
			return same > 0 ? 0 : same;
	}
	if (rc < 0)
		error_copy(err, &taken);
	return rc;
}

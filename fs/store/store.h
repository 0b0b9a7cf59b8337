/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flat set of named, immutable objects: what a vault lives in.  Objects are
 * put once and removed; nothing is ever changed.  Names are '/'-separated
 * parts of [A-Za-z0-9._-], neither empty nor beginning with a dot.
 *
 * What implementations promise: a put is all or nothing, and durable when it
 * returns; what was put is read and listed from then on by everybody.
 * All ops block, and all may be called from many threads.
 */
#ifndef ADE_FS_STORE_STORE_H
#define ADE_FS_STORE_STORE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"
#include "fs/net/azure_token.h"
#include "fs/net/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum put_mode {
	PUT_NEW,	/* -EEXIST when the name is taken; what is there stays */
	PUT_ANY,	/* take the name whether it is free or not: signs of life alone */
};

enum store_expect { EXPECT_GET, EXPECT_STAT, EXPECT_LIST, EXPECT_NOTHING };

struct object {
	char name[256];
	uint64_t size;		/* bytes */
	int64_t time;		/* the store's time of the put, seconds since 1970 */
};

/* Non-zero stops the list and becomes its result. */
typedef int object_fn(void *arg, const struct object *o);

/* Takes what a read brings, piece by piece, off bytes behind where the read began.  A try that is made again
 * begins at 0; what came is what the store has only once store_read() has returned 0. */
struct store_sink { void (*part)(struct store_sink *s, size_t off, const void *data, size_t len); };

struct store;

struct store_ops {
	const char *scheme;
	/* len bytes from off into buf; fewer only at the object's end; *got says how many. */
	int  (*get)(struct store *st, const char *name, uint64_t off, void *buf, size_t len,
		    size_t *got, struct error *err);
	/* store_read(); NULL: by get. */
	int  (*read)(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink,
		     size_t *got, struct error *err);
	int  (*put)(struct store *st, const char *name, const void *data, size_t len,
		    enum put_mode mode, struct error *err);	/* NULL: a store to read only */
	int  (*stat)(struct store *st, const char *name, struct object *out, struct error *err);
	/* Every object whose name begins with prefix, in no order.  NULL: cannot list. */
	int  (*list)(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err);
	/* store_folders(); NULL: a list is as cheap. */
	int  (*folders)(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err);
	int  (*remove)(struct store *st, const char *name, struct error *err);	/* gone already: 0 */
	int  (*now)(struct store *st, int64_t *seconds, struct error *err);	/* the store's clock */
	/* store_settle(); NULL: what is seen is durable. */
	int  (*settle)(struct store *st, const char *prefix, struct error *err);
	/* What store_expect() says; NULL: it makes no difference. */
	void (*expect)(struct store *st, enum store_expect what, const char *name);
	void (*hurry)(struct store *st, unsigned ms);	/* NULL: nothing can last */
	/* store_traffic(); NULL: there is no network. */
	void (*traffic)(struct store *st, struct http_stats *out);
	/* store_near(), store_warm(); NULL: nothing is kept near. */
	bool (*near)(struct store *st, const char *name, uint64_t off, size_t len);
	int  (*warm)(struct store *st, const char *name, uint64_t off, size_t len, struct error *err);
	/* store_recall(), store_keep(); NULL: nothing is kept near. */
	bool (*recall)(struct store *st, const struct object *o, void *buf);
	void (*keep)(struct store *st, const struct object *o, const void *data);
	void (*free)(struct store *st);
};

struct store {			/* first member of every implementation's struct */
	const struct store_ops *ops;
	_Atomic bool conditional_put;	/* PUT_NEW is atomic against other writers */
	bool far;			/* an answer takes a round trip: store_at_once() */
};

/* How remote stores are reached.  NULL and 0: the environment's word, or the
 * default.  All of it is copied by those who open with it. */
struct store_options {
	struct http_options http;
	unsigned deadline_ms;		/* for one request, beside what its bytes take; 0: 110,000 */
	const char *endpoint;		/* instead of the cloud's own */
	const struct secret *sas;	/* Azure: a SAS at hand, else one of the three files */
	const char *sas_file, *account_key_file, *token_file;
	const struct token_options *token;	/* Azure: how to get a token otherwise */
	const char *s3_credentials_file, *s3_region;
};

/* A path, or an address as fs/store/address.h tells.  create: make the folder
 * or container.  o NULL: defaults.
 * NULL with words: ENOENT, EACCES, EINVAL, ENOTSUP (unknown scheme), … */
struct store *store_open_with(const char *url, bool create, const struct store_options *o,
			      struct error *err);
struct store *store_open(const char *url, bool create, struct error *err);	/* with defaults */
void store_free(struct store *st);
/* Who is about to end does not wait for a store that is gone: all calls from
 * now on, and those under way, are over within so many milliseconds. */
void store_hurry(struct store *st, unsigned ms);

/* 0, or -ENOENT, -EEXIST, -EACCES, -ENOSPC, -EROFS (no put here), -EINVAL (bad name), -EIO,
 * -EHOSTUNREACH, -ETIMEDOUT. */
int store_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
	      struct error *err);
/* The same, handed on as it comes in this thread, for who need not have it in one piece. */
int store_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink, size_t *got,
	       struct error *err);
int store_put(struct store *st, const char *name, const void *data, size_t len, enum put_mode mode,
	      struct error *err);
int store_stat(struct store *st, const char *name, struct object *out, struct error *err);
int store_list(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err);
/* What there is right below prefix, which ends with '/', names alone: the first
 * part of what follows it, once each; one whose last object has gone may still be
 * told.  -ENOTSUP where a list is as cheap. */
int store_folders(struct store *st, const char *prefix, object_fn *fn, void *arg, struct error *err);
int store_remove(struct store *st, const char *name, struct error *err);
int store_now(struct store *st, int64_t *seconds, struct error *err);

/* For how many small objects at once it is worth asking. */
unsigned store_at_once(const struct store *st);

/* What is seen in the folder that prefix names, up to its last '/', and below it,
 * is durable when this returns, whoever put it: he may have died before his sync.  For those
 * who build on objects that they did not put themselves.  -EEXIST of a put
 * promises the same of that object. */
int store_settle(struct store *st, const char *prefix, struct error *err);

/* The whole object, malloc'ed; -EBADMSG when it is larger than max.  One
 * request up to STORE_GET_FIRST bytes, one more for each doubling. */
#define STORE_GET_FIRST (1u << 20)
int store_get_all(struct store *st, const char *name, size_t max, void **data, size_t *len,
		  struct error *err);

/* Has the name these very bytes?  1, 0 (others, or none), or -errno: it cannot be told. */
int store_is_same(struct store *st, const char *name, const void *data, size_t len, struct error *err);

/* The same of one that a list showed, o->size 0 where that is not known: no room is made for more. */
int store_get_listed(struct store *st, const struct object *o, size_t max, void **data, size_t *len, struct error *err);

/* PUT_NEW whose answer may have been lost: when the name is taken by the very
 * same bytes, that is success; when what has it cannot be read, nobody knows. */
int store_put_once(struct store *st, const char *name, const void *data, size_t len,
		   struct error *err);

/* A hint that the whole object, its stat, or the list of a prefix will be
 * asked for soon, so that several can be on the way at once (fs/store/ahead.h).
 * What was asked for ahead answers the next such call alone, once; NOTHING
 * forgets what was not used. */
void store_expect(struct store *st, enum store_expect what, const char *name);

/* Does a get of that range need no network, because a cache on this machine
 * holds it?  And: see to it that it does.  0, -ENOTSUP (nothing is kept near),
 * -ENOSPC (no room, or the cache is busy), what the store answers. */
bool store_near(struct store *st, const char *name, uint64_t off, size_t len);
int store_warm(struct store *st, const char *name, uint64_t off, size_t len, struct error *err);

/* What went over the network for it, answers that did not do and their retries as well; zeros where there is none. */
void store_traffic(struct store *st, struct http_stats *out);

/* A small object as a list showed it, from a cache on this machine: true, *data
 * is malloc'ed and o->size bytes long.  Keep it there, once it was found good; o
 * must be as listed.  For what people look at alone: it may have gone meanwhile. */
#define STORE_KEEP_MAX (1u << 20)
bool store_recall(struct store *st, const struct object *o, void **data);
void store_keep(struct store *st, const struct object *o, const void *data);

bool store_name_ok(const char *name);

/* A store in memory, for tests. */
struct store *store_mem(void);

DEFINE_CLEANUP(struct store *, store_free);

#endif

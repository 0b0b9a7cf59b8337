/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values that may be secret, or that come from other programs.  (The
 * prefix is jval because jansson exports json_*.)
 *
 * Reading is tolerant where other programs write (members in any case, wrong
 * types read as absent) and strict about the text itself: UTF-8, no duplicate
 * members, no trailing bytes, bounded depth.  Memory is wiped when it is
 * freed, since values may be secrets.  A tree belongs to one thread.
 */
#ifndef ADE_FS_UTIL_JSON_VALUE_H
#define ADE_FS_UTIL_JSON_VALUE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jval;

/* NULL: EBADMSG with line and column, ENOMEM.  Free with jval_free(). */
struct jval *jval_parse(const void *text, size_t len, struct error *err);
void jval_free(struct jval *v);			/* drops one reference; NULL allowed */
struct jval *jval_ref(struct jval *v);		/* one more; to keep a part of a tree */

/* All of these take NULL for v and then answer "absent"; results are borrowed. */
bool jval_is_object(const struct jval *v);
bool jval_is_array(const struct jval *v);
struct jval *jval_get(const struct jval *v, const char *name);
struct jval *jval_get_ci(const struct jval *v, const char *name);	/* first match in any case */
/* "a.b.c" step by step, in any case; also where a member's own name holds the
 * dots ("properties.storageProfile" in one piece). */
struct jval *jval_path_ci(const struct jval *v, const char *path);
size_t jval_len(const struct jval *v);		/* of an array or object; else 0 */
struct jval *jval_at(const struct jval *v, size_t i);			/* array */
const char *jval_text(const struct jval *v);				/* string; else NULL */
const char *jval_get_text(const struct jval *v, const char *name);	/* in any case */
/* A number, or a string of decimal digits.  False: absent, negative for u64, out of range. */
bool jval_i64(const struct jval *v, int64_t *out);
bool jval_u64(const struct jval *v, uint64_t *out);
/* true, false, or a string saying so; else fallback. */
bool jval_bool(const struct jval *v, bool fallback);
/* Calls fn for each member of an object, in order; stops at non-zero and returns it. */
int jval_each(const struct jval *v, int (*fn)(void *arg, const char *name, struct jval *member),
	      void *arg);

/* Building.  jval_set() and jval_append() take the value; -ENOMEM when it is
 * NULL or there is no memory, so that checks can be chained. */
struct jval *jval_object(void);
struct jval *jval_array(void);
struct jval *jval_new_text(const char *text);	/* NULL text: JSON null */
struct jval *jval_new_i64(int64_t n);
int jval_set(struct jval *object, const char *name, struct jval *taken);
int jval_set_text(struct jval *object, const char *name, const char *text);
int jval_set_i64(struct jval *object, const char *name, int64_t n);
int jval_set_u64_text(struct jval *object, const char *name, uint64_t n);	/* as a string */
int jval_set_bool(struct jval *object, const char *name, bool b);
int jval_append(struct jval *array, struct jval *taken);
int jval_remove(struct jval *object, const char *name);
struct jval *jval_copy(const struct jval *v);	/* deep */

/* Text with sorted members; pretty: indented by 2, else in one line.  The
 * first is malloc'ed, the second in locked memory; NULL: no memory. */
char *jval_print(const struct jval *v, bool pretty);
struct secret *jval_print_secret(const struct jval *v);

DEFINE_CLEANUP(struct jval *, jval_free);

#endif

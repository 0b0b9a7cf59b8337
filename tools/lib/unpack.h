/* SPDX-License-Identifier: Apache-2.0 */
/* Packed bytes through the program that unpacks them, both ways in pieces; nothing is kept whole. */
#ifndef ADE_TOOLS_LIB_UNPACK_H
#define ADE_TOOLS_LIB_UNPACK_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

#include <stddef.h>

#define UNPACK_MAGIC 9u		/* bytes that tell the form */

struct unpack;

/* What comes out; non-zero ends it and is returned. */
typedef int unpack_fn(void *arg, const void *data, size_t len);

/* head: the first bytes, at least UNPACK_MAGIC.  NULL: ENOTSUP (a form that is not known, or its program
 * is not installed), … */
struct unpack *unpack_start(const void *head, size_t len, unpack_fn *fn, void *arg, struct error *err);

/* 0, also where the program takes no more; what fn returned; -errno. */
int unpack_feed(struct unpack *u, const void *data, size_t len);

/* The rest of what comes out.  0, what fn returned, -EBADMSG: the program refuses it. */
int unpack_end(struct unpack *u);

void unpack_free(struct unpack *u);		/* ends the program, too */

DEFINE_CLEANUP(struct unpack *, unpack_free);

#endif

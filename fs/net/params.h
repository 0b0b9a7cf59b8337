/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Query parameters and headers as lists, which requests are built from and
 * signatures are made over.
 */
#ifndef ADE_FS_NET_PARAMS_H
#define ADE_FS_NET_PARAMS_H

#include "crypto/cleanup.h"

#include <stddef.h>

#define PARAMS_MAX 16

struct http_param {
	const char *name, *value;	/* as they are meant: not encoded */
};

/* "a=1&b=2%20x", sorted by name, "" when there are none; malloc'ed.  NULL: no
 * memory, or more than PARAMS_MAX. */
char *params_query(const struct http_param *p, size_t n);

/* A path of '/'-separated parts, each percent-encoded; malloc'ed. */
char *path_escape(const char *path);

/* The value in a list of "Name: value", any case; "" when it is not there. */
const char *header_value(const char *const *headers, size_t n, const char *name);

#endif

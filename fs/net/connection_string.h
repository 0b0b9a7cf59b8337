/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure Storage's connection strings: "AccountName=…;AccountKey=…;…", names in
 * any case, parts in any order.
 */
#ifndef ADE_FS_NET_CONNECTION_STRING_H
#define ADE_FS_NET_CONNECTION_STRING_H

#include "crypto/secret.h"

#include <stdbool.h>

/* Does the text look like one? */
bool connection_string_is(const struct secret *text);

/* The value of a part, owned by the caller; NULL: it has none, or no memory. */
struct secret *connection_string_part(const struct secret *text, const char *name);

#endif

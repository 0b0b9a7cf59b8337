/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fs/net: pieces of getting a token. */
#ifndef ADE_FS_NET_TOKEN_PARTS_H
#define ADE_FS_NET_TOKEN_PARTS_H

#include "crypto/error.h"
#include "crypto/secret.h"

/* name=value&… in locked memory; values are percent-encoded.  0 or -ENOMEM. */
int form_add(struct secret **form, const char *name, const void *value, size_t len);
int form_add_text(struct secret **form, const char *name, const char *value);

/* A file's text without blanks around it, at most 64 KiB.  NULL with words. */
struct secret *secret_from_file(const char *path, struct error *err);

/* What a command prints, the same way.  No shell: words are split at blanks. */
struct secret *secret_from_command(const char *command, unsigned deadline_ms, struct error *err);

/* A client assertion (RFC 7523, RS256) made with a PEM file of key and certificate. */
struct secret *client_assertion(const char *pem_file, const char *client_id, const char *audience,
				struct error *err);

#endif

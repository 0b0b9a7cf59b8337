/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 URI (RFC 7512) that names a token and perhaps a key on it:
 * pkcs11:token=hsm1;object=kek1?module-path=/usr/lib/softhsm/libsofthsm2.so.
 * A PIN in it (pin-value) is refused: command lines are seen by everybody.
 */
#ifndef ADE_FS_KEYS_PKCS11_URI_H
#define ADE_FS_KEYS_PKCS11_URI_H

#include "crypto/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pkcs11_uri {		/* empty: whatever it is */
	char token[64], manufacturer[64], serial[64], model[64];
	char object[256];
	uint8_t id[128];
	size_t id_len;
	char slot_id[24];
	char module[1024];	/* path, or a name that the loader finds */
	char pin_source[1024];	/* path of a file */
};

/* text: with or without "pkcs11:" in front.  0 or -EINVAL with words. */
int pkcs11_uri_parse(const char *text, struct pkcs11_uri *out, struct error *err);

/* Does it name one key, not only a token? */
static inline bool pkcs11_uri_names_key(const struct pkcs11_uri *u)
{
	return u->object[0] || u->id_len;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading LUKS2's JSON: numbers are strings, indices are names.  Private to crypto/luks. */
#ifndef ADE_CRYPTO_LUKS2_JSON_H
#define ADE_CRYPTO_LUKS2_JSON_H

#include "crypto/bytes.h"
#include "crypto/luks/luks_private.h"

#include <jansson.h>

/* A member that is a non-empty string, else NULL. */
const char *luks2_text(const json_t *object, const char *name);
/* A 64-bit decimal string: digits only. */
bool luks2_number(const json_t *object, const char *name, uint64_t *out);
/* "0" … "31". */
bool luks2_index(const char *name, unsigned *out);

/* 0 or -EBADMSG.  header_size: of one of the two headers. */
int luks2_check(const json_t *top, uint64_t header_size, struct error *err);

#endif

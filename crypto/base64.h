/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 in both alphabets of RFC 4648 (sections 4 and 5), with and without
 * padding.  Strict: no blanks, no line ends, no mixed alphabets, no bits left
 * over in the last character, so that every byte string has one spelling in
 * each of the four forms.
 */
#ifndef ADE_CRYPTO_BASE64_H
#define ADE_CRYPTO_BASE64_H

#include "crypto/secret.h"

#include <stddef.h>
#include <stdint.h>

/* Which spelling base64_encode() writes. */
enum base64_form { BASE64_STD, BASE64_STD_UNPADDED, BASE64_URL, BASE64_URL_PADDED };

/* Characters, without a NUL, that len bytes become in the longest form. */
#define BASE64_CHARS(len) (((len) + 2) / 3 * 4)
/* Most bytes that `chars` characters stand for. */
#define BASE64_BYTES(chars) ((chars) / 4 * 3 + 2)

/* out holds BASE64_CHARS(len) + 1; a NUL is written.  Returns the length. */
size_t base64_encode(const void *data, size_t len, enum base64_form form, char *out);

/* Takes any of the four forms.  out holds BASE64_BYTES(chars).
 * 0 with *len written, or -EBADMSG. */
int base64_decode(const char *text, size_t chars, uint8_t *out, size_t *len);

/* The same into locked memory.  NULL: not base64, or no memory. */
struct secret *base64_decode_secret(const char *text, size_t chars);

#endif

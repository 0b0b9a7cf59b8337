/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/base64.h"

#include <errno.h>
#include <stdbool.h>

static const char std_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64_encode(const void *data, size_t len, enum base64_form form, char *out)
{
	bool url = form == BASE64_URL || form == BASE64_URL_PADDED;
	bool pad = form == BASE64_STD || form == BASE64_URL_PADDED;
	const char *digits = url ? url_digits : std_digits;
	const uint8_t *p = data;
	char *o = out;

	for (; len >= 3; p += 3, len -= 3) {
		*o++ = digits[p[0] >> 2];
		*o++ = digits[(p[0] & 3) << 4 | p[1] >> 4];
		*o++ = digits[(p[1] & 15) << 2 | p[2] >> 6];
		*o++ = digits[p[2] & 63];
	}
	if (len) {
		uint8_t second = len == 2 ? p[1] : 0;

		*o++ = digits[p[0] >> 2];
		*o++ = digits[(p[0] & 3) << 4 | second >> 4];
		if (len == 2)
			*o++ = digits[(second & 15) << 2];
		for (size_t i = len; pad && i < 3; i++)
			*o++ = '=';
	}
	*o = '\0';
	return (size_t)(o - out);
}

/* All ones when lo <= c <= hi: no table, so the cache learns nothing of a key. */
static unsigned in_range(unsigned c, unsigned lo, unsigned hi)
{
	return (unsigned)((int)((lo - 1 - c) & (c - hi - 1)) >> 31);
}

/* The value of a character, or 64 and more.  *seen: 1 standard, 2 URL. */
static unsigned digit_value(unsigned c, unsigned *seen)
{
	unsigned std = in_range(c, '+', '+') | in_range(c, '/', '/');
	unsigned url = in_range(c, '-', '-') | in_range(c, '_', '_');
	unsigned letter = in_range(c, 'A', 'Z'), small = in_range(c, 'a', 'z');
	unsigned number = in_range(c, '0', '9');
	unsigned v = (letter & (c - 'A')) | (small & (c - 'a' + 26)) | (number & (c - '0' + 52)) |
		     ((in_range(c, '+', '+') | in_range(c, '-', '-')) & 62) |
		     ((in_range(c, '/', '/') | in_range(c, '_', '_')) & 63);

	*seen |= (std & 1) | (url & 2);
	return v | (~(std | url | letter | small | number) & 64);
}

static size_t without_padding(const char *text, size_t chars, bool *ok)
{
	size_t n = chars;

	while (n && chars - n < 2 && text[n - 1] == '=')
		n--;
	*ok = (n == chars || chars % 4 == 0) && n % 4 != 1;
	return n;
}

int base64_decode(const char *text, size_t chars, uint8_t *out, size_t *len)
{
	unsigned bad = 0, seen = 0, acc = 0, bits = 0;
	size_t n, o = 0;
	bool ok;

	n = without_padding(text, chars, &ok);
	if (!ok)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		unsigned v = digit_value((unsigned char)text[i], &seen);

		bad |= v & 64;
		acc = acc << 6 | (v & 63);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[o++] = (uint8_t)(acc >> bits);
			acc &= (1u << bits) - 1;
		}
	}
	if (bad || seen == 3 || acc) {
		wipe(out, o);
		return -EBADMSG;
	}
	*len = o;
	return 0;
}

struct secret *base64_decode_secret(const char *text, size_t chars)
{
	struct secret *s = secret_new(BASE64_BYTES(chars));
	size_t len;

	if (!s)
		return NULL;
	if (base64_decode(text, chars, secret_data(s), &len) < 0) {
		secret_free(s);
		return NULL;
	}
	secret_truncate(s, len);
	return s;
}

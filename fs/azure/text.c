/* SPDX-License-Identifier: Apache-2.0 */
/* Text as Windows programs write it, made UTF-8. */
#include "fs/azure/settings.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum encoding { ENC_UTF8, ENC_UTF16LE, ENC_UTF16BE };

/* JSON begins with an ASCII character, so a NUL beside it tells the order. */
static enum encoding sniff(const uint8_t **p, size_t *len)
{
	const uint8_t *b = *p;
	size_t bom = 0;
	enum encoding e = ENC_UTF8;

	if (*len >= 3 && !memcmp(b, "\xef\xbb\xbf", 3))
		bom = 3;
	else if (*len >= 2 && b[0] == 0xff && b[1] == 0xfe)
		bom = 2, e = ENC_UTF16LE;
	else if (*len >= 2 && b[0] == 0xfe && b[1] == 0xff)
		bom = 2, e = ENC_UTF16BE;
	else if (*len >= 2 && b[0] && !b[1])
		e = ENC_UTF16LE;
	else if (*len >= 2 && !b[0] && b[1])
		e = ENC_UTF16BE;
	*p += bom;
	*len -= bom;
	return e;
}

static size_t put_utf8(uint32_t c, uint8_t *o)
{
	if (c < 0x80) {
		o[0] = (uint8_t)c;
		return 1;
	}
	if (c < 0x800) {
		o[0] = (uint8_t)(0xc0 | c >> 6);
		o[1] = (uint8_t)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		o[0] = (uint8_t)(0xe0 | c >> 12);
		o[1] = (uint8_t)(0x80 | (c >> 6 & 63));
		o[2] = (uint8_t)(0x80 | (c & 63));
		return 3;
	}
	o[0] = (uint8_t)(0xf0 | c >> 18);
	o[1] = (uint8_t)(0x80 | (c >> 12 & 63));
	o[2] = (uint8_t)(0x80 | (c >> 6 & 63));
	o[3] = (uint8_t)(0x80 | (c & 63));
	return 4;
}

static uint32_t unit(const uint8_t *p, bool big)
{
	return big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0];
}

/* Bytes written, or 0: lone surrogates.  out holds 2 * len. */
static size_t from_utf16(const uint8_t *p, size_t len, bool big, uint8_t *out)
{
	size_t o = 0;

	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint32_t c = unit(p + i, big), low;

		if (c >= 0xdc00 && c < 0xe000)
			return 0;
		if (c >= 0xd800 && c < 0xdc00) {
			if (i + 4 > len)
				return 0;
			low = unit(p + i + 2, big);
			if (low < 0xdc00 || low >= 0xe000)
				return 0;
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		}
		o += put_utf8(c, out + o);
	}
	return o;
}

/* "x-ms-meta-DiskEncryptionSettings: {…}" among the headers of a blob, as a HEAD request shows them. */
static struct jval *from_headers(const char *text, size_t len, struct error *err)
{
	static const char name[] = "x-ms-meta-diskencryptionsettings:";
	const char *end = text + len, *p = text;

	for (; p < end; p++) {
		const char *line_end = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((line_end ? line_end : end) - p);

		if (n > sizeof(name) - 1 && !strncasecmp(p, name, sizeof(name) - 1)) {
			AUTO(jval_free) struct jval *value =
				jval_parse(p + sizeof(name) - 1, n - (sizeof(name) - 1), err);
			AUTO(jval_free) struct jval *doc = value ? jval_object() : NULL;

			if (!doc || jval_set(doc, "DiskEncryptionSettings", TAKE(value)) < 0)
				return err && err->code ? NULL : error_null(err, ENOMEM, "no memory");
			return TAKE(doc);
		}
		p += n;
	}
	return error_null(err, EBADMSG, "neither JSON nor the headers of an encrypted disk's blob");
}

struct jval *azure_json_parse(const void *data, size_t len, struct error *err)
{
	const uint8_t *p = data;
	AUTO(secret_free) struct secret *text = NULL;
	size_t n;

	if (len > AZURE_JSON_MAX)
		return error_null(err, EBADMSG, "longer than %d MiB", AZURE_JSON_MAX >> 20);
	enum encoding e = sniff(&p, &len);
	text = secret_new(2 * len + 1);
	if (!text)
		return error_null(err, ENOMEM, "no memory");
	if (e == ENC_UTF8) {
		memcpy(secret_data(text), p, len);
		n = len;
	} else {
		n = from_utf16(p, len, e == ENC_UTF16BE, secret_data(text));
	}
	while (n && (!secret_bytes(text)[n - 1] || strchr(" \r\n\t", secret_bytes(text)[n - 1])))
		n--;
	if (!n)
		return error_null(err, EBADMSG, "no text in it");
	if (memchr("{[ \t\r\n", secret_bytes(text)[0], 6))
		return jval_parse(secret_bytes(text), n, err);
	return from_headers((const char *)secret_bytes(text), n, err);
}

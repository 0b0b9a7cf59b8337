/* SPDX-License-Identifier: Apache-2.0 */
/* GUIDs, recovery passwords, UTF-16. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>

#define N_GROUPS 8
#define GROUP_DIGITS 6
#define WRITTEN_FORM (N_GROUPS * (GROUP_DIGITS + 1) - 1)

void fve_guid_text(const uint8_t g[16], char text[GUID_TEXT])
{
	snprintf(text, GUID_TEXT, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", le32(g),
		 le16(g + 4), le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static int ill_formed(struct error *err, const char *what, unsigned group)
{
	int rc;

	if (group)
		rc = error_set(err, EINVAL, "recovery password: group %u %s", group, what);
	else
		rc = error_set(err, EINVAL, "recovery password: %s", what);
	error_next(err, "Check it for a typing error: 48 digits in 8 groups of 6, and each group "
			"is a multiple of 11.");
	return rc;
}

/* The digits into 8 numbers; blanks, dashes and line ends do not count. */
static int collect_groups(const uint8_t *p, size_t len, uint32_t group[N_GROUPS], struct error *err)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		if (p[i] == '-' || p[i] == ' ' || p[i] == '\t' || p[i] == '\r' || p[i] == '\n')
			continue;
		if (p[i] < '0' || p[i] > '9')
			return ill_formed(err, "something other than a digit in it", 0);
		if (n == N_GROUPS * GROUP_DIGITS)
			return ill_formed(err, "more than 48 digits", 0);
		group[n / GROUP_DIGITS] = group[n / GROUP_DIGITS] * 10 + (p[i] - '0');
		n++;
	}
	return n == N_GROUPS * GROUP_DIGITS ? 0 : ill_formed(err, "fewer than 48 digits", 0);
}

static bool is_part(uint8_t c)
{
	return c == '-' || (c >= '0' && c <= '9');
}

/* At offset i, and no longer than that. */
static bool is_written_form(const struct secret *s, size_t i)
{
	const uint8_t *p = secret_bytes(s) + i;
	size_t left = secret_len(s) - i;

	if (left < WRITTEN_FORM || (i && is_part(p[-1])) ||
	    (left > WRITTEN_FORM && is_part(p[WRITTEN_FORM])))
		return false;
	for (unsigned k = 0; k < WRITTEN_FORM; k++)
		if ((p[k] == '-') != (k % (GROUP_DIGITS + 1) == GROUP_DIGITS) || !is_part(p[k]))
			return false;
	return true;
}

/* What Windows saves is a page of text, in UTF-16, with the password in it.
 * Narrow it (what is not ASCII becomes '?') and look for the written form. */
static struct secret *narrow(const struct secret *text)
{
	const uint8_t *p = secret_bytes(text);
	size_t len = secret_len(text);
	bool wide = len >= 2 && p[0] == 0xff && p[1] == 0xfe;
	struct secret *s = wide ? secret_new(len / 2 - 1) : secret_copy(p, len);

	if (s && wide)
		for (size_t i = 0; i < secret_len(s); i++) {
			uint16_t c = le16(p + 2 + 2 * i);

			secret_data(s)[i] = c < 0x80 ? (uint8_t)c : '?';
		}
	return s;
}

static int find_groups(const struct secret *text, uint32_t group[N_GROUPS], struct error *err)
{
	AUTO(secret_free) struct secret *s = narrow(text);

	if (!s)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < secret_len(s); i++)
		if (is_written_form(s, i))
			return collect_groups(secret_bytes(s) + i, WRITTEN_FORM, group, err);
	return collect_groups(secret_bytes(s), secret_len(s), group, err);
}

int fve_recovery_parse(const struct secret *text, uint8_t out[16], struct error *err)
{
	uint32_t group[N_GROUPS] = { 0 };
	int rc = find_groups(text, group, err);

	for (unsigned i = 0; rc == 0 && i < N_GROUPS; i++) {
		if (group[i] % 11)
			rc = ill_formed(err, "is not a multiple of 11", i + 1);
		else if (group[i] / 11 > UINT16_MAX)
			rc = ill_formed(err, "is too large", i + 1);
		else
			put_le16(out + 2 * i, (uint16_t)(group[i] / 11));
	}
	wipe(group, sizeof(group));
	return rc;
}

/* One code point from [*p, end), or -1 for what is not UTF-8. */
static int32_t next_utf8(const uint8_t **p, const uint8_t *end)
{
	static const uint32_t least[4] = { 0, 0x80, 0x800, 0x10000 };
	uint32_t c = *(*p)++;
	unsigned more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	if (!more)
		return (int32_t)c;
	if (c < 0xc2 || c > 0xf4 || (size_t)(end - *p) < more)
		return -1;
	c &= 0x3fu >> more;
	for (unsigned i = 0; i < more; i++) {
		if ((**p & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (*(*p)++ & 0x3f);
	}
	return c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? -1 : (int32_t)c;
}

struct secret *fve_utf16_from_utf8(const struct secret *utf8, struct error *err)
{
	const uint8_t *p = secret_bytes(utf8), *end = p + secret_len(utf8);
	AUTO(secret_free) struct secret *out = NULL;
	size_t n = 0;

	if (secret_len(utf8) > SIZE_MAX / 4 || !(out = secret_new(2 * secret_len(utf8))))
		return error_null(err, ENOMEM, "out of memory");
	while (p < end) {
		int32_t c = next_utf8(&p, end);

		if (c < 0) {
			error_set(err, EINVAL, "password: byte %zu is not UTF-8",
				  (size_t)(p - secret_bytes(utf8)));
			error_next(err, "Save the password as UTF-8.");
			return NULL;
		}
		if (c >= 0x10000) {
			c -= 0x10000;
			put_le16(secret_data(out) + n, (uint16_t)(0xd800 | c >> 10));
			n += 2;
			c = 0xdc00 | (c & 0x3ff);
		}
		put_le16(secret_data(out) + n, (uint16_t)c);
		n += 2;
	}
	secret_truncate(out, n);
	return TAKE(out);
}

static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

void fve_utf16_to_utf8(const uint8_t *in, size_t len, char *out, size_t out_len)
{
	size_t n = 0;

	for (size_t i = 0; i + 2 <= len && n + 5 <= out_len; i += 2) {
		uint32_t c = le16(in + i);
		uint32_t low = i + 4 <= len ? le16(in + i + 2) : 0;

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
			i += 2;
		} else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0xd800 && c < 0xe000)) {
			c = '?';
		}
		n += put_utf8(out + n, c);
	}
	out[n] = '\0';
}

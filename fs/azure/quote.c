/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/quote.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_plain(const char *word)
{
	return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789@%+=:,./_-")] == '\0';
}

void quote_sh(FILE *f, const char *text)
{
	if (is_plain(text)) {
		fputs(text, f);
		return;
	}
	putc('\'', f);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", f);
		else
			putc(*text, f);
	putc('\'', f);
}

static bool is_curly_quote(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return u[0] == 0xe2 && u[1] == 0x80 && u[2] >= 0x98 && u[2] <= 0x9b;
}

void quote_powershell(FILE *f, const char *text)
{
	putc('\'', f);
	while (*text) {
		size_t n = is_curly_quote(text) ? 3 : 1;

		if (n == 3 || *text == '\'')
			fwrite(text, 1, n, f);
		fwrite(text, 1, n, f);
		text += n;
	}
	putc('\'', f);
}

/* Bytes of the character, and which it is; 0: no UTF-8 (RFC 3629). */
static size_t utf8_at(const char *text, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *u = (const unsigned char *)text;
	size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf8 ? 0 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc0 ? 2 : 0;

	*c = n < 2 ? u[0] : u[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (u[i] & 0x3f);
	}
	if (n && (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)))
		return 0;
	return n;
}

static const char *entity(uint32_t c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '\'': return "&#39;";
	case '"': return "&quot;";
	case '\t': return "&#9;";
	case '\n': return "&#10;";
	case '\r': return "&#13;";
	default: return NULL;
	}
}

int quote_xml(FILE *f, const char *text)
{
	while (*text) {
		uint32_t c;
		size_t n = utf8_at(text, &c);
		const char *e = entity(c);

		if (!n || (c < 0x20 && !e) || c == 0xfffe || c == 0xffff)
			return -EINVAL;
		if (e)
			fputs(e, f);
		else
			fwrite(text, 1, n, f);
		text += n;
	}
	return 0;
}

/* Also those that break a line or turn its direction. */
static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void quote_words(FILE *f, const char *text)
{
	while (*text) {
		uint32_t c;
		size_t n = utf8_at(text, &c);

		if (!n || is_control(c))
			putc('?', f);
		else
			fwrite(text, 1, n, f);
		text += n ? n : 1;
	}
}

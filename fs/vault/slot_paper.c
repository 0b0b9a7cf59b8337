/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/slot_paper.h"
#include "crypto/hash.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEAD "adebackup vault key 1, on paper"
#define HEAD_LEN (sizeof(HEAD) - 1)
#define LINES 4u
#define LINE_BYTES (PAPER_KEY_BYTES / LINES)
#define CHECK_BYTES 2u
#define PRINT_MAX 1024u

/* The number is in it, so that lines in a wrong order are found too. */
static int line_check(unsigned number, const uint8_t bytes[LINE_BYTES], uint8_t check[CHECK_BYTES])
{
	static const char use[] = "adebackup paper 1";
	uint8_t buf[sizeof(use) + LINE_BYTES], sum[SHA256_BYTES];
	int rc;

	memcpy(buf, use, sizeof(use) - 1);
	buf[sizeof(use) - 1] = (uint8_t)number;
	memcpy(buf + sizeof(use), bytes, LINE_BYTES);
	rc = sha256(buf, sizeof(buf), sum);
	memcpy(check, sum, CHECK_BYTES);
	wipe(buf, sizeof(buf));
	return rc;
}

bool slot_paper_is(const void *text, size_t len)
{
	return len > HEAD_LEN && !memcmp(text, HEAD, HEAD_LEN);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* n hex digits, blanks between them passed over. */
static bool take_hex(const char **p, const char *end, void *out, size_t bytes)
{
	char hex[2 * LINE_BYTES + 1];
	size_t n = 0;
	bool ok;

	for (; *p < end && n < 2 * bytes; (*p)++)
		if (!is_blank(**p))
			hex[n++] = **p;
	hex[n] = '\0';
	ok = n == 2 * bytes && hex_decode(hex, out, bytes) == 0;
	wipe(hex, sizeof(hex));
	return ok;
}

static bool take_word(const char **p, const char *end, const char *word)
{
	size_t len = strlen(word);

	while (*p < end && is_blank(**p))
		(*p)++;
	if ((size_t)(end - *p) < len || memcmp(*p, word, len))
		return false;
	*p += len;
	return true;
}

/* "1  0123 4567 89ab cdef  check 0a1b" */
static bool parse_line(const char *p, const char *end, unsigned number, uint8_t *bytes)
{
	uint8_t check[CHECK_BYTES], want[CHECK_BYTES];
	char word[2] = { (char)('0' + number), '\0' };

	if (!take_word(&p, end, word) || p == end || !is_blank(*p) || !take_hex(&p, end, bytes, LINE_BYTES) ||
	    !take_word(&p, end, "check") || !take_hex(&p, end, check, CHECK_BYTES) || !take_word(&p, end, ""))
		return false;
	return p == end && line_check(number, bytes, want) == 0 && !memcmp(check, want, CHECK_BYTES);
}

/* Comments and empty lines say nothing. */
static bool is_idle(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p == end || *p == '#';
}

int slot_paper_parse(const void *text, size_t len, uint8_t key[PAPER_KEY_BYTES], struct error *err)
{
	const char *p = text, *stop = p + len, *end;
	unsigned found = 0;

	for (bool head = true; p < stop; p = end + 1, head = false) {
		end = memchr(p, '\n', (size_t)(stop - p));
		end = end ? end : stop;
		if (head || is_idle(p, end))
			continue;
		if (found == LINES)
			return error_set(err, EINVAL, "the paper key goes on behind line %u", LINES);
		if (!parse_line(p, end, found + 1, key + found * LINE_BYTES)) {
			error_set(err, EINVAL, "line %u of the paper key is mistyped", found + 1);
			error_next(err, "Compare it with the paper, digit by digit; its check tells when it is right.");
			return -EINVAL;
		}
		found++;
	}
	return found == LINES ? 0 : error_set(err, EINVAL, "the paper key ends before line %u", found + 1);
}

struct secret *slot_paper_print(const uint8_t key[PAPER_KEY_BYTES], const char *about)
{
	AUTO(secret_free) struct secret *out = secret_new(PRINT_MAX);
	char hex[2 * LINE_BYTES + 1];
	uint8_t check[CHECK_BYTES];
	size_t n;

	if (!out)
		return NULL;
	n = (size_t)snprintf((char *)secret_data(out), PRINT_MAX,
			     HEAD "\n# %.200s\n# Typed into a file as it stands here, it is the key file again.\n", about);
	for (unsigned i = 0; i < LINES; i++) {
		const uint8_t *b = key + i * LINE_BYTES;

		if (line_check(i + 1, b, check) < 0)
			return NULL;
		hex_encode(b, LINE_BYTES, hex);
		n += (size_t)snprintf((char *)secret_data(out) + n, PRINT_MAX - n,
				      "%u  %.4s %.4s %.4s %.4s  check %02x%02x\n", i + 1, hex, hex + 4, hex + 8,
				      hex + 12, check[0], check[1]);
	}
	wipe(hex, sizeof(hex));
	secret_truncate(out, n);
	return TAKE(out);
}

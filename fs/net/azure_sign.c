/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/azure_sign.h"
#include "crypto/base64.h"
#include "crypto/hash.h"
#include "fs/net/http_date.h"
#include "fs/net/url.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 32

static int by_header(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	for (; *x != ':' && *y != ':'; x++, y++)
		if (tolower((unsigned char)*x) != tolower((unsigned char)*y))
			return tolower((unsigned char)*x) - tolower((unsigned char)*y);
	return (*x != ':') - (*y != ':');
}

/* The x-ms- headers, in lower case and sorted. */
static void add_own_headers(FILE *f, const struct azure_sign_request *rq)
{
	const char *own[HEADERS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < rq->n_headers && n < HEADERS_MAX; i++)
		if (!strncasecmp(rq->headers[i], "x-ms-", 5))
			own[n++] = rq->headers[i];
	qsort(own, n, sizeof(own[0]), by_header);
	for (size_t i = 0; i < n; i++) {
		const char *p = own[i];

		for (; *p != ':'; p++)
			fputc(tolower((unsigned char)*p), f);
		fprintf(f, ":%s\n", p + 1 + strspn(p + 1, " "));
	}
}

static int by_name(const void *a, const void *b)
{
	return strcasecmp(((const struct http_param *)a)->name, ((const struct http_param *)b)->name);
}

static void add_resource(FILE *f, const struct azure_sign_request *rq)
{
	struct http_param sorted[PARAMS_MAX];
	size_t n = rq->n_params < PARAMS_MAX ? rq->n_params : PARAMS_MAX;

	fprintf(f, "/%s%s", rq->account, rq->path);
	if (n)
		memcpy(sorted, rq->params, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		fputc('\n', f);
		for (const char *p = sorted[i].name; *p; p++)
			fputc(tolower((unsigned char)*p), f);
		fprintf(f, ":%s", sorted[i].value);
	}
}

char *azure_string_to_sign(const struct azure_sign_request *rq)
{
	static const char *const before[] = { "Content-Encoding", "Content-Language" };
	static const char *const after[] = { "Content-MD5", "Content-Type", "Date", "If-Modified-Since",
		"If-Match", "If-None-Match", "If-Unmodified-Since", "Range" };
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s\n", rq->method);
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		fprintf(f, "%s\n", header_value(rq->headers, rq->n_headers, before[i]));
	if (rq->body_len)
		fprintf(f, "%zu", rq->body_len);
	fputc('\n', f);
	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++)
		fprintf(f, "%s\n", header_value(rq->headers, rq->n_headers, after[i]));
	add_own_headers(f, rq);
	add_resource(f, rq);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

struct secret *azure_shared_key(const struct azure_sign_request *rq, const struct secret *key)
{
	AUTO(free) char *text = azure_string_to_sign(rq), *line = NULL;
	char coded[BASE64_CHARS(SHA256_BYTES) + 1];
	uint8_t mac[SHA256_BYTES];
	int n;

	if (!text || hmac_sha256(secret_bytes(key), secret_len(key), text, strlen(text), mac) < 0)
		return NULL;
	base64_encode(mac, sizeof(mac), BASE64_STD, coded);
	n = asprintf(&line, "SharedKey %s:%s", rq->account, coded);
	if (n < 0) {
		line = NULL;
		return NULL;
	}
	return secret_copy(line, (size_t)n);
}

/* The value of a parameter inside a SAS. */
static const char *sas_find(const struct secret *sas, const char *name, size_t *len)
{
	const char *p = (const char *)secret_bytes(sas), *end = p + secret_len(sas);
	size_t n = strlen(name);

	while (p < end) {
		const char *next = memchr(p, '&', (size_t)(end - p));

		if (!next)
			next = end;
		if ((size_t)(next - p) > n && !memcmp(p, name, n) && p[n] == '=') {
			*len = (size_t)(next - p) - n - 1;
			return p + n + 1;
		}
		p = next + 1;
	}
	return NULL;
}

struct secret *sas_clean(const void *text, size_t len, struct error *err)
{
	AUTO(secret_free) struct secret *s = NULL;
	const char *p = text;
	size_t n;

	while (len && isspace((unsigned char)p[len - 1]))
		len--;
	while (len && (isspace((unsigned char)*p) || *p == '?')) {
		p++;
		len--;
	}
	s = secret_copy(p, len);
	if (!s)
		return error_null(err, ENOMEM, "no memory");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] <= ' ' || (unsigned char)p[i] >= 0x7f || p[i] == '#' || p[i] == '?')
			return error_null(err, EINVAL, "that is no SAS: it has characters that no SAS has");
	if (!sas_find(s, "sig", &n) || !n) {
		error_set(err, EINVAL, "that is no SAS: it has no signature (sig=)");
		error_next(err, "a SAS looks like sv=…&se=…&sr=c&sp=…&sig=…");
		return NULL;
	}
	return TAKE(s);
}

/* "2026-11-26T18%3A00%3A00Z", "2026-11-26T18:00Z" or "2026-11-26". */
static bool sas_date(const char *p, size_t len, int64_t *seconds)
{
	char text[40];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (n + 12 >= sizeof(text))
			return false;
		if (len - i >= 3 && !strncasecmp(p + i, "%3a", 3)) {
			text[n++] = ':';
			i += 2;
		} else {
			text[n++] = p[i];
		}
	}
	text[n] = '\0';
	if (n == 10)
		memcpy(text + n, "T00:00:00Z", 11);
	else if (n == 17 && text[16] == 'Z')
		memcpy(text + 16, ":00Z", 5);
	return http_date_parse(text, seconds) == 0;
}

bool sas_time(const struct secret *sas, const char *name, int64_t *seconds)
{
	size_t len;
	const char *p = sas_find(sas, name, &len);

	return p && sas_date(p, len, seconds);
}

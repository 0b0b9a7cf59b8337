/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/net/aws_sign.h"
#include "crypto/hash.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 32
#define ALGORITHM "AWS4-HMAC-SHA256"

/* Headers in the order of their lower-case names, Host among them. */
struct sorted {
	const char *at[HEADERS_MAX + 1];
	size_t n;
	char *host;
};

static int by_header(const void *a, const void *b)
{
	const char *x = *(const char *const *)a, *y = *(const char *const *)b;

	for (; *x != ':' && *y != ':'; x++, y++)
		if (tolower((unsigned char)*x) != tolower((unsigned char)*y))
			return tolower((unsigned char)*x) - tolower((unsigned char)*y);
	return (*x != ':') - (*y != ':');
}

static int sort_headers(struct sorted *s, const struct aws_sign_request *rq)
{
	if (rq->n_headers > HEADERS_MAX || asprintf(&s->host, "host:%s", rq->host) < 0) {
		s->host = NULL;
		return -1;
	}
	s->at[s->n++] = s->host;
	for (size_t i = 0; i < rq->n_headers; i++)
		if (strchr(rq->headers[i], ':'))
			s->at[s->n++] = rq->headers[i];
	qsort(s->at, s->n, sizeof(s->at[0]), by_header);
	return 0;
}

static void sorted_clear_cleanup(struct sorted *s) { free(s->host); }

static void put_name(FILE *f, const char *header)
{
	for (; *header != ':'; header++)
		fputc(tolower((unsigned char)*header), f);
}

/* Blanks around it go, runs of them inside become one. */
static void put_value(FILE *f, const char *header)
{
	const char *p = strchr(header, ':') + 1;
	bool blank = false, any = false;

	for (; *p; p++) {
		if (*p == ' ' || *p == '\t') {
			blank = any;
			continue;
		}
		if (blank)
			fputc(' ', f);
		fputc(*p, f);
		blank = false;
		any = true;
	}
}

static void put_names(FILE *f, const struct sorted *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			fputc(';', f);
		put_name(f, s->at[i]);
	}
}

static char *canonical(const struct aws_sign_request *rq, const struct sorted *s)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s\n%s\n%s\n", rq->method, *rq->path ? rq->path : "/", rq->query);
	for (size_t i = 0; i < s->n; i++) {
		put_name(f, s->at[i]);
		fputc(':', f);
		put_value(f, s->at[i]);
		fputc('\n', f);
	}
	fputc('\n', f);
	put_names(f, s);
	fprintf(f, "\n%s", rq->payload_sha256);
	if (fclose(f)) {
		free(text);
		return NULL;
	}
	return text;
}

char *aws_canonical_request(const struct aws_sign_request *rq)
{
	__attribute__((cleanup(sorted_clear_cleanup))) struct sorted s = { .n = 0 };

	return sort_headers(&s, rq) < 0 ? NULL : canonical(rq, &s);
}

static char *scope_of(const struct aws_sign_request *rq)
{
	char *scope;

	return asprintf(&scope, "%.8s/%s/%s/aws4_request", rq->date, rq->region, rq->service) < 0 ? NULL : scope;
}

/* The day's key for region and service, from the secret one. */
static int signing_key(const struct aws_sign_request *rq, const struct secret *secret_key, uint8_t key[SHA256_BYTES])
{
	size_t n = secret_len(secret_key);
	AUTO(secret_free) struct secret *first = secret_new(4 + n);
	const char *const steps[] = { rq->region, rq->service, "aws4_request" };
	int rc;

	if (!first)
		return -1;
	memcpy(secret_data(first), "AWS4", 4);
	memcpy(secret_data(first) + 4, secret_bytes(secret_key), n);
	rc = hmac_sha256(secret_bytes(first), 4 + n, rq->date, 8, key);
	for (size_t i = 0; rc == 0 && i < 3; i++) {
		uint8_t next[SHA256_BYTES];

		rc = hmac_sha256(key, SHA256_BYTES, steps[i], strlen(steps[i]), next);
		memcpy(key, next, sizeof(next));
		wipe(next, sizeof(next));
	}
	return rc;
}

static int sign(const struct aws_sign_request *rq, const char *request, const char *scope,
		const struct secret *secret_key, char hex[2 * SHA256_BYTES + 1])
{
	uint8_t sum[SHA256_BYTES], key[SHA256_BYTES] = { 0 };
	AUTO(free) char *text = NULL;
	int rc = sha256(request, strlen(request), sum);

	hex_encode(sum, sizeof(sum), hex);
	if (rc < 0 || asprintf(&text, ALGORITHM "\n%s\n%s\n%s", rq->date, scope, hex) < 0) {
		text = NULL;
		return -1;
	}
	rc = signing_key(rq, secret_key, key);
	if (rc == 0)
		rc = hmac_sha256(key, sizeof(key), text, strlen(text), sum);
	wipe(key, sizeof(key));
	hex_encode(sum, sizeof(sum), hex);
	return rc;
}

struct secret *aws_sign_v4(const struct aws_sign_request *rq, const struct secret *secret_key)
{
	__attribute__((cleanup(sorted_clear_cleanup))) struct sorted s = { .n = 0 };
	AUTO(free) char *request = sort_headers(&s, rq) < 0 ? NULL : canonical(rq, &s);
	AUTO(free) char *scope = scope_of(rq), *line = NULL;
	char hex[2 * SHA256_BYTES + 1];
	size_t len = 0;
	FILE *f;

	if (!request || !scope || sign(rq, request, scope, secret_key, hex) < 0)
		return NULL;
	f = open_memstream(&line, &len);
	if (!f)
		return NULL;
	fprintf(f, ALGORITHM " Credential=%s/%s, SignedHeaders=", rq->key_id, scope);
	put_names(f, &s);
	fprintf(f, ", Signature=%s", hex);
	return fclose(f) ? NULL : secret_copy(line, len);
}

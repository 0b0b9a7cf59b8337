/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/webfile_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGES_AT_ONCE "10000"		/* the most that the service lists in one answer */
#define LEAST_PART (64u << 20)		/* bytes of a blob below which no smaller part is tried */

struct asking {
	struct webfile *w;
	const struct webfile_diff *since;
	struct secret *since_header;	/* "x-ms-previous-snapshot-url: …" with a NUL; NULL: none */
	uint64_t from, to;		/* of the part that is asked for */
	struct page_list *list;
	bool changed, too_much;
};

/* http_check_fn: a page that cannot be read is asked for again. */
static int check_pages(void *arg, const struct http_response *rs, struct error *err)
{
	struct asking *a = arg;

	a->too_much = !strcmp(azure_blob_code(rs), "OperationTimedOut");
	if (a->too_much)	/* it will not do better the next time: asked for less at once */
		return error_set(err, ENOTSUP, "the service does not list so many pages at once");
	if (rs->status != 200 && rs->status != 206)
		return 0;
	a->changed = !webfile_is_version(a->w, rs);
	if (a->changed)
		return 0;
	return page_list_parse(a->list, rs->body ? (void *)rs->body : (void *)"", rs->len, a->from, a->to, err) < 0
		       ? error_set(err, EIO, "the list of the blob's pages arrived damaged") : 0;
}

/* One page of the list.  -E2BIG: it is more than can be told at once. */
static int get_page(struct asking *g, const char *marker, struct error *err)
{
	__attribute__((cleanup(webfile_ask_clear_cleanup))) struct webfile_ask a = { .n_headers = 0 };
	struct range r = { .off = g->from, .len = (size_t)(g->to - g->from) };
	char text[64], header[80];
	int rc;

	range_text(&r, text);
	snprintf(header, sizeof(header), "x-ms-range: %s", text);
	a.header[a.n_headers++] = header;
	if (g->since_header)
		a.header[a.n_headers++] = (const char *)secret_bytes(g->since_header);
	a.param[a.n_params++] = (struct http_param){ "comp", "pagelist" };
	a.param[a.n_params++] = (struct http_param){ "maxresults", PAGES_AT_ONCE };
	if (marker)
		a.param[a.n_params++] = (struct http_param){ "marker", marker };
	if (g->since && g->since->snapshot)
		a.param[a.n_params++] = (struct http_param){ "prevsnapshot", g->since->snapshot };
	g->changed = g->too_much = false;
	a.http.max_body = REMOTE_LIST_MAX;
	a.http.check = check_pages;
	a.http.check_arg = g;
	a.moves = 1u << 20;
	rc = webfile_send(g->w, &a, err);
	if (rc == -EMSGSIZE || g->too_much)
		return -E2BIG;
	if (rc < 0)
		return rc;
	if (g->changed)
		return webfile_changed(g->w, err);
	return a.rs.status == 200 || a.rs.status == 206 ? 0 : webfile_refused(g->w, &a, err);
}

/* The whole list of [from, to). */
static int list_part(struct asking *g, uint64_t from, uint64_t to, page_range_fn *fn, void *arg, struct error *err)
{
	__attribute__((cleanup(page_list_clear_cleanup))) struct page_list l = { .n = 0 };
	AUTO(free) char *marker = NULL;
	int rc;

	g->from = from;
	g->to = to;
	g->list = &l;
	do {
		rc = get_page(g, marker, err);
		if (rc == 0 && l.next && marker && !strcmp(l.next, marker))
			rc = error_set(err, EIO, "the list of the blob's pages does not come to an end");
		for (size_t i = 0; rc == 0 && i < l.n; i++)
			rc = fn(arg, &l.at[i]);
		free(marker);
		marker = TAKE(l.next);
	} while (rc == 0 && marker);
	return rc;
}

static int make_since(struct asking *g)
{
	static const char name[] = "x-ms-previous-snapshot-url: ";
	size_t n = sizeof(name) - 1, len;

	if (!g->since || !g->since->url)
		return 0;
	len = secret_len(g->since->url);
	g->since_header = secret_new(n + len + 1);
	if (!g->since_header)
		return -ENOMEM;
	memcpy(secret_data(g->since_header), name, n);
	memcpy(secret_data(g->since_header) + n, secret_bytes(g->since->url), len);
	return 0;
}

/* A part that is too much goes in halves: its ranges are told from the start
 * again, which callers that mark ranges do not mind. */
int webfile_pages(struct store *st, uint64_t off, uint64_t len, const struct webfile_diff *since, page_range_fn *fn,
		  void *arg, struct error *err)
{
	struct webfile *w = (struct webfile *)st;
	struct asking g = { .w = w, .since = since };
	uint64_t at = off, end = off + len, part = len;
	int rc = 0;

	if (!w->info.pages)
		return error_set(err, ENOTSUP, "it is no page blob, so it has no list of pages");
	if (make_since(&g) < 0)
		return error_set(err, ENOMEM, "out of memory");
	while (rc == 0 && at < end) {
		uint64_t n = end - at < part ? end - at : part;

		rc = list_part(&g, at, at + n, fn, arg, err);
		if (rc == -E2BIG && n > LEAST_PART) {
			part = (n / 2 + 511) / 512 * 512;
			rc = 0;
		} else if (rc == 0) {
			at += n;
		}
	}
	secret_free(g.since_header);
	return rc == -E2BIG ? error_set(err, EHOSTUNREACH, "the service does not list so many pages") : rc;
}

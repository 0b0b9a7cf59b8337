/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/store/listing.h"
#include "fs/net/http_date.h"
#include "fs/store/xml.h"
#include "fs/util/json_value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void listing_clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].name);
	free(l->at);
	free(l->next);
	memset(l, 0, sizeof(*l));
}

/* A new, empty entry at the end. */
static struct listed *extend(struct listing *l)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 256;
		struct listed *at = reallocarray(l->at, room, sizeof(*at));

		if (!at)
			return NULL;
		l->at = at;
		l->room = room;
	}
	l->at[l->n] = (struct listed){ 0 };
	return &l->at[l->n++];
}

static int number(const char *text, uint64_t *out)
{
	size_t n = strspn(text, "0123456789");

	if (!n || n > 19 || text[n])
		return -EBADMSG;
	*out = strtoull(text, NULL, 10);
	return 0;
}

static int set_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

/* Which element says what. */
struct shape {
	const char *entry, *name, *size, *time, *next, *root;
};

struct page {
	struct listing *l;
	const struct shape *shape;
	struct listed now;
	bool sized, dated, rooted;
};

/* An entry must say all that it has to say. */
static int end_entry(struct page *p)
{
	struct listed *e;

	if (!p->now.name || !p->sized || !p->dated)
		return -EBADMSG;
	e = extend(p->l);
	if (!e)
		return -ENOMEM;
	*e = p->now;
	p->now = (struct listed){ 0 };
	p->sized = p->dated = false;
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	struct page *p = arg;
	const struct shape *s = p->shape;

	if (!strcmp(path, s->name))
		return strlen(text) < LISTING_NAME ? set_text(&p->now.name, text) : -EBADMSG;
	if (!strcmp(path, s->size)) {
		p->sized = true;
		return number(text, &p->now.size);
	}
	if (!strcmp(path, s->time)) {
		p->dated = true;
		return http_date_parse(text, &p->now.time) ? -EBADMSG : 0;
	}
	if (!strcmp(path, s->entry))
		return end_entry(p);
	if (!strcmp(path, s->next) && *text)
		return set_text(&p->l->next, text);
	if (!strcmp(path, s->root))
		p->rooted = true;
	return 0;
}

static int parse(struct listing *l, const struct shape *shape, const void *xml, size_t len, struct error *err)
{
	struct page p = { .l = l, .shape = shape };
	int rc;

	listing_clear(l);
	rc = xml_walk(xml, len, on_element, &p, err);
	free(p.now.name);
	if (rc == 0 && !p.rooted)
		rc = -EBADMSG;
	return rc < 0 ? error_set(err, -rc, rc == -ENOMEM ? "no memory" : "the answer is no list of objects") : 0;
}

int listing_azure(struct listing *l, const void *xml, size_t len, struct error *err)
{
	static const struct shape shape = {
		.root = "EnumerationResults",
		.entry = "EnumerationResults/Blobs/Blob",
		.name = "EnumerationResults/Blobs/Blob/Name",
		.size = "EnumerationResults/Blobs/Blob/Properties/Content-Length",
		.time = "EnumerationResults/Blobs/Blob/Properties/Last-Modified",
		.next = "EnumerationResults/NextMarker",
	};

	return parse(l, &shape, xml, len, err);
}

int listing_s3(struct listing *l, const void *xml, size_t len, struct error *err)
{
	static const struct shape shape = {
		.root = "ListBucketResult",
		.entry = "ListBucketResult/Contents",
		.name = "ListBucketResult/Contents/Key",
		.size = "ListBucketResult/Contents/Size",
		.time = "ListBucketResult/Contents/LastModified",
		.next = "ListBucketResult/NextContinuationToken",
	};

	return parse(l, &shape, xml, len, err);
}

/* One of nginx's rows: {"name","type","mtime","size"}. */
static int add_row(struct listing *l, const struct jval *row)
{
	const char *name = jval_get_text(row, "name"), *type = jval_get_text(row, "type");
	const char *time = jval_get_text(row, "mtime");
	struct listed *e;

	if (!name || !*name || strlen(name) >= LISTING_NAME || strchr(name, '/') || !type || !time)
		return -EBADMSG;
	e = extend(l);
	if (!e || !(e->name = strdup(name)))
		return -ENOMEM;
	e->folder = !strcmp(type, "directory");
	if (http_date_parse(time, &e->time) || (!e->folder && !jval_u64(jval_get_ci(row, "size"), &e->size)))
		return -EBADMSG;
	return 0;
}

int listing_nginx(struct listing *l, const void *json, size_t len, struct error *err)
{
	AUTO(jval_free) struct jval *v = jval_parse(json, len, NULL);
	int rc = jval_is_array(v) ? 0 : -EBADMSG;

	listing_clear(l);
	for (size_t i = 0; rc == 0 && i < jval_len(v); i++)
		rc = add_row(l, jval_at(v, i));
	return rc < 0 ? error_set(err, -rc, rc == -ENOMEM ? "no memory" : "the answer is no list of a folder") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/util/json_value.h"
#include "fs/vault/collect_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void cond_records_clear(struct cond_records *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->row[i].segment);
	free(r->row);
	*r = (struct cond_records){ .n = 0 };
}

static int read_segments(struct vault *v, struct cond_record *r, struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	AUTO(free) void *text = NULL;
	struct jval *list;
	size_t len;
	int rc = object_get(vault_store(v), vault_ring(v), OBJECT_CONDEMNED, r->name, &text, &len, err);

	if (rc < 0)
		return rc;
	doc = jval_parse(text, len, err);
	list = jval_get(doc, "segments");
	r->segment = calloc(jval_len(list) + 1, sizeof(*r->segment));
	if (!r->segment)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < jval_len(list); i++) {
		const char *id = jval_text(jval_at(list, i));

		if (!id || hex_decode(id, r->segment[r->n++], SEGMENT_ID_BYTES) < 0)
			return error_set(err, EBADMSG, "a record of condemned segments cannot be read");
	}
	return jval_is_array(list) ? 0 : error_set(err, EBADMSG, "a record of condemned segments cannot be read");
}

static bool is_claim(const char *name)
{
	size_t len = strlen(name);

	return len > 6 && !strcmp(name + len - 6, ".claim");
}

int cond_records_take(struct vault *v, struct cond_records *out, struct error *err)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	char claim[80];
	int rc = listing_take(vault_store(v), "cond/", &l, err);

	out->row = calloc(l.n + 2, sizeof(*out->row));	/* and room for one more */
	if (rc == 0 && !out->row)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		struct cond_record *r = &out->row[out->n];
		const struct listed *other;

		if (is_claim(l.row[i].name) || strlen(l.row[i].name) >= sizeof(r->name))
			continue;
		*r = (struct cond_record){ .time = l.row[i].time };
		memcpy(r->name, l.row[i].name, strlen(l.row[i].name) + 1);
		snprintf(claim, sizeof(claim), "%s.claim", r->name);
		other = listing_find(&l, claim);
		r->claimed = other ? other->time : 0;
		rc = read_segments(v, r, err);
		if (rc == 0)
			out->n++;
		else
			free(TAKE(r->segment));
		if (rc == -ENOENT) {		/* done with meanwhile */
			error_clear(err);
			rc = 0;
		}
		if (rc < 0)
			error_object(err, "%s", l.row[i].name);
	}
	return rc;
}

static char *print_segments(uint8_t (*segment)[SEGMENT_ID_BYTES], size_t n)
{
	AUTO(jval_free) struct jval *o = jval_object(), *list = jval_array();
	char id[2 * SEGMENT_ID_BYTES + 1];
	int rc = list ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		hex_encode(segment[i], SEGMENT_ID_BYTES, id);
		rc = jval_append(list, jval_new_text(id));
	}
	if (rc == 0)
		rc = jval_set(o, "segments", TAKE(list));
	return rc < 0 ? NULL : jval_print(o, false);
}

int cond_record_put(struct vault *v, struct cond_records *all, uint8_t (*segment)[SEGMENT_ID_BYTES], size_t n,
		    struct error *err)
{
	struct cond_record *r = &all->row[all->n++];
	AUTO(free) char *text = NULL;
	uint8_t random[12];
	char id[2 * sizeof(random) + 1];
	int rc;

	*r = (struct cond_record){ .segment = segment, .n = n };
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(err, EIO, "the system gives no random numbers");
	hex_encode(random, sizeof(random), id);
	snprintf(r->name, sizeof(r->name), "cond/%s", id);
	text = print_segments(segment, n);
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	rc = object_put(vault_store(v), vault_ring(v), OBJECT_CONDEMNED, r->name, text, strlen(text), err);
	return rc;
}

static void claim_name(const struct cond_record *r, char out[80])
{
	snprintf(out, 80, "%s.claim", r->name);
}

int cond_record_claim(struct vault *v, struct cond_record *r, struct error *err)
{
	struct object o;
	char claim[80];
	int rc;

	claim_name(r, claim);
	rc = object_put(vault_store(v), vault_ring(v), OBJECT_CLAIM, claim, "{}", 2, err);
	if (rc == -EEXIST) {
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	r->ours = true;
	rc = store_stat(vault_store(v), r->name, &o, err);
	if (rc == 0)
		return 1;
	if (rc != -ENOENT)
		return rc;
	error_clear(err);
	rc = cond_record_release(v, r, err);
	return rc < 0 ? rc : 0;
}

int cond_record_release(struct vault *v, struct cond_record *r, struct error *err)
{
	char claim[80];

	if (!r->ours)
		return 0;
	r->ours = false;
	claim_name(r, claim);
	return store_remove(vault_store(v), claim, err);
}

int cond_record_remove(struct vault *v, struct cond_record *r, struct error *err)
{
	char claim[80];
	int rc = store_remove(vault_store(v), r->name, err);

	r->ours = false;
	claim_name(r, claim);
	return rc < 0 ? rc : store_remove(vault_store(v), claim, err);
}

int cond_record_is_used(struct vault *v, const struct cond_record *r, struct error *err)
{
	struct object o;
	char name[160];

	for (size_t i = 0; i < r->n; i++) {
		int rc;

		segment_name(r->segment[i], name, sizeof(name));
		rc = store_stat(vault_store(v), name, &o, err);
		if (rc == 0)
			return 1;
		if (rc != -ENOENT)
			return rc;
		error_clear(err);
	}
	return 0;
}

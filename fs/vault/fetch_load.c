/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/fetch_private.h"
#include "crypto/aead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void load_add(struct load *l, const struct want *w, struct chunk *k)
{
	if (!l->n)
		l->from = w->ref->off;
	l->to = w->ref->off + w->ref->len;
	l->want[l->n] = w;
	l->chunk[l->n++] = k;
}

static int publish(struct load *l, size_t i, int rc)
{
	chunk_cache_publish(l->f->cache, l->chunk[i], rc);
	chunk_put(TAKE(l->chunk[i]));
	return rc;
}

/* The payload of a chunk that has come, to where it stays until the chunk is whole: RAW is that already. */
static uint8_t *place_of(struct load *l, size_t i)
{
	const struct chunk_ref *ref = l->want[i]->ref;

	if (ref->kind == CHUNK_RAW)
		return ref->len - GCM_TAG_BYTES == l->f->chunk_size ? chunk_buffer(l->chunk[i]) : NULL;
	if (ref->kind == CHUNK_PATCH)
		return l->patch[i] = malloc(ref->len - GCM_TAG_BYTES + 1);
	return l->sealed;
}

/* A PATCH is opened here and applied later. */
static int open_one(struct load *l, struct chunk_opener *o, size_t i, const uint8_t *sealed)
{
	const struct chunk_ref *ref = l->want[i]->ref;
	size_t len = ref->len - GCM_TAG_BYTES;
	uint8_t *out = place_of(l, i);
	int rc;

	if (!out)
		return ref->kind == CHUNK_RAW ? -EBADMSG : -ENOMEM;
	rc = chunk_open_to(o, SEGMENT_DATA, ref, l->f->chunk_size, sealed, out);
	if (rc == 0 && ref->kind != CHUNK_RAW && ref->kind != CHUNK_PATCH)
		rc = chunk_opener_unpack(o, ref->kind, out, len, NULL, chunk_buffer(l->chunk[i]), l->f->chunk_size);
	if (rc < 0 && ref->kind == CHUNK_PATCH) {
		free(l->patch[i]);
		l->patch[i] = NULL;
	}
	return rc;
}

/* All of chunk i has come.  One that does not open may do so when it comes once more. */
static void take_one(struct load *l, size_t i, const uint8_t *sealed)
{
	const uint8_t *segment = l->want[i]->ref->segment;
	struct chunk_opener *o;

	if (!l->chunk[i] || l->patch[i])
		return;			/* of a try before this one */
	o = fetch_take_opener(l->f, segment);
	l->rc[i] = o ? open_one(l, o, i, sealed) : -ENOMEM;
	fetch_give_opener(l->f, o, segment);
	if (l->rc[i] == 0 && !l->patch[i])
		publish(l, i, 0);
}

/* How much of data belongs to the chunk that is coming; what lies in front of it is dropped. */
static size_t take_part(struct load *l, const uint8_t *data, size_t len)
{
	const struct chunk_ref *ref = l->want[l->at]->ref;
	size_t begin = ref->off - l->from;

	if (l->pos < begin)
		return begin - l->pos < len ? begin - l->pos : len;
	if (len > ref->len - l->have)
		len = ref->len - l->have;
	if (len < ref->len) {
		memcpy(l->sealed + l->have, data, len);
		data = l->sealed;
	}
	l->have += len;
	if (l->have == ref->len) {
		take_one(l, l->at, data);
		l->at++;
		l->have = 0;
	}
	return len;
}

static void part(struct store_sink *s, size_t off, const void *data, size_t len)
{
	struct load *l = (struct load *)s;
	const uint8_t *p = data;

	if (!off)
		l->at = l->have = l->pos = 0;
	while (len && off == l->pos && l->at < l->n) {
		size_t n = take_part(l, p, len);

		l->pos += n;
		off += n;
		p += n;
		len -= n;
	}
}

int load_get(struct load *l)
{
	size_t most = (size_t)l->f->chunk_size + GCM_TAG_BYTES, got;
	struct error err = ERROR_INIT;
	char name[160];
	int rc;

	for (size_t i = 0; i < l->n; i++)
		if (l->want[i]->ref->len <= GCM_TAG_BYTES || l->want[i]->ref->len > most) {
			fetch_log_fault(l->f, l->want[i]->ref, "damaged");
			return -EBADMSG;
		}
	l->sealed = malloc(most);
	if (!l->sealed)
		return -ENOMEM;
	l->sink.part = part;
	segment_name(l->want[0]->ref->segment, name, sizeof(name));
	rc = store_read(l->f->st, name, l->from, l->to - l->from, &l->sink, &got, &err);
	free(l->sealed);
	if (rc == -ENOENT)
		fetch_note_missing(l->f, l->want[0]->ref->segment);
	else if (rc < 0)
		fetch_log_fault(l->f, l->want[0]->ref, err.text);
	return rc;
}

static int finish(struct load *l, size_t i, int rc)
{
	if (rc < 0 && rc != -ENOENT)		/* ENOENT: a base's segment is missing */
		fetch_log_fault(l->f, l->want[i]->ref, rc == -EBADMSG ? "damaged" : strerror(-rc));
	return publish(l, i, rc);
}

static int apply_patch(struct load *l, size_t i)
{
	const struct chunk_ref *ref = l->want[i]->ref;
	struct want base = { l->want[i]->base, NULL, 0 };
	AUTO(chunk_put) struct chunk *b = NULL;
	struct chunk_opener *o;
	int rc = fetch_hold_one(l->f, &base, &b);

	if (rc < 0)
		return finish(l, i, rc);
	/* Not held while the base is waited for. */
	o = fetch_take_opener(l->f, ref->segment);
	rc = o ? chunk_opener_unpack(o, CHUNK_PATCH, l->patch[i], ref->len - GCM_TAG_BYTES, chunk_bytes(b),
				     chunk_buffer(l->chunk[i]), l->f->chunk_size) : -ENOMEM;
	fetch_give_opener(l->f, o, ref->segment);
	return finish(l, i, rc);
}

/* What was not published yet: first that which will not be whole, so that whoever waits for a base never waits for
 * somebody who waits. */
int load_fill(struct load *l, int rc)
{
	int worst = 0;

	for (size_t i = 0; i < l->n; i++) {
		int one = 0;

		if (l->chunk[i] && rc < 0)
			one = publish(l, i, rc);
		else if (l->chunk[i] && !l->patch[i])
			one = finish(l, i, l->rc[i] < 0 ? l->rc[i] : -EBADMSG);
		worst = worst < 0 ? worst : one;
	}
	for (size_t i = 0; i < l->n; i++) {
		int one = l->chunk[i] ? apply_patch(l, i) : 0;

		worst = worst < 0 ? worst : one;
		free(l->patch[i]);
	}
	return worst;
}

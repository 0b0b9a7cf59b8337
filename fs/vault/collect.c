/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/collect.h"
#include "fs/util/log.h"
#include "fs/vault/collect_private.h"
#include "fs/vault/expire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CLAIM_ALIVE COLLECT_SILENT	/* a finisher that began longer ago is taken for dead */

struct collection {
	struct inventory *inv;
	struct vault *vault;
	struct collect_result *out;
	struct cond_records records;
	struct error *err;
};

static void collection_clear(struct collection *c)
{
	cond_records_clear(&c->records);
}

/* A process that claimed the record and is not old may be deleting by it. */
static bool has_living_finisher(const struct collection *c, const struct cond_record *r)
{
	return r->claimed && c->inv->now - r->claimed <= CLAIM_ALIVE;
}

static void note_condemned(struct collection *c)
{
	for (size_t i = 0; i < c->records.n; i++) {
		const struct cond_record *r = &c->records.row[i];

		/* What a dead finisher left is condemned anew: his own claim keeps others off the record. */
		if (r->claimed && !has_living_finisher(c, r))
			continue;
		for (size_t k = 0; k < r->n; k++) {
			struct inventory_segment *s = inventory_segment(c->inv, r->segment[k]);

			if (s)
				s->condemned = true;
		}
	}
}

static bool is_candidate(const struct collection *c, const struct inventory_segment *s)
{
	char name[160], session[2 * SESSION_ID_BYTES + 1];

	if (s->condemned || c->inv->now - s->time <= COLLECT_AGE)
		return false;
	segment_name(s->id, name, sizeof(name));
	snprintf(session, sizeof(session), "%.24s", name + 4);
	return inventory_has_ended(c->inv, session);
}

/* C1: *list is malloc'ed. */
static int find_candidates(struct collection *c, uint8_t (**list)[SEGMENT_ID_BYTES], size_t *n)
{
	const struct inventory *inv = c->inv;

	note_condemned(c);
	*n = 0;
	*list = calloc(inv->n_segments + 1, sizeof(**list));
	if (!*list)
		return -ENOMEM;
	for (size_t i = 0; i < inv->segments_room; i++) {
		const struct inventory_segment *s = &inv->segment[i];

		if (!s->time || s->names)
			continue;
		c->out->unnamed++;
		c->out->unnamed_bytes += s->size;
		c->out->young += inv->now - s->time <= COLLECT_AGE;
		if (is_candidate(c, s))
			memcpy((*list)[(*n)++], s->id, SEGMENT_ID_BYTES);
	}
	c->out->condemned = *n;
	return 0;
}

/* C2, when there is anything. */
static int condemn(struct collection *c, bool dry)
{
	uint8_t (*list)[SEGMENT_ID_BYTES];
	size_t n;

	if (find_candidates(c, &list, &n) < 0)
		return error_set(c->err, ENOMEM, "out of memory");
	if (n && !dry)
		return cond_record_put(c->vault, &c->records, list, n, c->err);
	free(list);
	return 0;
}

static int end_by_tombstone(struct collection *c, const struct sign *s)
{
	int rc = object_put(vault_store(c->vault), vault_ring(c->vault), OBJECT_TOMBSTONE, s->target, "{}", 2, c->err);

	if (rc == -EEXIST) {		/* it committed just now, or another collector was first */
		error_clear(c->err);
		return 1;
	}
	if (rc < 0)
		return rc;
	log_info("the session %s of %s was silent for a day and was ended", s->id, s->host);
	c->out->sessions_ended++;
	return 1;
}

/* 1: it has ended, 0: it runs. */
static int end_session(struct collection *c, const struct sign *s, int64_t now)
{
	struct object o;
	int rc;

	if (!vault_info(c->vault)->conditional_put)
		return 0;		/* without put-if-absent only an absent record ends a session */
	if (!s->target[0])
		return inventory_is_taken(c->inv, s->id);
	rc = store_stat(vault_store(c->vault), s->target, &o, c->err);
	if (rc == 0)
		return 1;
	if (rc != -ENOENT)
		return rc;
	error_clear(c->err);
	return now - s->last > COLLECT_SILENT ? end_by_tombstone(c, s) : 0;
}

static void tell_wait(struct collection *c, const struct sign *s)
{
	if (!c->out->waits_for[0])
		snprintf(c->out->waits_for, sizeof(c->out->waits_for), "session %s%s%s (process %lld)", s->id,
			 s->host[0] ? " on " : "", s->host, (long long)s->pid);
}

/* Sessions that nobody heard of for a day are ended also where nobody waits
 * for them: what they stored would never go. */
static int end_silent(struct collection *c)
{
	const struct inventory *inv = c->inv;
	int rc = 0;

	for (size_t i = 0; i < inv->n_sessions && rc >= 0; i++) {
		const struct sign *s = &inv->session[i];

		if (inv->now - s->last <= COLLECT_SILENT || inventory_is_taken(inv, s->id))
			continue;
		rc = end_session(c, s, inv->now);
		if (rc == 1 && inventory_note_ended(c->inv, s->id) < 0)
			rc = error_set(c->err, ENOMEM, "out of memory");
	}
	return rc < 0 ? rc : 0;
}

/* C3, C4: 1: every session that was there after the records were put has ended. */
static int wait_for_sessions(struct collection *c)
{
	struct sign *list;
	int64_t now;
	size_t n;
	int rc = signs_list(c->vault, OBJECT_SESSION, &list, &n, c->err), ended = 1;

	if (rc < 0)
		return rc;
	rc = store_now(vault_store(c->vault), &now, c->err);
	for (size_t i = 0; i < n && rc >= 0; i++) {
		rc = end_session(c, &list[i], now);
		if (rc == 0) {
			tell_wait(c, &list[i]);
			ended = 0;
		}
	}
	free(list);
	return rc < 0 ? rc : ended;
}

/* C6 for one record.  What the store does not let go of stays, whole, and is condemned anew by a later run. */
static int delete_segments(struct collection *c, const struct cond_record *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct inventory_segment *s = inventory_segment(c->inv, r->segment[i]);
		char name[160];
		int rc;

		if (!s || !s->time || s->names)
			continue;
		segment_name(s->id, name, sizeof(name));
		rc = store_remove(vault_store(c->vault), name, c->err);
		if (rc < 0 && !store_says_later(rc))
			return rc;
		if (rc < 0) {
			error_clear(c->err);
			c->out->denied++;
			continue;
		}
		c->out->deleted++;
		c->out->deleted_bytes += s->size;
		s->time = 0;
	}
	return 0;
}

static int finish_one(struct collection *c, struct cond_record *r)
{
	int rc = delete_segments(c, r);

	if (rc < 0)
		return rc;
	rc = cond_record_remove(c->vault, r, c->err);
	if (store_says_later(rc)) {
		error_clear(c->err);
		return 0;
	}
	return rc;
}

/* C5 to C7 for all records that nobody else works on. */
static int finish(struct collection *c)
{
	bool any = false;
	int rc = 0;

	for (size_t i = 0; i < c->records.n && rc >= 0; i++)
		if (!c->records.row[i].claimed) {
			rc = cond_record_claim(c->vault, &c->records.row[i], c->err);
			any = any || rc == 1;
		}
	if (rc >= 0 && any)
		rc = inventory_look_again(c->inv, c->err);
	for (size_t i = 0; i < c->records.n && rc >= 0 && any && !c->inv->blocked[0]; i++)
		if (c->records.row[i].ours)
			rc = finish_one(c, &c->records.row[i]);
	/* What was claimed and not finished is left to a later run. */
	for (size_t i = 0; i < c->records.n; i++)
		cond_record_release(c->vault, &c->records.row[i], rc < 0 ? NULL : c->err);
	return rc < 0 ? rc : 0;
}

/* None of its segments is there: the record has nothing more to say. */
static int drop_empty(struct collection *c)
{
	size_t kept = 0;
	int rc = 0;

	for (size_t i = 0; i < c->records.n; i++) {
		struct cond_record *r = &c->records.row[i];

		if (rc >= 0 && !has_living_finisher(c, r))
			rc = cond_record_is_used(c->vault, r, c->err);
		else if (rc >= 0)
			rc = 1;
		if (rc == 0) {
			rc = cond_record_remove(c->vault, r, c->err);
			rc = store_says_later(rc) ? 0 : rc;
			free(r->segment);
			continue;
		}
		c->records.row[kept++] = *r;
	}
	c->records.n = kept;
	return rc < 0 ? rc : 0;
}

static void count_waiting(struct collection *c)
{
	for (size_t i = 0; i < c->records.n; i++)
		if (!c->records.row[i].claimed)
			c->out->waiting += c->records.row[i].n;
}

int collect_run(struct inventory *inv, bool dry, struct collect_result *out, struct error *err)
{
	__attribute__((cleanup(collection_clear))) struct collection c = { .inv = inv, .vault = inv->vault, .out = out,
									   .err = err };
	int rc;

	*out = (struct collect_result){ 0 };
	rc = cond_records_take(c.vault, &c.records, err);
	if (rc == 0 && !dry)
		rc = end_silent(&c);
	if (rc == 0 && !dry)
		rc = drop_empty(&c);
	if (rc == 0)
		rc = condemn(&c, dry || inv->blocked[0]);
	if (rc < 0 || dry || inv->blocked[0] || !c.records.n)
		return rc;
	rc = wait_for_sessions(&c);
	if (rc == 0)
		count_waiting(&c);
	return rc == 1 ? finish(&c) : rc;
}

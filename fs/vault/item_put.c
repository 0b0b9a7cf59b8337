/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and dropping the records of items. */
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/expire.h"
#include "fs/vault/inventory_private.h"
#include "fs/vault/item.h"
#include "fs/vault/numbered.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define FOLDER "item"
#define BATCH_TEXT 25u			/* 24 hex digits and NUL */
#define BATCH_SECONDS 3600		/* later than that nobody commits */
#define SETTLED_SECONDS 86400		/* so old records are nobody's work in progress */

static int64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec;
}

static int draw_batch(char out[BATCH_TEXT], struct error *err)
{
	uint8_t id[(BATCH_TEXT - 1) / 2];

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return error_set(err, EIO, "the system gives no random numbers");
	hex_encode(id, sizeof(id), out);
	return 0;
}

static int put_one(struct vault *v, struct item *it, const char *batch, struct error *err)
{
	AUTO(jval_free) struct jval *doc = item_to_json(it);
	int rc = vault_vm_id(v, it->vm, it->vm_id);

	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	if (!doc || (batch && jval_set_text(doc, "batch", batch) < 0))
		return error_set(err, ENOMEM, "out of memory");
	rc = numbered_put(v, OBJECT_ITEM, FOLDER, it->vm_id, it->next, doc, err);
	if (rc != -EEXIST)
		return rc;
	error_set(err, EAGAIN, "the protected item '%.127s' was changed by somebody else at the same time", it->vm);
	error_next(err, "Look at it and try again: adebackup items VAULT");
	return -EAGAIN;
}

/* The one commit point of a batch. */
static int commit(struct vault *v, const char *batch, int64_t begun, struct error *err)
{
	char name[64];

	if (monotonic() - begun > BATCH_SECONDS) {
		error_set(err, ETIMEDOUT, "writing the items took more than an hour: nothing was changed");
		error_next(err, "Try again when the store is faster.");
		return -ETIMEDOUT;
	}
	snprintf(name, sizeof(name), "batch/%s", batch);
	return object_put(vault_store(v), vault_ring(v), OBJECT_BATCH, name, "{}", 2, err);
}

int item_put(struct vault *v, struct item *items, size_t n, struct error *err)
{
	char batch[BATCH_TEXT] = "";
	int64_t begun = monotonic();
	int rc = n > 1 ? draw_batch(batch, err) : 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = put_one(v, &items[i], n > 1 ? batch : NULL, err);
	if (rc == 0 && n > 1)
		rc = commit(v, batch, begun, err);
	for (size_t i = 0; i < n && rc == 0; i++)
		items[i].number = items[i].next++;
	return rc;
}

int item_forget(struct vault *v, const char *vm_id, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	size_t n;
	int rc = numbered_list(v, FOLDER, vm_id, &rows, &n, err);

	/* The oldest first: what a death leaves is still the newest state. */
	for (size_t i = n; i-- > 0 && rc >= 0;)
		rc = numbered_remove(v, FOLDER, &rows[i], err);
	return rc < 0 ? rc : 0;
}

struct dropping {
	struct vault *vault;
	int64_t now;
	struct listing_of batch;
	bool *named;			/* of batch's rows */
	uint64_t *n;
	struct error *err;
};

static void dropping_clear(struct dropping *d)
{
	listing_of_clear(&d->batch);
	free(d->named);
}

/* Does the record count, as far as batches go?  *of: the row of its batch. */
static bool counts(const struct dropping *d, const struct jval *doc, const struct listed **of)
{
	const char *id = jval_text(jval_get(doc, "batch"));
	char name[96];

	*of = NULL;
	if (!id)
		return true;
	snprintf(name, sizeof(name), "batch/%.64s", id);
	*of = listing_find(&d->batch, name);
	return *of != NULL;
}

static bool is_settled(const struct dropping *d, int64_t time)
{
	return time && d->now - time > SETTLED_SECONDS;
}

static int drop_row(struct dropping *d, const struct numbered *row)
{
	int rc = numbered_remove(d->vault, FOLDER, row, d->err);

	*d->n += rc > 0;
	return rc < 0 ? rc : 0;
}

/* rows[n] of one item, the newest first. */
static int drop_of_one(struct dropping *d, const struct numbered *rows, size_t n)
{
	bool superseded = false;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		AUTO(jval_free) struct jval *doc = NULL;
		const struct listed *of;
		bool damaged;

		if (superseded) {
			rc = drop_row(d, &rows[i]);
			continue;
		}
		rc = numbered_read(d->vault, OBJECT_ITEM, FOLDER, &rows[i], &doc, d->err);
		damaged = rc == -EBADMSG || rc == -ENOTSUP;
		rc = damaged || rc == -ENOENT ? 0 : rc;
		if (rc < 0 || !doc) {
			superseded = damaged;	/* it is not known what it stands for, but nothing older counts */
			continue;
		}
		if (!counts(d, doc, &of)) {
			rc = is_settled(d, rows[i].time) ? drop_row(d, &rows[i]) : 0;
			continue;
		}
		if (of)
			d->named[of - d->batch.row] = true;
		superseded = is_settled(d, rows[i].time);
	}
	return rc;
}

static int drop_batches(struct dropping *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->batch.n && rc == 0; i++) {
		if (d->named[i] || !is_settled(d, d->batch.row[i].time))
			continue;
		rc = store_remove(vault_store(d->vault), d->batch.row[i].name, d->err);
		*d->n += rc == 0;
		rc = store_says_later(rc) ? 0 : rc;
	}
	return rc;
}

int item_drop_old(struct vault *v, uint64_t *n, struct error *err)
{
	__attribute__((cleanup(dropping_clear))) struct dropping d = { .vault = v, .n = n, .err = err };
	AUTO(free) struct numbered *rows = NULL;
	size_t n_rows = 0;
	int rc = store_now(vault_store(v), &d.now, err);

	if (rc == 0)
		rc = listing_take(vault_store(v), "batch/", &d.batch, err);
	if (rc == 0)
		rc = numbered_list(v, FOLDER, NULL, &rows, &n_rows, err);
	if (rc == 0 && !(d.named = calloc(d.batch.n + 1, sizeof(*d.named))))
		rc = error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0, k; rc == 0 && i < n_rows; i += k) {
		for (k = 1; i + k < n_rows && !strcmp(rows[i].id, rows[i + k].id);)
			k++;
		rc = drop_of_one(&d, &rows[i], k);
	}
	return rc < 0 ? rc : drop_batches(&d);
}

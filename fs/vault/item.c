/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/item.h"
#include "crypto/bytes.h"
#include "fs/util/parallel.h"
#include "fs/vault/inventory_private.h"
#include "fs/vault/numbered.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "item"

/* Which batches were committed; listed before the items, so that what follows
 * sees all of a batch or nothing. */
struct batches {
	struct listing_of of;
};

static void batches_clear(struct batches *b)
{
	listing_of_clear(&b->of);
}

static bool is_committed(const struct batches *b, const struct jval *doc)
{
	const char *id = jval_text(jval_get(doc, "batch"));
	char name[96];

	if (!id)
		return true;
	snprintf(name, sizeof(name), "batch/%.64s", id);
	return listing_find(&b->of, name) != NULL;
}

static int batches_take(struct vault *v, struct batches *b, struct error *err)
{
	return listing_take(vault_store(v), "batch/", &b->of, err);
}

static bool is_the_vms(struct vault *v, const struct item *it, const char *vm_id)
{
	char id[VM_ID_TEXT];

	return vault_vm_id(v, it->vm, id) == 0 && !strcmp(id, vm_id);
}

/* rows[n] are those of one id, the newest first.  1: *out is that which counts, 0: none does. */
static int pick(struct vault *v, const struct batches *b, const struct numbered *rows, size_t n, struct item *out,
		struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(jval_free) struct jval *doc = NULL;
		int rc = numbered_read(v, OBJECT_ITEM, FOLDER, &rows[i], &doc, err);

		if (rc == -ENOENT)
			continue;	/* dropped meanwhile */
		if (rc < 0 && rc != -EBADMSG && rc != -ENOTSUP)
			return rc;
		if (rc == 0 && !is_committed(b, doc))
			continue;
		if (rc < 0 || item_from_json(doc, out, err) < 0 || !is_the_vms(v, out, rows[i].id)) {
			item_clear(out);
			out->unreadable = true;
			error_clear(err);
		}
		snprintf(out->vm_id, sizeof(out->vm_id), "%.16s", rows[i].id);
		out->number = rows[i].number;
		out->next = rows[0].number + 1;
		return 1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->vm, ((const struct item *)b)->vm);
}

static size_t run_of(const struct numbered *rows, size_t i, size_t n)
{
	size_t k = 1;

	while (i + k < n && !strcmp(rows[i].id, rows[i + k].id))
		k++;
	return k;
}

struct reading {
	struct vault *vault;
	const struct batches *batches;
	const struct numbered *rows;
	size_t n_rows;
	const size_t *first;		/* row of each id */
	struct item *item;
	bool *counts;
};

static int read_one(void *arg, size_t i, struct error *err)
{
	struct reading *r = arg;
	size_t first = r->first[i];
	int rc = pick(r->vault, r->batches, &r->rows[first], run_of(r->rows, first, r->n_rows), &r->item[i], err);

	r->counts[i] = rc > 0;
	return rc < 0 ? rc : 0;
}

/* out[n_rows], zeroed. */
static int read_all(struct vault *v, const struct batches *b, const struct numbered *rows, size_t n_rows, struct item *out,
		    size_t *n, struct error *err)
{
	AUTO(free) size_t *first = calloc(n_rows + 1, sizeof(*first));
	AUTO(free) bool *counts = calloc(n_rows + 1, sizeof(*counts));
	struct reading r = { v, b, rows, n_rows, first, out, counts };
	size_t ids = 0;
	int rc;

	if (!first || !counts)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n_rows; i += run_of(rows, i, n_rows))
		if (strlen(rows[i].id) == VM_ID_TEXT - 1 && point_hex_text_ok(rows[i].id, VM_ID_TEXT - 1))
			first[ids++] = i;
	rc = parallel_each(ids, store_at_once(vault_store(v)), read_one, &r, err);
	*n = rc < 0 ? ids : 0;
	for (size_t i = 0; i < ids && rc == 0; i++)
		if (counts[i])
			out[(*n)++] = out[i];
	return rc;
}

/* vm_id NULL: all. */
static int list(struct vault *v, const char *vm_id, struct item **out, size_t *n, struct error *err)
{
	__attribute__((cleanup(batches_clear))) struct batches b = { .of = { .n = 0 } };
	AUTO(free) struct numbered *rows = NULL;
	size_t n_rows = 0;
	int rc = batches_take(v, &b, err);

	*n = 0;
	*out = NULL;
	if (rc == 0)
		rc = numbered_list(v, FOLDER, vm_id, &rows, &n_rows, err);
	if (rc == 0 && !(*out = calloc(n_rows + 1, sizeof(**out))))
		rc = error_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		rc = read_all(v, &b, rows, n_rows, *out, n, err);
	if (rc < 0) {
		item_list_free(TAKE(*out), *n);
		*n = 0;
		return rc;
	}
	qsort(*out, *n, sizeof(**out), by_name);
	return 0;
}

int item_list(struct vault *v, struct item **out, size_t *n, struct error *err)
{
	return list(v, NULL, out, n, err);
}

/* The number behind all records there are, whether they count or not. */
static int find_next(struct vault *v, const char *vm_id, uint64_t *next, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	size_t n = 0;
	int rc = numbered_list(v, FOLDER, vm_id, &rows, &n, err);

	*next = rc == 0 && n ? rows[0].number + 1 : 0;
	return rc;
}

int item_get(struct vault *v, const char *vm, struct item *out, struct error *err)
{
	struct item *found;
	char id[VM_ID_TEXT];
	size_t n;
	int rc = vault_vm_id(v, vm, id);

	*out = (struct item){ .number = 0 };
	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	rc = list(v, id, &found, &n, err);
	if (rc < 0)
		return rc;
	if (!n && (rc = find_next(v, id, &out->next, err)) == 0) {
		error_set(err, ENOENT, "the vault protects no VM '%.127s'", vm);
		error_next(err, "Protect it: adebackup protect VAULT %.100s --policy P --disk os=SOURCE …", vm);
		rc = -ENOENT;
	} else if (n && found[0].unreadable) {
		out->next = found[0].next;
		error_set(err, EBADMSG, "the record of the protected item '%.127s' is damaged", vm);
		error_next(err, "`adebackup verify` names it; `adebackup protect` writes it anew.");
		rc = -EBADMSG;
	} else if (n) {
		*out = found[0];
		found[0] = (struct item){ .number = 0 };
	}
	item_list_free(found, n);
	return rc;
}

/* The item's listing comes first here: most VMs have no batch to look at. */
int item_rows_deleted(struct vault *v, const struct numbered *rows, size_t n, const char *vm_id, bool *deleted,
		      struct error *err)
{
	__attribute__((cleanup(batches_clear))) struct batches b = { .of = { .n = 0 } };
	__attribute__((cleanup(item_clear_cleanup))) struct item it = { .number = 0 };
	size_t i = 0;
	int rc;

	*deleted = false;
	while (i < n && strcmp(rows[i].id, vm_id))
		i++;
	if (i == n)
		return 0;
	rc = batches_take(v, &b, err);
	if (rc == 0)
		rc = pick(v, &b, &rows[i], run_of(rows, i, n), &it, err);
	*deleted = rc > 0 && !it.unreadable && it.state == ITEM_DELETED;
	return rc < 0 ? rc : 0;
}

int item_is_deleted(struct vault *v, const char *vm_id, bool *deleted, struct error *err)
{
	AUTO(free) struct numbered *rows = NULL;
	size_t n;
	int rc = numbered_list(v, FOLDER, vm_id, &rows, &n, err);

	*deleted = false;
	return rc < 0 ? rc : item_rows_deleted(v, rows, n, vm_id, deleted, err);
}

int item_deleted_error(const char *vm, struct error *err)
{
	error_set(err, EPERM, "the VM '%.127s' is soft-deleted: its points cannot be used in this state", vm);
	error_next(err, "Take it back first: adebackup undelete VAULT %.100s", vm);
	return -EPERM;
}

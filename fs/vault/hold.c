/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/hold.h"
#include "fs/vault/expire.h"
#include "fs/vault/inventory_private.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRIES 8

/* "hold/<vm id>-<point id>.<n>" */
static bool parse(const char *name, struct hold *h)
{
	const char *vm = name + 5, *id = vm + VM_ID_TEXT, *n = id + POINT_ID_TEXT;
	char *end;

	if (strlen(name) < 5 + VM_ID_TEXT + POINT_ID_TEXT + 1 || id[-1] != '-' || n[-1] != '.' || *n < '0' || *n > '9')
		return false;
	*h = (struct hold){ .held = true };
	memcpy(h->vm_id, vm, VM_ID_TEXT - 1);
	memcpy(h->id, id, POINT_ID_TEXT - 1);
	errno = 0;
	h->number = strtoull(n, &end, 10);
	return !*end && !errno && point_hex_text_ok(h->vm_id, VM_ID_TEXT - 1) &&
	       point_hex_text_ok(h->id, POINT_ID_TEXT - 1);
}

static void record_name(const struct hold *h, uint64_t number, char out[80])
{
	snprintf(out, 80, "hold/%s-%s.%llu", h->vm_id, h->id, (unsigned long long)number);
}

static int compare(const void *va, const void *vb)
{
	const struct hold *a = va, *b = vb;
	int c = strcmp(a->vm_id, b->vm_id);

	if (!c)
		c = strcmp(a->id, b->id);
	return c ? c : (a->number < b->number) - (a->number > b->number);
}

/* What cannot be read holds. */
static int read_record(struct vault *v, struct hold *h, struct error *err)
{
	AUTO(jval_free) struct jval *doc = NULL;
	AUTO(free) void *text = NULL;
	const char *reason;
	char name[80];
	size_t len;
	int rc;

	record_name(h, h->number, name);
	rc = object_get(vault_store(v), vault_ring(v), OBJECT_HOLD, name, &text, &len, err);
	if (rc == -EBADMSG || rc == -ENOTSUP || rc == -ENOENT) {
		error_clear(err);
		return 0;
	}
	doc = rc == 0 ? jval_parse(text, len, NULL) : NULL;
	reason = jval_text(jval_get(doc, "reason"));
	h->held = jval_bool(jval_get(doc, "held"), true);
	snprintf(h->reason, sizeof(h->reason), "%.127s", reason ? reason : "");
	return rc;
}

/* All records, the newest of each point first. */
static int list_records(struct vault *v, const char *prefix, struct hold **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	int rc = listing_take(vault_store(v), prefix, &l, err);

	*n = 0;
	*list = rc == 0 ? calloc(l.n + 1, sizeof(**list)) : NULL;
	if (rc == 0 && !*list)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		*n += parse(l.row[i].name, &(*list)[*n]);
	if (rc == 0)
		qsort(*list, *n, sizeof(**list), compare);
	return rc;
}

static bool same_point(const struct hold *a, const struct hold *b)
{
	return !strcmp(a->vm_id, b->vm_id) && !strcmp(a->id, b->id);
}

static int list_newest(struct vault *v, const char *prefix, struct hold **list, size_t *n, struct error *err)
{
	size_t all, kept = 0;
	int rc = list_records(v, prefix, list, &all, err);

	for (size_t i = 0; rc == 0 && i < all; i++) {
		if (kept && same_point(&(*list)[kept - 1], &(*list)[i]))
			continue;
		(*list)[kept] = (*list)[i];
		rc = read_record(v, &(*list)[kept++], err);
	}
	*n = kept;
	if (rc < 0)
		free(TAKE(*list));
	return rc;
}

int hold_list(struct vault *v, struct hold **list, size_t *n, struct error *err)
{
	return list_newest(v, "hold/", list, n, err);
}

bool hold_has(const struct hold *list, size_t n, const char *vm_id, const char *point_id)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].vm_id, vm_id) && !strcmp(list[i].id, point_id))
			return list[i].held;
	return false;
}

static int put_record(struct vault *v, const struct hold *h, const char *reason, struct error *err)
{
	AUTO(jval_free) struct jval *o = jval_object();
	AUTO(free) char *text = NULL;
	char name[80];
	int rc = jval_set_bool(o, "held", h->held);

	rc = rc ? rc : jval_set_text(o, "reason", reason ? reason : "");
	text = rc ? NULL : jval_print(o, false);
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	record_name(h, h->number, name);
	return object_put(vault_store(v), vault_ring(v), OBJECT_HOLD, name, text, strlen(text), err);
}

int hold_set(struct vault *v, const char *vm_id, const char *point_id, bool held, const char *reason, bool *changed,
	     struct error *err)
{
	int rc = -EEXIST;

	*changed = false;
	for (int i = 0; rc == -EEXIST && i < TRIES; i++) {	/* somebody else may be at it too */
		AUTO(free) struct hold *list = NULL;
		struct hold next = { .held = held };
		char prefix[64];
		size_t n;

		error_clear(err);
		snprintf(prefix, sizeof(prefix), "hold/%s-%s.", vm_id, point_id);
		rc = list_newest(v, prefix, &list, &n, err);
		if (rc < 0 || (n ? list->held : false) == held)
			return rc;
		snprintf(next.vm_id, sizeof(next.vm_id), "%s", vm_id);
		snprintf(next.id, sizeof(next.id), "%s", point_id);
		next.number = n ? list->number + 1 : 0;
		rc = put_record(v, &next, reason, err);
		*changed = rc == 0;
	}
	return rc;
}

int hold_drop_old(struct vault *v, uint64_t *n, struct error *err)
{
	AUTO(free) struct hold *list = NULL;
	size_t all;
	int rc = list_records(v, "hold/", &list, &all, err);

	for (size_t i = 1; rc == 0 && i < all; i++) {
		char name[80];

		if (!same_point(&list[i - 1], &list[i]))
			continue;
		record_name(&list[i], list[i].number, name);
		rc = store_remove(vault_store(v), name, err);
		*n += rc == 0;
		rc = store_says_later(rc) ? 0 : rc;
	}
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/numbered.h"
#include "fs/vault/expire.h"
#include "fs/vault/inventory_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void record_name(const char *folder, const struct numbered *row, char out[96])
{
	snprintf(out, 96, "%.20s/%s.%llu", folder, row->id, (unsigned long long)row->number);
}

/* What follows "<folder>/": "<id>.<n>", n without leading zeros. */
static bool parse(const char *name, struct numbered *row)
{
	const char *dot = strrchr(name, '.'), *n = dot ? dot + 1 : NULL;
	char *end;

	if (!dot || dot == name || (size_t)(dot - name) >= sizeof(row->id) || *n < '0' || *n > '9' ||
	    (*n == '0' && n[1]) || strlen(n) > 18)
		return false;
	snprintf(row->id, sizeof(row->id), "%.*s", (int)(dot - name), name);
	row->number = strtoull(n, &end, 10);
	return !*end;
}

static int compare(const void *va, const void *vb)
{
	const struct numbered *a = va, *b = vb;
	int c = strcmp(a->id, b->id);

	return c ? c : (a->number < b->number) - (a->number > b->number);
}

int numbered_list(struct vault *v, const char *folder, const char *id, struct numbered **rows, size_t *n,
		  struct error *err)
{
	__attribute__((cleanup(listing_of_clear))) struct listing_of l = { .n = 0 };
	char prefix[80];
	int rc;

	*n = 0;
	*rows = NULL;
	snprintf(prefix, sizeof(prefix), "%.20s/%.50s%s", folder, id ? id : "", id ? "." : "");
	rc = listing_take(vault_store(v), prefix, &l, err);
	if (rc < 0)
		return rc;
	*rows = calloc(l.n + 1, sizeof(**rows));
	if (!*rows)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < l.n; i++)
		if (parse(l.row[i].name + strlen(folder) + 1, &(*rows)[*n]))
			(*rows)[(*n)++].time = l.row[i].time;
	qsort(*rows, *n, sizeof(**rows), compare);
	return 0;
}

int numbered_read(struct vault *v, enum object_type type, const char *folder, const struct numbered *row,
		  struct jval **doc, struct error *err)
{
	AUTO(free) void *text = NULL;
	char name[96];
	size_t len;
	int rc;

	*doc = NULL;
	record_name(folder, row, name);
	rc = object_get(vault_store(v), vault_ring(v), type, name, &text, &len, err);
	if (rc < 0)
		return rc;
	*doc = jval_parse(text, len, err);
	if (*doc)
		return 0;
	if (err)
		error_object(err, "%s", name);
	return err && err->code == ENOMEM ? -ENOMEM : -EBADMSG;
}

int numbered_put(struct vault *v, enum object_type type, const char *folder, const char *id, uint64_t number,
		 const struct jval *doc, struct error *err)
{
	AUTO(free) char *text = jval_print(doc, false);
	struct numbered row = { .number = number };
	char name[96];

	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	snprintf(row.id, sizeof(row.id), "%s", id);
	record_name(folder, &row, name);
	return object_put(vault_store(v), vault_ring(v), type, name, text, strlen(text), err);
}

int numbered_remove(struct vault *v, const char *folder, const struct numbered *row, struct error *err)
{
	char name[96];
	int rc;

	record_name(folder, row, name);
	rc = store_remove(vault_store(v), name, err);
	if (!store_says_later(rc))
		return rc < 0 ? rc : 1;
	error_clear(err);
	return 0;
}

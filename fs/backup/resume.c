/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/resume.h"
#include "crypto/hash.h"
#include "fs/util/log.h"
#include "fs/vault/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SESSION_TEXT (2 * SESSION_ID_BYTES)

struct names {
	char (*row)[256];
	size_t n, room;
};

static int add_name(struct names *l, const char *name)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		void *more = realloc(l->row, room * sizeof(*l->row));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	snprintf(l->row[l->n++], sizeof(*l->row), "%s", name);
	return 0;
}

static int keep_name(void *arg, const struct object *o)
{
	return add_name(arg, o->name);
}

/* "pt/…/<session>": it committed, and what it stored is found through maps.  A
 * tombstone in that place ended a session that never did. */
static int keep_session(void *arg, const struct object *o)
{
	const char *last = strrchr(o->name, '/');
	bool manifest = o->size > TOMBSTONE_MAX && last && strlen(last + 1) == SESSION_TEXT;

	return manifest ? add_name(arg, last + 1) : 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* "seg/<session>/<number/1024>/<id>" */
static bool parse(const char *name, char session[SESSION_TEXT + 1], uint8_t id[SEGMENT_ID_BYTES])
{
	const char *last = strrchr(name, '/');

	if (strlen(name) < 4 + SESSION_TEXT || !last || hex_decode(last + 1, id, SEGMENT_ID_BYTES) < 0)
		return false;
	snprintf(session, SESSION_TEXT + 1, "%s", name + 4);
	return true;
}

static void index_segment(struct run *r, const char *name, const uint8_t id[SEGMENT_ID_BYTES])
{
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	AUTO(free) void *data = NULL;
	struct segment_info info;
	struct error err = ERROR_INIT;
	size_t len, n;

	if (store_get_all(vault_store(r->vault), name, SEGMENT_STORED_MAX, &data, &len, &err) < 0 ||
	    segment_table(vault_ring(r->vault), data, len, id, &rows, &sizes, &n, &err) < 0) {
		log_warning("%s of a backup that was cut cannot be used: %s", name, err.text);
		return;
	}
	if (segment_check(data, len, id, &info, NULL) < 0 || info.class != SEGMENT_DATA)
		return;
	for (size_t i = 0; i < n; i++)
		chunk_index_add(r->index, &rows[i], sizes[i]);
}

/* Its writer may have been killed between a put and its sync; what this backup
 * builds on must not go when the power does. */
static int settle_session(struct run *r, const char *session, char settled[SESSION_TEXT + 1], struct error *err)
{
	char prefix[SESSION_TEXT + 6];

	if (!strcmp(settled, session))
		return 0;
	memcpy(settled, session, SESSION_TEXT + 1);
	snprintf(prefix, sizeof(prefix), "seg/%s/", session);
	return store_settle(vault_store(r->vault), prefix, err);
}

int resume_index(struct run *r, struct error *err)
{
	struct names committed = { .n = 0 }, segments = { .n = 0 };
	struct store *st = vault_store(r->vault);
	char session[SESSION_TEXT + 1], settled[SESSION_TEXT + 1] = "";
	uint8_t id[SEGMENT_ID_BYTES];
	int rc = store_list(st, "pt/", keep_session, &committed, err);

	if (rc == 0)
		rc = store_list(st, "seg/", keep_name, &segments, err);
	if (committed.n)
		qsort(committed.row, committed.n, sizeof(*committed.row), compare);
	for (size_t i = 0; i < segments.n && rc == 0 && !atomic_load(&r->stop); i++)
		if (parse(segments.row[i], session, id) && !condemned_has(r->condemned, id) &&
		    !(committed.n && bsearch(session, committed.row, committed.n, sizeof(*committed.row), compare))) {
			rc = settle_session(r, session, settled, err);
			if (rc == 0)
				index_segment(r, segments.row[i], id);
		}
	free(committed.row);
	free(segments.row);
	return rc;
}

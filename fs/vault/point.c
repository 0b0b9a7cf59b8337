/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/object.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SESSION_TEXT (2 * SESSION_ID_BYTES)

void point_folder_name(const struct point *p, char *out, size_t size)
{
	char time[POINT_TIME_TEXT];

	point_time_text(p->time, time);
	snprintf(out, size, "pt/%s/%s-%s", p->vm_id, time, p->id);
}

void point_object_name(const struct point *p, char *out, size_t size)
{
	char folder[96], session[SESSION_TEXT + 1];

	point_folder_name(p, folder, sizeof(folder));
	hex_encode(p->session, SESSION_ID_BYTES, session);
	snprintf(out, size, "%s/%s", folder, session);
}

/* "pt/<vm id 16>/<time 16>-<point 16>/<session 24>" */
bool point_name_parse(const char *name, struct point_name *out)
{
	const char *vm = name + 3, *time = vm + VM_ID_TEXT, *id = time + POINT_TIME_TEXT;
	char text[POINT_TIME_TEXT];

	*out = (struct point_name){ .size = 0 };
	if (strlen(name) != 3 + VM_ID_TEXT + POINT_TIME_TEXT + POINT_ID_TEXT + SESSION_TEXT ||
	    strncmp(name, "pt/", 3) || time[-1] != '/' || id[-1] != '-' || id[POINT_ID_TEXT - 1] != '/' ||
	    !point_hex_text_ok(id + POINT_ID_TEXT, SESSION_TEXT))
		return false;
	memcpy(out->vm_id, vm, VM_ID_TEXT - 1);
	memcpy(out->id, id, POINT_ID_TEXT - 1);
	memcpy(text, time, sizeof(text) - 1);
	out->vm_id[VM_ID_TEXT - 1] = out->id[POINT_ID_TEXT - 1] = text[sizeof(text) - 1] = '\0';
	snprintf(out->object, sizeof(out->object), "%.*s", (int)sizeof(out->object) - 1, name);
	snprintf(out->folder, sizeof(out->folder), "%s", text);
	return point_hex_text_ok(out->vm_id, VM_ID_TEXT - 1) && point_hex_text_ok(out->id, POINT_ID_TEXT - 1) &&
	       point_time_parse(text, &out->time) == 0;
}

struct listing {
	struct store *store;
	struct point_name *all;
	size_t n, room;
	char (*gone)[SESSION_TEXT + 1];	/* sessions whose manifest is leaving, sorted */
	size_t n_gone, gone_room;
	bool few;			/* names to come: each is asked for, gone stays empty */
	struct error *err;
};

static void listing_clear(struct listing *l)
{
	free(l->all);
	free(l->gone);
}

static int add_gone(void *arg, const struct object *o)
{
	struct listing *l = arg;
	const char *session = o->name + 4;

	if (!point_hex_text_ok(session, SESSION_TEXT))
		return 0;
	if (l->n_gone == l->gone_room) {
		size_t room = l->gone_room ? l->gone_room * 2 : 64;
		void *more = realloc(l->gone, room * sizeof(*l->gone));

		if (!more)
			return -ENOMEM;
		l->gone = more;
		l->gone_room = room;
	}
	memcpy(l->gone[l->n_gone++], session, SESSION_TEXT + 1);
	return 0;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Only an object of a tombstone's size is looked into. */
static int is_tombstone(struct listing *l, const struct object *o)
{
	AUTO(free) void *data = NULL;
	struct object_info info;
	size_t len;
	int rc;

	if (o->size > TOMBSTONE_MAX)
		return 0;
	rc = store_get_all(l->store, o->name, TOMBSTONE_MAX, &data, &len, l->err);
	if (rc < 0)
		return rc == -ENOENT ? 1 : rc;
	return object_check(data, len, &info, NULL) == 0 && info.type == OBJECT_TOMBSTONE;
}

/* 1: its manifest is leaving. */
static int is_gone(struct listing *l, const char *session)
{
	char mark[64];
	struct object o;
	int rc;

	if (!l->few)
		return l->n_gone && bsearch(session, l->gone, l->n_gone, sizeof(*l->gone), compare_text);
	snprintf(mark, sizeof(mark), "exp/%.40s", session);
	rc = store_stat(l->store, mark, &o, l->err);
	if (rc != -ENOENT)
		return rc < 0 ? rc : 1;
	error_clear(l->err);
	return 0;
}

static int add_name(void *arg, const struct object *o)
{
	struct listing *l = arg;
	struct point_name name;
	int rc;

	if (!point_name_parse(o->name, &name))
		return 0;
	name.size = o->size;
	name.put = o->time;
	rc = is_gone(l, strrchr(o->name, '/') + 1);
	if (rc == 0)
		rc = is_tombstone(l, o);
	if (rc)
		return rc < 0 ? rc : 0;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct point_name *more = realloc(l->all, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->all = more;
		l->room = room;
	}
	l->all[l->n++] = name;
	return 0;
}

/* By VM, time and id; the newest manifest of a point first. */
static int compare_named(const void *va, const void *vb)
{
	const struct point_name *a = va, *b = vb;
	int c = strcmp(a->vm_id, b->vm_id);

	if (!c)
		c = (a->time > b->time) - (a->time < b->time);
	if (!c)
		c = strcmp(a->id, b->id);
	if (!c)
		c = (a->put < b->put) - (a->put > b->put);
	return c ? c : strcmp(b->object, a->object);
}

static bool same_point(const struct point_name *a, const struct point_name *b)
{
	return !strcmp(a->vm_id, b->vm_id) && !strcmp(a->id, b->id) && a->time == b->time;
}

/* One name a point, with the folder that tells two in one second apart. */
static struct point_name *pick(const struct listing *l, size_t *n)
{
	struct point_name *out = calloc(l->n ? l->n : 1, sizeof(*out));
	unsigned twin = 1;

	*n = 0;
	for (size_t i = 0; out && i < l->n; i++) {
		const struct point_name *last = *n ? &out[*n - 1] : NULL, *now = &l->all[i];

		if (last && same_point(last, now))
			continue;
		twin = last && !strcmp(last->vm_id, now->vm_id) && last->time == now->time ? twin + 1 : 1;
		out[*n] = *now;
		if (twin > 1)
			snprintf(out[*n].folder, sizeof(out[*n].folder), "%.16s-%u", now->folder, twin);
		(*n)++;
	}
	return out;
}

int point_list(struct vault *v, const char *vm_id, struct point_name **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(listing_clear))) struct listing l = { .store = vault_store(v), .err = err };
	char prefix[32] = "pt/";
	int rc = store_list(l.store, "exp/", add_gone, &l, err);

	if (vm_id)
		snprintf(prefix, sizeof(prefix), "pt/%s/", vm_id);
	if (rc == 0 && l.n_gone)
		qsort(l.gone, l.n_gone, sizeof(*l.gone), compare_text);
	if (rc == 0)
		rc = store_list(l.store, prefix, add_name, &l, err);
	if (rc < 0)
		return rc;
	if (l.n)
		qsort(l.all, l.n, sizeof(*l.all), compare_named);
	*list = pick(&l, n);
	return *list ? 0 : error_set(err, ENOMEM, "out of memory");
}

#define FOLDER_TEXT (POINT_TIME_TEXT + POINT_ID_TEXT)	/* "<time>-<point>", with its end */

struct folders {
	char (*row)[FOLDER_TEXT];
	size_t n, room;
};

static void folders_clear(struct folders *f)
{
	free(f->row);
}

static int add_folder(void *arg, const struct object *o)
{
	struct folders *f = arg;

	if (strlen(o->name) != FOLDER_TEXT - 1)
		return 0;
	if (f->n == f->room) {
		size_t room = f->room ? f->room * 2 : 64;
		void *more = realloc(f->row, room * sizeof(*f->row));

		if (!more)
			return -ENOMEM;
		f->row = more;
		f->room = room;
	}
	memcpy(f->row[f->n++], o->name, FOLDER_TEXT);
	return 0;
}

static int newest_first(const void *a, const void *b)
{
	return strcmp(b, a);
}

/* Folders of one second after the other, until one holds a point. */
static int list_newest(struct listing *l, const char *prefix, const struct folders *f)
{
	int rc = 0;

	for (size_t i = 0; i < f->n && rc == 0; i++) {
		char folder[96];

		if (l->n && strncmp(f->row[i], f->row[i - 1], POINT_TIME_TEXT - 1))
			break;
		snprintf(folder, sizeof(folder), "%s%s/", prefix, f->row[i]);
		rc = store_list(l->store, folder, add_name, l, l->err);
	}
	return rc;
}

int point_list_latest(struct vault *v, const char *vm_id, struct point_name **list, size_t *n, struct error *err)
{
	__attribute__((cleanup(listing_clear))) struct listing l = { .store = vault_store(v), .few = true, .err = err };
	__attribute__((cleanup(folders_clear))) struct folders f = { .n = 0 };
	char prefix[32];
	int rc;

	snprintf(prefix, sizeof(prefix), "pt/%s/", vm_id);
	rc = store_folders(l.store, prefix, add_folder, &f, err);
	if (rc == -ENOTSUP) {
		error_clear(err);
		return point_list(v, vm_id, list, n, err);
	}
	if (rc == 0 && f.n)
		qsort(f.row, f.n, sizeof(*f.row), newest_first);
	if (rc == 0)
		rc = list_newest(&l, prefix, &f);
	if (rc < 0)
		return rc;
	if (l.n)
		qsort(l.all, l.n, sizeof(*l.all), compare_named);
	*list = pick(&l, n);
	return *list ? 0 : error_set(err, ENOMEM, "out of memory");
}

int point_newest(struct vault *v, const char *object, struct point_name *out, struct error *err)
{
	__attribute__((cleanup(listing_clear))) struct listing l = { .store = vault_store(v), .few = true, .err = err };
	char folder[192];
	int rc;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(object, '/') + 1 - object), object);
	rc = store_list(l.store, folder, add_name, &l, err);
	if (rc < 0)
		return rc;
	if (!l.n) {
		rc = error_set(err, ESTALE, "the recovery point is no longer in the vault: it has expired, or was deleted");
		error_next(err, "Choose another one; `adebackup list` shows what there is.");
		return rc;
	}
	qsort(l.all, l.n, sizeof(*l.all), compare_named);
	*out = l.all[0];
	return 0;
}

/* -ENOENT, -EINVAL (several), or the index. */
static int choose(const struct point_name *list, size_t n, const char *which)
{
	int64_t time;
	int found = -ENOENT;
	size_t len = strlen(which);
	bool timed = point_time_parse(which, &time) == 0;

	if (!n || !len)
		return -ENOENT;
	if (!strcmp(which, "latest"))
		return (int)n - 1;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].folder, which) || !strcmp(list[i].id, which))
			return (int)i;
	for (size_t i = 0; i < n; i++)
		if ((timed && list[i].time == time) || !strncmp(list[i].id, which, len)) {
			if (found >= 0)
				return -EINVAL;
			found = (int)i;
		}
	return found;
}

int point_pick(struct vault *v, const struct point_name *list, size_t n, const char *vm_name, const char *which,
	       struct point_name *out, struct error *err)
{
	char vm_id[VM_ID_TEXT];
	int rc = vault_vm_id(v, vm_name, vm_id), i;
	size_t first = 0, end;

	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	while (first < n && strcmp(list[first].vm_id, vm_id))
		first++;
	for (end = first; end < n && !strcmp(list[end].vm_id, vm_id);)
		end++;
	i = choose(list + first, end - first, which);
	if (i >= 0) {
		*out = list[first + (size_t)i];
		return 0;
	}
	if (end == first)
		error_set(err, ENOENT, "the vault has no recovery point of a VM '%s'", vm_name);
	else
		error_set(err, -i, i == -ENOENT ? "the VM '%s' has no recovery point '%s'"
						: "the VM '%s' has several recovery points '%s'", vm_name, which);
	error_next(err, "`adebackup list` shows what there is.");
	return i;
}

int point_find(struct vault *v, const char *vm_name, const char *which, struct point_name *out,
	       struct error *err)
{
	AUTO(free) struct point_name *list = NULL;
	char vm_id[VM_ID_TEXT];
	size_t n;
	int rc = vault_vm_id(v, vm_name, vm_id);

	if (rc < 0)
		return error_set(err, -rc, "the vault is open without its keys");
	rc = strcmp(which, "latest") ? point_list(v, vm_id, &list, &n, err) : point_list_latest(v, vm_id, &list, &n, err);
	return rc < 0 ? rc : point_pick(v, list, n, vm_name, which, out, err);
}

/* From the store, or as it is kept on this machine. */
static int get_manifest(struct vault *v, const struct point_name *name, void **text, size_t *text_len, struct error *err)
{
	struct store *st = vault_store(v);
	struct object o = { .size = name->size, .time = name->put };
	AUTO(free) void *kept = NULL, *data = NULL;
	struct object_info info;
	size_t len;
	int rc;

	memcpy(o.name, name->object, sizeof(name->object));
	if (store_recall(st, &o, &kept) &&
	    object_open(vault_ring(v), OBJECT_MANIFEST, o.name, kept, (size_t)o.size, text, text_len, NULL) == 0)
		return 0;
	rc = store_get_listed(st, &o, OBJECT_MAX_BYTES, &data, &len, err);
	if (rc == -ENOENT || (rc == 0 && object_check(data, len, &info, NULL) == 0 && info.type == OBJECT_TOMBSTONE))
		rc = error_set(err, ESTALE, "the recovery point was removed meanwhile");
	if (rc == 0)
		rc = object_open(vault_ring(v), OBJECT_MANIFEST, o.name, data, len, text, text_len, err);
	if (rc == 0 && len == o.size)
		store_keep(st, &o, data);
	return rc;
}

int point_read(struct vault *v, const struct point_name *name, struct point **out, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	AUTO(free) void *text = NULL;
	char expect[192];
	size_t text_len;
	int rc = get_manifest(v, name, &text, &text_len, err);

	if (rc == 0) {
		p = point_from_json(text, text_len, err);
		rc = p ? 0 : -EBADMSG;
	}
	if (p)
		point_object_name(p, expect, sizeof(expect));
	if (p && strcmp(expect, name->object))
		rc = error_set(err, EBADMSG, "damaged manifest: it speaks of another point");
	if (rc < 0) {
		error_object(err, "%s", name->object);
		return rc;
	}
	*out = TAKE(p);
	return 0;
}

int point_read_unmarked(struct vault *v, const struct point_name *name, struct point **out, struct error *err)
{
	char mark[64];
	struct object o;
	int rc;

	snprintf(mark, sizeof(mark), "exp/%.40s", strrchr(name->object, '/') + 1);
	rc = store_stat(vault_store(v), mark, &o, err);
	if (rc == 0) {
		rc = error_set(err, ESTALE, "the recovery point has expired");
		error_object(err, "%s", name->object);
		return rc;
	}
	if (rc != -ENOENT)
		return rc;
	error_clear(err);
	return point_read(v, name, out, err);
}

int point_put(struct vault *v, const struct point *p, char *sha256_text, struct error *err)
{
	AUTO(free) char *text = NULL;
	AUTO(free) void *data = NULL;
	uint8_t sum[SHA256_BYTES];
	char name[192];
	size_t len;
	int rc = point_to_json(p, &text, err);

	if (rc < 0)
		return rc;
	point_object_name(p, name, sizeof(name));
	rc = object_seal(vault_ring(v), OBJECT_MANIFEST, name, text, strlen(text), &data, &len, err);
	if (rc < 0)
		return rc;
	if (len <= TOMBSTONE_MAX || sha256(data, len, sum) < 0)
		return error_set(err, EIO, "the manifest cannot be sealed");
	if (sha256_text)
		hex_encode(sum, sizeof(sum), sha256_text);
	return store_put_once(vault_store(v), name, data, len, err);
}

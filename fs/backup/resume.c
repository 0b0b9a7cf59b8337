/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/resume.h"
#include "crypto/aead.h"
#include "crypto/hash.h"
#include "fs/util/log.h"
#include "fs/vault/object.h"
#include "fs/vault/pack.h"
#include "fs/vault/point.h"
#include "fs/vault/signs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SESSION_TEXT (2 * SESSION_ID_BYTES)

/* Session ids, sorted. */
struct sessions {
	char (*row)[SESSION_TEXT + 1];
	size_t n, room;
};

/* What is known of others when this backup begins. */
struct past {
	struct run *run;
	const struct refs_row *parent;	/* what the parent refers to is found through its map; sorted */
	size_t n_parent;
	struct sessions refs, marks;	/* whose refs are there; whose manifest is leaving or has left */
	struct sign *sign;		/* that run, or were cut */
	size_t n_signs;
};

static void past_clear(struct past *p)
{
	free(p->refs.row);
	free(p->marks.row);
	free(p->sign);
}

/* "<session>", "ref/<session>", "exp/<session>", "seg/<session>/…"; in a list the last of them many times. */
static int add_session(void *arg, const struct object *o)
{
	struct sessions *l = arg;
	const char *slash = strchr(o->name, '/'), *id = slash ? slash + 1 : o->name;

	if (strcspn(id, "/") != SESSION_TEXT || (l->n && !memcmp(l->row[l->n - 1], id, SESSION_TEXT)))
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		void *more = realloc(l->row, room * sizeof(*l->row));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	snprintf(l->row[l->n++], sizeof(*l->row), "%.*s", (int)SESSION_TEXT, id);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool has(const struct sessions *l, const char *session)
{
	return l->n && bsearch(session, l->row, l->n, sizeof(*l->row), compare);
}

/* By names alone where the store tells them: there may be many. */
static int list_sessions(struct store *st, const char *prefix, struct sessions *l, struct error *err)
{
	int rc = store_folders(st, prefix, add_session, l, err);

	if (rc == -ENOTSUP) {
		error_clear(err);
		rc = store_list(st, prefix, add_session, l, err);
	}
	if (rc == 0 && l->n)
		qsort(l->row, l->n, sizeof(*l->row), compare);
	return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
}

static int look_back(struct past *p, struct error *err)
{
	struct store *st = vault_store(p->run->vault);
	int rc = list_sessions(st, "ref/", &p->refs, err);

	if (rc == 0)
		rc = list_sessions(st, "exp/", &p->marks, err);
	return rc < 0 ? rc : signs_list(p->run->vault, OBJECT_SESSION, &p->sign, &p->n_signs, err);
}

/* A tombstone in the manifest's place ended a session that never committed. */
static bool has_committed(struct store *st, const char *manifest)
{
	struct object o;
	int rc = store_stat(st, manifest, &o, NULL);

	return rc < 0 ? rc != -ENOENT : o.size > TOMBSTONE_MAX;
}

/* Is what that session stored found through no map, and maybe of use?  A wrong
 * answer costs space, or reading in vain. */
static bool is_cut(const struct past *p, const char *session)
{
	const struct sign *s = signs_find(p->sign, p->n_signs, session);
	char own[VM_ID_TEXT + 4];

	if (has(&p->marks, session))
		return false;
	snprintf(own, sizeof(own), "pt/%s/", p->run->vm_id);
	if (s && s->target[0] && strncmp(s->target, own, strlen(own)))
		return false;		/* other VMs' chunks have other names */
	if (!has(&p->refs, session))
		return true;
	return s && s->target[0] && !has_committed(vault_store(p->run->vault), s->target);
}

/* A session's finished segments that are of use. */
struct segments {
	const struct past *past;
	uint8_t (*row)[SEGMENT_ID_BYTES];
	size_t n, room;
};

static int by_segment(const void *id, const void *row)
{
	return memcmp(id, ((const struct refs_row *)row)->segment, SEGMENT_ID_BYTES);
}

static bool is_of_use(const struct past *p, const uint8_t id[SEGMENT_ID_BYTES])
{
	return !condemned_has(p->run->condemned, id) &&
	       !(p->n_parent && bsearch(id, p->parent, p->n_parent, sizeof(*p->parent), by_segment));
}

static int add_segment(void *arg, const struct object *o)
{
	struct segments *l = arg;
	const char *last = strrchr(o->name, '/');
	uint8_t id[SEGMENT_ID_BYTES];
	char name[160];

	if (!last || hex_decode(last + 1, id, sizeof(id)) < 0)
		return 0;
	segment_name(id, name, sizeof(name));
	if (strcmp(name, o->name) || !is_of_use(l->past, id))
		return 0;
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		void *more = realloc(l->row, room * sizeof(*l->row));

		if (!more)
			return -ENOMEM;
		l->row = more;
		l->room = room;
	}
	memcpy(l->row[l->n++], id, sizeof(id));
	return 0;
}

/* Is the chunk named with this VM's key?  Which VM a session was of is known from its record alone. */
static bool is_own(const struct run *r, const struct chunk_ref *ref, uint32_t chunk_size, const uint8_t *sealed_at)
{
	AUTO(chunk_opener_free) struct chunk_opener *o = chunk_opener_new(vault_ring(r->vault));
	AUTO(packer_free) struct packer *p = NULL;
	AUTO(free) uint8_t *sealed = malloc(ref->len), *chunk = malloc(chunk_size);
	uint8_t key[NAME_KEY_BYTES], name[CHUNK_NAME_BYTES];

	if (!o || !sealed || !chunk || vault_name_key(r->vault, r->vm_id, key) < 0)
		return false;
	p = packer_new(key, chunk_size, NULL);
	wipe(key, sizeof(key));
	memcpy(sealed, sealed_at, ref->len);
	return p && chunk_open(o, SEGMENT_DATA, ref, chunk_size, sealed) == 0 &&
	       chunk_unpack(ref->kind, sealed, ref->len - GCM_TAG_BYTES, NULL, chunk, chunk_size) == 0 &&
	       packer_name(p, chunk, name) == 0 && !memcmp(name, ref->name, sizeof(name));
}

enum whose { UNKNOWN, OWN, OTHERS };

/* A PATCH tells nothing without its base. */
static enum whose whose_chunks(const struct run *r, const struct chunk_ref *rows, const uint32_t *sizes, size_t n,
			       const uint8_t *data)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].kind == CHUNK_RAW || rows[i].kind == CHUNK_ZSTD)
			return is_own(r, &rows[i], sizes[i], data + rows[i].off) ? OWN : OTHERS;
	return UNKNOWN;
}

static void index_segment(struct run *r, const uint8_t id[SEGMENT_ID_BYTES], enum whose *whose)
{
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	AUTO(free) void *data = NULL;
	struct segment_info info;
	struct error err = ERROR_INIT;
	char name[160];
	size_t len, n;

	segment_name(id, name, sizeof(name));
	if (store_get_all(vault_store(r->vault), name, SEGMENT_STORED_MAX, &data, &len, &err) < 0 ||
	    segment_table(vault_ring(r->vault), data, len, id, &rows, &sizes, &n, &err) < 0) {
		log_warning("%s of a backup that was cut cannot be used: %s", name, err.text);
		return;
	}
	if (segment_check(data, len, id, &info, NULL) < 0 || info.class != SEGMENT_DATA)
		return;
	if (*whose == UNKNOWN)
		*whose = whose_chunks(r, rows, sizes, n, data);
	for (size_t i = 0; i < n && *whose != OTHERS; i++)
		chunk_index_add(r->index, &rows[i], sizes[i]);
}

/* Its writer may have been killed between a put and its sync; what this backup
 * builds on must not go when the power does. */
static int index_session(const struct past *p, const char *session, struct error *err)
{
	struct store *st = vault_store(p->run->vault);
	enum whose whose = signs_find(p->sign, p->n_signs, session) ? OWN : UNKNOWN;
	struct segments l = { .past = p };
	char prefix[SESSION_TEXT + 6];
	int rc;

	snprintf(prefix, sizeof(prefix), "seg/%s/", session);
	rc = store_list(st, prefix, add_segment, &l, err);
	if (rc == 0 && l.n)
		rc = store_settle(st, prefix, err);
	for (size_t i = 0; i < l.n && rc == 0 && whose != OTHERS && !atomic_load(&p->run->stop); i++)
		index_segment(p->run, l.row[i], &whose);
	free(l.row);
	return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
}

int resume_index(struct run *r, const struct refs_row *parent, size_t n_parent, struct error *err)
{
	__attribute__((cleanup(past_clear))) struct past past = { .run = r, .parent = parent, .n_parent = n_parent };
	struct sessions stored = { .n = 0 };
	int rc = look_back(&past, err);

	if (rc == 0)
		rc = list_sessions(vault_store(r->vault), "seg/", &stored, err);
	for (size_t i = 0; i < stored.n && rc == 0 && !atomic_load(&r->stop); i++)
		if ((!i || strcmp(stored.row[i], stored.row[i - 1])) && is_cut(&past, stored.row[i]))
			rc = index_session(&past, stored.row[i], err);
	free(stored.row);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/vault/object.h"
#include "fs/vault/verify_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct { const char *prefix; enum object_type type; bool comes_and_goes; } kinds[] = {
	{ "pt/", OBJECT_MANIFEST, false }, { "ref/", OBJECT_REFS, false }, { "slot/", OBJECT_SLOT, false },
	{ "vm/", OBJECT_VM, false }, { "ses/", OBJECT_SESSION, true }, { "rd/", OBJECT_READER, true },
	{ "exp/", OBJECT_EXPIRED, false }, { "cond/", OBJECT_CONDEMNED, true }, { "log/", OBJECT_LOG, false },
	{ "trace/", OBJECT_TRACE, true }, { "hold/", OBJECT_HOLD, false }, { "bad/", OBJECT_BAD, false },
	{ "item/", OBJECT_ITEM, true }, { "policy/", OBJECT_POLICY, true }, { "batch/", OBJECT_BATCH, true },
	{ "job/", OBJECT_JOB, true }, { "vault", OBJECT_VAULT, false },
};

/* The object's bytes: SHA-256 and header; with keys it opens under its name. */
static int check_bytes(struct verify_state *s, const char *name, enum object_type type, const void *data,
		       size_t len, struct error *err)
{
	const struct key_ring *ring = s->q->v ? vault_ring(s->q->v) : NULL;
	AUTO(free) void *text = NULL;
	struct object_info info;
	size_t text_len, n = strlen(name);
	int rc = object_check(data, len, &info, err);

	if (rc < 0)
		return rc;
	if (type == OBJECT_MANIFEST && info.type == OBJECT_TOMBSTONE)
		type = OBJECT_TOMBSTONE;
	if (type == OBJECT_CONDEMNED && n > 6 && !strcmp(name + n - 6, ".claim"))
		type = OBJECT_CLAIM;
	if (info.type != type)
		return error_set(err, EBADMSG, "it is an object of another type");
	return ring || info.clear ? object_open(ring, type, name, data, len, &text, &text_len, err) : 0;
}

static void check_object(struct verify_state *s, const char *name)
{
	struct error err = ERROR_INIT;
	AUTO(free) void *data = NULL;
	size_t len, k;
	int rc;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (!strncmp(name, kinds[k].prefix, strlen(kinds[k].prefix)))
			break;
	if (k == sizeof(kinds) / sizeof(kinds[0])) {
		verify_tell_object(s, name, EBADMSG, "its name is none that a vault has");
		return;
	}
	rc = store_get_all(s->q->st, name, OBJECT_MAX_BYTES, &data, &len, &err);
	if (rc == -ENOENT && kinds[k].comes_and_goes)
		return;
	if (rc == 0)
		rc = check_bytes(s, name, kinds[k].type, data, len, &err);
	if (rc < 0)
		verify_tell_object(s, name, -rc, err.text);
}

/* Sessions whose manifest is gone while their refs are there; a running
 * session and a point that is leaving are told by their own records. */
static void check_ref_has_point(struct verify_state *s, const char *ref)
{
	char name[80];

	for (size_t i = 0; i < s->n_objects; i++) {
		const char *o = s->object[i].name, *last = strrchr(o, '/');

		if (!strncmp(o, "pt/", 3) && last && !strcmp(last + 1, ref + 4))
			return;
	}
	snprintf(name, sizeof(name), "ses/%.40s.", ref + 4);
	if (verify_has_object(s, name))
		return;
	snprintf(name, sizeof(name), "exp/%.40s", ref + 4);
	if (!verify_has_object(s, name))
		verify_tell_object(s, ref, ENOENT, "the manifest of the point with these refs is missing");
}

static void check_vm_is_named(struct verify_state *s, const char *point)
{
	char name[32];

	snprintf(name, sizeof(name), "vm/%.*s.", (int)strcspn(point + 3, "/") > 16 ? 16
		 : (int)strcspn(point + 3, "/"), point + 3);
	if (!verify_has_object(s, name))
		verify_tell_object(s, name, ENOENT, "the name of a VM that has points is missing");
}

void verify_objects(struct verify_state *s)
{
	if (!verify_has_object(s, "vault"))
		verify_tell_object(s, "vault", ENOENT, "the object that makes it a vault is missing");
	if (!verify_has_object(s, "slot/"))
		verify_tell_object(s, "slot/", ENOENT, "no key slot is there");
	for (size_t i = 0; i < s->n_objects; i++) {
		const char *name = s->object[i].name;

		check_object(s, name);
		if (!strncmp(name, "ref/", 4))
			check_ref_has_point(s, name);
		else if (!strncmp(name, "pt/", 3))
			check_vm_is_named(s, name);
	}
}

static bool is_leaving(struct verify_state *s, const char *point)
{
	char mark[64];

	snprintf(mark, sizeof(mark), "exp/%.40s", strrchr(point, '/') + 1);
	return verify_has_object(s, mark);
}

/* Without keys a tombstone is known by its header. */
static bool is_tombstone(struct verify_state *s, const char *name)
{
	AUTO(free) void *data = NULL;
	struct object_info info;
	size_t len;

	return store_get_all(s->q->st, name, OBJECT_MAX_BYTES, &data, &len, NULL) == 0 &&
	       object_check(data, len, &info, NULL) == 0 && info.type == OBJECT_TOMBSTONE;
}

static void add_point(struct verify_state *s, const char *object, const struct point_name *name)
{
	struct vpoint *p = &s->point[s->n_points];
	const char *last = strrchr(object, '/');

	if (!last || hex_decode(last + 1, p->session, SESSION_ID_BYTES) < 0)
		return;
	snprintf(p->object, sizeof(p->object), "%s", object);
	p->name = name;
	s->n_points++;
}

static int list_points(struct verify_state *s, struct error *err)
{
	const struct verify *q = s->q;
	const struct point_name *from = q->points;
	size_t n = q->n_points;
	int rc = 0;

	if (q->v && !n) {
		rc = point_list(q->v, NULL, &s->names, &n, err);
		from = s->names;
	}
	if (rc < 0)
		return rc;
	s->point = calloc((q->v ? n : s->n_objects) + 1, sizeof(*s->point));
	if (!s->point)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; q->v && i < n; i++)
		add_point(s, from[i].object, &from[i]);
	for (size_t i = 0; !q->v && i < s->n_objects; i++)
		if (!strncmp(s->object[i].name, "pt/", 3) && !is_leaving(s, s->object[i].name) &&
		    !is_tombstone(s, s->object[i].name))
			add_point(s, s->object[i].name, NULL);
	s->out->points = s->n_points;
	return 0;
}

/* What the point needs is wanted; a segment that is not there is told. */
static void want_segments(struct verify_state *s, const struct vpoint *p)
{
	for (size_t i = 0; i < p->n_refs; i++) {
		struct vsegment *seg = verify_find_segment(s, p->refs[i].segment);
		struct object o;
		char name[160];

		if (!seg) {
			struct verify_fault f = { .code = ENOENT, .object = name, .text = "a segment is missing",
						  .point = p->object, .vm = "", .point_id = "", .disk = "" };

			segment_name(p->refs[i].segment, name, sizeof(name));
			/* With keys its chunks tell where on the disks that is; and it may
			 * have been stored after the vault was listed. */
			if (!s->q->v && store_stat(s->q->st, name, &o, NULL) < 0)
				verify_tell(s, &f);
			continue;
		}
		seg->wanted = true;
		if (p->name)
			memcpy(seg->vm_id, p->name->vm_id, VM_ID_TEXT);
	}
}

int verify_points_load(struct verify_state *s, struct error *err)
{
	int rc = list_points(s, err);

	for (size_t i = 0; rc == 0 && i < s->n_points; i++) {
		struct vpoint *p = &s->point[i];
		struct error own = ERROR_INIT;
		char name[80], session[2 * SESSION_ID_BYTES + 1];

		if (refs_get(s->q->st, p->session, NULL, &p->refs, &p->n_refs, &own) < 0) {
			struct verify_fault f = { .code = own.code, .object = name, .text = own.text,
						  .point = p->object, .vm = "", .point_id = "", .disk = "" };

			hex_encode(p->session, SESSION_ID_BYTES, session);
			snprintf(name, sizeof(name), "ref/%s", session);
			/* One that is there is told with all other objects. */
			if (!verify_has_object(s, name))
				verify_tell(s, &f);
		}
		want_segments(s, p);
	}
	for (size_t i = 0; rc == 0 && i < s->n_segments && !s->q->n_points; i++)
		s->segment[i].wanted = true;
	return rc;
}

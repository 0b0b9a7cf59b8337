/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/vault/verify_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void verify_state_release(struct verify_state *s)
{
	for (size_t i = 0; i < s->n_segments; i++) {
		free(s->segment[i].print);
		free(s->segment[i].patch_seen);
	}
	for (size_t i = 0; i < s->n_points; i++)
		free(s->point[i].refs);
	free(s->segment);
	free(s->object);
	free(s->point);
	free(s->names);
	pthread_mutex_destroy(&s->lock);
}

/* Room for one more; the new array or NULL. */
static void *grow(void *array, size_t n, size_t *room, size_t size)
{
	size_t wanted = *room ? *room * 2 : 256;
	void *more;

	if (n < *room)
		return array;
	more = realloc(array, wanted * size);
	if (more)
		*room = wanted;
	return more;
}

static bool parse_segment(const char *name, uint8_t id[SEGMENT_ID_BYTES])
{
	const char *last = strrchr(name, '/');
	char expect[160];

	if (strncmp(name, "seg/", 4) || !last || hex_decode(last + 1, id, SEGMENT_ID_BYTES) < 0)
		return false;
	segment_name(id, expect, sizeof(expect));
	return !strcmp(name, expect);
}

static int add(void *arg, const struct object *o)
{
	struct verify_state *s = arg;
	uint8_t id[SEGMENT_ID_BYTES];

	if (parse_segment(o->name, id)) {
		struct vsegment *more = grow(s->segment, s->n_segments, &s->segments_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->segment = more;
		more[s->n_segments] = (struct vsegment){ .size = o->size };
		memcpy(more[s->n_segments++].id, id, SEGMENT_ID_BYTES);
	} else {
		struct vobject *more = grow(s->object, s->n_objects, &s->objects_room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		s->object = more;
		snprintf(more[s->n_objects++].name, sizeof(more->name), "%s", o->name);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vobject *)a)->name, ((const struct vobject *)b)->name);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct vsegment *)a)->id, ((const struct vsegment *)b)->id, SEGMENT_ID_BYTES);
}

int verify_list(struct verify_state *s, struct error *err)
{
	int rc = store_list(s->q->st, "", add, s, err);

	if (rc < 0)
		return rc == -ENOMEM ? error_set(err, ENOMEM, "out of memory") : rc;
	qsort(s->object, s->n_objects, sizeof(*s->object), by_name);
	qsort(s->segment, s->n_segments, sizeof(*s->segment), by_id);
	s->out->objects = s->n_objects;
	s->out->segments = s->n_segments;
	return 0;
}

struct vsegment *verify_find_segment(struct verify_state *s, const uint8_t id[SEGMENT_ID_BYTES])
{
	struct vsegment key;

	memcpy(key.id, id, SEGMENT_ID_BYTES);
	return s->n_segments ? bsearch(&key, s->segment, s->n_segments, sizeof(key), by_id) : NULL;
}

/* One whose name begins so. */
bool verify_has_object(const struct verify_state *s, const char *prefix)
{
	size_t lo = 0, hi = s->n_objects, len = strlen(prefix);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(s->object[mid].name, prefix) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_objects && !strncmp(s->object[lo].name, prefix, len);
}

static int row_by_id(const void *a, const void *b)
{
	return memcmp(((const struct refs_row *)a)->segment, ((const struct refs_row *)b)->segment,
		      SEGMENT_ID_BYTES);
}

bool verify_point_needs(const struct vpoint *p, const uint8_t id[SEGMENT_ID_BYTES])
{
	struct refs_row key;

	memcpy(key.segment, id, SEGMENT_ID_BYTES);
	return p->refs && p->n_refs && bsearch(&key, p->refs, p->n_refs, sizeof(key), row_by_id);
}

void verify_tell(struct verify_state *s, const struct verify_fault *f)
{
	s->out->faults++;
	s->q->fault(s->q->arg, f);
}

static bool needs(const struct vpoint *p, const char *object)
{
	uint8_t id[SEGMENT_ID_BYTES];
	char session[2 * SESSION_ID_BYTES + 1];

	if (!strcmp(p->object, object))
		return true;
	if (parse_segment(object, id))
		return verify_point_needs(p, id);
	hex_encode(p->session, SESSION_ID_BYTES, session);
	return !strncmp(object, "ref/", 4) && !strcmp(object + 4, session);
}

void verify_tell_object(struct verify_state *s, const char *object, int code, const char *text)
{
	struct verify_fault f = { .code = code, .object = object, .text = text, .point = "", .vm = "",
				  .point_id = "", .disk = "" };
	bool told = false;

	/* With keys the maps tell what a segment's damage hurts. */
	for (size_t i = 0; i < s->n_points && !(s->q->v && !strncmp(object, "seg/", 4)); i++) {
		if (!needs(&s->point[i], object))
			continue;
		f.point = s->point[i].object;
		verify_tell(s, &f);
		told = true;
	}
	if (!told)
		verify_tell(s, &f);
}

/* Without keys: expired, or written anew by a compact, since the vault was listed. */
static bool has_left(struct verify_state *s, const struct vpoint *p)
{
	char mark[64];
	struct object o;

	snprintf(mark, sizeof(mark), "exp/%.40s", strrchr(p->object, '/') + 1);
	return store_stat(s->q->st, mark, &o, NULL) == 0 || store_stat(s->q->st, p->object, &o, NULL) == -ENOENT;
}

void verify_tell_missing(struct verify_state *s, const char *segment)
{
	struct verify_fault f = { .code = ENOENT, .object = segment, .text = "a segment is missing", .vm = "",
				  .point_id = "", .disk = "" };

	for (size_t i = 0; i < s->n_points && !s->q->v; i++)
		if (needs(&s->point[i], segment) && !has_left(s, &s->point[i])) {
			f.point = s->point[i].object;
			verify_tell(s, &f);
		}
}

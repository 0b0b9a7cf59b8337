/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/stats.h"
#include "crypto/hash.h"
#include "fs/vault/refs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct segment {
	uint8_t id[SEGMENT_ID_BYTES];
	uint64_t size;
	size_t user;			/* the last VM that was seen to use it, from 1; 0: none */
};

struct counting {
	struct vault *vault;
	struct vault_stats *out;
	struct segment *segment;	/* sorted by id once the list is complete */
	size_t n, room;
};

static void counting_clear(struct counting *c)
{
	free(c->segment);
}

void vault_stats_clear(struct vault_stats *s)
{
	free(s->vm);
	memset(s, 0, sizeof(*s));
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct segment *)a)->id, ((const struct segment *)b)->id, SEGMENT_ID_BYTES);
}

static int add_object(void *arg, const struct object *o)
{
	struct counting *c = arg;
	const char *slash = strrchr(o->name, '/');
	struct segment s = { .size = o->size };

	c->out->objects++;
	c->out->bytes += o->size;
	if (strncmp(o->name, "seg/", 4) || hex_decode(slash + 1, s.id, sizeof(s.id)) < 0)
		return 0;
	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 256;
		struct segment *more = realloc(c->segment, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->segment = more;
		c->room = room;
	}
	c->segment[c->n++] = s;
	c->out->segments++;
	c->out->segment_bytes += s.size;
	return 0;
}

/* Segments that the VM's points before did not name yet. */
static void add_refs(struct counting *c, const struct refs_row *rows, size_t n, size_t user)
{
	struct vm_stats *vm = &c->out->vm[user - 1];

	for (size_t i = 0; i < n; i++) {
		struct segment want, *s;

		memcpy(want.id, rows[i].segment, sizeof(want.id));
		s = c->n ? bsearch(&want, c->segment, c->n, sizeof(*s), by_id) : NULL;
		if (!s) {
			c->out->missing++;
		} else if (s->user != user) {
			s->user = user;
			vm->segments++;
			vm->stored_bytes += s->size;
		}
	}
}

static void add_point(struct vm_stats *vm, const struct point *p)
{
	vm->disk_bytes = 0;		/* the newest one's stay */
	for (size_t i = 0; i < p->n_disks; i++) {
		vm->disk_bytes += p->disk[i].size;
		vm->source_bytes += p->disk[i].size;
	}
	if (!vm->points)
		vm->first = p->time;
	vm->last = p->time;
	vm->points++;
	vm->proven += p->proof == PROOF_PROVEN;
	snprintf(vm->vm, sizeof(vm->vm), "%s", p->vm);
}

/* A point that left meanwhile is none; one that cannot be used is counted. */
static int count_point(struct counting *c, const struct point_name *name, size_t user, struct error *err)
{
	AUTO(point_free) struct point *p = NULL;
	AUTO(free) struct refs_row *rows = NULL;
	struct object o;
	size_t n = 0;
	int rc = point_read(c->vault, name, &p, err);

	if (rc == 0)
		rc = refs_get(vault_store(c->vault), p->session, p->refs_sha256, &rows, &n, err);
	if (rc == -ENOENT)
		rc = store_stat(vault_store(c->vault), name->object, &o, NULL) == 0 ? -EBADMSG : -ESTALE;
	if (rc == -EBADMSG || rc == -ESTALE) {
		c->out->damaged += rc == -EBADMSG;
		error_clear(err);
		return 0;
	}
	if (rc < 0)
		return rc;
	add_point(&c->out->vm[user - 1], p);
	add_refs(c, rows, n, user);
	c->out->points++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct vm_stats *)a)->vm, ((const struct vm_stats *)b)->vm);
}

static void finish(struct counting *c)
{
	struct vault_stats *s = c->out;
	size_t kept = 0;

	for (size_t i = 0; i < c->n; i++)
		if (!c->segment[i].user) {
			s->unused_segments++;
			s->unused_bytes += c->segment[i].size;
		}
	for (size_t i = 0; i < s->n_vms; i++)
		if (s->vm[i].points)
			s->vm[kept++] = s->vm[i];
	s->n_vms = kept;
	for (size_t i = 0; i < kept; i++)
		s->source_bytes += s->vm[i].source_bytes;
	if (kept)
		qsort(s->vm, kept, sizeof(*s->vm), by_name);
}

/* Points before segments: what a listed point names is there when the segments are listed. */
int vault_stats(struct vault *v, struct vault_stats *out, struct error *err)
{
	__attribute__((cleanup(counting_clear))) struct counting c = { .vault = v, .out = out };
	AUTO(free) struct point_name *list = NULL;
	size_t n = 0;
	int rc = point_list(v, NULL, &list, &n, err);

	memset(out, 0, sizeof(*out));
	if (rc == 0) {
		out->vm = calloc(n ? n : 1, sizeof(*out->vm));
		rc = out->vm ? store_list(vault_store(v), "", add_object, &c, err)
			     : error_set(err, ENOMEM, "out of memory");
	}
	if (c.n)
		qsort(c.segment, c.n, sizeof(*c.segment), by_id);
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (!i || strcmp(list[i].vm_id, list[i - 1].vm_id))
			out->n_vms++;
		rc = count_point(&c, &list[i], out->n_vms, err);
	}
	if (rc < 0) {
		vault_stats_clear(out);
		return rc;
	}
	finish(&c);
	return 0;
}

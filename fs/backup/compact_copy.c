/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"
#include "fs/backup/compact_private.h"

#include <errno.h>
#include <string.h>

#define WINDOW_BYTES (8u << 20)		/* sealed bytes that are copied at a time */
#define REQUEST_MAX (4u << 20)
#define GAP_MAX (64u << 10)		/* unwanted bytes that are cheaper to read than a request is to make */
#define CHECK_EVERY 16u

/* A chunk that has to move: where it is, then where it lies anew. */
struct moved {
	struct chunk_ref from, to;
	size_t at;			/* its sealed bytes in the window's buffer */
	size_t order;			/* of its first use */
};

struct copier {
	struct run *run;
	uint32_t chunk_size;
	struct segment_writer *segment;	/* NULL: none begun */
	struct chunk_opener *opener, *checker;
	uint8_t *buffer;		/* WINDOW_BYTES and one chunk */
	struct moved *move;
	size_t n, room;
	size_t bytes;			/* of the window */
	unsigned added;
	uint8_t (*seen)[SEGMENT_ID_BYTES];	/* other sessions' segments, looked for after W2 */
	size_t n_seen;
};

struct copier *copier_new(struct run *r, uint32_t chunk_size, struct error *err)
{
	AUTO(copier_free) struct copier *c = calloc(1, sizeof(*c));

	if (!c)
		return error_null(err, ENOMEM, "out of memory");
	c->run = r;
	c->chunk_size = chunk_size;
	c->opener = chunk_opener_new(vault_ring(r->vault));
	c->checker = chunk_opener_new(vault_ring(r->vault));
	c->buffer = malloc(WINDOW_BYTES + REQUEST_MAX + CHUNK_MAX + GCM_TAG_BYTES);
	c->room = 2 * MAP_FANOUT;
	c->move = calloc(c->room, sizeof(*c->move));
	if (!c->opener || !c->checker || !c->buffer || !c->move)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(c);
}

void copier_free(struct copier *c)
{
	if (!c)
		return;
	segment_writer_free(c->segment);
	chunk_opener_free(c->opener);
	chunk_opener_free(c->checker);
	free(c->buffer);
	free(c->move);
	free(c->seen);
	free(c);
}

int copier_flush(struct copier *c, struct error *err)
{
	int rc = 0;

	if (c->segment && !segment_writer_is_empty(c->segment)) {
		rc = segment_writer_put(c->segment, vault_store(c->run->vault), err);
		atomic_fetch_add(&c->run->new_bytes, rc == 0 ? segment_writer_bytes(c->segment) : 0);
	}
	segment_writer_free(TAKE(c->segment));
	return rc;
}

static int make_room(struct copier *c, struct error *err)
{
	int rc = 0;

	if (c->segment && !segment_writer_has_room(c->segment, c->chunk_size))
		rc = copier_flush(c, err);
	if (rc == 0 && !c->segment)
		c->segment = segment_writer_new(vault_ring(c->run->vault), SEGMENT_DATA, c->run->session,
						atomic_fetch_add(&c->run->number, 1), err);
	return rc < 0 ? rc : c->segment ? 0 : -ENOMEM;
}

/* W3: another session's segment may be used when it is seen now. */
static bool is_seen(struct copier *c, const struct chunk_ref *ref)
{
	struct object o;
	char name[160];
	void *more;

	if (!memcmp(ref->segment, c->run->session, SESSION_ID_BYTES))
		return true;
	for (size_t i = c->n_seen; i--;)
		if (!memcmp(c->seen[i], ref->segment, SEGMENT_ID_BYTES))
			return true;
	segment_name(ref->segment, name, sizeof(name));
	if (store_stat(vault_store(c->run->vault), name, &o, NULL) < 0)
		return false;
	more = realloc(c->seen, (c->n_seen + 1) * sizeof(*c->seen));
	if (more) {
		c->seen = more;
		memcpy(c->seen[c->n_seen++], ref->segment, SEGMENT_ID_BYTES);
	}
	return true;
}

static bool find_copy(struct copier *c, const struct chunk_ref *from, struct chunk_ref *to)
{
	const uint8_t *base = from->kind == CHUNK_PATCH ? from->base : NULL;

	return chunk_index_find(c->run->index, from->name, base, c->chunk_size, to) && run_may_use(c->run, to) &&
	       is_seen(c, to);
}

static struct moved *find_move(struct copier *c, const struct chunk_ref *from)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->move[i].from.number == from->number && c->move[i].from.off == from->off &&
		    !memcmp(c->move[i].from.segment, from->segment, SEGMENT_ID_BYTES))
			return &c->move[i];
	return NULL;
}

/* The chunk's new place if it has one already, else it is put down to be moved. */
static int plan(struct copier *c, struct chunk_ref *ref, bool *moves)
{
	struct chunk_ref to;

	if (ref->kind == CHUNK_ZERO || run_may_use(c->run, ref))
		return 0;
	if (find_copy(c, ref, &to)) {
		*ref = to;
		return 0;
	}
	*moves = true;
	if (find_move(c, ref))
		return 0;
	if (ref->len < GCM_TAG_BYTES || ref->len > c->chunk_size + GCM_TAG_BYTES || ref->off > SEGMENT_STORED_MAX ||
	    c->n == c->room)
		return -EBADMSG;
	c->move[c->n] = (struct moved){ .from = *ref, .order = c->n };
	c->n++;
	c->bytes += ref->len;
	return 0;
}

static int by_place(const void *va, const void *vb)
{
	const struct moved *a = va, *b = vb;
	int d = memcmp(a->from.segment, b->from.segment, SEGMENT_ID_BYTES);

	return d ? d : (a->from.off > b->from.off) - (a->from.off < b->from.off);
}

static int by_order(const void *va, const void *vb)
{
	const struct moved *a = va, *b = vb;

	return (a->order > b->order) - (a->order < b->order);
}

/* How many from i on lie close enough together for one request. */
static size_t run_length(const struct copier *c, size_t i)
{
	const struct chunk_ref *first = &c->move[i].from;
	size_t n = 1;

	while (i + n < c->n) {
		const struct chunk_ref *last = &c->move[i + n - 1].from, *next = &c->move[i + n].from;

		if (memcmp(first->segment, next->segment, SEGMENT_ID_BYTES) ||
		    next->off < last->off + last->len || next->off - (last->off + last->len) > GAP_MAX ||
		    next->off + next->len - first->off > REQUEST_MAX)
			break;
		n++;
	}
	return n;
}

/* Sealed bytes of the window's chunks into the buffer, packed one after another. */
static int fetch(struct copier *c, struct error *err)
{
	size_t used = 0;

	qsort(c->move, c->n, sizeof(*c->move), by_place);
	for (size_t i = 0; i < c->n;) {
		size_t n = run_length(c, i), got = 0, read_at = used, len;
		uint32_t begin = c->move[i].from.off;
		char name[160];
		int rc;

		len = c->move[i + n - 1].from.off + c->move[i + n - 1].from.len - begin;
		segment_name(c->move[i].from.segment, name, sizeof(name));
		rc = store_get(vault_store(c->run->vault), name, begin, c->buffer + read_at, len, &got, err);
		if (rc < 0)
			return rc;
		if (got != len)
			return error_set(err, EBADMSG, "%s ends before a chunk does", name);
		for (; n; n--, i++) {		/* close the gaps */
			struct moved *m = &c->move[i];

			memmove(c->buffer + used, c->buffer + read_at + (m->from.off - begin), m->from.len);
			m->at = used;
			used += m->from.len;
		}
	}
	return 0;
}

static int reseal(struct copier *c, struct moved *m, struct error *err)
{
	uint8_t *sealed = c->buffer + m->at;
	int rc = chunk_open(c->opener, SEGMENT_DATA, &m->from, c->chunk_size, sealed);

	if (rc < 0)
		return error_set(err, -rc, "a chunk that has to be copied is damaged");
	rc = make_room(c, err);
	if (rc < 0)
		return rc;
	rc = segment_writer_add(c->segment, m->from.kind, m->from.name,
				m->from.kind == CHUNK_PATCH ? m->from.base : NULL, sealed, m->from.len - GCM_TAG_BYTES,
				c->chunk_size, &m->to);
	if (rc == 0 && c->added++ % CHECK_EVERY == 0)
		rc = segment_writer_check(c->segment, c->checker, &m->to, c->chunk_size, sealed);
	if (rc < 0)
		return error_set(err, rc == -EBADMSG ? EIO : -rc, "a chunk cannot be sealed");
	chunk_index_add(c->run->index, &m->to, c->chunk_size);
	return 0;
}

static void settle(struct copier *c, struct chunk_ref *ref)
{
	const struct moved *m = ref->kind == CHUNK_ZERO || run_may_use(c->run, ref) ? NULL : find_move(c, ref);

	if (m)
		*ref = m->to;
}

/* Entries [from, to) of the leaf, whose chunks that move are all planned. */
static int copy_window(struct copier *c, struct map_entry *e, size_t from, size_t to, struct error *err)
{
	int rc = c->n ? fetch(c, err) : 0;

	if (rc == 0 && c->n)
		qsort(c->move, c->n, sizeof(*c->move), by_order);
	for (size_t i = 0; i < c->n && rc == 0; i++)
		rc = reseal(c, &c->move[i], err);
	for (size_t i = from; i < to && rc == 0 && c->n; i++) {
		settle(c, &e[i].ref);
		if (e[i].ref.kind == CHUNK_PATCH)
			settle(c, &e[i].base);
	}
	c->n = c->bytes = 0;
	return rc;
}

int copier_leaf(struct copier *c, struct map_entry *e, size_t n, struct error *err)
{
	size_t begin = 0;
	bool moves = false;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = plan(c, &e[i].ref, &moves);
		if (rc == 0 && e[i].ref.kind == CHUNK_PATCH)
			rc = plan(c, &e[i].base, &moves);
		if (rc < 0)
			return error_set(err, -rc, "an entry of the map makes no sense");
		if (c->bytes + 2 * ((size_t)c->chunk_size + GCM_TAG_BYTES) > WINDOW_BYTES || i + 1 == n) {
			rc = copy_window(c, e, begin, i + 1, err);
			begin = i + 1;
		}
	}
	return rc;
}

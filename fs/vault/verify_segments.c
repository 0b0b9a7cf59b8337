/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/secret.h"
#include "fs/vault/page.h"
#include "fs/vault/verify_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define THREADS_MAX 4u

uint32_t verify_print(const struct chunk_ref *ref)
{
	return le32(ref->name) ^ ref->off ^ ref->len * 2654435761u ^ ref->kind;
}

struct pass {
	struct verify_state *s;
	size_t next;			/* under the state's lock, with all below */
	uint64_t total, done;
	time_t end;			/* monotonic seconds; 0: none */
	int rc;				/* what stopped it */
};

static time_t seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* The same ones for the same seed. */
static bool in_sample(const struct verify *q, const struct vsegment *seg)
{
	uint64_t h = (le64(seg->id + 16) ^ q->sample_seed) * UINT64_C(0x9e3779b97f4a7c15);

	return q->sample >= 1 || (double)(h >> 11) / (double)(UINT64_C(1) << 53) < q->sample;
}

static bool is_to_read(const struct verify_state *s, const struct vsegment *seg)
{
	return seg->wanted && in_sample(s->q, seg) && memcmp(seg->id, s->q->resume, SEGMENT_ID_BYTES) > 0;
}

struct opened {				/* what a thread opens the chunks of a segment with */
	const uint8_t *data;
	struct chunk_opener *opener;
	struct hmac *names;		/* NULL: whose VM's chunks they are is not known */
	uint8_t page_key[PAGE_KEY_BYTES];
	uint8_t *sealed, *chunk;
};

/* One chunk opens at its place and has its name.  A PATCH's name is seen
 * where its base is known: in the map. */
static int check_chunk(struct opened *o, uint8_t class, const struct chunk_ref *ref, uint32_t size)
{
	uint8_t sum[SHA256_BYTES];
	int rc;

	memcpy(o->sealed, o->data + ref->off, ref->len);
	if (class == SEGMENT_MAP) {
		AUTO(map_page_free) struct map_page *p = page_open(o->opener, o->page_key, ref, o->sealed, NULL);

		return p ? 0 : -EBADMSG;
	}
	rc = chunk_open(o->opener, SEGMENT_DATA, ref, size, o->sealed);
	if (rc < 0 || ref->kind == CHUNK_PATCH)
		return rc;
	rc = chunk_opener_unpack(o->opener, ref->kind, o->sealed, ref->len - GCM_TAG_BYTES, NULL, o->chunk, size);
	if (rc < 0 || !o->names)
		return rc;
	rc = hmac_once(o->names, o->chunk, size, sum);
	return rc < 0 ? rc : memcmp(sum, ref->name, CHUNK_NAME_BYTES) ? -EBADMSG : 0;
}

static int open_begin(struct opened *o, struct verify_state *s, const struct vsegment *seg, const uint8_t *data)
{
	const struct key_ring *ring = vault_ring(s->q->v);
	uint8_t key[32];
	int rc = page_key(ring, o->page_key);

	o->data = data;
	o->opener = chunk_opener_new(ring);
	o->sealed = malloc(CHUNK_MAX + 16 + GCM_TAG_BYTES);
	o->chunk = malloc(CHUNK_MAX);
	if (rc == 0 && seg->vm_id[0]) {
		rc = vault_name_key(s->q->v, seg->vm_id, key);
		o->names = rc == 0 ? hmac_new(key, sizeof(key)) : NULL;
		wipe(key, sizeof(key));
	}
	return rc < 0 ? rc : o->opener && o->sealed && o->chunk ? 0 : -ENOMEM;
}

static void open_end(struct opened *o)
{
	chunk_opener_free(o->opener);
	hmac_free(o->names);
	wipe(o->page_key, sizeof(o->page_key));
	free(o->sealed);
	free(o->chunk);
}

static int check_rows(struct opened *o, struct vsegment *seg, uint8_t class, const struct chunk_ref *rows,
		      const uint32_t *sizes, size_t n, struct error *err)
{
	int rc = 0;

	seg->print = calloc(n + 1, sizeof(*seg->print));
	if (!seg->print)
		return error_set(err, ENOMEM, "out of memory");
	seg->rows = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		seg->print[i] = verify_print(&rows[i]);
		if (rows[i].len > CHUNK_MAX + 16 + GCM_TAG_BYTES ||
		    check_chunk(o, class, &rows[i], sizes[i]) < 0)
			rc = error_set(err, EBADMSG, "damaged segment: its chunk at %u does not open", rows[i].off);
	}
	return rc;
}

static int check_with_keys(struct verify_state *s, struct vsegment *seg, const void *data, size_t len,
			   uint8_t class, uint64_t *chunks, struct error *err)
{
	__attribute__((cleanup(open_end))) struct opened o = { 0 };
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	size_t n = 0;
	int rc = segment_table(vault_ring(s->q->v), data, len, seg->id, &rows, &sizes, &n, err);

	if (rc < 0)
		return rc;
	rc = open_begin(&o, s, seg, data);
	if (rc < 0)
		return error_set(err, -rc, "the segment's chunks cannot be opened");
	*chunks = n;
	return check_rows(&o, seg, class, rows, sizes, n, err);
}

/* Read and check one segment; its state is this thread's alone. */
static void check_segment(struct verify_state *s, struct vsegment *seg)
{
	struct error err = ERROR_INIT;
	AUTO(free) void *data = NULL;
	struct segment_info info;
	uint64_t chunks = 0;
	char name[160];
	size_t len = 0;
	int rc;

	segment_name(seg->id, name, sizeof(name));
	rc = store_get_all(s->q->st, name, SEGMENT_STORED_MAX, &data, &len, &err);
	if (rc == -ENOENT) {
		seg->state = SEG_MISSING;
	} else {
		if (rc == 0)
			rc = segment_check(data, len, seg->id, &info, &err);
		if (rc == 0 && s->q->v)
			rc = check_with_keys(s, seg, data, len, info.class, &chunks, &err);
		seg->state = rc < 0 ? SEG_BAD : SEG_FINE;
	}
	pthread_mutex_lock(&s->lock);
	s->out->segments_read++;
	s->out->bytes_read += len;
	s->out->chunks += chunks;
	if (rc == -ENOENT)
		verify_tell_missing(s, name);
	else if (rc < 0)
		verify_tell_object(s, name, -rc, err.text);
	pthread_mutex_unlock(&s->lock);
}

static void *work(void *arg)
{
	struct pass *p = arg;
	struct verify_state *s = p->s;

	pthread_mutex_lock(&s->lock);
	while (p->rc == 0 && p->next < s->n_segments && !(p->end && seconds() >= p->end)) {
		struct vsegment *seg = &s->segment[p->next++];

		if (!is_to_read(s, seg))
			continue;
		memcpy(s->out->last, seg->id, SEGMENT_ID_BYTES);
		pthread_mutex_unlock(&s->lock);
		check_segment(s, seg);
		pthread_mutex_lock(&s->lock);
		p->done += seg->size;
		if (s->q->progress && p->rc == 0)
			p->rc = s->q->progress(s->q->arg, p->done, p->total);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int verify_segments(struct verify_state *s, struct error *err)
{
	struct pass p = { .s = s, .end = s->q->seconds ? seconds() + (time_t)s->q->seconds : 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned wanted = s->q->threads ? s->q->threads : cpus > 0 ? (unsigned)cpus : 1, n = 0;
	pthread_t id[THREADS_MAX];
	sigset_t all, old;

	for (size_t i = 0; i < s->n_segments; i++)
		if (is_to_read(s, &s->segment[i]))
			p.total += s->segment[i].size;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	while (n < wanted && n < THREADS_MAX && pthread_create(&id[n], NULL, work, &p) == 0)
		n++;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!n)
		return error_set(err, EAGAIN, "cannot start a thread");
	for (unsigned i = 0; i < n; i++)
		pthread_join(id[i], NULL);
	s->out->complete = p.rc == 0 && p.next == s->n_segments;
	if (p.rc == -EINTR)
		return error_set(err, EINTR, "interrupted");
	return p.rc < 0 ? error_set(err, -p.rc, "stopped") : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/trace.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/util/json_value.h"
#include "fs/vault/map.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ROW_BYTES 14u			/* disk 2 | chunks 4 | chunk 8 */
#define NUMBERS_TRIED 8u

struct trace_notes {
	pthread_mutex_t lock;		/* guards the trace while it is noted */
	int64_t first;			/* monotonic seconds; 0: nothing yet */
	size_t room;
};

static bool name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len < TRACE_NAME_MAX && !strchr(name, '/') && store_name_ok(name);
}

struct trace *trace_new(const char *name, struct error *err)
{
	struct trace *t;

	if (!name_ok(name))
		return error_null(err, EINVAL, "a trace cannot have the name '%.80s'", name);
	t = calloc(1, sizeof(*t));
	if (t)
		t->notes = calloc(1, sizeof(*t->notes));
	if (!t || !t->notes) {
		free(t);
		return error_null(err, ENOMEM, "out of memory");
	}
	snprintf(t->name, sizeof(t->name), "%s", name);
	pthread_mutex_init(&t->notes->lock, NULL);
	return t;
}

void trace_free(struct trace *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->notes->lock);
	free(t->notes);
	free(t->disk);
	free(t->row);
	free(t);
}

static int add_disk(struct trace *t, const char *disk, uint32_t chunk_size)
{
	struct trace_disk *more;

	for (size_t i = 0; i < t->n_disks; i++)
		if (!strcmp(t->disk[i].name, disk) && t->disk[i].chunk_size == chunk_size)
			return (int)i;
	if (t->n_disks == TRACE_DISKS_MAX || strlen(disk) >= sizeof(more->name))
		return -E2BIG;
	more = realloc(t->disk, (t->n_disks + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->disk = more;
	snprintf(more[t->n_disks].name, sizeof(more->name), "%s", disk);
	more[t->n_disks].chunk_size = chunk_size;
	return (int)t->n_disks++;
}

int trace_disk(struct trace *t, const char *disk, uint32_t chunk_size)
{
	int rc;

	pthread_mutex_lock(&t->notes->lock);
	rc = add_disk(t, disk, chunk_size);
	pthread_mutex_unlock(&t->notes->lock);
	return rc;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void add_row(struct trace *t, const struct trace_row *r)
{
	struct trace_row *last = t->n_rows ? &t->row[t->n_rows - 1] : NULL;

	if (last && last->disk == r->disk && last->chunk + last->n == r->chunk && last->n < UINT32_MAX - r->n) {
		last->n += r->n;
		return;
	}
	if (t->n_rows == t->notes->room) {
		size_t room = t->notes->room ? 2 * t->notes->room : 256;
		struct trace_row *more = room <= TRACE_ROWS_MAX ? realloc(t->row, room * sizeof(*more)) : NULL;

		if (!more)
			return;
		t->row = more;
		t->notes->room = room;
	}
	t->row[t->n_rows++] = *r;
}

void trace_note(struct trace *t, int disk, uint64_t chunk)
{
	struct trace_row r = { (uint16_t)disk, 1, chunk };

	if (disk < 0)
		return;
	pthread_mutex_lock(&t->notes->lock);
	if (!t->notes->first)
		t->notes->first = now();
	if (now() - t->notes->first <= TRACE_SECONDS)
		add_row(t, &r);
	pthread_mutex_unlock(&t->notes->lock);
}

static struct jval *disks_to_jval(const struct trace *t)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = a ? 0 : -ENOMEM;

	for (size_t i = 0; i < t->n_disks && !rc; i++) {
		struct jval *o = jval_object();

		rc = jval_set_text(o, "name", t->disk[i].name);
		rc = rc ? rc : jval_set_u64_text(o, "chunk_size", t->disk[i].chunk_size);
		if (rc)
			jval_free(o);
		else
			rc = jval_append(a, o);
	}
	return rc ? NULL : TAKE(a);
}

static struct jval *rows_to_jval(const struct trace *t)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = a ? 0 : -ENOMEM;

	for (size_t i = 0; i < t->n_rows && !rc; i++) {
		char text[2 * ROW_BYTES + 1];
		uint8_t row[ROW_BYTES];

		put_le16(row, t->row[i].disk);
		put_le32(row + 2, t->row[i].n);
		put_le64(row + 6, t->row[i].chunk);
		hex_encode(row, sizeof(row), text);
		rc = jval_append(a, jval_new_text(text));
	}
	return rc ? NULL : TAKE(a);
}

char *trace_to_json(const struct trace *t)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "name", t->name);

	rc = rc ? rc : jval_set(o, "disks", disks_to_jval(t));
	rc = rc ? rc : jval_set(o, "reads", rows_to_jval(t));
	return rc ? NULL : jval_print(o, false);
}

static bool get_disks(const struct jval *a, struct trace *t)
{
	if (!jval_is_array(a) || jval_len(a) > TRACE_DISKS_MAX)
		return false;
	for (size_t i = 0; i < jval_len(a); i++) {
		const char *name = jval_text(jval_get(jval_at(a, i), "name"));
		uint64_t size;

		if (!name || !jval_u64(jval_get(jval_at(a, i), "chunk_size"), &size) || size < CHUNK_MIN ||
		    size > CHUNK_MAX || !is_power_of_two(size) || add_disk(t, name, (uint32_t)size) != (int)i)
			return false;
	}
	return true;
}

static bool get_rows(const struct jval *a, struct trace *t)
{
	size_t n = jval_len(a);

	if (!jval_is_array(a) || n > TRACE_ROWS_MAX)
		return false;
	t->row = calloc(n ? n : 1, sizeof(*t->row));
	for (size_t i = 0; t->row && i < n; i++) {
		const char *text = jval_text(jval_at(a, i));
		uint8_t row[ROW_BYTES];
		struct trace_row *r = &t->row[i];

		if (!text || hex_decode(text, row, sizeof(row)) < 0)
			return false;
		*r = (struct trace_row){ le16(row), le32(row + 2), le64(row + 6) };
		if (r->disk >= t->n_disks || !r->n || r->chunk > INT64_MAX / CHUNK_MAX)
			return false;
		t->n_rows = i + 1;
	}
	return t->row != NULL;
}

struct trace *trace_from_json(const void *text, size_t len, struct error *err)
{
	AUTO(jval_free) struct jval *o = jval_parse(text, len, err);
	const char *name = jval_text(jval_get(o, "name"));
	AUTO(trace_free) struct trace *t = name && name_ok(name) ? trace_new(name, err) : NULL;

	if (!t || !get_disks(jval_get(o, "disks"), t) || !get_rows(jval_get(o, "reads"), t))
		return error_null(err, EBADMSG, "damaged trace: what it says makes no sense");
	return TAKE(t);
}

struct search {
	struct vault *vault;
	const char *prefix, *name;	/* name NULL: the highest number alone */
	uint64_t newest;		/* number; 0: none */
	struct trace *found;
	struct error *err;
};

/* "trace/<vm id>.<number>", from 1; 0: no such name. */
static uint64_t number_of(const char *object, const char *prefix)
{
	const char *at = object + strlen(prefix);
	char *end;
	unsigned long long n;

	if (*at < '1' || *at > '9' || strlen(at) > 18)
		return 0;
	n = strtoull(at, &end, 10);
	return *end ? 0 : n;
}

static int look_at(void *arg, const struct object *o)
{
	struct search *s = arg;
	uint64_t n = number_of(o->name, s->prefix);
	AUTO(trace_free) struct trace *t = NULL;
	AUTO(free) void *text = NULL;
	size_t len;

	if (n <= s->newest)
		return 0;
	/* One that does not open hides no other. */
	if (s->name && (object_get(vault_store(s->vault), vault_ring(s->vault), OBJECT_TRACE, o->name, &text, &len,
				   NULL) < 0 || !(t = trace_from_json(text, len, NULL)) || strcmp(t->name, s->name)))
		return 0;
	s->newest = n;
	trace_free(s->found);
	s->found = TAKE(t);
	return 0;
}

int trace_put(struct vault *v, const char *vm_id, const struct trace *t, struct error *err)
{
	AUTO(free) char *text = t->n_rows ? trace_to_json(t) : NULL;
	char prefix[32], name[64];
	struct search s = { .vault = v, .prefix = prefix, .err = err };
	int rc;

	if (!t->n_rows)
		return 0;
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	snprintf(prefix, sizeof(prefix), "trace/%s.", vm_id);
	rc = store_list(vault_store(v), prefix, look_at, &s, err);
	/* Another mount may take the number first. */
	for (unsigned i = 1; rc == 0 && i <= NUMBERS_TRIED; i++) {
		snprintf(name, sizeof(name), "%s%llu", prefix, (unsigned long long)(s.newest + i));
		rc = object_put(vault_store(v), vault_ring(v), OBJECT_TRACE, name, text, strlen(text), err);
		if (rc != -EEXIST)
			return rc;
		error_clear(err);
		rc = 0;
	}
	return rc < 0 ? rc : error_set(err, EAGAIN, "too many traces are being recorded at once");
}

struct trace *trace_get(struct vault *v, const char *vm_id, const char *name, struct error *err)
{
	char prefix[32];
	struct search s = { .vault = v, .prefix = prefix, .name = name, .err = err };

	snprintf(prefix, sizeof(prefix), "trace/%s.", vm_id);
	if (store_list(vault_store(v), prefix, look_at, &s, err) < 0) {
		trace_free(s.found);
		return NULL;
	}
	if (s.found)
		return s.found;
	error_set(err, ENOENT, "the VM has no trace '%.63s'", name);
	error_next(err, "Record one: mount with record-trace=%.63s, start the guest, unmount.", name);
	return NULL;
}

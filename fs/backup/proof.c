/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/proof.h"
#include "fs/backup/parent_map.h"
#include "fs/vault/capsule.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define CHUNKS_NOTED 65536u		/* more than that is no opening */

/* Passes everything on and notes which chunks were read. */
struct recorder {
	struct blockdev bd;
	struct notes *notes;		/* borrowed */
};

struct notes {
	pthread_mutex_t lock;
	uint32_t chunk_size;
	uint64_t chunk[CHUNKS_NOTED];
	size_t n;
};

static int recorder_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	struct notes *n = ((struct recorder *)bd)->notes;

	pthread_mutex_lock(&n->lock);
	for (uint64_t c = off / n->chunk_size; c <= (off + len - 1) / n->chunk_size && n->n < CHUNKS_NOTED; c++)
		if (!n->n || n->chunk[n->n - 1] != c)
			n->chunk[n->n++] = c;
	pthread_mutex_unlock(&n->lock);
	return blockdev_pread(bd->lower, buf, len, off);
}

static int recorder_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	return blockdev_extents(bd->lower, off, len, fn, arg);
}

static const struct blockdev_ops recorder_ops = {
	.name = "recorder", .pread = recorder_pread, .extents = recorder_extents,
};

static struct blockdev *recorder_new(struct blockdev *lower, struct notes *notes, struct error *err)
{
	struct recorder *r = calloc(1, sizeof(*r));

	if (!r) {
		blockdev_unref(lower);
		return error_null(err, ENOMEM, "out of memory");
	}
	blockdev_init(&r->bd, &recorder_ops, lower, lower->size);
	r->notes = notes;
	return &r->bd;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The entries of the noted chunks, from the map that was just written. */
static int fill_opening(struct notes *n, struct vault *v, struct point_disk *d, struct error *err)
{
	AUTO(parent_map_free) struct parent_map *map = parent_map_new(vault_store(v), vault_ring(v), d, err);
	int rc = map ? 0 : -ENOMEM;

	d->opening = calloc(OPENING_ROWS_MAX, sizeof(*d->opening));
	d->opening_zeros = calloc(OPENING_ROWS_MAX, sizeof(*d->opening_zeros));
	if (!map || !d->opening || !d->opening_zeros)
		return error_set(err, ENOMEM, "out of memory");
	if (n->n)
		qsort(n->chunk, n->n, sizeof(n->chunk[0]), compare);
	for (size_t i = 0; i < n->n && rc == 0 && d->n_opening < OPENING_ROWS_MAX; i++) {
		struct opening_row *row = &d->opening[d->n_opening];

		if (i && n->chunk[i] == n->chunk[i - 1])
			continue;
		row->chunk = n->chunk[i];
		rc = parent_map_entry(map, row->chunk, &row->entry);
		if (rc == 0 && row->entry.ref.kind != CHUNK_ZERO)
			d->n_opening++;
		else if (rc == 0 && d->n_opening_zeros < OPENING_ROWS_MAX)
			d->opening_zeros[d->n_opening_zeros++] = row->chunk;
	}
	return rc < 0 ? error_set(err, -rc, "the opening set cannot be made") : 0;
}

struct found {
	unsigned open, closed;		/* encrypted volumes */
	char file_systems[160];		/* "ext4, ntfs" */
	char why[200];			/* the first that is closed */
};

static void note_file_system(struct found *f, const char *what)
{
	size_t at = strlen(f->file_systems);

	if (!what || !*what || !strcmp(what, "unknown") || !strcmp(what, "empty") ||
	    strstr(f->file_systems, what))
		return;
	snprintf(f->file_systems + at, sizeof(f->file_systems) - at, "%s%s", at ? ", " : "", what);
}

static void look(const struct jval *info, const char *disk, struct found *f)
{
	struct jval *list = jval_get(info, "partitions");

	for (size_t i = 0; i < jval_len(list); i++) {
		struct jval *part = jval_at(list, i);
		const char *state = jval_text(jval_get(part, "state")), *reason = jval_text(jval_get(part, "reason"));
		bool open = state && !strcmp(state, "open");

		if (!jval_get(part, "cipher") && open) {
			note_file_system(f, jval_text(jval_get(part, "what")));
			continue;
		}
		f->open += open;
		f->closed += !open;
		if (open)
			note_file_system(f, jval_text(jval_get(part, "inside")));
		else if (!f->why[0])
			snprintf(f->why, sizeof(f->why), "%s, partition %zu: %s", disk, i + 1,
				 reason ? reason : state ? state : "closed");
	}
}

/* The other sources, for disk.h. */
struct others { const struct proof_keys *k; const struct point *point; size_t self; struct disk_options options; };

static const struct backup_disk *other_source(const struct others *o, size_t i)
{
	return &o->k->disks[i >= o->self ? i + 1 : i];
}

static struct disk *open_other(void *arg, size_t i, struct error *err)
{
	const struct others *o = arg;
	const struct backup_disk *source = other_source(o, i);
	struct disk_options options = o->options;
	char label[POINT_LABEL_BYTES];

	point_disk_label(o->point, &o->point->disk[source - o->k->disks], label);
	options.label = label;
	return disk_open(blockdev_ref(source->source), source->vhd, o->k->keys, &options, err);
}

static const char *name_of_other(void *arg, size_t i)
{
	return other_source(arg, i)->name;
}

/* Opens one disk as a mount would; a disk that does not open is told in *f. */
static int open_disk(const struct proof_keys *k, struct point *p, size_t i, struct notes *notes, struct found *f,
		     struct error *err)
{
	const struct backup_disk *source = &k->disks[i];
	struct point_disk *d = &p->disk[i];
	struct blockdev *bd = recorder_new(blockdev_ref(source->source), notes, err);
	struct others others = { .k = k, .point = p, .self = i };
	struct disk_family family = { .n = k->n_disks - 1, .open = open_other, .name = name_of_other, .arg = &others };
	struct disk_options options = { .family = NULL };
	AUTO(disk_unref) struct disk *disk = NULL;
	AUTO(free) char *text = NULL;
	char label[POINT_LABEL_BYTES];

	if (k->options)
		options = others.options = *k->options;
	options.family = &family;
	point_disk_label(p, d, label);
	options.label = label;
	disk = bd ? disk_open(bd, source->vhd, k->keys, &options, err) : NULL;
	text = disk ? disk_info_json(disk) : NULL;
	if (!disk && err->code == ENOMEM)
		return -ENOMEM;
	if (!disk) {
		f->closed++;
		if (!f->why[0])
			snprintf(f->why, sizeof(f->why), "%s: %.150s", source->name, err->text);
		error_clear(err);
		return 0;
	}
	d->info = text ? jval_parse(text, strlen(text), err) : NULL;
	if (!d->info)
		return error_set(err, ENOMEM, "out of memory");
	look(d->info, source->name, f);
	return 0;
}

static void conclude(const struct proof_keys *k, const struct found *f, struct point *p)
{
	bool proven = !f->closed && f->file_systems[0];

	p->proof = proven ? PROOF_PROVEN : PROOF_NONE;
	if (proven && !f->open)
		snprintf(p->proof_words, sizeof(p->proof_words), "nothing is encrypted; seen: %s", f->file_systems);
	else if (proven)
		snprintf(p->proof_words, sizeof(p->proof_words), "%u encrypted volume%s opened; seen: %s", f->open,
			 f->open == 1 ? "" : "s", f->file_systems);
	else if (f->closed)
		snprintf(p->proof_words, sizeof(p->proof_words), "%s%s", k->keys ? "" : "no key was given: ", f->why);
	else
		snprintf(p->proof_words, sizeof(p->proof_words), "no file system was seen");
}

static int keep_keys(const struct proof_keys *k, struct vault *v, struct point *p, struct error *err)
{
	struct capsule_making how = { .ring = vault_ring(v), .point_id = p->id, .mode = vault_info(v)->capsule,
				      .slots = vault_store(v), .stores = k->stores };

	return capsule_make(&how, k->keys, &p->capsule, err);
}

int proof_make(const struct proof_keys *k, struct vault *v, struct point *p, struct error *err)
{
	AUTO(free) struct notes *notes = calloc(1, sizeof(*notes));
	struct found f = { .open = 0 };
	int rc = notes ? 0 : error_set(err, ENOMEM, "out of memory");

	if (notes)
		pthread_mutex_init(&notes->lock, NULL);
	for (size_t i = 0; i < k->n_disks && rc == 0; i++) {
		notes->n = 0;
		notes->chunk_size = p->disk[i].chunk_size;
		rc = open_disk(k, p, i, notes, &f, err);
		if (rc == 0 && p->disk[i].info)
			rc = fill_opening(notes, v, &p->disk[i], err);
	}
	if (notes)
		pthread_mutex_destroy(&notes->lock);
	if (rc == 0)
		conclude(k, &f, p);
	if (rc == 0 && k->keys)
		rc = keep_keys(k, v, p, err);
	return rc;
}

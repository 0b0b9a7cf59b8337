/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/disk.h"
#include "crypto/hash.h"
#include "fs/image/disk_private.h"
#include "fs/image/file.h"
#include "fs/image/mem.h"
#include "fs/image/probe.h"
#include "fs/image/stack.h"
#include "fs/image/vmdk.h"
#include "fs/image/vhdx.h"
#include "fs/keys/audit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MSR_TYPE "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"

struct blockdev *disk_source_probe(struct blockdev *source, const char *name, bool *vhd, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *bd = source;
	enum image_format format;
	struct vhd_footer footer;

	if (!bd || image_probe(bd, name, &format, &footer, err) < 0)
		return NULL;
	*vhd = format == IMAGE_VHD_FIXED;
	return TAKE(bd);
}

struct blockdev *disk_source_open(const char *path, bool *vhd, struct error *err)
{
	return disk_source_probe(file_open(path, err), path, vhd, err);
}

static void disk_free(struct disk *d)
{
	for (size_t i = 0; i < d->n_vols; i++)
		disk_volume_release(&d->vol[i]);
	free(d->vol);
	for (size_t i = 0; i < d->n_views; i++)
		free(d->view[i].name);
	free(d->view);
	partitions_free(d->table);
	blockdev_unref(d->over_raw);
	blockdev_unref(d->over_stored);
	blockdev_unref(d->stored);
	blockdev_unref(d->source);
	free(d);
}
DEFINE_CLEANUP(struct disk *, disk_free);

struct disk *disk_ref(struct disk *d)
{
	atomic_fetch_add(&d->refs, 1);
	return d;
}

void disk_unref(struct disk *d)
{
	if (d && atomic_fetch_sub(&d->refs, 1) == 1)
		disk_free(d);
}

/* The same disk always makes the same VHD. */
static int make_id(struct blockdev *stored, uint8_t id[16])
{
	uint8_t head[4096 + 8] = { 0 }, hash[SHA256_BYTES] = { 0 };
	size_t n = stored->size < 4096 ? (size_t)stored->size : 4096;

	int rc = blockdev_pread(stored, head + 8, n, 0);

	if (rc == 0) {
		memcpy(head, &stored->size, 8);
		sha256(head, sizeof(head), hash);
	}
	memcpy(id, hash, 16);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	return rc;
}

struct blockdev *disk_stored_vhd(struct blockdev *bd, struct error *err)
{
	uint8_t id[16];
	int rc = make_id(bd, id);

	if (rc == 0)
		return stack_vhd(bd, id, err);
	blockdev_unref(bd);
	return error_null(err, -rc, "the disk's first sectors cannot be read: %s", strerror(-rc));
}

/* The volume's bytes as they are to be read. */
static struct blockdev *open_volume(const struct disk *d, const struct disk_volume *v,
				    struct error *err)
{
	uint64_t off = v->n && v->plain ? v->start + v->header_bytes : v->start;

	if (d->over_raw)
		return stack_partition(d->over_raw, off, v->plain ? v->plain->size : v->size, err);
	return v->plain ? blockdev_ref(v->plain) : stack_partition(d->stored, v->start, v->size, err);
}

static int open_volumes(struct disk *d, struct unlock_context *ctx, struct error *err)
{
	size_t n = d->table->n_parts ? d->table->n_parts : d->table->kind == TABLE_NONE ? 1 : 0;

	d->vol = calloc(n ? n : 1, sizeof(*d->vol));
	if (!d->vol)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct disk_volume *v = &d->vol[d->n_vols++];
		AUTO(blockdev_unref) struct blockdev *container = NULL;

		v->size = d->stored->size;
		if (d->table->n_parts) {
			v->n = d->table->part[i].n;
			v->start = d->table->part[i].start;
			v->size = d->table->part[i].size;
			v->is_msr = !strcmp(d->table->part[i].type, MSR_TYPE);
		}
		container = stack_partition(d->stored, v->start, v->size, err);
		if (!container)
			return -ENOMEM;
		volume_open(v, container, ctx);
	}
	return detached_open(d, ctx, err);
}

/* Of a volume that no key was tried on there is nothing to tell. */
static int note_unlock(const struct disk_volume *v, const struct disk_options *o)
{
	int rc = v->plain ? 0 : -(int)v->why.code;
	char name[300];

	if (v->format == VOLUME_PLAIN || (rc && rc != -EKEYREJECTED))
		return 0;
	snprintf(name, sizeof(name), v->n ? "%s p%u" : "%s", o->label ? o->label : "a disk", v->n);
	return audit_note(o->audit, "unlock", name, v->plain ? v->opened_by : NULL, rc);
}

static int note_unlocks(const struct disk *d, const struct disk_options *o, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < d->n_vols && rc == 0; i++)
		rc = note_unlock(&d->vol[i], o);
	return rc ? error_set(err, -rc, "the audit line could not be kept, so the disk is not opened") : 0;
}

static int read_lvm(struct disk *d, struct error *err)
{
	for (size_t i = 0; i < d->n_vols; i++) {
		struct disk_volume *v = &d->vol[i];
		AUTO(blockdev_unref) struct blockdev *bd = NULL;

		if (strcmp(v->plain ? v->inside : v->what, "lvm"))
			continue;
		bd = open_volume(d, v, err);
		if (!bd)
			return -ENOMEM;
		volume_read_lvm(v, bd);
	}
	return 0;
}

/* With partial a table that is damaged beyond use leaves the bytes themselves. */
static int read_table(struct disk *d, struct error *err)
{
	int rc = partitions_read(d->stored, &d->table, err, &d->table_warning);

	if (rc != -EBADMSG || !d->partial)
		return rc;
	d->table = calloc(1, sizeof(*d->table));
	if (!d->table)
		return error_set(err, ENOMEM, "out of memory");
	d->table->kind = TABLE_GPT;
	d->table->sector_size = 512;
	error_copy(&d->table_warning, err);
	error_clear(err);
	return 0;
}

struct disk *disk_open(struct blockdev *source, bool vhd, struct keyring *keys,
		       const struct disk_options *opts, struct error *err)
{
	static const struct disk_options none;
	struct unlock_context ctx = { .keys = keys, .opts = opts ? opts : &none };
	AUTO(disk_free) struct disk *d = NULL;

	if (!source)
		return NULL;
	d = calloc(1, sizeof(*d));
	if (!d) {
		blockdev_unref(source);
		return error_null(err, ENOMEM, "out of memory");
	}
	atomic_init(&d->refs, 1);
	d->source = source;
	d->vhd = vhd;
	d->keys = keys;
	d->partial = ctx.opts->partial;
	d->stored = stack_stored(blockdev_ref(source), vhd, err);
	if (!d->stored || read_table(d, err) < 0)
		return NULL;
	make_id(d->stored, d->id);
	if (open_volumes(d, &ctx, err) < 0 || note_unlocks(d, ctx.opts, err) < 0 || read_lvm(d, err) < 0)
		return NULL;
	if (disk_list_views(d) < 0)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(d);
}

void disk_forget_keys(struct disk *d)
{
	d->keys = NULL;
}

static const struct disk_volume *first_closed(const struct disk *d)
{
	for (size_t i = 0; i < d->n_vols; i++)
		if (d->vol[i].format != VOLUME_PLAIN && d->vol[i].state != DISK_OPEN)
			return &d->vol[i];
	return NULL;
}

bool disk_is_locked(const struct disk *d)
{
	const struct disk_volume *closed = first_closed(d);

	return closed && closed->state == DISK_LOCKED;
}

static bool any_opened(const struct disk *d)
{
	for (size_t i = 0; i < d->n_vols; i++)
		if (d->vol[i].plain)
			return true;
	return false;
}

static void name_volume(const struct disk_volume *v, struct error *err)
{
	if (!err)
		return;
	if (v->n)
		error_prefix(err, 0, "partition %u", v->n);
}

static int check_whole(const struct disk *d, struct error *err)
{
	if (!d->table->cut || d->partial)
		return 0;
	error_set(err, EBADMSG, "the image is cut short: it ends at byte %llu, before its last partition "
		  "(%s)", (unsigned long long)d->stored->size, d->table_warning.text);
	error_next(err, "Copy it again from where it came from, or show what there is with -o partial.");
	return -EBADMSG;
}

int disk_check_keys(struct disk *d, struct error *err, struct error *warning)
{
	const struct disk_volume *closed = first_closed(d);
	const struct key *unused = d->keys && !d->partial ? keyring_first_unused(d->keys) : NULL;
	int rc = check_whole(d, err);

	if (rc < 0)
		return rc;
	if (unused) {
		if (closed && (closed->why.code == EKEYREJECTED || closed->why.code == EBADMSG ||
			       closed->why.code == ENOTSUP)) {
			error_copy(err, &closed->why);
			name_volume(closed, err);
			error_object(err, "%s", unused->name);
			return -closed->why.code;
		}
		error_set(err, EKEYREJECTED, "this key opens no volume of the disk");
		if (closed)
			error_next(err, "%s", closed->why.next);
		else
			error_next(err, "The disk has no volume that it is for; leave it out, or use -o partial.");
		error_object(err, "%s", unused->name);
		return -EKEYREJECTED;
	}
	if (closed && !d->partial && d->keys && keyring_count(d->keys) && !any_opened(d)) {
		error_copy(err, &closed->why);
		name_volume(closed, err);
		return -closed->why.code;
	}
	if (closed && warning) {
		error_copy(warning, &closed->why);
		name_volume(closed, warning);
	} else if (d->table_warning.code) {
		error_copy(warning, &d->table_warning);
	}
	return 0;
}

size_t disk_n_views(const struct disk *d)
{
	return d->n_views;
}

const struct disk_view *disk_view_at(const struct disk *d, size_t i)
{
	return &d->view[i].pub;
}

static int refuse(const struct disk_volume *v, struct error *err)
{
	int code = v->state == DISK_LOCKED ? EACCES : v->why.code ? v->why.code : EIO;

	error_copy(err, &v->why);
	name_volume(v, err);
	if (err)
		err->code = code;
	return -code;
}

static struct blockdev *open_raw(struct disk *d, struct error *err)
{
	return d->over_raw ? blockdev_ref(d->over_raw)
			   : stack_decrypted(d->stored, d->table, d->vol, d->n_vols, err);
}

static struct blockdev *open_stored_vhd(struct disk *d, struct error *err)
{
	if (d->over_stored && d->vhd)
		return stack_footed(d->over_stored, d->source, err);
	if (d->over_stored)
		return stack_vhd(blockdev_ref(d->over_stored), d->id, err);
	return d->vhd ? blockdev_ref(d->source) : stack_vhd(blockdev_ref(d->stored), d->id, err);
}

static bool shows_whole(enum view_kind kind)
{
	return kind == VIEW_RAW || kind == VIEW_VHD || kind == VIEW_VHDX || kind == VIEW_VMDK;
}

static struct blockdev *open_vmdk(const struct disk *d, struct error *err)
{
	char text[VMDK_TEXT_MAX];
	size_t len = vmdk_descriptor(d->raw_size, d->id, text);
	char *copy = strndup(text, len);

	return copy ? mem_open(copy, len, err) : error_null(err, ENOMEM, "out of memory");
}

int disk_view_open(struct disk *d, size_t i, struct blockdev **out, struct error *err)
{
	const struct view *w = &d->view[i];
	const struct disk_volume *closed = NULL;
	struct blockdev *bd = NULL;

	if (w->kind == VIEW_PARTITION && w->vol->format != VOLUME_PLAIN && !w->vol->plain)
		closed = w->vol;
	if (shows_whole(w->kind) && !d->partial)
		closed = first_closed(d);
	if (closed)
		return refuse(closed, err);
	switch (w->kind) {
	case VIEW_RAW:
	case VIEW_VHD:
	case VIEW_VHDX:
		bd = open_raw(d, err);
		if (bd && w->kind == VIEW_VHD)
			bd = stack_vhd(bd, d->id, err);
		else if (bd && w->kind == VIEW_VHDX)
			bd = stack_vhdx(bd, d->id, err);
		break;
	case VIEW_VMDK:
		bd = open_vmdk(d, err);
		break;
	case VIEW_PARTITION:
		bd = open_volume(d, w->vol, err);
		break;
	case VIEW_LOGICAL:
		bd = stack_logical(open_volume(d, w->vol, err), w->vol->lvm, w->lv, err);
		break;
	case VIEW_STORED_RAW:
		bd = blockdev_ref(d->over_stored ? d->over_stored : d->stored);
		break;
	case VIEW_STORED_VHD:
		bd = open_stored_vhd(d, err);
		break;
	}
	if (!bd)
		return err && err->code ? -err->code : -ENOMEM;
	*out = bd;
	return 0;
}

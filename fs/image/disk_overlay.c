/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/disk_overlay.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/image/disk_private.h"
#include "fs/image/overlay_file.h"
#include "fs/image/stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SAMPLES 64u
#define SAMPLE_BYTES 4096u
#define END_BYTES 65536u
#define PARTITION_BYTES 8192u
#define STORED_VIEW "encrypted/disk.raw"
#define RAW_VIEW "disk.raw"

static int hash_number(struct sha256 *h, uint64_t n)
{
	uint8_t b[8];

	put_le64(b, n);
	return sha256_update(h, b, sizeof(b));
}

static int hash_range(struct sha256 *h, struct blockdev *bd, uint64_t off, size_t len)
{
	AUTO(free) uint8_t *buf = NULL;
	int rc;

	if (off >= bd->size)
		return 0;
	if (len > bd->size - off)
		len = (size_t)(bd->size - off);
	buf = malloc(len);
	if (!buf)
		return -ENOMEM;
	rc = blockdev_pread(bd, buf, len, off);
	return rc ? rc : sha256_update(h, buf, len);
}

static int hash_samples(struct sha256 *h, const struct disk *d)
{
	struct blockdev *bd = d->stored;
	uint64_t step = bd->size / (SAMPLES + 1) & ~(uint64_t)(SAMPLE_BYTES - 1);
	int rc = hash_range(h, bd, 0, END_BYTES);

	if (!rc && bd->size > END_BYTES)
		rc = hash_range(h, bd, bd->size - END_BYTES, END_BYTES);
	for (size_t i = 0; i < d->n_vols && !rc; i++)
		rc = hash_range(h, bd, d->vol[i].start, PARTITION_BYTES);
	for (unsigned i = 1; i <= SAMPLES && step && !rc; i++)
		rc = hash_range(h, bd, i * step, SAMPLE_BYTES);
	return rc;
}

/* Which bytes of disk.raw are plaintext is part of what it is. */
static int hash_volumes(struct sha256 *h, const struct disk *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->n_vols && !rc; i++) {
		const struct disk_volume *v = &d->vol[i];

		rc = hash_number(h, v->start);
		rc = rc ? rc : hash_number(h, v->header_bytes);
		rc = rc ? rc : hash_number(h, v->plain ? v->plain->size : 0);
	}
	return rc;
}

static int make_identity(const struct disk *d, bool raw, const char *identity, uint8_t out[32])
{
	static const char label[] = "adebackup overlay 1";
	AUTO(sha256_free) struct sha256 *h = sha256_new();
	int rc = h ? sha256_update(h, label, sizeof(label)) : -ENOMEM;

	rc = rc ? rc : hash_number(h, d->stored->size);
	rc = rc ? rc : hash_number(h, raw);
	if (!rc && identity)
		rc = sha256_update(h, identity, strlen(identity) + 1);
	else if (!rc)
		rc = hash_samples(h, d);
	if (!rc && raw)
		rc = hash_volumes(h, d);
	return rc ? rc : sha256_final(h, out);
}

static bool any_opened(const struct disk *d)
{
	for (size_t i = 0; i < d->n_vols; i++)
		if (d->vol[i].plain)
			return true;
	return false;
}

static int describe(const struct disk *d, bool raw, uint64_t size, const struct overlay_choice *c,
		    struct overlay_info *out, struct error *err)
{
	int rc;

	*out = (struct overlay_info){ .size = size, .made = (uint64_t)time(NULL),
				      .plaintext = raw && any_opened(d) };
	snprintf(out->view, sizeof(out->view), "%s", raw ? RAW_VIEW : STORED_VIEW);
	snprintf(out->base, sizeof(out->base), "%s", c->base);
	for (char *p = out->base; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (c->place == OVERLAY_TEMPORARY)	/* nobody will ever ask */
		return 0;
	rc = make_identity(d, raw, c->identity, out->id);
	return rc ? error_set(err, -rc, "the disk cannot be read to know it again: %s", strerror(-rc)) : 0;
}

/* FOLDER/BASE.disk.overlay; NULL: no memory. */
static char *name_in_folder(const struct overlay_choice *c, bool raw)
{
	char *path;
	size_t folder = strlen(c->path) + 1;

	if (asprintf(&path, "%s/%s.%s" OVERLAY_SUFFIX, c->path, c->base, raw ? "disk" : "encrypted") < 0)
		return NULL;
	for (char *p = path + folder; *p; p++)
		if (*p == '/')
			*p = '-';
	return path;
}

static struct overlay_file *open_existing(const char *path, const struct overlay_info *want, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = overlay_file_open(path, OVERLAY_READ, err);

	if (f && overlay_match(&f->info, want, err)) {
		error_object(err, "%s", path);
		return NULL;
	}
	return TAKE(f);
}

static struct overlay_file *open_file(const struct overlay_choice *c, const struct overlay_info *want,
				      bool raw, struct error *err)
{
	AUTO(free) char *path = NULL;

	if (c->place == OVERLAY_TEMPORARY)
		return overlay_file_temporary(want, err);
	path = c->place == OVERLAY_IN_FILE ? strdup(c->path) : name_in_folder(c, raw);
	if (!path)
		return error_null(err, ENOMEM, "out of memory");
	return c->read_only ? open_existing(path, want, err) : overlay_file_use(path, want, err);
}

/* Which of the two does a file hold?  0 or -errno. */
static int file_is_raw(const struct overlay_choice *c, bool *raw, struct error *err)
{
	AUTO(overlay_file_close) struct overlay_file *f = NULL;
	const char *view = c->view;

	if (!view && (c->read_only || access(c->path, F_OK) == 0)) {
		f = overlay_file_open(c->path, OVERLAY_READ, err);
		if (!f)
			return err && err->code ? -err->code : -EIO;
		view = f->info.view;
	}
	*raw = !view || !strcmp(view, RAW_VIEW);
	if (*raw || !strcmp(view, STORED_VIEW))
		return 0;
	error_set(err, EINVAL, "no overlay lies over the view %.64s", view);
	error_next(err, "overlays lie over " RAW_VIEW " and " STORED_VIEW);
	return -EINVAL;
}

static size_t find_view(const struct disk *d, enum view_kind kind)
{
	size_t i = 0;

	while (d->view[i].kind != kind)
		i++;
	return i;
}

static void mark_writable(struct disk *d, bool raw)
{
	for (size_t i = 0; i < d->n_views; i++) {
		struct view *w = &d->view[i];

		if (raw)
			w->pub.writable |= w->kind == VIEW_RAW || w->kind == VIEW_VHD ||
					   w->kind == VIEW_PARTITION;
		else
			w->pub.writable |= w->kind == VIEW_STORED_RAW ||
					   (w->kind == VIEW_STORED_VHD && !d->vhd);
	}
}

static int lay_over(struct disk *d, bool raw, const struct overlay_choice *c, bool *plaintext,
		    struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *lower = NULL;
	struct blockdev **over = raw ? &d->over_raw : &d->over_stored;
	struct overlay_info want;
	int rc = disk_view_open(d, find_view(d, raw ? VIEW_RAW : VIEW_STORED_RAW), &lower, err);

	if (rc && c->place != OVERLAY_IN_FILE) {	/* locked, and says so itself */
		error_clear(err);
		return 0;
	}
	rc = rc ? rc : describe(d, raw, lower->size, c, &want, err);
	if (rc)
		return rc;
	*over = stack_overlay(TAKE(lower), open_file(c, &want, raw, err), err);
	if (!*over)
		return err && err->code ? -err->code : -EIO;
	*plaintext |= want.plaintext;
	if (!c->read_only)
		mark_writable(d, raw);
	return 0;
}

int disk_overlay(struct disk *d, const struct overlay_choice *c, bool *plaintext, struct error *err)
{
	struct error none = ERROR_INIT;
	bool raw = true;
	int rc;

	err = err ? err : &none;
	*plaintext = false;
	if (c->place == OVERLAY_IN_FILE) {
		rc = file_is_raw(c, &raw, err);
		return rc ? rc : lay_over(d, raw, c, plaintext, err);
	}
	rc = lay_over(d, true, c, plaintext, err);
	return rc ? rc : lay_over(d, false, c, plaintext, err);
}

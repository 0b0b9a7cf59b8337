/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached LUKS headers.  Which partition a header belongs to is written
 * nowhere: it is one that carries no signature of its own, and after
 * unlocking its plaintext must show a file system or LVM.
 */
#include "crypto/luks/luks.h"
#include "fs/image/bootfile.h"
#include "fs/image/disk_private.h"
#include "fs/image/file.h"
#include "fs/image/slice.h"
#include "fs/image/stack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 8		/* on one boot partition */
#define BOOT_MAX (4ull << 30)
#define SMALLEST (16ull << 20)		/* no root file system is smaller */

uint64_t detached_accept(struct blockdev *bd)
{
	struct reader r = reader_over(bd);
	AUTO(luks_free) struct luks *l = luks_open(&r, NULL);

	return l ? luks_info(l)->header_len : 0;
}

/* A header that the user names may go with data of any size. */
static bool is_candidate(const struct disk_volume *v, bool named)
{
	return v->format == VOLUME_PLAIN && !v->what[0] && (named || v->size >= SMALLEST);
}

/* The largest candidate that was not tried yet. */
static struct disk_volume *next_candidate(struct disk *d, const struct disk_volume *before,
					  bool named)
{
	struct disk_volume *best = NULL;

	for (size_t i = 0; i < d->n_vols; i++) {
		struct disk_volume *v = &d->vol[i];

		if (!is_candidate(v, named) || (before && (v->size > before->size ||
						    (v->size == before->size && v <= before))))
			continue;
		if (!best || v->size > best->size)
			best = v;
	}
	return best;
}

/* What a header came to: the volume that it is for, and what becomes of it. */
struct finding {
	struct disk_volume *v;		/* NULL: nothing that it could be for */
	struct disk_volume as;
};

static bool is_open(const struct finding *f)
{
	return f->v && f->as.state == DISK_OPEN;
}

static void commit(const struct finding *f)
{
	if (f->v)
		*f->v = f->as;
}

/* Open v by the header; true when that is settled, one way or the other. */
static bool try_candidate(struct disk *d, struct disk_volume *v, struct blockdev *header,
			  bool only_one, struct unlock_context *ctx, struct finding *f)
{
	struct disk_volume t = *v;
	AUTO(blockdev_unref) struct blockdev *container =
		stack_partition(d->stored, v->start, v->size, NULL);

	if (!container)
		return false;
	luks_volume_open(&t, header, container, ctx);
	if (t.state == DISK_OPEN && !t.inside[0] && !only_one) {
		disk_volume_release(&t);	/* opened into noise: not its data */
		return false;
	}
	t.header_bytes = 0;			/* nothing in front of this data */
	*f = (struct finding){ v, t };
	return true;
}

static struct finding use_header(struct disk *d, struct blockdev *header, const char *from,
				 bool named, struct unlock_context *ctx)
{
	struct disk_volume *first = next_candidate(d, NULL, named), *v = first;
	bool only_one = named && first && !next_candidate(d, first, named), settled = false;
	struct finding f = { 0 };

	for (; v && !settled; v = next_candidate(d, v, named))
		settled = try_candidate(d, v, header, only_one, ctx, &f);
	if (first && !settled) {
		struct error why = ERROR_INIT;

		error_set(&why, EBADMSG, "a LUKS header was found (%s), but no partition decrypts to a "
			  "file system with it", from);
		error_next(&why, "Name the right header with header=FILE[@OFFSET].");
		f = (struct finding){ first, *first };
		f.as.format = VOLUME_LUKS;
		volume_failed(&f.as, &why);
	}
	f.as.what = "luks";
	snprintf(f.as.header_from, sizeof(f.as.header_from), "%s", from);
	return f;
}

/* header=FILE[@OFFSET] */
static int open_named(const char *spec, struct blockdev **out, struct error *err)
{
	const char *at = strrchr(spec, '@');
	AUTO(free) char *path = NULL;
	uint64_t off = 0;
	char *end = NULL;
	struct blockdev *bd;

	if (at && at[1]) {
		off = strtoull(at + 1, &end, 0);
		if (*end)
			at = NULL;
	}
	path = at && at[1] ? strndup(spec, (size_t)(at - spec)) : strdup(spec);
	if (!path)
		return error_set(err, ENOMEM, "out of memory");
	bd = file_open(path, err);
	if (!bd)
		return -err->code;
	if (off > bd->size) {
		blockdev_unref(bd);
		error_set(err, EINVAL, "the header's offset lies behind the file's end");
		error_object(err, "%s", path);
		return -EINVAL;
	}
	*out = slice_open(bd, off, bd->size - off, err);
	if (!*out)
		return -ENOMEM;
	if (detached_accept(*out) == 0) {
		struct reader r = reader_over(*out);

		luks_free(luks_open(&r, err));	/* for its words */
		error_object(err, "%s", path);
		blockdev_unref(*out);
		return err->code ? -err->code : -EBADMSG;
	}
	return 0;
}

static int use_named(struct disk *d, struct unlock_context *ctx, struct error *err)
{
	struct error local = ERROR_INIT;

	for (size_t i = 0; i < ctx->opts->n_headers; i++) {
		struct blockdev *header = NULL;
		int rc = open_named(ctx->opts->headers[i], &header, &local);
		struct finding f;

		if (rc < 0) {
			error_copy(err, &local);
			return rc;
		}
		f = use_header(d, header, ctx->opts->headers[i], true, ctx);
		commit(&f);
		blockdev_unref(header);
	}
	return 0;
}

/* The headers on one boot partition: the first that opens something, else
 * what the first of them came to. */
static void use_boot(struct disk *d, const struct disk_volume *boot, struct unlock_context *ctx)
{
	AUTO(blockdev_unref) struct blockdev *part =
		stack_partition(d->stored, boot->start, boot->size, NULL);
	struct finding first = { 0 };
	uint64_t at = 0;

	for (int n = 0; part && n < HEADERS_MAX; n++) {
		char where[64], from[96];
		AUTO(blockdev_unref) struct blockdev *header =
			bootfile_find_next(part, &at, detached_accept, where, sizeof(where), NULL);
		struct finding f;

		if (!header)
			break;
		snprintf(from, sizeof(from), "partition %u: %s", boot->n, where);
		f = use_header(d, header, from, false, ctx);
		if (!first.v || is_open(&f))
			first = f;
		if (is_open(&f))
			break;
	}
	commit(&first);
}

bool detached_wanted(struct disk *d)
{
	return next_candidate(d, NULL, false) != NULL;
}

void detached_use(struct disk *d, struct blockdev *header, const char *from, struct unlock_context *ctx)
{
	struct finding f = use_header(d, header, from, false, ctx);

	if (is_open(&f))
		commit(&f);
}

/* What ADE meets as /boot.  xfs is searched block by block, so not a large one. */
static bool may_hold_header(const struct disk_volume *v)
{
	if (v->format != VOLUME_PLAIN)
		return false;
	return !strcmp(v->what, "ext2") || !strcmp(v->what, "ext3") || !strcmp(v->what, "ext4") ||
	       ((!strcmp(v->what, "xfs") || !strcmp(v->what, "btrfs")) && v->size <= BOOT_MAX);
}

int detached_open(struct disk *d, struct unlock_context *ctx, struct error *err)
{
	int rc = use_named(d, ctx, err);

	for (size_t i = 0; i < d->n_vols && rc == 0; i++)
		if (may_hold_header(&d->vol[i]) && next_candidate(d, NULL, false))
			use_boot(d, &d->vol[i], ctx);
	if (rc == 0)
		family_open(d, ctx);
	return rc;
}

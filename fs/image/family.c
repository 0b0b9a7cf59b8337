/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS headers that lie on another disk of the VM.  An older ADE put the
 * header of a data disk that it encrypted in place into the OS volume:
 * /var/lib/azure_disk_encryption_config/azureluksheaderNAME.
 */
#include "fs/image/bootfile.h"
#include "fs/image/disk_private.h"
#include "fs/image/fstype.h"

#include <stdio.h>
#include <string.h>

#define FOLDER "/var/lib/azure_disk_encryption_config"
#define PREFIX "azureluksheader"
#define SCAN_MAX (4ull << 30)		/* file systems that are searched block by block */
#define SCANNED 16

struct search {
	struct disk *d;			/* whose header is wanted */
	struct unlock_context *ctx;
	const char *disk;		/* where we look */
};

static int try_file(void *arg, struct blockdev *file, const char *name)
{
	struct search *s = arg;
	char from[96];

	if (!detached_accept(file))
		return 0;
	snprintf(from, sizeof(from), "disk %.20s: %.60s", s->disk, name);
	detached_use(s->d, file, from, s->ctx);
	return !detached_wanted(s->d);
}

/* Other file systems than ext hold it somewhere. */
static void scan(struct search *s, struct blockdev *bd)
{
	uint64_t at = 0;

	for (int n = 0; n < SCANNED && detached_wanted(s->d); n++) {
		char where[64];
		struct blockdev *header = bootfile_find_next(bd, &at, detached_accept, where, sizeof(where), NULL);

		if (!header)
			return;
		try_file(s, header, where);
		blockdev_unref(header);
	}
}

static void look_into(struct search *s, struct blockdev *bd)
{
	const char *what = fstype_detect(bd);

	if (what && (!strcmp(what, "ext2") || !strcmp(what, "ext3") || !strcmp(what, "ext4")))
		bootfile_each_ext(bd, FOLDER, PREFIX, try_file, s);
	else if (what && (!strcmp(what, "xfs") || !strcmp(what, "btrfs")) && bd->size <= SCAN_MAX)
		scan(s, bd);
}

/* Every volume and logical volume of it that is not locked. */
static void look_on(struct search *s, struct disk *other)
{
	for (size_t i = 0; i < other->n_views && detached_wanted(s->d); i++) {
		enum view_kind kind = other->view[i].kind;
		struct blockdev *bd = NULL;

		if (kind != VIEW_PARTITION && kind != VIEW_LOGICAL && !(kind == VIEW_RAW && !other->table->n_parts))
			continue;
		if (disk_view_open(other, i, &bd, NULL) == 0)
			look_into(s, bd);
		blockdev_unref(bd);
	}
}

void family_open(struct disk *d, struct unlock_context *ctx)
{
	const struct disk_family *f = ctx->opts->family;

	for (size_t i = 0; f && i < f->n && detached_wanted(d); i++) {
		struct search s = { .d = d, .ctx = ctx, .disk = f->name(f->arg, i) };
		struct disk *other = f->open(f->arg, i, NULL);

		if (other)
			look_on(&s, other);
		disk_unref(other);
	}
}

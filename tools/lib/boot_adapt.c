/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_adapt.h"
#include "fs/image/bootcfg.h"
#include "fs/image/file.h"
#include "fs/image/fstype.h"
#include "fs/image/partitions.h"
#include "fs/image/slice.h"
#include "tools/lib/boot_fs.h"

#include <errno.h>
#include <string.h>

static const char *const grub_files[] = {
	"/grub/grub.cfg", "/boot/grub/grub.cfg", "/grub2/grub.cfg", "/boot/grub2/grub.cfg",
};
static const char *const bls_folders[] = { "/loader/entries", "/boot/loader/entries" };

struct job {
	struct boot_fs *fs;
	unsigned partition;
	bool write;
	FILE *changes;
	uint8_t *initramfs;		/* owned */
	size_t initramfs_len;
	unsigned entries;		/* that load ours, now */
	char placed[160];		/* where ours was put in this file system */
};

static int place_initramfs(struct job *j, const char *dir, struct error *err)
{
	char path[160];
	int rc = 0;

	snprintf(path, sizeof(path), "%s/" ADAPT_FILE, dir);
	if (!strcmp(path, j->placed))
		return 0;
	if (j->write)
		rc = boot_fs_write(j->fs, path, j->initramfs, j->initramfs_len, err);
	if (rc)
		return rc;
	snprintf(j->placed, sizeof(j->placed), "%s", path);
	fprintf(j->changes, "partition %u: %s is added, a second initramfs\n", j->partition, path);
	return 0;
}

static int apply(struct job *j, const char *path, const struct bootcfg_edit *e, struct error *err)
{
	int rc = e->entries ? place_initramfs(j, e->dir, err) : 0;

	if (rc || !e->changed) {
		j->entries += rc ? 0 : e->entries;
		return rc;
	}
	if (j->write)
		rc = boot_fs_write(j->fs, path, e->text, e->len, err);
	if (rc)
		return rc;
	j->entries += e->entries;
	fprintf(j->changes, "partition %u: %s loads it in front of the guest's own, in %u place%s\n", j->partition,
		path, e->changed, e->changed == 1 ? "" : "s");
	return 0;
}

/* A file that is not there, or too strange, is none of ours. */
static int edit(struct job *j, enum bootcfg_kind kind, const char *path, struct error *err)
{
	struct error why = ERROR_INIT;
	struct bootcfg_edit e;
	size_t len = 0;
	AUTO(free) char *text = boot_fs_read(j->fs, path, &len, &why);
	int rc = text ? bootcfg_add_initrd(kind, text, len, ADAPT_FILE, &e) : 1;

	if (rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	if (rc)
		return 0;
	rc = apply(j, path, &e, err);
	free(e.text);
	return rc;
}

static int edit_entries(struct job *j, const char *folder, struct error *err)
{
	struct error why = ERROR_INIT;
	AUTO(free) char *names = boot_fs_list(j->fs, folder, ".conf", &why);
	char path[300], *at = names, *name;
	int rc = 0;

	while (!rc && (name = strsep(&at, "\n"))) {
		if (!*name)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, name);
		rc = edit(j, BOOTCFG_BLS, path, err);
	}
	return rc;
}

static int edit_all(struct job *j, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(grub_files) / sizeof(grub_files[0]); i++)
		rc = edit(j, BOOTCFG_GRUB, grub_files[i], err);
	for (size_t i = 0; !rc && i < sizeof(bls_folders) / sizeof(bls_folders[0]); i++)
		rc = edit_entries(j, bls_folders[i], err);
	return rc;
}

/* First what is there, which changes nothing; a journal that is not replayed may hold newer. */
static int edit_here(struct job *j, struct error *err)
{
	FILE *nowhere = fopen("/dev/null", "we");
	struct job look = *j;
	bool replayed = false;
	int rc;

	if (!nowhere)
		return error_set(err, errno, "/dev/null: %s", strerror(errno));
	look.write = false;
	look.changes = nowhere;
	rc = edit_all(&look, err);
	fclose(nowhere);
	if (rc || look.entries == j->entries)
		return rc;
	if (j->write)
		rc = boot_fs_replay(j->fs, &replayed, err);
	if (rc)
		return rc;
	if (replayed)
		fprintf(j->changes, "partition %u: its journal is replayed by e2fsck\n", j->partition);
	return edit_all(j, err);
}

static int look_at(struct job *j, const char *image, struct blockdev *disk, const struct partition *p,
		   const char *work, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *part = slice_open(blockdev_ref(disk), p->start, p->size, NULL);
	const char *holds = part ? fstype_detect(part) : NULL;
	int rc;

	if (!holds || (strcmp(holds, "xfs") && strcmp(holds, "ext2") && strcmp(holds, "ext3") && strcmp(holds, "ext4")))
		return 0;
	j->fs = boot_fs_open(image, p->start, p->size, holds, work, err);
	if (!j->fs)
		return error_prefix(err, -err->code, "partition %u", p->n);
	j->partition = p->n;
	j->placed[0] = '\0';
	rc = edit_here(j, err);
	boot_fs_close(j->fs);
	return rc;
}

static int look_at_all(struct job *j, const char *image, const char *work, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *disk = file_open(image, err);
	AUTO(partitions_free) struct partition_table *t = NULL;
	struct error why = ERROR_INIT;
	int rc = disk ? partitions_read(disk, &t, err, NULL) : -err->code;

	for (size_t i = 0; !rc && i < t->n_parts; i++)
		if (look_at(j, image, disk, &t->part[i], work, &why) && !j->entries)
			*err = why;
	if (rc || j->entries)
		return rc;
	if (err->code)
		return -err->code;
	error_set(err, ENOENT, "no boot loader configuration that loads an initramfs was found");
	error_next(err, "the guest is started as it is; it may wait for disks named as in Azure");
	return 1;
}

int boot_adapt(const char *image, const struct adapt *a, const char *work, bool write, FILE *changes,
	       struct error *err)
{
	struct job j = { .write = write, .changes = changes };
	AUTO(free) char *words = adapt_describe(a);
	int rc = words ? adapt_initramfs(a, &j.initramfs, &j.initramfs_len) : -ENOMEM;

	if (rc)
		return error_set(err, -rc, "the second initramfs cannot be made: %s", strerror(-rc));
	rc = look_at_all(&j, image, work, err);
	free(j.initramfs);
	if (!rc)
		fprintf(changes, "in the started guest:\n%s", words);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_drivers.h"
#include "fs/image/bootcfg.h"
#include "fs/image/cpio_names.h"
#include "fs/image/file.h"
#include "fs/image/fstype.h"
#include "fs/image/partitions.h"
#include "fs/image/slice.h"
#include "tools/lib/boot_fs.h"
#include "tools/lib/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DONE 2		/* nothing more is to be learned */

static const char *const grub_files[] = {
	"/grub/grub.cfg", "/boot/grub/grub.cfg", "/grub2/grub.cfg", "/boot/grub2/grub.cfg",
};
static const char *const bls_folders[] = { "/loader/entries", "/boot/loader/entries" };

/* An initramfs: archives that are not packed, then one that may be. */
struct reading {
	struct drivers *d;
	enum machine_bus bus;
	struct cpio_names plain, packed;
	char head[UNPACK_MAGIC];	/* of what is packed */
	size_t n_head;			/* 0: not come to it */
	struct unpack *unpack;		/* owned; NULL: head is not whole */
	struct error *why;
};

static bool knows_enough(const struct drivers *d, enum machine_bus bus)
{
	return drivers_settled(d) || drivers_of_bus(d, bus) == DRIVER_THERE;
}

static int see(void *arg, const char *name)
{
	struct reading *r = arg;

	drivers_see(r->d, name);
	return knows_enough(r->d, r->bus) ? DONE : 0;
}

/* Behind the archive that is packed nothing is looked for. */
static int take_unpacked(void *arg, const void *data, size_t len)
{
	struct reading *r = arg;
	size_t used;
	int rc = cpio_names_feed(&r->packed, data, len, &used);

	return rc == CPIO_NAMES_FOREIGN && used < len ? -EBADMSG : rc;
}

static int take_packed(struct reading *r, const char *data, size_t len)
{
	int rc = 0;

	for (; len && r->n_head < sizeof(r->head); len--)
		r->head[r->n_head++] = *data++;
	if (r->n_head == sizeof(r->head) && !r->unpack) {
		r->unpack = unpack_start(r->head, r->n_head, take_unpacked, r, r->why);
		rc = r->unpack ? unpack_feed(r->unpack, r->head, r->n_head) : -r->why->code;
	}
	return !rc && len ? unpack_feed(r->unpack, data, len) : rc;
}

static int take_piece(void *arg, const void *data, size_t len)
{
	struct reading *r = arg;
	size_t used = 0;
	int rc = r->n_head ? CPIO_NAMES_FOREIGN : cpio_names_feed(&r->plain, data, len, &used);

	return rc == CPIO_NAMES_FOREIGN && used < len ? take_packed(r, (const char *)data + used, len - used) : rc;
}

static int read_initramfs(struct boot_fs *fs, const char *path, enum machine_bus bus, struct drivers *d,
			  struct error *why)
{
	struct reading r = { .d = d, .bus = bus, .why = why };
	int rc;

	cpio_names_init(&r.plain, see, &r);
	cpio_names_init(&r.packed, see, &r);
	rc = boot_fs_stream(fs, path, take_piece, &r, why);
	if (!rc && r.n_head)
		rc = r.unpack ? unpack_end(r.unpack) : -EBADMSG;
	unpack_free(r.unpack);
	if (!rc && !(cpio_names_whole(&r.plain) && cpio_names_whole(&r.packed)))
		rc = -EBADMSG;
	if (!rc)
		drivers_seen_all(d);
	if (rc >= 0)
		return 0;
	if (!why->code)
		error_set(why, -rc, "it cannot be understood");
	return error_prefix(why, -why->code, "%s", path);
}

/* /boot/config-6.1 of /boot/vmlinuz-6.1; with none the initramfs alone tells. */
static void read_config(struct boot_fs *fs, const char *kernel, struct drivers *d)
{
	const char *name = strrchr(kernel, '/'), *version = name ? strchr(name, '-') : NULL;
	char path[200];
	size_t len = 0;
	AUTO(free) char *text = NULL;

	if (!version)
		return;
	snprintf(path, sizeof(path), "%.*s/config%s", (int)(name - kernel), kernel, version);
	text = boot_fs_read(fs, path, &len, NULL);
	if (text)
		drivers_read_config(d, text, len);
}

static bool entry_of(struct boot_fs *fs, enum bootcfg_kind kind, const char *path, struct bootcfg_entry *e)
{
	size_t len = 0;
	AUTO(free) char *text = boot_fs_read(fs, path, &len, NULL);

	return text && bootcfg_entry(kind, text, len, e);
}

/* The newest by its name, which begins with the machine's id, as GRUB sorts them; a rescue is the last choice. */
static bool newest_entry(struct boot_fs *fs, const char *folder, struct bootcfg_entry *e)
{
	AUTO(free) char *names = boot_fs_list(fs, folder, ".conf", NULL);
	char path[300], *at = names, *name, *best = NULL;

	while ((name = strsep(&at, "\n")))
		if (*name && (!best || (strstr(best, "-rescue") && !strstr(name, "-rescue")) ||
			      (!strstr(name, "-rescue") && strverscmp(name, best) > 0)))
			best = name;
	if (!best)
		return false;
	snprintf(path, sizeof(path), "%s/%s", folder, best);
	return entry_of(fs, BOOTCFG_BLS, path, e);
}

static bool find_entry(struct boot_fs *fs, struct bootcfg_entry *e)
{
	for (size_t i = 0; i < sizeof(grub_files) / sizeof(grub_files[0]); i++)
		if (entry_of(fs, BOOTCFG_GRUB, grub_files[i], e))
			return true;
	for (size_t i = 0; i < sizeof(bls_folders) / sizeof(bls_folders[0]); i++)
		if (newest_entry(fs, bls_folders[i], e))
			return true;
	return false;
}

/* DONE: this is where it starts from. */
static int look_at(const char *image, struct blockdev *disk, const struct partition *p, const char *work,
		   enum machine_bus bus, struct drivers *d, struct error *why)
{
	AUTO(blockdev_unref) struct blockdev *part = slice_open(blockdev_ref(disk), p->start, p->size, NULL);
	const char *holds = part ? fstype_detect(part) : NULL;
	AUTO(boot_fs_close) struct boot_fs *fs = NULL;
	struct bootcfg_entry e;
	int rc;

	if (!holds || (strcmp(holds, "xfs") && strcmp(holds, "ext2") && strcmp(holds, "ext3") && strcmp(holds, "ext4")))
		return 0;
	fs = boot_fs_open_read_only(image, p->start, p->size, holds, work, why);
	if (!fs || !find_entry(fs, &e))
		return 0;
	error_clear(why);
	read_config(fs, e.kernel, d);
	rc = knows_enough(d, bus) ? 0 : read_initramfs(fs, e.initrd, bus, d, why);
	return rc ? rc : DONE;
}

int boot_drivers_look(const char *image, const char *work, enum machine_bus bus, struct drivers *d,
		      struct error *why)
{
	AUTO(blockdev_unref) struct blockdev *disk = file_open(image, why);
	AUTO(partitions_free) struct partition_table *t = NULL;
	int rc;

	*d = (struct drivers){ 0 };
	rc = disk ? partitions_read(disk, &t, why, NULL) : -why->code;
	for (size_t i = 0; !rc && i < t->n_parts; i++)
		rc = look_at(image, disk, &t->part[i], work, bus, d, why);
	if (rc || why->code)
		return rc > 0 ? 0 : -why->code;
	return error_set(why, ENOENT, "no boot loader's entry was found on its disk");
}

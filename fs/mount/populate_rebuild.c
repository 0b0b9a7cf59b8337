/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate_rebuild.h"
#include "fs/azure/rebuild.h"
#include "fs/image/guestos.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Names "os" and "lunN" say what a disk is. */
static void name_role(struct rebuild_disk *d, const char *folder)
{
	char *end;
	unsigned long lun;

	d->role = !*folder || !strcmp(folder, "os") ? MACHINE_OS_DISK : MACHINE_DATA_DISK;
	d->lun = -1;
	if (strncmp(folder, "lun", 3) || folder[3] < '0' || folder[3] > '9')
		return;
	lun = strtoul(folder + 3, &end, 10);
	if (!*end && lun < MACHINE_DISKS_MAX)
		d->lun = (int)lun;
}

static bool is_taken(const struct rebuild *r, int lun)
{
	for (size_t i = 0; i < r->n_disks; i++)
		if (r->disk[i].role == MACHINE_DATA_DISK && r->disk[i].lun == lun)
			return true;
	return false;
}

/* Data disks of other names get the LUNs that are free. */
static void give_luns(struct rebuild *r)
{
	for (size_t i = 0; i < r->n_disks; i++)
		for (int lun = 0; r->disk[i].role == MACHINE_DATA_DISK && r->disk[i].lun < 0; lun++)
			if (!is_taken(r, lun))
				r->disk[i].lun = lun;
}

static int view_open(struct disk *d, const char *name, struct blockdev **out)
{
	for (size_t i = 0; i < disk_n_views(d); i++)
		if (!strcmp(disk_view_at(d, i)->name, name))
			return disk_view_open(d, i, out, NULL);
	return -ENOENT;
}

static bool is_locked(struct disk *d)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;

	return view_open(d, "disk.raw", &bd) < 0;
}

static int by_place(const void *a, const void *b)
{
	const struct rebuild_disk *x = a, *y = b;

	return x->role != y->role ? (int)x->role - (int)y->role : x->lun - y->lun;
}

/* *os: the disk that starts the VM, borrowed; NULL: it does not open. */
static void take_disks(struct rebuild *r, const struct rebuild_source *src, struct node *folder, struct disk **os)
{
	struct rebuild_place place;
	struct disk *first = NULL;

	*os = NULL;
	for (size_t i = 0; r->n_disks < MACHINE_DISKS_MAX && src->disk(folder, i, &place); i++) {
		struct rebuild_disk *d = &r->disk[r->n_disks++];

		name_role(d, place.folder);
		snprintf(d->folder, sizeof(d->folder), "%s", place.folder);
		d->size = place.size;
		d->locked = !place.disk || is_locked(place.disk);
		first = i ? first : place.disk;
		if (d->role == MACHINE_OS_DISK)
			*os = place.disk;
	}
	give_luns(r);
	if (r->n_disks)
		qsort(r->disk, r->n_disks, sizeof(*r->disk), by_place);
	if (!r->n_disks || r->disk[0].role == MACHINE_OS_DISK)
		return;
	r->disk[0].role = MACHINE_OS_DISK;	/* none is called so: the first is it */
	r->disk[0].lun = -1;
	*os = first;
}

/* The boot records are never encrypted. */
static bool look(struct disk *os, struct guestos *g)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	AUTO(partitions_free) struct partition_table *t = NULL;

	return os && !view_open(os, "encrypted/disk.raw", &bd) && !partitions_read(bd, &t, NULL, NULL) &&
	       !guestos_look(bd, t, g, NULL);
}

/* The description counts, then what is on the disk, then what is most likely. */
static void decide(struct rebuild *r, struct disk *os)
{
	struct guestos g = { 0 };
	bool seen = look(os, &g);
	unsigned generation = r->vm->generation ? r->vm->generation : guestos_generation(&g);

	r->bootable = !seen || g.bios_code || g.efi_loader;
	r->generation = generation == 2 ? MACHINE_GEN2 : MACHINE_GEN1;
	r->os = MACHINE_LINUX;
	if (r->vm->os == VM_OS_WINDOWS || (!r->vm->os && g.windows))
		r->os = MACHINE_WINDOWS;
	snprintf(r->why, sizeof(r->why), "the system %s, the generation %s",
		 r->vm->os ? "by the VM's description" : seen ? "by what is on the disk" : "is a guess",
		 r->vm->generation ? "by the VM's description" :
		 generation ? "by the disk's boot records" : "is a guess");
}

/* The path of a folder of the tree where it is mounted. */
static char *path_of(const struct node *folder, const char *dir)
{
	AUTO(free) char *above = NULL;
	char *path = NULL;

	if (folder->parent == folder)
		return strdup(dir);
	above = path_of(folder->parent, dir);
	if (!above || asprintf(&path, "%s/%s", above, folder->name) < 0)
		return NULL;
	return path;
}

/* A form that this VM cannot have is left out, and named. */
static int add_file(struct node *folder, const struct rebuild *r, enum rebuild_file which, struct error *err)
{
	struct error why = ERROR_INIT;
	char *text = rebuild_text(r, which, &why), *name = NULL;
	int rc;

	if (text)
		return tree_add_text(folder, rebuild_file_name(which), text, strlen(text), err) ? 0 : -ENOMEM;
	if (why.code != EINVAL || asprintf(&name, "%s.NOT-WRITTEN.txt", rebuild_file_name(which)) < 0)
		return error_set(err, ENOMEM, "out of memory");
	if (asprintf(&text, "%s\n%s%s", why.text, why.next, why.next[0] ? "\n" : "") < 0)
		text = NULL;
	rc = tree_add_text(folder, name, text, text ? strlen(text) : 0, err) ? 0 : -ENOMEM;
	free(name);
	return rc;
}

static int fill_rebuild(struct node *folder, struct error *err)
{
	const struct rebuild_source *src = folder->ctx;
	AUTO(vm_model_free) struct vm_model *vm = vm_model_new(src->vm_config, err);
	AUTO(free) char *images = path_of(folder->parent, src->dir);
	AUTO(free) struct rebuild *r = calloc(1, sizeof(*r));
	struct disk *os;
	int rc = 0;

	if (!vm || !images || !r)
		return error_set(err, ENOMEM, "out of memory");
	snprintf(r->title, sizeof(r->title), "%s", src->title);
	r->vm = vm;
	r->images = images;
	r->encrypted = src->encrypted;
	take_disks(r, src, folder->parent, &os);
	decide(r, os);
	for (int i = 0; i < REBUILD_N_FILES && rc == 0; i++)
		rc = add_file(folder, r, i, err);
	return rc;
}

bool rebuild_place_fill(struct node *n, uint64_t size, struct disk *const *disk, struct rebuild_place *out)
{
	*out = (struct rebuild_place){ .folder = n->name, .size = size };
	if (node_fill(n, NULL) == 0)
		out->disk = *disk;
	if (out->disk && disk_n_views(out->disk))
		out->size = disk_view_at(out->disk, 0)->size;
	return true;
}

static const struct node_ops rebuild_ops = { .fill = fill_rebuild };

/* const is given back in fill_rebuild(). */
int populate_rebuild(struct node *folder, const struct rebuild_source *src, struct error *err)
{
	return tree_add_folder(folder, REBUILD_FOLDER, &rebuild_ops, (void *)(uintptr_t)src, err) ? 0 : -ENOMEM;
}

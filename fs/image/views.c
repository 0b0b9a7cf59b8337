/* SPDX-License-Identifier: Apache-2.0 */
/* The list of a disk's views. */
#include "fs/image/disk_private.h"
#include "fs/image/vhd.h"
#include "fs/image/vhdx.h"
#include "fs/image/vmdk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME_MAX 255

static int add_view(struct disk *d, enum view_kind kind, struct disk_volume *v, uint64_t size,
		    const char *name)
{
	struct view *w = realloc(d->view, (d->n_views + 1) * sizeof(*w));

	if (!w)
		return -ENOMEM;
	d->view = w;
	w = &d->view[d->n_views];
	*w = (struct view){ .kind = kind, .vol = v, .name = strdup(name) };
	if (!w->name)
		return -ENOMEM;
	w->pub = (struct disk_view){ .name = w->name, .size = size };
	d->n_views++;
	return 0;
}

uint64_t disk_vhd_size(uint64_t size)
{
	return vhd_padded_size(size) + VHD_FOOTER_BYTES;
}

static int add_partitions(struct disk *d)
{
	int rc = 0;

	for (size_t i = 0; i < d->n_vols && rc == 0; i++) {
		struct disk_volume *v = &d->vol[i];
		char name[32];

		if (!v->n)
			continue;
		snprintf(name, sizeof(name), "p%u.raw", v->n);
		rc = add_view(d, VIEW_PARTITION, v, v->plain ? v->plain->size : v->size, name);
	}
	return rc;
}

static bool name_is_free(const struct disk *d, const char *name)
{
	if (!strcmp(name, "bek-volume.raw"))
		return false;
	for (size_t i = 0; i < d->n_views; i++)
		if (!strcmp(d->view[i].name, name))
			return false;
	return true;
}

/* "vg-lv.raw"; where that is taken (a-b of c, a of b-c; a group of the same
 * name on another partition), "vg-lv-p2.raw", "vg-lv-p2-2.raw". */
static int add_logical(struct disk *d, struct disk_volume *v, struct lvm_lv *lv)
{
	char name[2 * LVM_NAME_MAX + 64];
	int rc;

	snprintf(name, sizeof(name), "%s-%s.raw", v->lvm->vg, lv->name);
	if (!name_is_free(d, name))
		snprintf(name, sizeof(name), "%s-%s-p%u.raw", v->lvm->vg, lv->name, v->n);
	for (unsigned i = 2; !name_is_free(d, name); i++)
		snprintf(name, sizeof(name), "%s-%s-p%u-%u.raw", v->lvm->vg, lv->name, v->n, i);
	if (strlen(name) > FILE_NAME_MAX) {
		snprintf(lv->reason, sizeof(lv->reason), "its name is too long for a file");
		return 0;
	}
	rc = add_view(d, VIEW_LOGICAL, v, lv->size, name);
	if (rc == 0)
		d->view[d->n_views - 1].lv = lv;
	return rc;
}

static int add_logicals(struct disk *d)
{
	for (size_t i = 0; i < d->n_vols; i++) {
		struct disk_volume *v = &d->vol[i];

		for (size_t k = 0; v->lvm && k < v->lvm->n_lvs; k++)
			if (v->lvm->lv[k].visible && !v->lvm->lv[k].reason[0] &&
			    add_logical(d, v, &v->lvm->lv[k]) < 0)
				return -ENOMEM;
	}
	return 0;
}

int disk_list_views(struct disk *d)
{
	uint64_t stored = d->stored->size, raw = stored;
	char vmdk[VMDK_TEXT_MAX];
	int rc;

	if (d->n_vols == 1 && d->vol[0].n == 0 && d->vol[0].plain)
		raw = d->vol[0].plain->size;
	d->raw_size = raw;
	rc = add_view(d, VIEW_RAW, NULL, raw, "disk.raw");
	if (rc == 0)
		rc = add_view(d, VIEW_VHD, NULL, disk_vhd_size(raw), "disk.vhd");
	if (rc == 0 && vhdx_file_size(raw))
		rc = add_view(d, VIEW_VHDX, NULL, vhdx_file_size(raw), "disk.vhdx");
	if (rc == 0 && vmdk_descriptor(raw, d->id, vmdk))
		rc = add_view(d, VIEW_VMDK, NULL, vmdk_descriptor(raw, d->id, vmdk), "disk.vmdk");
	if (rc == 0)
		rc = add_partitions(d);
	if (rc == 0)
		rc = add_logicals(d);
	if (rc == 0)
		rc = add_view(d, VIEW_STORED_RAW, NULL, stored, "encrypted/disk.raw");
	if (rc == 0)
		rc = add_view(d, VIEW_STORED_VHD, NULL, d->vhd ? d->source->size : disk_vhd_size(stored),
			      "encrypted/disk.vhd");
	return rc;
}

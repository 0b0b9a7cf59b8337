/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/point_family.h"

static const struct point_disk *other(const struct point_family *f, size_t i)
{
	return &f->point->disk[i >= (size_t)(f->self - f->point->disk) ? i + 1 : i];
}

static struct disk *open_other(void *arg, size_t i, struct error *err)
{
	const struct point_family *f = arg;
	const struct point_disk *d = other(f, i);
	struct blockdev *bd = point_disk_new(f->vault, f->point, d, f->cache, err);
	struct disk_options options = f->options;
	char label[POINT_LABEL_BYTES];

	point_disk_label(f->point, d, label);
	options.label = label;
	return bd ? disk_open(bd, d->vhd, f->keys, &options, err) : NULL;
}

static const char *name_of_other(void *arg, size_t i)
{
	return other(arg, i)->name;
}

const struct disk_family *point_family(struct point_family *f, struct vault *v, const struct point *p,
				       const struct point_disk *self, struct chunk_cache *cache,
				       struct keyring *keys, const struct disk_options *opts)
{
	*f = (struct point_family){
		.family = { .n = p->n_disks - 1, .open = open_other, .name = name_of_other, .arg = f },
		.options = { .try_all_keys = opts->try_all_keys, .max_kdf_memory = opts->max_kdf_memory,
			     .audit = opts->audit },
		.vault = v, .point = p, .self = self, .cache = cache, .keys = keys,
	};
	return &f->family;
}

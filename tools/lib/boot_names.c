/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/boot_names.h"
#include "crypto/cleanup.h"
#include "fs/azure/crypttab.h"
#include "tools/lib/boot_fs.h"
#include "tools/lib/disk_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *const files[] = { CRYPTTAB_FILE, CRYPTTAB_ADE_FILE };

static const struct boot_volume *find(const struct boot_plan *p, const struct crypttab_line *l)
{
	for (size_t i = 0; i < p->n_data; i++) {
		const struct boot_volume *v = &p->data[i];

		if (l->by == CRYPTTAB_BY_LUN && l->lun == v->lun && l->partition == v->partition)
			return v;
		if (l->by == CRYPTTAB_BY_UUID && *v->uuid && !strcasecmp(l->uuid, v->uuid))
			return v;
	}
	return NULL;
}

static bool is_named(const struct adapt *a, const char *mapper)
{
	for (size_t i = 0; i < a->n_volumes; i++)
		if (!strcmp(a->volume[i].mapper, mapper))
			return true;
	return false;
}

/* ADE's line of the root, of a disk that has nothing encrypted any more. */
static bool is_root(const struct boot_plan *p, const struct crypttab_line *l)
{
	return !p->os_encrypted && !strcmp(l->name, ADAPT_MAPPER);
}

static void add(struct boot_plan *p, const struct boot_volume *v, const char *mapper)
{
	struct adapt_volume *to = &p->adapt.volume[p->adapt.n_volumes++];

	*to = (struct adapt_volume){ .serial = "ade-os", .partition = v->partition, .is_lvm = v->is_lvm,
				     .is_data = v->lun >= 0 };
	if (v->lun >= 0)
		snprintf(to->serial, sizeof(to->serial), "ade-lun%d", v->lun);
	snprintf(to->mapper, sizeof(to->mapper), "%s", mapper);
}

void boot_names_from(struct boot_plan *p, const struct boot_volume *root, const char *text, size_t len)
{
	const char *at = text, *end = text + len;
	struct crypttab_line l;

	while (crypttab_next(&at, end, &l)) {
		const struct boot_volume *v = is_root(p, &l) ? root : find(p, &l);

		if (!v || p->adapt.n_volumes == ADAPT_VOLUMES_MAX || is_named(&p->adapt, l.name))
			continue;
		add(p, v, l.name);
		p->adapt.decrypted |= v == root;
	}
}

struct search {
	struct boot_plan *p;
	const char *work;
};

/* 1: these are the guest's files. */
static int read_files(struct boot_plan *p, const struct boot_volume *root, struct boot_fs *fs)
{
	int found = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = 0;
		AUTO(free) char *text = boot_fs_read(fs, files[i], &len, NULL);

		if (!text)
			continue;
		boot_names_from(p, root, text, len);
		found = 1;
	}
	return found;
}

/* What cannot be read here is not the root, or the guest goes without. */
static int look_into(void *arg, const struct disk_volume_view *v, struct error *err)
{
	const struct search *s = arg;
	struct boot_volume root = { .lun = -1 };
	AUTO(free) char *path = NULL;
	AUTO(boot_fs_close) struct boot_fs *fs = NULL;
	struct stat st;

	if (!*v->view || *v->why)
		return 0;
	if (asprintf(&path, "%s/%s", s->p->os_dir, v->view) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	if (stat(path, &st))
		return 0;
	fs = boot_fs_open_read_only(path, 0, (uint64_t)st.st_size, v->holds, s->work, NULL);
	root.is_lvm = sscanf(v->name, "p%u", &root.partition) != 1 && strcmp(v->name, "disk");
	return fs ? read_files(s->p, &root, fs) : 0;
}

int boot_names_add(struct boot_plan *p, const char *work, struct error *err)
{
	struct search s = { p, work };
	AUTO(json_decref) json_t *info = NULL;
	int rc;

	if (p->machine.os == MACHINE_WINDOWS || (p->os_encrypted && !p->decrypted))
		return 0;
	info = disk_dir_info(p->os_dir, err);
	rc = info ? disk_volume_each(info, look_into, &s, err) : -err->code;
	return rc > 0 ? 0 : rc;
}

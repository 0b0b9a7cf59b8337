/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/traps.h"
#include "fs/image/file.h"
#include "fs/image/fstype.h"
#include "fs/mount/mounttable.h"
#include "tools/lib/disk_dir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct look {
	const char *dir, *view;
	trap_fn *fn;
	void *arg;
};

/* The device that udev knows under this UUID. */
static bool known_to_udev(const char *uuid, char device[PATH_MAX])
{
	char link[128];

	snprintf(link, sizeof(link), "/dev/disk/by-uuid/%s", uuid);
	return realpath(link, device) != NULL;
}

static bool has_uuid(const char *device, const char *uuid)
{
	AUTO(blockdev_unref) struct blockdev *bd = file_open(device, NULL);
	const char *what = bd ? fstype_detect(bd) : NULL;
	char own[FSTYPE_UUID_MAX];

	return what && fstype_uuid(bd, what, own) && !strcmp(own, uuid);
}

/* The mounted device that holds it, where there is no udev to ask. */
static bool known_by_mount(const char *uuid, char device[PATH_MAX])
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(NULL);

	for (size_t i = 0; t && i < t->n; i++) {
		const struct mount_entry *e = &t->entries[i];

		if (strncmp(e->source, "/dev/", 5) || !strncmp(e->type, "fuse", 4) ||
		    !has_uuid(e->source, uuid))
			continue;
		snprintf(device, PATH_MAX, "%s", e->source);
		return true;
	}
	return false;
}

static int look_at_uuid(const struct look *l, const struct disk_volume_view *v, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	AUTO(free) char *path = NULL;
	struct error trap = ERROR_INIT;
	char uuid[FSTYPE_UUID_MAX], device[PATH_MAX];

	if (asprintf(&path, "%s/%s", l->dir, v->view) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	bd = file_open(path, NULL);
	if (!bd || !fstype_uuid(bd, v->holds, uuid) ||
	    (!known_to_udev(uuid, device) && !known_by_mount(uuid, device)))
		return 0;
	error_set(&trap, EEXIST, "%s has the UUID %s, and so has %s of this machine", v->name, uuid, device);
	error_next(&trap, "mount it by its device's name, never by UUID=%s; xfs takes -o nouuid only", uuid);
	l->fn(l->arg, &trap);
	return 0;
}

static int look_at_volume(void *arg, const struct disk_volume_view *v, struct error *err)
{
	const struct look *l = arg;
	bool partition = v->name[0] == 'p' && v->name[1 + strspn(v->name + 1, "0123456789")] == '\0';

	if (*v->why || !*v->view || !strncmp(l->view, "encrypted/", strlen("encrypted/")))
		return 0;
	/* the whole disk shows its partitions; logical volumes are within */
	if (strcmp(l->view, v->view) && (!partition || strncmp(l->view, "disk.", strlen("disk."))))
		return 0;
	return look_at_uuid(l, v, err);
}

/* A device mapper volume of the group is active: "group-volume", a hyphen of
 * the group being doubled, with a UUID that begins with LVM-. */
static bool group_is_active(const char *vg)
{
	char prefix[2 * 128 + 2], path[300], name[300];
	const struct dirent *e;
	bool found = false;
	size_t at = 0;
	DIR *dir = opendir("/sys/block");

	for (const char *p = vg; *p && at + 3 < sizeof(prefix); p++) {
		prefix[at++] = *p;
		if (*p == '-')
			prefix[at++] = '-';
	}
	prefix[at++] = '-';
	prefix[at] = '\0';
	while (dir && !found && (e = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/sys/block/%.200s/dm/name", e->d_name);
		f = strncmp(e->d_name, "dm-", 3) ? NULL : fopen(path, "re");
		found = f && fgets(name, sizeof(name), f) && !strncmp(name, prefix, at) && name[at] != '-';
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void look_at_group(const struct look *l, const char *vg)
{
	struct error trap = ERROR_INIT;
	char backup[PATH_MAX];

	snprintf(backup, sizeof(backup), "/etc/lvm/backup/%s", vg);
	if (!group_is_active(vg) && access(backup, F_OK))
		return;
	error_set(&trap, EEXIST, "its LVM volume group has the name of one of this machine, %s", vg);
	error_next(&trap, "let LVM not see it (a filter in lvm.conf); attach its logical volumes one by "
		   "one with --view, or rename the group of a copy with vgimportclone");
	l->fn(l->arg, &trap);
}

int traps_look(const char *dir, const char *view, trap_fn *fn, void *arg, struct error *err)
{
	AUTO(json_decref) json_t *info = disk_dir_info(dir, err);
	struct look l = { .dir = dir, .view = view, .fn = fn, .arg = arg };
	const json_t *p;
	size_t i;

	if (!info)
		return -err->code;
	json_array_foreach(json_object_get(info, "partitions"), i, p) {
		const char *vg = json_string_value(json_object_get(json_object_get(p, "lvm"), "vg"));

		if (vg && !strncmp(view, "disk.", strlen("disk.")))
			look_at_group(&l, vg);
	}
	return disk_volume_each(info, look_at_volume, &l, err);
}

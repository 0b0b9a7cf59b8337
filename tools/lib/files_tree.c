/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/files_tree.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/guest_mount.h"
#include "tools/lib/private_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

struct making {
	const char *dir;
	const char *disk_path, *disk_name;	/* of the disk at hand */
	json_t *list;
	bool left_out;
};

/* "p1", or "os/p1" of a point's disk. */
static char *volume_name(const struct making *m, const struct disk_volume_view *v)
{
	char *name = NULL;

	return asprintf(&name, "%s%s%s", m->disk_name, *m->disk_name ? "/" : "", v->name) < 0 ? NULL
											   : name;
}

static int note(struct making *m, const char *name, const struct disk_volume_view *v,
		const char *dir, const struct error *why)
{
	json_t *o = json_pack("{s:s, s:s, s:b}", "name", name, "holds", v->holds, "encrypted",
			      v->encrypted);

	if (o && dir)
		json_object_set_new(o, "dir", json_string(dir));
	if (o && why->text[0])
		json_object_set_new(o, "reason", json_string(why->text));
	if (o && why->next[0])
		json_object_set_new(o, "next", json_string(why->next));
	return o ? json_array_append_new(m->list, o) : -ENOMEM;
}

/* Why a volume without files of its own is no loss, or one with them is. */
static void say_why_not(struct making *m, const struct disk_volume_view *v, struct error *why)
{
	if (*v->why) {
		error_set(why, EIO, "%s", v->why);
		m->left_out = true;
	} else if (!strcmp(v->holds, "swap")) {
		error_set(why, ENOTSUP, "swap space");
	} else if (!strcmp(v->holds, "lvm")) {
		error_set(why, ENOTSUP, "an LVM physical volume: its logical volumes are told apart");
	} else {
		error_set(why, ENOTSUP, "no file system that we know is in it");
		m->left_out |= v->encrypted;
	}
}

static int mount_volume(void *arg, const struct disk_volume_view *v, struct error *err)
{
	struct making *m = arg;
	AUTO(free) char *name = volume_name(m, v), *dir = NULL, *image = NULL;
	struct error why = ERROR_INIT;
	int rc;

	if (!name)
		return error_set(err, ENOMEM, "out of memory");
	if (*v->why || !guest_has_files(v->holds)) {
		say_why_not(m, v, &why);
		rc = note(m, name, v, NULL, &why);
		return rc ? error_set(err, ENOMEM, "out of memory") : 0;
	}
	if (asprintf(&dir, "%s/%s", m->dir, name) < 0)
		dir = NULL;
	if (asprintf(&image, "%s/%s", m->disk_path, v->view) < 0)
		image = NULL;
	if (!dir || !image)
		return error_set(err, ENOMEM, "out of memory");
	if (mkdir(dir, 0755))
		return error_set(err, errno, "%s: %s", dir, strerror(errno));
	rc = guest_mount(image, v->holds, dir, &why);
	if (rc) {
		rmdir(dir);	/* an empty folder would look like an empty file system */
		m->left_out = true;
	}
	return note(m, name, v, rc ? NULL : dir, &why) ? error_set(err, ENOMEM, "out of memory") : 0;
}

static int mount_disk(void *arg, const char *path, const char *name, struct error *err)
{
	struct making *m = arg;
	AUTO(json_decref) json_t *info = disk_dir_info(path, err);
	AUTO(free) char *dir = NULL;

	if (!info)
		return -err->code;
	m->disk_path = path;
	m->disk_name = name;
	if (asprintf(&dir, "%s/%s", m->dir, name) < 0) {
		dir = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	if (*name && mkdir(dir, 0755))
		return error_set(err, errno, "%s: %s", dir, strerror(errno));
	return disk_volume_each(info, mount_volume, m, err);
}

/* NOT-MOUNTED.txt: who looks into the folder only later reads it there. */
static void leave_word(const struct making *m)
{
	AUTO(free) char *path = NULL;
	const json_t *v;
	size_t i;
	FILE *f;

	if (asprintf(&path, "%s/NOT-MOUNTED.txt", m->dir) < 0)
		path = NULL;
	f = path ? fopen(path, "we") : NULL;
	if (!f)
		return;
	json_array_foreach(m->list, i, v)
		if (!json_object_get(v, "dir"))
			fprintf(f, "%s: %s\n", json_string_value(json_object_get(v, "name")),
				json_string_value(json_object_get(v, "reason")));
	fclose(f);
}

int files_tree_make(const char *images, const char *dir, bool for_others, json_t *list,
		    struct error *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	struct making m = { .dir = dir, .list = list };
	int rc;

	if (mount(images, dir, "tmpfs", flags, for_others ? "mode=0755,size=1m" : "mode=0700,size=1m")) {
		rc = error_set(err, errno, "%s: %s", dir, strerror(errno));
		error_object(err, "%s", dir);
		return rc;
	}
	rc = disk_dir_each(images, mount_disk, &m, err);
	if (rc) {
		files_tree_remove(dir, images, true, NULL);
		return rc;
	}
	if (m.left_out)
		leave_word(&m);
	mount(NULL, dir, NULL, flags | MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
	return m.left_out;
}

bool files_tree_is(const struct mount_entry *e)
{
	AUTO(free) char *images = private_dir_of(e->source, "files");

	return images && !strcmp(e->type, "tmpfs");
}

bool files_tree_shows(const char *dir, const char *images)
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(NULL);

	for (size_t i = 0; t && i < t->n; i++)
		if (!strcmp(t->entries[i].dir, dir) && !strcmp(t->entries[i].source, images))
			return true;
	return !t;
}

/* What is mounted below dir, the last first. */
static int remove_below(const struct mounttable *t, const char *dir, bool lazily, struct error *err)
{
	size_t len = strlen(dir);
	int rc = 0;

	for (size_t i = t->n; i > 0 && !rc; i--) {
		const char *at = t->entries[i - 1].dir;

		if (!strncmp(at, dir, len) && at[len] == '/')
			rc = unmount_dir(at, lazily, err);
	}
	return rc;
}

int files_tree_remove(const char *dir, const char *images, bool lazily, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(err);
	const struct mount_entry *e = t ? mounttable_find(t, dir) : NULL;
	AUTO(free) char *shown = e ? private_dir_of(e->source, "files") : NULL;
	int rc;

	if (!t)
		return -EIO;
	if (!shown || (images && strcmp(shown, images)))
		return error_set(err, EINVAL, "%s is no mount of adebackup files", dir);
	rc = remove_below(t, dir, lazily, err);
	if (!rc)
		rc = unmount_dir(dir, lazily, err);
	return rc ? rc : private_dir_remove(shown, lazily, err);
}

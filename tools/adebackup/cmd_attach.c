/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/file.h"
#include "fs/image/fstype.h"
#include "fs/image/partitions.h"
#include "fs/image/slice.h"
#include "tools/adebackup/command.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/loop.h"
#include "tools/lib/mounting.h"
#include "tools/lib/private_dir.h"
#include "tools/lib/traps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct attach {
	const struct invocation *in;
	const char *view, *dir;		/* dir: of the mount */
	json_t *devices, *warnings;	/* borrowed from the result */
	char (*made)[32];		/* names of the loop devices */
	size_t n_made;
};

static void on_trap(void *arg, const struct error *trap)
{
	struct attach *a = arg;

	report_warning(a->in->report, trap);
	json_array_append_new(a->warnings, json_pack("{s:s, s:s}", "text", trap->text, "next",
						     trap->next));
}

static json_t *describe(struct blockdev *bd, const char *device)
{
	const char *holds = bd ? fstype_detect(bd) : NULL;
	json_t *o = json_pack("{s:s, s:s}", "device", device, "holds", holds ? holds : "");
	char uuid[FSTYPE_UUID_MAX];

	if (o && holds && fstype_uuid(bd, holds, uuid))
		json_object_set_new(o, "uuid", json_string(uuid));
	return o;
}

/* Partitions as our own parser reads them from the view. */
static int add_partitions(struct attach *a, const struct loop_device *l, struct blockdev *bd,
			  const struct partition_table *t, json_t *list, struct error *err)
{
	for (size_t i = 0; i < t->n_parts; i++) {
		const struct partition *p = &t->part[i];
		AUTO(blockdev_unref) struct blockdev *part = NULL;
		struct error why = ERROR_INIT;
		char name[64];
		json_t *o;

		if (loop_add_partition(l, p->n, p->start, p->size, &why)) {
			on_trap(a, &why);
			continue;
		}
		snprintf(name, sizeof(name), "%sp%u", l->name, p->n);
		part = slice_open(blockdev_ref(bd), p->start, p->size, NULL);
		o = describe(part, name);
		if (!o || json_object_set_new(o, "n", json_integer(p->n)) || json_array_append_new(list, o))
			return error_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int remember(struct attach *a, const char *name, struct error *err)
{
	char (*more)[32] = realloc(a->made, (a->n_made + 1) * sizeof(*more));

	if (!more)
		return error_set(err, ENOMEM, "out of memory");
	a->made = more;
	snprintf(a->made[a->n_made++], sizeof(*more), "%s", name);
	return 0;
}

/* Notes the new device, and adds its partitions. */
static int tell_device(struct attach *a, const struct loop_device *l, struct blockdev *bd,
		       const struct partition_table *t, const char *disk, struct error *err)
{
	int rc = remember(a, l->name, err);
	json_t *o = rc ? NULL : describe(bd, l->name), *list = json_array();

	if (rc)
		return rc;
	if (!o || json_object_set_new(o, "view", json_string(a->view)) ||
	    json_object_set_new(o, "disk", json_string(disk)) ||
	    json_object_set_new(o, "partitions", list) || json_array_append_new(a->devices, o))
		return error_set(err, ENOMEM, "out of memory");
	return t ? add_partitions(a, l, bd, t, list, err) : 0;
}

/* The view of one disk becomes a device. */
static int attach_view(struct attach *a, const char *path, const char *disk, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *bd = file_open(path, err);
	AUTO(partitions_free) struct partition_table *t = NULL;
	struct loop_request req = { .file = path, .sector_size = 512 };
	bool whole = strstr(a->view, "disk.") != NULL;
	struct loop_device l;
	int rc = bd ? 0 : -err->code;

	if (!rc && whole)
		rc = partitions_read(bd, &t, err, NULL);
	if (rc)
		return rc;
	if (t)
		req.sector_size = t->sector_size;
	rc = loop_attach(&req, &l, err);
	if (rc)
		return rc;
	rc = tell_device(a, &l, bd, t, disk, err);
	close(l.fd);
	return rc;
}

static int attach_disk(void *arg, const char *dir, const char *name, struct error *err)
{
	struct attach *a = arg;
	AUTO(free) char *path = NULL;
	int rc;

	if (asprintf(&path, "%s/%s", dir, a->view) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	if (access(path, F_OK)) {
		rc = error_set(err, ENOENT, "the disk has no view %s", a->view);
		error_next(err, "adebackup inspect shows its partitions and logical volumes");
		return rc;
	}
	rc = traps_look(dir, a->view, on_trap, a, err);
	if (!rc)
		rc = attach_view(a, path, name, err);
	if (rc == -EACCES) {
		rc = error_set(err, ENOKEY, "%s cannot be opened: a volume in it is locked", a->view);
		error_next(err, "name its key, or show what opens with --partial, or attach "
			   "--view encrypted/disk.raw");
	}
	return rc;
}

/* One that was detached meanwhile may be somebody else's by now. */
static void detach_all(struct attach *a)
{
	while (a->n_made) {
		const char *name = a->made[--a->n_made];

		if (loop_is_over(name, a->dir))
			loop_detach(name, NULL);
	}
	free(a->made);
	a->made = NULL;
}

static void print_device(const json_t *o)
{
	const char *uuid = json_string_value(json_object_get(o, "uuid"));

	printf("%s\t%s", json_string_value(json_object_get(o, "device")),
	       json_string_value(json_object_get(o, "holds")));
	printf(uuid ? "\tUUID=%s\n" : "\n", uuid);
}

static void print_devices(const json_t *devices)
{
	const json_t *o, *p;
	size_t i, k;

	json_array_foreach(devices, i, o) {
		print_device(o);
		json_array_foreach(json_object_get(o, "partitions"), k, p)
			print_device(p);
	}
	fflush(stdout);
}

static int on_ready(void *arg, const char *dir, json_t *result, bool *warned, struct error *err)
{
	struct attach *a = arg;
	int rc;

	a->devices = json_array();
	a->warnings = json_array();
	json_object_del(result, "dir");
	if (json_object_set_new(result, "devices", a->devices) ||
	    json_object_set_new(result, "warnings", a->warnings))
		return error_set(err, ENOMEM, "out of memory");
	rc = disk_dir_each(dir, attach_disk, a, err);
	if (rc) {
		detach_all(a);
		return rc;
	}
	*warned = json_array_size(a->warnings) > 0;
	if (!a->in->report->json)
		print_devices(a->devices);
	return 0;
}

static void on_ending(void *arg)
{
	detach_all(arg);
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(free) char *dir = private_dir_new("attach", &err);
	struct attach a = { .in = in, .view = options_get(in->options, OPT_VIEW), .dir = dir };
	const struct mount_hooks hooks = { .ready = on_ready, .ending = on_ending, .arg = &a };
	struct mount_request req = { .spec = in->operands[0], .dir = dir, .options = in->options,
				     .at = in->n_operands == 2 ? in->operands[1] : NULL, .hooks = &hooks };
	int code;

	if (!dir)
		return report_error(in->report, &err);
	if (!a.view)
		a.view = "disk.raw";
	code = mounting_run(&req, in->report);
	rmdir(dir);		/* stays as long as it is mounted */
	return code;
}

const struct command cmd_attach = {
	.name = "attach",
	.operands = "SPEC [VM[@POINT]]",
	.min = 1,
	.max = 2,
	.summary = "make read-only block devices of a disk and its partitions",
	.text = "Makes a loop device of SPEC, a disk image, or of each disk of a recovery point, decrypted, "
		"with a device for each partition, and prints them: the device, what it holds, its "
		"UUID. --view chooses another view than disk.raw. The devices are read-only, and stay "
		"until adebackup detach. Whoever may read disks on this machine (the group disk) can read "
		"them.\n\n"
		"File systems and volume groups that this machine has under the same UUID or name, as a "
		"clone of its own disk does, are named as warnings, and the exit code is then 3.\n\n"
		"Only root can do it. The partitions are those that adebackup reads in the table; the "
		"kernel need not be able to.",
	.example = "  adebackup attach osdisk.vhd --keys /keys\n"
		   "  mount -o ro,noload /dev/loop0p1 /mnt; umount /mnt; adebackup detach /dev/loop0",
	.groups = G_KEYS | G_VAULT | G_MOUNT | G_ATTACH,
	.run = run,
};

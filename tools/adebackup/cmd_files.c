/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/files_tree.h"
#include "tools/lib/mounting.h"
#include "tools/lib/private_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

struct files {
	const struct invocation *in;
	char *dir;		/* where the file systems go */
	char *images;		/* the mount that they are in */
	pthread_t watcher;
	int stop;		/* an eventfd; -1: there is no watcher */
};

/* Whoever takes DIR away by umount -R leaves the images, which go then too. */
static void *watch(void *arg)
{
	const struct files *f = arg;
	AUTO(fd) int mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[] = { { .fd = mounts, .events = POLLPRI }, { .fd = f->stop, .events = POLLIN } };

	while (mounts >= 0 && (poll(fds, 2, -1) >= 0 || errno == EINTR)) {
		if (fds[1].revents)
			return NULL;
		if (!files_tree_shows(f->dir, f->images))
			break;
	}
	private_dir_remove(f->images, false, NULL);
	return NULL;
}

static int start_watching(struct files *f, struct error *err)
{
	int rc;

	f->stop = eventfd(0, EFD_CLOEXEC);
	rc = f->stop < 0 ? errno : pthread_create(&f->watcher, NULL, watch, f);
	if (!rc)
		return 0;
	if (f->stop >= 0)
		close(f->stop);
	f->stop = -1;
	return error_set(err, rc, "cannot start a thread: %s", strerror(rc));
}

static void stop_watching(struct files *f)
{
	const uint64_t one = 1;

	if (f->stop < 0)
		return;
	if (write(f->stop, &one, sizeof(one)) == sizeof(one))
		pthread_join(f->watcher, NULL);
	close(f->stop);
	f->stop = -1;
}

static void print_list(const json_t *list)
{
	const json_t *v;
	size_t i;

	json_array_foreach(list, i, v) {
		const char *holds = json_string_value(json_object_get(v, "holds"));
		const char *dir = json_string_value(json_object_get(v, "dir"));
		const char *reason = json_string_value(json_object_get(v, "reason"));
		const char *next = json_string_value(json_object_get(v, "next"));

		printf("%-12s %-6s ", json_string_value(json_object_get(v, "name")),
		       holds && *holds ? holds : "?");
		if (dir)
			printf("%s\n", dir);
		else
			printf("not mounted: %s\n", reason ? reason : "unknown");
		if (!dir && next)
			printf("  next: %s\n", next);
	}
	fflush(stdout);
}

static int on_ready(void *arg, const char *images, json_t *result, bool *warned, struct error *err)
{
	struct files *f = arg;
	json_t *list = json_array();
	int rc;

	if (json_object_set_new(result, "dir", json_string(f->dir)) ||
	    json_object_set_new(result, "file_systems", list))
		return error_set(err, ENOMEM, "out of memory");
	rc = files_tree_make(images, f->dir, options_has(f->in->options, OPT_ALLOW_OTHER), list, err);
	if (rc < 0)
		return rc;
	*warned = rc;
	rc = start_watching(f, err);
	if (rc) {
		files_tree_remove(f->dir, f->images, true, NULL);
		return rc;
	}
	if (!f->in->report->json && !f->in->report->quiet)
		print_list(list);
	return 0;
}

static void on_ending(void *arg)
{
	struct files *f = arg;

	stop_watching(f);
	files_tree_remove(f->dir, f->images, true, NULL);
}

/* DIR must be a folder on which nothing of ours lies. */
static int check_dir(const char *dir, struct error *err)
{
	AUTO(mounttable_free) struct mounttable *t = mounttable_read(err);
	const struct mount_entry *e = t ? mounttable_find(t, dir) : NULL;

	if (!t)
		return -EIO;
	if (!e || (!files_tree_is(e) && strcmp(e->type, MOUNT_FSTYPE)))
		return 0;
	error_set(err, EBUSY, "%s is already mounted at %s", e->source, dir);
	error_next(err, "use another folder, or first: adebackup umount %s", dir);
	return -EBUSY;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(free) char *dir = mount_dir_resolve(in->operands[in->n_operands - 1], &err);
	AUTO(free) char *images = dir && !check_dir(dir, &err) ? private_dir_new("files", &err) : NULL;
	struct files f = { .in = in, .dir = dir, .images = images, .stop = -1 };
	const struct mount_hooks hooks = { .ready = on_ready, .ending = on_ending, .arg = &f };
	struct mount_request req = { .spec = in->operands[0], .dir = images, .options = in->options,
				     .at = in->n_operands == 3 ? in->operands[1] : NULL, .hooks = &hooks };
	int code;

	if (!images)
		return report_error(in->report, &err);
	code = mounting_run(&req, in->report);
	rmdir(images);		/* stays as long as it is mounted */
	return code;
}

const struct command cmd_files = {
	.name = "files",
	.operands = "SPEC [VM[@POINT]] DIR",
	.min = 2,
	.max = 3,
	.summary = "show the files of a disk's volumes in a folder",
	.text = "Mounts the file systems inside SPEC, a disk image or a recovery point of a vault, "
		"read-only under the folder DIR: DIR/p1, DIR/p2 and so on for the partitions, DIR/vg-lv "
		"for logical volumes, and of a recovery point DIR/os/p1. Encrypted volumes are opened as "
		"adebackup mount opens them.\n\n"
		"The kernel mounts ext4 (noload) and xfs (norecovery,nouuid) without replaying their "
		"journals, ntfs-3g mounts NTFS, the kernel or fusefat FAT; all nosuid, nodev, noexec. "
		"What cannot be mounted is named with the reason, in DIR/NOT-MOUNTED.txt too, and the "
		"exit code is then 3. Swap space and empty partitions are named and count for nothing.\n\n"
		"Only root can do it. DIR is open to root alone unless --allow_other is given; then the "
		"permissions inside the file systems count, whose user numbers are those of the guest.\n\n"
		"adebackup umount DIR takes all of it away.",
	.example = "  adebackup files osdisk.vhd /mnt --keys /keys\n"
		   "  cp /mnt/p1/etc/fstab . && adebackup umount /mnt\n"
		   "  adebackup files /backup web01@20261120T020000Z /mnt --vault-key vault.key",
	.groups = G_KEYS | G_VAULT | G_MOUNT,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/hydrate.h"
#include "tools/adebackup/command.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/mount_files.h"
#include "tools/lib/progress.h"
#include "tools/lib/size_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define COUNT_STEP (UINT64_C(1) << 30)
#define STEP (UINT64_C(64) << 20)	/* of the disk: what comes of it must come within the mount's read-deadline */
#define STEP_MIN (UINT64_C(1) << 20)
#define TRIES 3

struct job {
	struct progress progress;
	uint64_t wanted, came;		/* bytes */
	unsigned disks;
	bool count;
};

static int say(int code, const char *path, struct error *err)
{
	if (code == ENOTSUP || code == EOPNOTSUPP || code == ENOTTY) {
		error_set(err, ENOTSUP, "this mount keeps nothing on this machine");
		error_next(err, "Mount the vault with a disk cache: -o diskcache=DIR");
	} else if (code == ENOSPC) {
		error_set(err, ENOSPC, "the disk cache is full");
		error_next(err, "Give it more room, in its file system and with diskcache-size=, and run this again.");
	} else {
		error_set(err, code, "what is missing cannot be fetched: %s", strerror(code));
		error_next(err, "What came stays. See the mount's log, then run this again.");
	}
	error_object(err, "%s", path);
	return -code;
}

/* One range; a step that does not come in time is tried again in halves. */
static int hydrate_range(int fd, uint64_t off, uint64_t len, struct job *j)
{
	uint64_t step = len;
	int tries = 0;

	while (len) {
		struct hydrate_range r = { off, step < len ? step : len, 0 };

		if (ioctl(fd, j->count ? HYDRATE_IOC_COUNT : HYDRATE_IOC_HYDRATE, &r) < 0) {
			if (errno != EIO || (step <= STEP_MIN && ++tries == TRIES))
				return -errno;
			step = step > STEP_MIN ? step / 2 : step;
			continue;
		}
		off += r.len;
		len -= r.len;
		*(j->count ? &j->wanted : &j->came) += r.bytes;
		if (!j->count)
			progress_tell(&j->progress, j->came, j->wanted, UINT64_MAX);
	}
	return 0;
}

static int hydrate_disk(void *arg, const char *path, const char *name, struct error *err)
{
	struct job *j = arg;
	AUTO(free) char *file = NULL;
	AUTO(fd) int fd = -1;
	uint64_t step = j->count ? COUNT_STEP : STEP;
	struct stat st;
	int rc = 0;

	(void)name;
	if (asprintf(&file, "%s/encrypted/disk.raw", path) < 0) {
		file = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return say(errno, file, err);
	for (uint64_t off = 0; rc == 0 && off < (uint64_t)st.st_size; off += step)
		rc = hydrate_range(fd, off, (uint64_t)st.st_size - off < step ? (uint64_t)st.st_size - off : step, j);
	j->disks += !j->count;
	return rc < 0 ? say(-rc, file, err) : 0;
}

/* Is there room for all that is missing?  Before anything comes. */
static int check_room(const char *root, const struct job *j, struct error *err)
{
	AUTO(json_decref) json_t *stats = mount_files_read(root, "stats.json", err);
	const json_t *cache = json_object_get(stats, "disk_cache");
	uint64_t room = (uint64_t)json_integer_value(json_object_get(cache, "room"));

	if (!stats)
		return -EIO;
	if (!json_is_object(cache))
		return say(ENOTSUP, root, err);
	if (j->wanted + j->wanted / 1000 <= room)
		return 0;
	error_set(err, ENOSPC, "%s are missing, and the disk cache has room for %s", size_text(j->wanted).text,
		  size_text(room).text);
	error_object(err, "%s", root);
	error_next(err, "Mount again with a larger diskcache-size=, in a file system that has the room.");
	return -ENOSPC;
}

static int hydrate(const char *dir, const struct options *o, struct job *j, struct error *err)
{
	AUTO(free) char *root = mount_files_root(dir, err);
	int rc = root ? 0 : -ENOENT;

	j->count = true;
	rc = rc ? rc : disk_dir_each(dir, hydrate_disk, j, err);
	rc = rc ? rc : check_room(root, j, err);
	if (rc)
		return rc;
	j->count = false;
	progress_begin(&j->progress, o, "hydrate");
	rc = disk_dir_each(dir, hydrate_disk, j, err);
	progress_end(&j->progress);
	return rc;
}

static int run(const struct invocation *in)
{
	struct job j = { .wanted = 0 };
	struct error err = ERROR_INIT;

	if (hydrate(in->operands[0], in->options, &j, &err) < 0)
		return report_error(in->report, &err);
	if (!in->report->json && !in->report->quiet)
		printf("%u disk%s on this machine, %s fetched\n", j.disks, j.disks == 1 ? "" : "s", size_text(j.came).text);
	return report_result(in->report, json_pack("{s:I,s:I}", "disks", (json_int_t)j.disks, "bytes", (json_int_t)j.came));
}

const struct command cmd_hydrate = {
	.name = "hydrate",
	.operands = "DIR",
	.min = 1,
	.max = 1,
	.summary = "bring what a mount has not fetched yet to this machine",
	.text = "DIR is a mounted recovery point or disk of a vault, mounted with a disk cache "
		"(diskcache=). First says whether the cache has room for what is missing, and stops if not. Then "
		"fetches it behind whatever is being read; an interrupted run goes on where it was. After it the "
		"disks are read without the network, as long as the mount stands and the cache keeps them.",
	.example = "  adebackup mount -o vault-key=K,diskcache=/var/cache/ade az://acct/vault /mnt web1@latest\n"
		   "  adebackup hydrate /mnt",
	.groups = G_PROGRESS,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/disk.h"
#include "fs/image/point_family.h"
#include "fs/restore/restore.h"
#include "tools/adebackup/command.h"
#include "tools/lib/jobs.h"
#include "tools/lib/key_options.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/progress.h"
#include "tools/lib/restore_site.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 4000
#define HEADERS_MAX 16u
#define CACHE_BYTES (32u << 20)	/* nothing is read twice: what is read ahead, and bases */

struct job {
	const struct invocation *in;
	struct vault *vault;
	struct point *point;
	struct chunk_cache *cache;
	struct keyring *keys;		/* NULL: not needed, or no disk is left that needs them */
	struct audit *audit;
	struct vault_session *reader;	/* NULL: the store is not ours to write to */
	struct progress progress;
	struct job_run *run;
	uint64_t done, total;		/* bytes of disks that are restored already, and of all */
	json_t *disks;			/* for --json */
	bool into_folder;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void job_clear(struct job *j)
{
	json_decref(j->disks);
	if (j->reader)
		vault_session_end(j->reader);
	keyring_free(j->keys);
	audit_close(j->audit);
	chunk_cache_free(j->cache);
	point_free(j->point);
	vault_free(j->vault);
}

static const char *form(const struct job *j)
{
	const char *format = options_get(j->in->options, OPT_FORMAT);

	return format ? format : "raw";
}

static bool as_stored(const struct job *j)
{
	const char *as = options_get(j->in->options, OPT_AS);

	return as && !strcmp(as, "encrypted");
}

/* header=[DISK:]FILE[@OFFSET]: those for this disk, without the name. */
static size_t headers_of(const struct job *j, const char *disk, const char **headers)
{
	const char *text, *colon;
	size_t n = 0;

	for (size_t i = 0; n < HEADERS_MAX && (text = options_nth(j->in->options, OPT_HEADER, i)); i++) {
		char name[64];

		colon = strchr(text, ':');
		snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : 0, text);
		if (!colon || !point_find_disk(j->point, name))
			headers[n++] = text;
		else if (!strcmp(name, disk))
			headers[n++] = colon + 1;
	}
	return n;
}

static struct disk *open_disk(struct job *j, const struct point_disk *d, struct error *err)
{
	const struct options *o = j->in->options;
	const char *headers[HEADERS_MAX];
	char label[POINT_LABEL_BYTES];
	struct disk_options opts = {
		.partial = as_stored(j) || options_has(o, OPT_PARTIAL),
		.try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
		.max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0),
		.headers = headers, .n_headers = headers_of(j, d->name, headers),
		.audit = j->audit, .label = label,
	};
	struct point_family family;
	struct blockdev *bd = point_disk_new(j->vault, j->point, d, j->cache, err);

	point_disk_label(j->point, d, label);
	opts.family = point_family(&family, j->vault, j->point, d, j->cache, j->keys, &opts);
	AUTO(disk_unref) struct disk *disk = bd ? disk_open(bd, d->vhd, j->keys, &opts, err) : NULL;
	struct error warning = ERROR_INIT;

	if (!disk || (!as_stored(j) && disk_check_keys(disk, err, &warning) < 0))
		return NULL;
	disk_forget_keys(disk);
	return TAKE(disk);
}

/* The last disk is open. */
static void drop_keys(struct job *j)
{
	keyring_free(j->keys);
	j->keys = NULL;
}

static int open_view(struct job *j, struct disk *disk, struct blockdev **out, struct error *err)
{
	char name[64];
	int rc = -ENOENT;

	snprintf(name, sizeof(name), "%sdisk.%s", as_stored(j) ? "encrypted/" : "", form(j));
	for (size_t i = 0; i < disk_n_views(disk); i++)
		if (!strcmp(disk_view_at(disk, i)->name, name))
			rc = disk_view_open(disk, i, out, err);
	if (rc == -ENOENT)
		return error_set(err, ENOTSUP, "the disk has no form %s", name);
	if (rc != -ENOKEY && rc != -EACCES)
		return rc;
	err->code = ENOKEY;
	error_next(err, "Name its key (--bek, --keys, --keystore …), or ask for the ciphertext with "
		   "--as encrypted.");
	return -ENOKEY;
}

/* Where the disk goes; the folder is made. */
static int place(const struct job *j, const struct point_disk *d, char *path, struct error *err)
{
	const char *to = options_get(j->in->options, OPT_TO);

	if (!j->into_folder) {
		snprintf(path, PATH_BYTES, "%s", to);
		return 0;
	}
	if (mkdir(to, 0700) < 0 && errno != EEXIST) {
		error_set(err, errno, "cannot make the folder: %s", strerror(errno));
		error_object(err, "%s", to);
		return -err->code;
	}
	if (snprintf(path, PATH_BYTES, "%s/%s.%s", to, d->name, form(j)) >= PATH_BYTES)
		return error_set(err, EINVAL, "the path is too long");
	return 0;
}

static int tell(void *arg, uint64_t done, uint64_t total)
{
	struct job *j = arg;

	progress_tell(&j->progress, done, total, UINT64_MAX);
	if (j->reader)
		vault_session_beat(j->reader, NULL);
	(void)total;
	return interrupted ? -EINTR : job_run_progress(j->run, j->done + done, j->total, 0);
}

static void give_up(void *arg)
{
	vault_last_words(((struct job *)arg)->vault, true);
}

static void note_result(struct job *j, const struct point_disk *d, const char *path, uint64_t size,
			const struct restore_result *r)
{
	json_array_append_new(j->disks, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:f,s:f,s:f}", "name", d->name,
		"path", path, "size", (json_int_t)size, "read_bytes", (json_int_t)r->read_bytes,
		"written_bytes", (json_int_t)r->written_bytes, "resumed_at", (json_int_t)r->resumed_at,
		"checked", options_has(j->in->options, OPT_CHECK), "write_seconds", r->write_seconds,
		"sync_seconds", r->sync_seconds, "check_seconds", r->check_seconds));
	if (!j->in->report->json && !j->in->report->quiet)
		printf("%s  %.1f MiB, %.1f MiB written in %.1f s%s\n", path, (double)size / (1 << 20),
		       (double)r->written_bytes / (1 << 20), r->write_seconds + r->sync_seconds,
		       options_has(j->in->options, OPT_CHECK) ? ", checked" : "");
}

static int restore_disk(struct job *j, const struct point_disk *d, bool last, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *view = NULL;
	AUTO(disk_unref) struct disk *disk = NULL;
	char path[PATH_BYTES], what[512];
	struct restore_result result;
	struct restore r = {
		.path = path, .what = what, .progress = tell, .gone = give_up, .arg = j,
		.resume = options_has(j->in->options, OPT_RESUME), .check = options_has(j->in->options, OPT_CHECK),
		.threads = (unsigned)options_number(j->in->options, OPT_THREADS, 0),
	};
	int rc;

	disk = open_disk(j, d, err);
	if (last)
		drop_keys(j);
	rc = disk ? open_view(j, disk, &view, err) : -err->code;
	if (rc == 0)
		rc = place(j, d, path, err);
	if (rc == 0) {
		r.from = view;
		snprintf(what, sizeof(what), "%s@%s %s %s %s", j->point->vm, j->point->id, d->name, form(j),
			 as_stored(j) ? "encrypted" : "decrypted");
		progress_begin(&j->progress, j->in->options, d->name);
		rc = restore_run(&r, &result, err);
		progress_end(&j->progress);
	}
	if (rc == 0)
		note_result(j, d, path, view->size, &result);
	if (rc == 0)
		j->done += d->size;
	else
		error_prefix(err, rc, "%s@%s, disk %s", j->point->vm, j->point->id, d->name);
	return rc;
}

/* A folder, unless one disk goes to a device or to a name with an ending. */
static int choose_place(struct job *j, struct error *err)
{
	const char *to = options_get(j->in->options, OPT_TO), *base;
	size_t n = 0, i = 0;
	struct stat st;
	bool there;

	if (!to || !*to) {
		error_set(err, EINVAL, "where to?");
		error_next(err, "Name a folder, a file or a device: --to DIR.");
		return -EINVAL;
	}
	there = stat(to, &st) == 0;
	base = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
	j->into_folder = there ? S_ISDIR(st.st_mode) : !strchr(base, '.') || base[strspn(base, ".")] == '\0';
	for (const struct point_disk *d; (d = point_next_disk(j->point, j->in->options, &i)); n++)
		j->total += d->size;
	if (n > 1 && !j->into_folder) {
		error_set(err, EINVAL, "%zu disks do not go into one file or device", n);
		error_next(err, "Name one with --disk, or a folder with --to.");
		return -EINVAL;
	}
	return 0;
}

static int prepare(struct job *j, struct error *err)
{
	const struct invocation *in = j->in;

	j->vault = vault_from_options(in->operands[0], in->options, err);
	j->point = j->vault ? point_from_operand(j->vault, in->operands[1], &j->reader, err) : NULL;
	if (!j->point)
		return -err->code;
	if (point_check_disks(j->point, in->options, err) < 0 || choose_place(j, err) < 0 ||
	    restore_site_check(j->vault, j->point, in->options, err) < 0)
		return -err->code;
	j->audit = audit_from_options(in->options, err);
	if (j->audit && !as_stored(j))
		j->keys = point_keyring(j->vault, j->point, in->options, in->report, j->audit, err);
	j->cache = j->audit && !err->code ? chunk_cache_new(CACHE_BYTES, err) : NULL;
	j->disks = json_array();
	if (!j->cache || !j->disks)
		return err->code ? -err->code : -ENOMEM;
	return job_begin_for(j->vault, &(struct job_want){ .operation = JOB_RESTORE, .vm = j->point->vm,
		.point = j->point->id, .task = "Transfer data from vault" }, &j->run, err);
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in };
	struct sigaction act = { .sa_handler = interrupt };
	const struct point_disk *d, *next;
	struct error err = ERROR_INIT;
	char time[POINT_TIME_TEXT];
	size_t i = 0;
	int rc;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	rc = prepare(&j, &err);
	d = rc ? NULL : point_next_disk(j.point, in->options, &i);
	for (; rc == 0 && d; d = next) {
		next = point_next_disk(j.point, in->options, &i);
		rc = restore_disk(&j, d, !next, &err);
	}
	vault_last_words(j.vault, rc < 0);
	rc = job_end_for(TAKE(j.run), in->options, in->report, rc, NULL, &err);
	if (rc < 0)
		return report_error(in->report, &err);
	point_time_text(j.point->time, time);
	return report_result(in->report, json_pack("{s:s,s:s,s:s,s:O}", "vm", j.point->vm, "point", j.point->id,
						   "time", time, "disks", j.disks));
}

const struct command cmd_restore = {
	.name = "restore",
	.operands = "VAULT VM[@POINT]",
	.min = 2,
	.max = 2,
	.summary = "write the disks of a recovery point to files or devices",
	.text = "Writes the disks of a recovery point (latest, unless POINT is an id, the begin of one, or a "
		"time) to --to: a folder, in which each becomes NAME.raw or NAME.vhd; or for one disk a file, or "
		"a block device. Nothing is overwritten but a device. Zeros are left out where the target is a "
		"file. What is not whole yet ends in .part; --resume goes on with it.\n\n"
		"Encrypted disks are written decrypted, for which their keys are needed; --as encrypted writes "
		"them as they were backed up, and needs none. Keys that the point's capsule keeps are used.\n\n"
		"A damaged recovery point ends the restore with 16 at the first byte that is not what was "
		"backed up.",
	.example = "  adebackup restore /backup web1 --vault-key vault.key --to /restored --keys /keys\n"
		   "  adebackup restore /backup web1@20261120T020000Z --vault-key vault.key --disk os "
		   "--to /dev/sdb --as encrypted --check",
	.groups = G_VAULT | G_KEYS | G_RESTORE | G_LONG | G_JOB,
	.vault = true,
	.run = run,
};

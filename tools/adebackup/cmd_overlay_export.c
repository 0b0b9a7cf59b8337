/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/disk_overlay.h"
#include "fs/image/overlay_file.h"
#include "fs/image/point_family.h"
#include "fs/restore/restore.h"
#include "tools/adebackup/command.h"
#include "tools/lib/key_options.h"
#include "tools/lib/opening.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/progress.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define HEADERS_MAX 16u

struct job {
	const struct invocation *in;
	struct opening opening;		/* of an image; of a point its disk and keys too */
	struct vault *vault;
	struct chunk_cache *cache;
	struct point *point;
	char identity[128];		/* of a point's disk; empty: an image */
	struct overlay_info info;
	struct audit *audit;		/* of a point's disk */
	struct vault_session *reader;	/* NULL: the store takes no record */
	struct progress progress;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static void job_clear(struct job *j)
{
	opening_close(&j->opening);
	audit_close(j->audit);
	chunk_cache_free(j->cache);
	vault_last_words(j->vault, true);
	if (j->reader)
		vault_session_end(j->reader);
	point_free(j->point);
	vault_free(j->vault);
}

static int read_point(struct job *j, struct error *err)
{
	const struct options *o = j->in->options;
	const char *vm = options_get(o, OPT_VM), *point = options_get(o, OPT_POINT);
	AUTO(free) char *operand = NULL;

	if (!vm) {
		error_set(err, EINVAL, "which VM of the vault does the overlay lie over?");
		error_next(err, "name it, and the recovery point: --vm NAME --point POINT --disk os");
		return -EINVAL;
	}
	if (asprintf(&operand, "%s@%s", vm, point ? point : "latest") < 0) {
		operand = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	j->vault = vault_from_options(j->in->operands[0], o, err);
	j->point = j->vault ? point_from_operand(j->vault, operand, &j->reader, err) : NULL;
	if (!j->point || point_check_disks(j->point, o, err) < 0)
		return -err->code;
	return 0;
}

/* Of the one disk, already without DISK:. */
static void take_headers(const struct options *o, const char *disk, const char **headers,
			 struct disk_options *opts)
{
	size_t name = strlen(disk);
	const char *text;

	opts->headers = headers;
	for (size_t i = 0; opts->n_headers < HEADERS_MAX && (text = options_nth(o, OPT_HEADER, i)); i++) {
		bool named = !strncmp(text, disk, name) && text[name] == ':';

		headers[opts->n_headers++] = named ? text + name + 1 : text;
	}
}

static int open_point(struct job *j, struct error *err)
{
	const struct options *o = j->in->options;
	struct disk_options opts = { .partial = options_has(o, OPT_PARTIAL),
				     .try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
				     .max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0) };
	const char *headers[HEADERS_MAX];
	char label[POINT_LABEL_BYTES];
	const struct point_disk *d;
	struct point_family family;
	struct blockdev *bd;
	size_t i = 0;
	int rc = read_point(j, err);

	if (rc)
		return rc;
	d = point_next_disk(j->point, o, &i);
	if (!d || point_next_disk(j->point, o, &i)) {
		error_set(err, EINVAL, "an overlay lies over one disk, and the point has several");
		error_next(err, "name it: --disk os");
		return -EINVAL;
	}
	take_headers(o, d->name, headers, &opts);
	snprintf(j->identity, sizeof(j->identity), "point %s %s", j->point->id, d->name);
	point_disk_label(j->point, d, label);
	opts.label = label;
	opts.audit = j->audit = audit_from_options(o, err);
	j->opening.keys = j->audit ? point_keyring(j->vault, j->point, o, j->in->report, j->audit, err) : NULL;
	j->cache = j->opening.keys ? chunk_cache_new(0, err) : NULL;
	bd = j->cache ? point_disk_new(j->vault, j->point, d, j->cache, err) : NULL;
	if (bd)
		opts.family = point_family(&family, j->vault, j->point, d, j->cache, j->opening.keys, &opts);
	j->opening.disk = bd ? disk_open(bd, d->vhd, j->opening.keys, &opts, err) : NULL;
	return j->opening.disk ? disk_check_keys(j->opening.disk, err, NULL) : -err->code;
}

static const char *form(const struct options *o)
{
	const char *format = options_get(o, OPT_FORMAT);

	return format ? format : "raw";
}

/* disk.raw, or disk.vhd beside it, of the half that the overlay lies over. */
static int open_view(struct job *j, struct blockdev **out, struct error *err)
{
	struct disk *d = j->opening.disk;
	char name[64];

	snprintf(name, sizeof(name), "%sdisk.%s", !strncmp(j->info.view, "encrypted/", 10) ? "encrypted/" : "",
		 form(j->in->options));
	for (size_t i = 0; i < disk_n_views(d); i++)
		if (!strcmp(disk_view_at(d, i)->name, name))
			return disk_view_open(d, i, out, err);
	return error_set(err, ENOTSUP, "the disk has no view %s", name);
}

static int prepare(struct job *j, struct blockdev **out, struct error *err)
{
	const struct invocation *in = j->in;
	const char *spec = in->operands[0];
	struct overlay_choice c = { .place = OVERLAY_IN_FILE, .path = in->operands[1], .base = spec,
				    .read_only = true };
	AUTO(overlay_file_close) struct overlay_file *f = overlay_file_open(c.path, OVERLAY_READ, err);
	bool plaintext;
	int rc;

	if (!f)
		return err->code ? -err->code : -EIO;
	j->info = f->info;
	rc = vault_is_at(spec, in->options, err);
	if (rc >= 0)
		rc = rc ? open_point(j, err) : opening_disk(&j->opening, spec, in->options, in->report, err);
	if (rc)
		return rc;
	c.identity = j->identity[0] ? j->identity : NULL;
	opening_drop_keys(&j->opening);
	rc = disk_overlay(j->opening.disk, &c, &plaintext, err);
	return rc ? rc : open_view(j, out, err);
}

static int tell(void *arg, uint64_t done, uint64_t total)
{
	struct job *j = arg;

	progress_tell(&j->progress, done, total, UINT64_MAX);
	return interrupted ? -EINTR : 0;
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(job_clear))) struct job j = { .in = in };
	AUTO(blockdev_unref) struct blockdev *view = NULL;
	struct sigaction act = { .sa_handler = interrupt };
	struct error err = ERROR_INIT;
	struct restore_result result;
	struct restore r = {
		.path = in->operands[2], .what = in->operands[1], .progress = tell, .arg = &j,
		.check = options_has(in->options, OPT_CHECK),
		.threads = (unsigned)options_number(in->options, OPT_THREADS, 0),
	};
	int rc;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	rc = prepare(&j, &view, &err);
	if (rc == 0) {
		r.from = view;
		progress_begin(&j.progress, in->options, "export");
		rc = restore_run(&r, &result, &err);
		progress_end(&j.progress);
	}
	if (rc)
		return report_error(in->report, &err);
	return report_result(in->report, json_pack("{s:s,s:s,s:s,s:b,s:I,s:I}", "path", r.path, "format",
						   form(in->options), "view", j.info.view, "plaintext",
						   j.info.plaintext, "size", (json_int_t)view->size,
						   "written_bytes", (json_int_t)result.written_bytes));
}

const struct command cmd_overlay_export = {
	.name = "overlay export",
	.operands = "SPEC OVERLAY OUT",
	.min = 3,
	.max = 3,
	.summary = "write a disk with what was written over it as a new image",
	.text = "Writes SPEC, an image or a vault (then --vm, --point and --disk say which disk), together "
		"with OVERLAY to OUT, a file that does not exist yet or a block device: raw, or with --format "
		"vhd as a fixed VHD. Zeros are left out, so that the file is sparse. An overlay over disk.raw "
		"needs the keys and gives a decrypted disk, one over encrypted/disk.raw an encrypted one.\n\n"
		"The overlay must not be in use, and it must have been made over this very disk.",
	.example = "  adebackup overlay export osdisk.vhd web1.overlay new.vhd --format vhd --keys /keys\n"
		   "  adebackup overlay export /backup o.overlay new.raw --vm web1 --point latest --disk os "
		   "--vault-key vault.key --keys /keys",
	.groups = G_VAULT | G_KEYS | G_EXPORT | G_LONG,
	.run = run,
};

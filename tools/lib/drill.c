/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/drill.h"
#include "tools/lib/disk_dir.h"
#include "tools/lib/ext_journal.h"
#include "tools/lib/guest.h"
#include "tools/lib/run_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct way {
	const char *holds, *package;
	const char *argv[4];
	int damaged_from;		/* exit codes from here on mean damage */
} ways[] = {
	{ "ext2", "e2fsprogs", { "e2fsck", "-fn" }, 1 },
	{ "ext3", "e2fsprogs", { "e2fsck", "-fn" }, 1 },
	{ "ext4", "e2fsprogs", { "e2fsck", "-fn" }, 1 },
	{ "xfs", "xfsprogs", { "xfs_repair", "-n", "-f" }, 1 },
	{ "ntfs", "ntfs-3g", { "ntfsfix", "-n" }, 1 },
	{ "vfat", "dosfstools", { "fsck.fat", "-n" }, 1 },
};

static const struct way *way_for(const char *holds)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(ways[i].holds, holds))
			return &ways[i];
	return NULL;
}

static void run_way(const struct way *w, const char *path, struct drill_check *c)
{
	const char *argv[5] = { 0 };
	struct error why = ERROR_INIT;
	struct program_end end;
	size_t n = 0;

	for (; n < 3 && w->argv[n]; n++)
		argv[n] = w->argv[n];
	argv[n] = path;
	if (program_run(argv, NULL, w->package, &end, &why)) {
		c->result = DRILL_NOT_CHECKED;
		snprintf(c->words, sizeof(c->words), "%.199s", why.text);
	} else {
		c->result = end.code >= w->damaged_from ? DRILL_DAMAGED : DRILL_CLEAN;
		program_last_line(&end, c->words, sizeof(c->words));
	}
	free(end.said);
}

struct place {
	struct drill *d;
	const char *dir, *disk;
};

static int check_volume(void *arg, const struct disk_volume_view *v, struct error *err)
{
	const struct place *p = arg;
	const struct way *w = way_for(v->holds);
	struct drill_check *c = &p->d->check[p->d->n_checks];
	AUTO(free) char *path = NULL;
	uint64_t began = guest_clock_ms();
	bool replayed;

	if ((!w && !*v->why) || p->d->n_checks == DRILL_CHECKS_MAX)
		return 0;
	*c = (struct drill_check){ .result = DRILL_NOT_CHECKED };
	snprintf(c->disk, sizeof(c->disk), "%s", *p->disk ? p->disk : "os");
	snprintf(c->volume, sizeof(c->volume), "%s", v->name);
	snprintf(c->holds, sizeof(c->holds), "%s", v->holds);
	snprintf(c->words, sizeof(c->words), "%s", v->why);
	p->d->n_checks++;
	if (*v->why || !*v->view)
		return 0;
	if (asprintf(&path, "%s/%s", p->dir, v->view) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	if (!strncmp(v->holds, "ext", 3))	/* as the kernel does; what cannot be replayed is told below */
		ext_journal_replay(path, 0, &replayed, NULL);
	run_way(w, path, c);
	c->ms = guest_clock_ms() - began;
	return 0;
}

static int check_disk(void *arg, const char *dir, const char *name, struct error *err)
{
	struct place p = { arg, dir, name };
	AUTO(json_decref) json_t *info = disk_dir_info(dir, err);

	return info ? disk_volume_each(info, check_volume, &p, err) : -err->code;
}

int drill_check_volumes(struct drill *d, const char *dir, struct error *err)
{
	return disk_dir_each(dir, check_disk, d, err);
}

static const struct drill_check *first_damaged(const struct drill *d)
{
	for (size_t i = 0; i < d->n_checks; i++)
		if (d->check[i].result == DRILL_DAMAGED)
			return &d->check[i];
	return NULL;
}

size_t drill_unchecked(const struct drill *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->n_checks; i++)
		n += d->check[i].result == DRILL_NOT_CHECKED;
	return n;
}

void drill_conclude(struct drill *d, const struct console_watch *w, const char *why)
{
	const struct drill_check *bad = first_damaged(d);
	size_t at;

	snprintf(d->stage, sizeof(d->stage), "%s", console_stage_name(w->stage));
	d->loader_ms = w->at_loader;
	d->kernel_ms = w->at_kernel;
	d->reached_ms = w->at_reached;
	d->serial_tail = strdup(w->tail);
	if (!w->reached)
		snprintf(d->reason, sizeof(d->reason), "the VM did not come up: %s",
			 w->failure ? w->failure : why ? why : "it ended before that");
	if (!w->reached && w->failure)
		snprintf(d->line, sizeof(d->line), "%s", w->said);
	at = strlen(d->reason);
	if (bad)
		snprintf(d->reason + at, sizeof(d->reason) - at, "%s%s on disk %s (%s) is damaged: %s", at ? "; " : "",
			 bad->volume, bad->disk, bad->holds, bad->words);
	d->passed = !d->reason[0];
}

void drill_free(struct drill *d)
{
	free(d->serial_tail);
	free(d->screen);
	d->serial_tail = NULL;
	d->screen = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* overlay list, show, discard: overlays as files. */
#include "fs/image/disk_overlay.h"
#include "fs/image/overlay_file.h"
#include "tools/adebackup/command.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

extern const struct command cmd_overlay_list, cmd_overlay_show, cmd_overlay_discard;

struct listing {
	const struct report *report;
	json_t *all;
	bool damaged;		/* one could not be read, and that was said */
};

static void time_text(uint64_t seconds, char out[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&t, &tm))
		strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static json_t *as_json(const char *path, const struct overlay_look *l, const char *made)
{
	return json_pack("{s:s,s:s,s:s,s:I,s:s,s:b,s:b,s:I,s:I,s:I}", "path", path, "view", l->info.view,
			 "base", l->info.base, "size", (json_int_t)l->info.size, "made", made,
			 "plaintext", l->info.plaintext, "in_use", l->in_use, "allocated_bytes",
			 (json_int_t)l->allocated, "written_bytes", (json_int_t)l->written,
			 "discarded_bytes", (json_int_t)l->discarded);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void print_line(const char *path, const struct overlay_look *l)
{
	printf("%s  %s of %s  takes %.1f MiB%s%s\n", path, l->info.view, l->info.base, mib(l->allocated),
	       l->info.plaintext ? "  plaintext" : "", l->in_use ? "  in use" : "");
}

static void print_all(const char *path, const struct overlay_look *l, const char *made)
{
	printf("%s\n  lies over   %s of %s, %.1f MiB\n  made        %s\n  holds       %s\n  takes       %.1f MiB\n",
	       path, l->info.view, l->info.base, mib(l->info.size), made,
	       l->info.plaintext ? "plaintext" : "the disk's bytes as they are stored", mib(l->allocated));
	if (l->in_use)
		printf("  in use      yes\n");
	else
		printf("  written     %.1f MiB, discarded %.1f MiB\n", mib(l->written), mib(l->discarded));
}

static int look(struct listing *l, const char *path, bool all, struct error *err)
{
	struct overlay_look seen;
	char made[32];
	int rc = overlay_file_look(path, &seen, err);

	if (rc)
		return rc;
	time_text(seen.info.made, made);
	if (!l->report->json && all)
		print_all(path, &seen, made);
	else if (!l->report->json)
		print_line(path, &seen);
	return json_array_append_new(l->all, as_json(path, &seen, made)) ? error_set(err, ENOMEM, "out of memory")
									: 0;
}

static int is_overlay_name(const struct dirent *e)
{
	size_t n = strlen(e->d_name), suffix = strlen(OVERLAY_SUFFIX);

	return n > suffix && !strcmp(e->d_name + n - suffix, OVERLAY_SUFFIX);
}

/* All of a folder; one that is damaged does not hide the others. */
static int look_through(struct listing *l, const char *folder, struct error *err)
{
	struct dirent **entry = NULL;
	int n = scandir(folder, &entry, is_overlay_name, alphasort);

	if (n < 0) {
		error_set(err, errno, "the folder cannot be read: %s", strerror(errno));
		error_object(err, "%s", folder);
		return -err->code;
	}
	for (int i = 0; i < n; i++) {
		AUTO(free) char *path = NULL;

		if (asprintf(&path, "%s/%s", folder, entry[i]->d_name) < 0)
			path = NULL;
		error_clear(err);
		if (path && look(l, path, false, err)) {
			report_warning(l->report, err);
			l->damaged = true;
		}
		free(entry[i]);
	}
	free(entry);
	error_clear(err);
	return 0;
}

static int run_list(const struct invocation *in)
{
	AUTO(json_decref) json_t *all = json_array();
	struct listing l = { in->report, all, false };
	struct error err = ERROR_INIT;
	struct stat st;
	int rc = 0;

	for (int i = 0; i < in->n_operands && !rc; i++) {
		const char *path = in->operands[i];

		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			rc = look_through(&l, path, &err);
		else
			rc = look(&l, path, false, &err);
	}
	if (rc)
		return report_error(in->report, &err);
	rc = report_result(in->report, json_pack("{s:O}", "overlays", all));
	return !rc && l.damaged ? EXIT_WARNINGS : rc;
}

const struct command cmd_overlay_list = {
	.name = "overlay list",
	.operands = "DIR|FILE...",
	.min = 1,
	.max = -1,
	.summary = "overlays of a folder, and what they lie over",
	.text = "Lists overlay files, and those of folders that end in .overlay: what each lies over, the "
		"space that it takes, whether it holds plaintext and whether it is in use.",
	.example = "  adebackup overlay list /srv/overlays",
	.run = run_list,
};

static int run_show(const struct invocation *in)
{
	AUTO(json_decref) json_t *all = json_array();
	struct listing l = { in->report, all, false };
	struct error err = ERROR_INIT;

	if (look(&l, in->operands[0], true, &err))
		return report_error(in->report, &err);
	return report_result(in->report, json_pack("{s:O}", "overlay", json_array_get(all, 0)));
}

const struct command cmd_overlay_show = {
	.name = "overlay show",
	.operands = "FILE",
	.min = 1,
	.max = 1,
	.summary = "one overlay: what it lies over and how much was written",
	.text = "Says what the overlay lies over, when it was made, and how much of the disk was written to "
		"and discarded. Reads the overlay alone, needs no key, changes nothing.",
	.example = "  adebackup overlay show web1.overlay",
	.run = run_show,
};

static int run_discard(const struct invocation *in)
{
	AUTO(json_decref) json_t *gone = json_array();
	struct error err = ERROR_INIT;

	for (int i = 0; i < in->n_operands; i++) {
		if (overlay_file_remove(in->operands[i], &err))
			return report_error(in->report, &err);
		json_array_append_new(gone, json_string(in->operands[i]));
	}
	return report_result(in->report, json_pack("{s:O}", "discarded", gone));
}

const struct command cmd_overlay_discard = {
	.name = "overlay discard",
	.operands = "FILE...",
	.min = 1,
	.max = -1,
	.summary = "throw away what was written over a disk",
	.text = "Removes overlay files, and with them all that was written. One that is in use stays, exit "
		"code 11; a file that is no overlay stays, exit code 16. What lies below does not change.",
	.example = "  adebackup overlay discard web1.overlay",
	.run = run_discard,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/overlay_option.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Absolute, of a file that need not exist, in a folder that must. */
static char *absolute(const char *path, struct error *err)
{
	AUTO(free) char *copy = strdup(path), *folder = NULL;
	char *out = realpath(path, NULL);

	if (out || !copy)
		return out ? out : error_null(err, ENOMEM, "out of memory");
	folder = realpath(dirname(copy), NULL);
	if (!folder) {
		error_null(err, errno, "the overlay's folder: %s", strerror(errno));
		error_object(err, "%s", path);
		return NULL;
	}
	if (asprintf(&out, "%s/%s", folder, last_part(path)) < 0)
		return error_null(err, ENOMEM, "out of memory");
	return out;
}

int overlay_choose(struct overlay_option *out, const struct options *o, const char *source,
		   struct error *err)
{
	const char *value = options_get(o, OPT_OVERLAY);
	struct stat st;

	*out = (struct overlay_option){ .choice = { .base = last_part(source),
						    .view = options_get(o, OPT_OVERLAY_VIEW) } };
	if (!strcmp(value, "tmp"))
		out->choice.place = OVERLAY_TEMPORARY;
	else if (stat(value, &st) == 0 && S_ISDIR(st.st_mode))
		out->choice.place = OVERLAY_IN_FOLDER;
	if (out->choice.view && out->choice.place != OVERLAY_IN_FILE) {
		error_set(err, EINVAL, "overlay-view is for an overlay file; a folder and tmp have room for both");
		error_next(err, "leave overlay-view out");
		return -EINVAL;
	}
	if (out->choice.place != OVERLAY_TEMPORARY) {
		out->path = absolute(value, err);
		if (!out->path)
			return err->code ? -err->code : -ENOMEM;
		out->choice.path = out->path;
	}
	return 0;
}

void overlay_choice_release(struct overlay_option *out)
{
	free(out->path);
	out->path = NULL;
}

DEFINE_CLEANUP(struct overlay_option *, overlay_choice_release);

/* Not a warning that changes the exit code: it was asked for. */
static void announce(const struct overlay_option *w, const struct report *report)
{
	struct error said = ERROR_INIT;

	error_set(&said, EPERM, "what is written to the decrypted disk is kept here as plaintext%s",
		  w->path ? "" : " until it is unmounted");
	error_object(&said, "%s", w->path ? w->path : "tmp");
	error_next(&said, "overlay-view=encrypted/disk.raw keeps ciphertext");
	report_warning(report, &said);
}

int overlay_lay(struct disk *d, const struct options *o, const char *source,
		const struct report *report, struct error *err)
{
	struct overlay_option what = { 0 };
	AUTO(overlay_choice_release) struct overlay_option *w = &what;
	bool plaintext = false;
	int rc;

	if (!options_has(o, OPT_OVERLAY))
		return 0;
	rc = overlay_choose(w, o, source, err);
	if (!rc)
		rc = disk_overlay(d, &w->choice, &plaintext, err);
	if (!rc && plaintext)
		announce(w, report);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/spec_tree.h"
#include "fs/mount/mount_stats.h"
#include "fs/mount/populate.h"
#include "tools/lib/overlay_option.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Who owns the files, and what is allowed: shut unless asked otherwise. */
static int owner_from(const struct options *o, struct tree_owner *owner, struct error *err)
{
	mode_t mode = options_has(o, OPT_GID) ? 0440 : 0400;
	int rc;

	if (options_has(o, OPT_ALLOW_OTHER) && !options_has(o, OPT_UID) && !options_has(o, OPT_GID))
		mode = 0444;
	*owner = (struct tree_owner){ .uid = getuid(), .gid = getgid(), .mtime = time(NULL) };
	owner->mode = (mode_t)options_number(o, OPT_MODE, mode);
	rc = options_uid(o, OPT_UID, &owner->uid, err);
	return rc ? rc : options_gid(o, OPT_GID, &owner->gid, err);
}

/* "web1" of /backup/web1.vhd. */
static void name_image(struct spec_tree *s, const char *source)
{
	const char *slash = strrchr(source, '/'), *name = slash ? slash + 1 : source;
	const char *dot = strrchr(name, '.');
	int len = dot && dot > name ? (int)(dot - name) : (int)strlen(name);

	snprintf(s->title, sizeof(s->title), "%.*s", len < (int)sizeof(s->title) ? len : (int)sizeof(s->title) - 1,
		 name);
}

/* A local image's mount counts reads alone.  NULL is handed on. */
static struct tree *show_stats(const struct spec_tree *s, struct tree *t, struct error *err)
{
	const struct mount_stats stats = { .meter = s->opening.source.meter, .cache = s->opening.source.cache };

	if (!t || mount_stats_show(t, &stats, err) == 0)
		return t;
	tree_free(t);
	return NULL;
}

static struct tree *image_tree(struct spec_tree *s, const struct spec *spec, const struct tree_owner *owner,
			       struct error *err)
{
	const struct options *o = spec->options;
	const char *config = options_get(o, OPT_VM_CONFIG);
	struct lone_view view = { .title = s->title, .dir = spec->dir };

	if (spec->at)
		return error_null(err, EINVAL, "%s is no vault, so it has no VM %.80s", spec->source, spec->at);
	if (opening_disk(&s->opening, spec->source, o, spec->report, err) ||
	    overlay_lay(s->opening.disk, o, spec->source, spec->report, err))
		return NULL;
	name_image(s, spec->source);
	if (config && !(s->description = azure_settings_load(config, err)))
		return NULL;
	view.vm_config = s->description ? s->description->document : NULL;
	if (!options_has(o, OPT_BEKVOLUME))	/* its files are the keys: they stay as long as it is shown */
		opening_drop_keys(&s->opening);
	view.bek = s->opening.keys;
	return show_stats(s, populate_disk(s->opening.disk, &view, owner, err), err);
}

struct tree *spec_tree_new(struct spec_tree *s, const struct spec *spec, struct error *err)
{
	struct tree_owner owner;
	int vault, restored;

	if (owner_from(spec->options, &owner, err))
		return NULL;
	vault = vault_is_at(spec->source, spec->options, err);
	if (vault < 0)
		return NULL;
	if (vault)
		return vault_mounting_tree(&s->vault, spec->source, spec->dir, spec->at, spec->options, spec->report,
					   &owner, err);
	restored = restored_mounting_find(&s->restored, spec->source, spec->options, err);
	if (restored < 0)
		return NULL;
	if (restored && spec->at)
		return error_null(err, EINVAL, "%s is no vault, so it has no VM %.80s", spec->source, spec->at);
	if (restored)
		return restored_mounting_tree(&s->restored, spec->dir, spec->report, &owner, err);
	return image_tree(s, spec, &owner, err);
}

void spec_tree_close(struct spec_tree *s)
{
	opening_close(&s->opening);
	vault_mounting_close(&s->vault);
	restored_mounting_close(&s->restored);
	azure_settings_free(s->description);
	s->description = NULL;
}

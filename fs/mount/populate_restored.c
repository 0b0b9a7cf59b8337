/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate_restored.h"
#include "fs/mount/populate.h"
#include "fs/mount/populate_bek.h"
#include "fs/mount/populate_rebuild.h"
#include "fs/util/log.h"

#include <errno.h>
#include <string.h>

struct shown {
	struct restored_view view;
	struct rebuild_source rebuild;
};

struct shown_disk {
	struct shown *at;
	size_t index;
	struct disk *disk;		/* once it was opened */
};

static int fill_disk(struct node *folder, struct error *err)
{
	struct shown_disk *s = folder->ctx;
	const struct restored_view *view = &s->at->view;
	struct error why = ERROR_INIT;
	char line[1400];

	if (!s->disk)
		s->disk = view->open(view->arg, s->index, &why);
	if (s->disk)
		return populate_disk_folder(folder, s->disk, err);
	log_error("%s: %s", view->name(view->arg, s->index), error_line(&why, line, sizeof(line)));
	error_copy(err, &why);
	return why.code ? -why.code : -EIO;
}

static void release_disk(void *ctx)
{
	struct shown_disk *s = ctx;

	disk_unref(s->disk);
	free(s);
}

static const struct node_ops disk_ops = { .fill = fill_disk, .release = release_disk };

static int add_disk(struct node *root, size_t i, struct error *err)
{
	struct shown *w = root->ctx;
	struct shown_disk *s = calloc(1, sizeof(*s));

	if (!s)
		return error_set(err, ENOMEM, "out of memory");
	*s = (struct shown_disk){ .at = w, .index = i };
	if (tree_add_folder(root, w->view.name(w->view.arg, i), &disk_ops, s, err))
		return 0;
	free(s);
	return -ENOMEM;
}

static bool disk_of(struct node *root, size_t i, struct rebuild_place *out)
{
	const struct shown *w = root->ctx;
	struct node *n = i < w->view.n ? node_child(root, w->view.name(w->view.arg, i)) : NULL;

	return n && rebuild_place_fill(n, 0, &((struct shown_disk *)n->ctx)->disk, out);
}

static int fill_root(struct node *root, struct error *err)
{
	struct shown *w = root->ctx;
	char *text = w->view.vm_config ? jval_print(w->view.vm_config, true) : NULL;
	int rc = tree_add_text(root, "vm.json", text, text ? strlen(text) : 0, err) ? 0 : -ENOMEM;

	for (size_t i = 0; i < w->view.n && rc == 0; i++)
		rc = add_disk(root, i, err);
	if (rc == 0)
		rc = populate_rebuild(root, &w->rebuild, err);
	return rc == 0 && w->view.bek ? populate_bek(root, w->view.bek, err) : rc;
}

static const struct node_ops root_ops = { .fill = fill_root, .release = free };

struct tree *populate_restored(const struct restored_view *view, const struct tree_owner *owner, struct error *err)
{
	struct shown *w = calloc(1, sizeof(*w));
	struct tree *t;

	if (!w)
		return error_null(err, ENOMEM, "out of memory");
	w->view = *view;
	w->rebuild = (struct rebuild_source){ .title = view->title, .dir = view->dir, .vm_config = view->vm_config,
					      .encrypted = view->bek != NULL, .disk = disk_of };
	t = tree_new(owner, &root_ops, w, err);
	if (!t)
		free(w);
	return t;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate.h"
#include "fs/azure/settings.h"
#include "fs/mount/populate_bek.h"
#include "fs/mount/populate_rebuild.h"

#include <errno.h>
#include <string.h>

/* An image node's ctx is the disk, which its folder keeps; index is the view. */
static int open_view(struct node *n, struct blockdev **out, struct error *err)
{
	return disk_view_open(n->ctx, n->index, out, err);
}

static const struct node_ops view_ops = { .open = open_view };

/* A folder of views: ctx is the disk, kept by the one above. */
static int fill_subfolder(struct node *folder, struct error *err);
static const struct node_ops subfolder_ops = { .fill = fill_subfolder };

static int add_view(struct node *folder, struct disk *d, size_t i, const char *name,
		    struct error *err)
{
	struct node *n = tree_add_image(folder, name, disk_view_at(d, i)->size,
					disk_view_at(d, i)->writable, &view_ops, d, err);

	if (!n)
		return -ENOMEM;
	n->index = i;
	return 0;
}

/* "encrypted/disk.raw": the views of which the name starts with the folder's. */
static int fill_subfolder(struct node *folder, struct error *err)
{
	struct disk *d = folder->ctx;
	size_t len = strlen(folder->name), i;
	int rc = 0;

	for (i = 0; i < disk_n_views(d) && !rc; i++) {
		const char *name = disk_view_at(d, i)->name;

		if (!strncmp(name, folder->name, len) && name[len] == '/')
			rc = add_view(folder, d, i, name + len + 1, err);
	}
	return rc;
}

/* Once for each first part of "part/rest". */
static int add_subfolder(struct node *folder, struct disk *d, const char *name, struct error *err)
{
	AUTO(free) char *part = strndup(name, strcspn(name, "/"));
	size_t i;

	if (!part)
		return error_set(err, ENOMEM, "out of memory");
	if (node_early(folder, part))
		return 0;
	for (i = 0; i < folder->n_children; i++)
		if (!strcmp(folder->children[i]->name, part))
			return 0;
	return tree_add_folder(folder, part, &subfolder_ops, d, err) ? 0 : -ENOMEM;
}

int populate_disk_folder(struct node *folder, struct disk *d, struct error *err)
{
	char *info = disk_info_json(d);
	size_t i;
	int rc;

	rc = tree_add_text(folder, "info.json", info, info ? strlen(info) : 0, err) ? 0 : -ENOMEM;
	for (i = 0; i < disk_n_views(d) && !rc; i++) {
		const char *name = disk_view_at(d, i)->name;

		rc = strchr(name, '/') ? add_subfolder(folder, d, name, err)
				       : add_view(folder, d, i, name, err);
	}
	return rc;
}

struct lone {
	struct disk *disk;
	struct keyring *bek;		/* NULL: no BEK volume */
	struct rebuild_source rebuild;
};

static uint64_t size_of(const struct disk *d)
{
	return disk_n_views(d) ? disk_view_at(d, 0)->size : 0;
}

static bool only_disk(struct node *folder, size_t i, struct rebuild_place *out)
{
	const struct lone *l = folder->ctx;

	*out = (struct rebuild_place){ .folder = "", .size = size_of(l->disk), .disk = l->disk };
	return i == 0;
}

static int add_description(struct node *root, const struct jval *vm_config, struct error *err)
{
	AUTO(jval_free) struct jval *shown = azure_redacted(vm_config);
	char *text = shown ? jval_print(shown, true) : NULL;

	return tree_add_text(root, "vm.json", text, text ? strlen(text) : 0, err) ? 0 : -ENOMEM;
}

static int fill_root(struct node *root, struct error *err)
{
	struct lone *l = root->ctx;
	int rc = populate_disk_folder(root, l->disk, err);

	if (rc == 0 && l->rebuild.vm_config)
		rc = add_description(root, l->rebuild.vm_config, err);
	if (rc == 0)
		rc = populate_rebuild(root, &l->rebuild, err);
	return rc == 0 && l->bek ? populate_bek(root, l->bek, err) : rc;
}

static void release_root(void *ctx)
{
	struct lone *l = ctx;

	disk_unref(l->disk);
	free(l);
}

static const struct node_ops root_ops = { .fill = fill_root, .release = release_root };

/* Bytes of the disk itself: its first view's. */
struct tree *populate_disk(struct disk *d, const struct lone_view *view, const struct tree_owner *owner,
			   struct error *err)
{
	struct lone *l = calloc(1, sizeof(*l));
	struct tree *t;

	if (!l)
		return error_null(err, ENOMEM, "out of memory");
	l->disk = disk_ref(d);
	l->bek = view->bek;
	l->rebuild = (struct rebuild_source){ .title = view->title, .dir = view->dir, .vm_config = view->vm_config,
					      .encrypted = view->bek != NULL, .disk = only_disk };
	t = tree_new(owner, &root_ops, l, err);
	if (!t)
		release_root(l);
	else
		tree_set_bytes(t, size_of(d));
	return t;
}

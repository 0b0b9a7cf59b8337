/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate.h"

static int open_image(struct node *n, struct blockdev **out, struct error *err)
{
	(void)err;
	*out = blockdev_ref(n->ctx);
	return 0;
}

static const struct node_ops image_ops = { .open = open_image };

static int fill_image(struct node *root, struct error *err)
{
	struct blockdev *bd = root->ctx;

	return tree_add_image(root, "disk.raw", bd->size, bd->writable, &image_ops, bd, err)
		? 0 : -err->code;
}

static void release_image(void *ctx)
{
	blockdev_unref(ctx);
}

static const struct node_ops root_ops = { .fill = fill_image, .release = release_image };

struct tree *populate_image(struct blockdev *source, const struct tree_owner *owner,
			    struct error *err)
{
	struct tree *t;

	if (!source)
		return NULL;
	t = tree_new(owner, &root_ops, source, err);
	if (!t)
		blockdev_unref(source);
	else
		tree_set_bytes(t, source->size);
	return t;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/tree.h"

#include <errno.h>
#include <string.h>

#define BLOCK_NODES 256
#define MAX_BLOCKS  65536

struct tree {
	struct tree_owner owner;
	pthread_mutex_t grow;			/* guards adding to the table */
	_Atomic uint64_t n_nodes;
	_Atomic uint64_t bytes;
	struct tree_reads reads;
	struct node *_Atomic blocks[MAX_BLOCKS];	/* of BLOCK_NODES each, filled in order */
};

struct node *tree_node(const struct tree *t, uint64_t ino)
{
	uint64_t i = ino - 1;

	if (i >= atomic_load_explicit(&t->n_nodes, memory_order_acquire))
		return NULL;
	return &atomic_load_explicit(&t->blocks[i / BLOCK_NODES],
				     memory_order_relaxed)[i % BLOCK_NODES];
}

struct node *tree_root(struct tree *t)
{
	return tree_node(t, 1);
}

struct tree_reads *tree_reads(struct tree *t)
{
	return &t->reads;
}

void tree_set_bytes(struct tree *t, uint64_t bytes)
{
	atomic_store(&t->bytes, bytes);
}

uint64_t tree_bytes(const struct tree *t)
{
	return atomic_load(&t->bytes);
}

uint64_t tree_n_nodes(const struct tree *t)
{
	return atomic_load(&t->n_nodes);
}

/* The place of the next node; the caller holds grow. */
static struct node *next_place(struct tree *t, uint64_t i)
{
	struct node *block;

	if (i / BLOCK_NODES >= MAX_BLOCKS)
		return NULL;
	block = atomic_load_explicit(&t->blocks[i / BLOCK_NODES], memory_order_relaxed);
	if (!block) {
		block = calloc(BLOCK_NODES, sizeof(*block));
		if (!block)
			return NULL;
		atomic_store_explicit(&t->blocks[i / BLOCK_NODES], block, memory_order_relaxed);
	}
	return &block[i % BLOCK_NODES];
}

/* Copy *from to the table; its name is duplicated. */
static struct node *table_add(struct tree *t, const struct node *from, const char *name,
			      struct error *err)
{
	char *copy = strdup(name);
	struct node *n;

	if (!copy)
		return error_null(err, ENOMEM, "out of memory");
	pthread_mutex_lock(&t->grow);
	n = next_place(t, t->n_nodes);
	if (!n) {
		pthread_mutex_unlock(&t->grow);
		free(copy);
		return error_null(err, ENOMEM, "out of memory for the mount's tree");
	}
	*n = *from;
	n->tree = t;
	n->name = copy;
	n->ino = t->n_nodes + 1;
	n->mtime = n->mtime ? n->mtime : t->owner.mtime;
	n->uid = t->owner.uid;
	n->gid = t->owner.gid;
	pthread_mutex_init(&n->lock, NULL);
	atomic_store_explicit(&t->n_nodes, t->n_nodes + 1, memory_order_release);
	pthread_mutex_unlock(&t->grow);
	return n;
}

static mode_t folder_mode(mode_t mode)
{
	return S_IFDIR | mode | (mode & 0444) >> 2;
}

struct tree *tree_new(const struct tree_owner *owner, const struct node_ops *root_ops,
		      void *ctx, struct error *err)
{
	struct tree *t = calloc(1, sizeof(*t));
	struct node root = { .kind = NODE_FOLDER, .ops = root_ops, .ctx = ctx };
	struct node *n;

	if (!t)
		return error_null(err, ENOMEM, "out of memory");
	t->owner = *owner;
	pthread_mutex_init(&t->grow, NULL);
	root.mode = folder_mode(owner->mode);
	n = table_add(t, &root, "", err);
	if (!n) {
		pthread_mutex_destroy(&t->grow);
		free(t);
		return NULL;
	}
	n->parent = n;
	return t;
}

static void node_release(struct node *n)
{
	if (n->ops && n->ops->release && n->ctx)
		n->ops->release(n->ctx);
	blockdev_unref(n->bd);
	free(n->children);
	free(n->text);
	free(n->name);
	pthread_mutex_destroy(&n->lock);
}

void tree_free(struct tree *t)
{
	uint64_t i;

	if (!t)
		return;
	for (i = t->n_nodes; i > 0; i--)
		node_release(tree_node(t, i));
	for (i = 0; i < MAX_BLOCKS && t->blocks[i]; i++)
		free(t->blocks[i]);
	pthread_mutex_destroy(&t->grow);
	free(t);
}

/* Names come from vaults and configurations that somebody else wrote. */
static bool name_is_good(const char *name)
{
	size_t n = strlen(name);

	return n && n <= 255 && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

static int child_room(struct node *folder, struct error *err)
{
	size_t cap = folder->cap_children ? 2 * folder->cap_children : 8;
	struct node **grown;

	if (folder->n_children < folder->cap_children)
		return 0;
	grown = realloc(folder->children, cap * sizeof(*grown));
	if (!grown)
		return error_set(err, ENOMEM, "out of memory");
	folder->children = grown;
	folder->cap_children = cap;
	return 0;
}

static struct node *add_child(struct node *folder, const char *name, struct node *proto,
			      struct error *err)
{
	struct node *n;

	if (!name_is_good(name))
		return error_null(err, EINVAL, "a file cannot have the name \"%.64s\"", name);
	if (child_room(folder, err) < 0)
		return NULL;
	proto->parent = folder;
	n = table_add(folder->tree, proto, name, err);
	if (n)
		folder->children[folder->n_children++] = n;
	return n;
}

struct node *tree_add_folder(struct node *folder, const char *name, const struct node_ops *ops,
			     void *ctx, struct error *err)
{
	struct node n = { .kind = NODE_FOLDER, .ops = ops, .ctx = ctx };

	n.mode = folder_mode(folder->tree->owner.mode);
	return add_child(folder, name, &n, err);
}

static struct node *add_early(struct node *folder, const char *name, struct node *proto, struct error *err)
{
	struct node *n;

	proto->parent = folder;
	proto->next_early = folder->early;
	n = table_add(folder->tree, proto, name, err);
	if (n)
		folder->early = n;
	return n;
}

struct node *tree_add_early_folder(struct node *folder, const char *name, const struct node_ops *ops, void *ctx,
				   struct error *err)
{
	struct node n = { .kind = NODE_FOLDER, .ops = ops, .ctx = ctx };

	n.mode = folder_mode(folder->tree->owner.mode);
	return add_early(folder, name, &n, err);
}

struct node *tree_add_live(struct tree *t, const char *name, const struct node_ops *ops, void *ctx,
			   struct error *err)
{
	struct node n = { .kind = NODE_LIVE, .ops = ops, .ctx = ctx, .hidden = true };

	n.mode = S_IFREG | (t->owner.mode & 0400);
	return add_early(tree_root(t), name, &n, err);
}

struct node *node_early(const struct node *folder, const char *name)
{
	struct node *n = folder->early;

	while (n && strcmp(n->name, name))
		n = n->next_early;
	return n;
}

struct node *tree_add_image(struct node *folder, const char *name, uint64_t size, bool writable,
			    const struct node_ops *ops, void *ctx, struct error *err)
{
	struct node n = { .kind = NODE_IMAGE, .size = size, .writable = writable,
			  .ops = ops, .ctx = ctx };
	mode_t mode = folder->tree->owner.mode;

	n.mode = S_IFREG | mode | (writable ? (mode & 0440) >> 1 : 0);
	return add_child(folder, name, &n, err);
}

struct node *tree_add_text(struct node *folder, const char *name, char *text, size_t len,
			   struct error *err)
{
	struct node n = { .kind = NODE_TEXT, .size = len, .text = text }, *added;

	if (!text)
		return error_null(err, ENOMEM, "out of memory");
	n.mode = S_IFREG | folder->tree->owner.mode;
	added = add_child(folder, name, &n, err);
	if (!added)
		free(text);
	return added;
}

struct node *tree_add_link(struct node *folder, const char *name, const char *target,
			   struct error *err)
{
	struct node n = { .kind = NODE_LINK, .mode = S_IFLNK | 0777 }, *added;

	n.text = strdup(target);
	if (!n.text)
		return error_null(err, ENOMEM, "out of memory");
	n.size = strlen(target);
	added = add_child(folder, name, &n, err);
	if (!added)
		free(n.text);
	return added;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct node *const *)a)->name, (*(struct node *const *)b)->name);
}

/* Sort what the fill function added, and see that names are unique. */
static int settle(struct node *folder, struct error *err)
{
	size_t i;

	if (!folder->n_children)
		return 0;
	qsort(folder->children, folder->n_children, sizeof(*folder->children), by_name);
	for (i = 1; i < folder->n_children; i++)
		if (!strcmp(folder->children[i - 1]->name, folder->children[i]->name))
			return error_set(err, EBADMSG, "two files have the name \"%.64s\"",
					 folder->children[i]->name);
	return 0;
}

static int add_early_children(struct node *folder, struct error *err)
{
	for (struct node *n = folder->early; n; n = n->next_early) {
		if (n->hidden)
			continue;
		if (child_room(folder, err) < 0)
			return -ENOMEM;
		folder->children[folder->n_children++] = n;
	}
	return 0;
}

int node_fill(struct node *folder, struct error *err)
{
	int rc;

	if (atomic_load_explicit(&folder->filled, memory_order_acquire))
		return 0;
	pthread_mutex_lock(&folder->lock);
	rc = 0;
	if (!folder->filled) {
		folder->n_children = 0;
		rc = folder->ops && folder->ops->fill ? folder->ops->fill(folder, err) : 0;
		rc = rc ? rc : add_early_children(folder, err);
		rc = rc ? rc : settle(folder, err);
		if (!rc)
			atomic_store_explicit(&folder->filled, true, memory_order_release);
	}
	pthread_mutex_unlock(&folder->lock);
	return rc;
}

struct node *node_child(const struct node *folder, const char *name)
{
	size_t lo = 0, hi = folder->n_children;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, folder->children[mid]->name);

		if (!order)
			return folder->children[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static int open_first(struct node *n, struct error *err)
{
	struct blockdev *bd = NULL;
	int rc = n->ops->open(n, &bd, err);

	if (rc)
		return rc;
	if (bd->size != n->size) {
		blockdev_unref(bd);
		return error_set(err, EIO, "%s changed its size while it was mounted", n->name);
	}
	n->bd = bd;
	return 0;
}

int node_open(struct node *image, struct blockdev **out, struct error *err)
{
	int rc = 0;

	pthread_mutex_lock(&image->lock);
	if (!image->opens)
		rc = open_first(image, err);
	if (!rc) {
		image->opens++;
		*out = blockdev_ref(image->bd);
	}
	pthread_mutex_unlock(&image->lock);
	return rc;
}

void node_close(struct node *image, struct blockdev *bd)
{
	struct blockdev *last = NULL;

	blockdev_unref(bd);
	pthread_mutex_lock(&image->lock);
	if (--image->opens == 0)
		last = TAKE(image->bd);
	pthread_mutex_unlock(&image->lock);
	blockdev_unref(last);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files and folders of a mount.  Nodes are only ever added and live until
 * tree_free(), so an inode number is a node's place in an append-only table
 * and finding a node takes no lock.  A folder fills itself on first use; an
 * image opens its blockdev on first open and drops it after the last close.
 *
 * What the folders hold is decided by populate functions (populate.h, later
 * the vault's); this module knows no disk.  FUSE is in ops.c alone.
 *
 * Threads: all functions may be called from many threads, except tree_free().
 * Locks: one per node, held while that node fills or opens, so that others
 * wait for this node only; one for adding nodes, held for no I/O.
 */
#ifndef ADE_FS_MOUNT_TREE_H
#define ADE_FS_MOUNT_TREE_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "fs/image/blockdev.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

enum node_kind { NODE_FOLDER, NODE_IMAGE, NODE_TEXT, NODE_LINK, NODE_LIVE };

struct node;

struct node_ops {
	/* Folder: add the children with tree_add_*().  0 or -errno with words;
	 * after a failure what was added is dropped, and the next use tries again. */
	int (*fill)(struct node *folder, struct error *err);
	/* Image: a new reference in *out, its size as told to tree_add_image(). */
	int (*open)(struct node *image, struct blockdev **out, struct error *err);
	/* Live text: what it says now, malloc'ed; NULL: no memory. */
	char *(*text)(struct node *live, size_t *len);
	/* At tree_free(): give back ctx.  May be NULL. */
	void (*release)(void *ctx);
};

struct node {
	/* Fixed once the node is added. */
	struct tree *tree;
	struct node *parent;		/* the root's is itself */
	char *name;
	uint64_t ino;			/* from 1, the root */
	enum node_kind kind;
	mode_t mode;			/* type and permission bits */
	uid_t uid;
	gid_t gid;
	time_t mtime;
	uint64_t size;			/* image, text: bytes */
	bool writable;			/* image */
	char *text;			/* text: content; link: where it points */
	const struct node_ops *ops;
	void *ctx;			/* the populate function's */
	size_t index;			/* the populate function's */

	/* The node's own state. */
	pthread_mutex_t lock;		/* guards bd, opens, and filling */
	struct blockdev *bd;		/* image: while it is open */
	unsigned opens;
	_Atomic bool filled;		/* folder: children are fixed from then on */
	struct node *early;		/* folder: children that are there before it is filled, or NULL */
	struct node *next_early;
	bool hidden;			/* found by its name, not listed */
	struct node **children;		/* folder: sorted by name */
	size_t n_children, cap_children;
};

/* Who owns the nodes and what their permission bits are. */
struct tree_owner {
	uid_t uid;
	gid_t gid;
	mode_t mode;			/* of files, without write bits; folders get x where r is */
	time_t mtime;
};

struct tree;

/* A tree with an empty root, filled by ops->fill on first use.  Takes ctx
 * (given back by ops->release) on success only.  NULL: ENOMEM. */
struct tree *tree_new(const struct tree_owner *owner, const struct node_ops *root_ops,
		      void *ctx, struct error *err);
void tree_free(struct tree *t);
struct node *tree_root(struct tree *t);

/* What readers of images were given, and what hydrate brought; now: under way. */
struct tree_reads {
	_Atomic uint64_t reads, bytes, errors, now;
	_Atomic uint64_t warmed, warmed_bytes, warm_errors, warm_now;
};
struct tree_reads *tree_reads(struct tree *t);

/* Bytes that statfs(2) tells: what the tree's source holds. */
void tree_set_bytes(struct tree *t, uint64_t bytes);
uint64_t tree_bytes(const struct tree *t);
uint64_t tree_n_nodes(const struct tree *t);

/* For fill functions: a new child of `folder`, or NULL with words (EINVAL: a
 * name that a file cannot have; ENOMEM).  Names are unique in a folder, which
 * is checked when the filling is done. */
struct node *tree_add_folder(struct node *folder, const char *name, const struct node_ops *ops,
			     void *ctx, struct error *err);
struct node *tree_add_image(struct node *folder, const char *name, uint64_t size, bool writable,
			    const struct node_ops *ops, void *ctx, struct error *err);
/* Takes text (malloc'ed), on failure too.  NULL is handed on as ENOMEM. */
struct node *tree_add_text(struct node *folder, const char *name, char *text, size_t len,
			   struct error *err);
struct node *tree_add_link(struct node *folder, const char *name, const char *target,
			   struct error *err);

/* The same for a child that `folder` has before it is filled, so that whoever
 * asks for it by name waits for nothing else.  When the folder was just added,
 * by one thread; its fill function does not add it. */
struct node *tree_add_early_folder(struct node *folder, const char *name, const struct node_ops *ops, void *ctx,
				   struct error *err);
/* A file in the root whose text is made when it is opened, readable by the
 * tree's owner alone.  It is not listed, for whoever copies or indexes all. */
struct node *tree_add_live(struct tree *t, const char *name, const struct node_ops *ops, void *ctx,
			   struct error *err);
/* Such a child by name, or NULL.  No lock. */
struct node *node_early(const struct node *folder, const char *name);

/* By inode number; NULL: there is none.  No lock. */
struct node *tree_node(const struct tree *t, uint64_t ino);

/* Fill the folder unless that is done.  0 or -errno with words. */
int node_fill(struct node *folder, struct error *err);

/* A child by name of a filled folder, or NULL.  No lock. */
struct node *node_child(const struct node *folder, const char *name);

/* The image's blockdev as a new reference, opened when it is the first. */
int node_open(struct node *image, struct blockdev **out, struct error *err);
void node_close(struct node *image, struct blockdev *bd);

DEFINE_CLEANUP(struct tree *, tree_free);

#endif

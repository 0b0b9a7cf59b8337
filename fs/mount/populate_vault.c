/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate_vault_private.h"
#include "fs/azure/find_keys.h"
#include "fs/image/point_family.h"
#include "fs/image/stack.h"
#include "fs/image/vhd.h"
#include "fs/mount/populate.h"
#include "fs/mount/populate_bek.h"
#include "fs/mount/populate_rebuild.h"
#include "fs/mount/readers.h"
#include "fs/mount/replays.h"
#include "fs/util/log.h"
#include "fs/vault/capsule.h"
#include "fs/vault/item.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void whole_free(struct whole *w)
{
	if (!w)
		return;
	replays_free(w->replays);
	readers_free(w->readers);
	free(w->list);
	free(w->items);
	free(w);
}

DEFINE_CLEANUP(struct whole *, whole_free);

static void release_disk(void *ctx)
{
	struct shown_disk *d = ctx;

	if (d->stored && d->at->whole->view.watches)
		disk_watches_forget(d->at->whole->view.watches, d->stored);
	disk_unref(d->disk);
	blockdev_unref(d->stored);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static int watch(struct shown_disk *s, struct error *err)
{
	const struct vault_view *view = &s->at->whole->view;
	const struct point_disk *d = &s->at->point->disk[s->index];
	struct disk_watch *w;
	char name[256];

	if (!view->watches)
		return 0;
	snprintf(name, sizeof(name), "%s/%s/%s", s->at->point->vm, s->at->name->folder, d->name);
	w = disk_watch_new(name, d->name, d->size, d->chunk_size, view->record, err);
	if (!w)
		return -ENOMEM;
	point_disk_watch(s->stored, w);
	disk_watches_add(view->watches, w);
	return 0;
}

/* The point's bytes of the disk, a new reference. */
static struct blockdev *stored_bytes(struct shown_disk *s, struct error *err)
{
	const struct point *p = s->at->point;
	const struct vault_view *view = &s->at->whole->view;
	struct blockdev *bd;

	pthread_mutex_lock(&s->lock);
	if (!s->stored) {
		s->stored = point_disk_new(view->vault, p, &p->disk[s->index], view->cache, err);
		if (s->stored)
			point_disk_record(s->stored, readers_record, s->at->whole->readers);
		if (s->stored && watch(s, err) < 0) {
			blockdev_unref(s->stored);
			s->stored = NULL;
		}
	}
	bd = s->stored ? blockdev_ref(s->stored) : NULL;
	pthread_mutex_unlock(&s->lock);
	return bd;
}

/* "vm-20261120T020000Z-os", known again by the point's id. */
static int lay_overlay(struct shown_disk *s, const char *disk, struct error *err)
{
	struct overlay_choice c = *s->at->whole->view.overlay;
	char base[256], identity[128];
	bool plaintext = false;
	int rc;

	snprintf(base, sizeof(base), "%s-%s-%s", s->at->point->vm, s->at->name->folder, disk);
	snprintf(identity, sizeof(identity), "point %s %s", s->at->point->id, disk);
	c.base = base;
	c.identity = identity;
	rc = disk_overlay(s->disk, &c, &plaintext, err);
	if (!rc && plaintext && c.place == OVERLAY_IN_FOLDER)
		log_info("%s: what is written to it is kept as plaintext in %s", base, c.path);
	return rc;
}

static struct disk *unlock_disk(struct shown_disk *s, struct keyring *keys, struct error *err)
{
	const struct vault_view *view = &s->at->whole->view;
	const struct point_disk *d = &s->at->point->disk[s->index];
	struct disk_options options = view->options;
	struct point_family family;
	struct blockdev *bd = stored_bytes(s, err);
	char label[POINT_LABEL_BYTES];
	struct disk *disk;

	point_disk_label(s->at->point, d, label);
	options.label = label;
	if (bd)
		point_disk_opening(bd);
	options.family = point_family(&family, view->vault, s->at->point, d, view->cache, keys, &options);
	disk = bd ? disk_open(bd, d->vhd, keys, &options, err) : NULL;
	if (disk)
		disk_forget_keys(disk);
	return disk;
}

/* All that the mount shows is open: nothing needs the user's keys any more. */
static void count_open(struct shown_point *p)
{
	const struct vault_view *view = &p->whole->view;

	if (atomic_fetch_add(&p->open_disks, 1) + 1 == p->point->n_disks && view->point && view->keys &&
	    !view->bek_volume)
		keyring_clear(view->keys);
}

static int open_disk(struct shown_disk *s, struct error *err)
{
	struct error away = ERROR_INIT;
	AUTO(keyring_free) struct keyring *own = s->at->keys ? NULL : shown_point_keyring(s->at, &away, err);
	AUTO(disk_unref) struct disk *disk = NULL;

	if (own || s->at->keys)
		disk = unlock_disk(s, own ? own : s->at->keys, err);
	if (!disk)
		return err && err->code ? -err->code : -EIO;
	if (away.code && disk_is_locked(disk) && !s->at->whole->view.options.partial) {
		error_copy(err, &away);		/* the next look asks again */
		return -away.code;
	}
	s->disk = disk;
	if (s->at->whole->view.overlay && lay_overlay(s, s->at->point->disk[s->index].name, err) < 0) {
		s->disk = NULL;
		return err && err->code ? -err->code : -EIO;
	}
	TAKE(disk);
	count_open(s->at);
	return 0;
}

static int fill_disk(struct node *folder, struct error *err)
{
	struct shown_disk *s = folder->ctx;
	int rc = s->disk ? 0 : open_disk(s, err);

	return rc ? rc : populate_disk_folder(folder, s->disk, err);
}

static const struct node_ops disk_ops = { .fill = fill_disk, .release = release_disk };

enum { STORED_RAW, STORED_VHD };	/* index of the views of encrypted/ */

static int open_stored(struct node *n, struct blockdev **out, struct error *err)
{
	struct shown_disk *s = n->ctx;
	bool vhd = s->at->point->disk[s->index].vhd;
	struct blockdev *bd = stored_bytes(s, err);

	if (bd && n->index == STORED_RAW)
		bd = stack_stored(bd, vhd, err);
	else if (bd && !vhd)
		bd = disk_stored_vhd(bd, err);
	*out = bd;
	return bd ? 0 : err && err->code ? -err->code : -EIO;
}

static const struct node_ops stored_view_ops = { .open = open_stored };

static int fill_stored(struct node *folder, struct error *err)
{
	struct shown_disk *s = folder->ctx;
	const struct point_disk *d = &s->at->point->disk[s->index];
	uint64_t raw = d->vhd ? d->size - VHD_FOOTER_BYTES : d->size;
	struct node *n = tree_add_image(folder, "disk.raw", raw, false, &stored_view_ops, s, err);

	if (n)
		n->index = STORED_RAW;
	n = n ? tree_add_image(folder, "disk.vhd", d->vhd ? d->size : disk_vhd_size(raw), false, &stored_view_ops, s,
			       err) : NULL;
	if (n)
		n->index = STORED_VHD;
	return n ? 0 : -ENOMEM;
}

static const struct node_ops stored_ops = { .fill = fill_stored };

static int add_disk(struct node *folder, struct shown_point *p, size_t i, struct error *err)
{
	const struct point_disk *d = &p->point->disk[i];
	struct shown_disk *s = calloc(1, sizeof(*s));
	struct blockdev *bd;
	struct node *n;

	if (!s)
		return error_set(err, ENOMEM, "out of memory");
	s->at = p;
	s->index = i;
	pthread_mutex_init(&s->lock, NULL);
	n = tree_add_folder(folder, d->name, &disk_ops, s, err);
	if (!n) {
		release_disk(s);
		return -ENOMEM;
	}
	if (p->whole->view.replay && (bd = stored_bytes(s, NULL)))
		replays_add(p->whole->replays, bd, p->whole->view.replay, d->name, d->chunk_size);
	/* As it was backed up, it is read without opening a volume.  An overlay needs the whole disk first. */
	if (p->whole->view.overlay || (d->vhd && d->size <= VHD_FOOTER_BYTES))
		return 0;
	return tree_add_early_folder(n, "encrypted", &stored_ops, s, err) ? 0 : -ENOMEM;
}

static char *vm_text(const struct point *p, size_t *len)
{
	char *text = p->vm_config ? jval_print(p->vm_config, true) : strdup("{}\n");

	*len = text ? strlen(text) : 0;
	return text;
}

static bool disk_of_point(struct node *folder, size_t i, struct rebuild_place *out)
{
	const struct shown_point *p = folder->ctx;
	struct node *n = i < p->point->n_disks ? node_child(folder, p->point->disk[i].name) : NULL;

	return n && rebuild_place_fill(n, p->point->disk[i].size, &((struct shown_disk *)n->ctx)->disk, out);
}

static int add_rebuild(struct node *folder, struct shown_point *p, struct error *err)
{
	const struct vault_view *view = &p->whole->view;

	if (point_find_disk(p->point, REBUILD_FOLDER))
		return 0;	/* a disk of that name goes first */
	p->rebuild = (struct rebuild_source){ .title = p->point->vm, .dir = view->dir, .vm_config = p->point->vm_config,
					      .encrypted = view->bek_volume, .disk = disk_of_point };
	return populate_rebuild(folder, &p->rebuild, err);
}

static int fill_point(struct node *folder, struct error *err)
{
	struct shown_point *p = folder->ctx;
	struct error away = ERROR_INIT;
	size_t len = 0;
	char *text;
	int rc = p->point ? 0 : shown_point_read(p, err);

	if (rc < 0)
		return rc;
	if (p->whole->view.bek_volume && !p->keys && !(p->keys = shown_point_keyring(p, &away, err)))
		return -ENOMEM;
	text = vm_text(p->point, &len);
	if (!tree_add_text(folder, "vm.json", text, len, err))
		return -ENOMEM;
	for (size_t i = 0; i < p->point->n_disks && rc == 0; i++)
		rc = add_disk(folder, p, i, err);
	if (rc == 0)
		rc = add_rebuild(folder, p, err);
	return rc == 0 && p->whole->view.bek_volume ? populate_bek(folder, p->keys, err) : rc;
}

static void release_point(void *ctx)
{
	struct shown_point *p = ctx;

	point_free(p->point);
	keyring_free(p->keys);
	free(p);
}

static const struct node_ops point_ops = { .fill = fill_point, .release = release_point };

static struct shown_point *show_point(struct whole *w, const struct point_name *name)
{
	struct shown_point *p = calloc(1, sizeof(*p));

	if (p) {
		p->whole = w;
		p->name = name;
	}
	return p;
}

/* Points of a soft-deleted VM are not shown until somebody takes it back. */
static int refuse_deleted(const struct whole *w, const char *vm_id, struct error *err)
{
	bool deleted;
	int rc = item_rows_deleted(w->view.vault, w->items, w->n_items, vm_id, &deleted, err);

	return rc < 0 || !deleted ? rc : item_deleted_error(w->view.vm ? w->view.vm : vm_id, err);
}

static int fill_vm(struct node *folder, struct error *err)
{
	struct vm *vm = folder->ctx;
	struct whole *w = vm->whole;
	const char *latest = NULL;
	int rc = refuse_deleted(w, vm->id, err);

	for (size_t i = 0; i < w->n && rc == 0; i++) {
		struct shown_point *p;

		if (strcmp(w->list[i].vm_id, vm->id))
			continue;
		p = show_point(w, &w->list[i]);
		if (!p || !tree_add_folder(folder, w->list[i].folder, &point_ops, p, err)) {
			free(p);
			return -ENOMEM;
		}
		latest = w->list[i].folder;
	}
	return rc ? rc : !latest || tree_add_link(folder, "latest", latest, err) ? 0 : -ENOMEM;
}

static const struct node_ops vm_ops = { .fill = fill_vm, .release = free };

static struct vm *show_vm(struct whole *w, const char *id)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (vm) {
		vm->whole = w;
		snprintf(vm->id, sizeof(vm->id), "%s", id);
	}
	return vm;
}

struct filling { struct node *folder; struct error *err; };

static int add_vm(void *arg, const char *name, const char *id)
{
	struct filling *f = arg;
	struct vm *vm = show_vm(f->folder->ctx, id);

	if (vm && tree_add_folder(f->folder, name, &vm_ops, vm, f->err))
		return 0;
	free(vm);
	return -ENOMEM;
}

static int fill_vault(struct node *root, struct error *err)
{
	struct whole *w = root->ctx;
	struct filling f = { root, err };

	return vault_vm_list(w->view.vault, add_vm, &f, err);
}

static void release_vault(void *ctx)
{
	whole_free(ctx);
}

static const struct node_ops vault_ops = { .fill = fill_vault, .release = release_vault };

/* A root that is a VM or a point also owns the whole. */
static void release_root_vm(void *ctx)
{
	struct vm *vm = ctx;

	whole_free(vm->whole);
	free(vm);
}

static void release_root_point(void *ctx)
{
	struct shown_point *p = ctx;
	struct whole *w = p->whole;

	release_point(p);
	whole_free(w);
}

static const struct node_ops root_vm_ops = { .fill = fill_vm, .release = release_root_vm };
static const struct node_ops root_point_ops = { .fill = fill_point, .release = release_root_point };

static const struct point_name *look_up(const struct whole *w, const struct point_name *name)
{
	for (size_t i = 0; i < w->n; i++)
		if (!strcmp(w->list[i].object, name->object))
			return &w->list[i];
	return NULL;
}

static struct tree *point_tree(struct whole *w, const struct tree_owner *owner, struct error *err)
{
	struct point_name name;
	const struct point_name *known;
	struct shown_point *p;
	struct tree *t;

	if (point_pick(w->view.vault, w->list, w->n, w->view.vm, w->view.point, &name, err) < 0 ||
	    refuse_deleted(w, name.vm_id, err) < 0)
		return NULL;
	known = look_up(w, &name);
	p = known ? show_point(w, known) : NULL;
	t = p ? tree_new(owner, &root_point_ops, p, err) : error_null(err, ENOENT, "the point has just gone");
	if (!t)
		free(p);
	return t;
}

static struct tree *vm_tree(struct whole *w, const struct tree_owner *owner, struct error *err)
{
	struct point_name name;
	struct vm *vm;
	struct tree *t;

	if (point_pick(w->view.vault, w->list, w->n, w->view.vm, "latest", &name, err) < 0 ||
	    refuse_deleted(w, name.vm_id, err) < 0)
		return NULL;
	vm = show_vm(w, name.vm_id);
	t = vm ? tree_new(owner, &root_vm_ops, vm, err) : error_null(err, ENOMEM, "out of memory");
	if (!t)
		free(vm);
	return t;
}

static int ignore(void *arg, const struct object *o)
{
	(void)arg, (void)o;
	return 0;
}

static bool wants_latest(const struct vault_view *view)
{
	return view->vm && view->point && !strcmp(view->point, "latest");
}

void populate_vault_expect(const struct vault_view *view, struct store *st)
{
	store_expect(st, EXPECT_LIST, "item/");
	if (wants_latest(view) && store_folders(st, "pt/", ignore, NULL, NULL) != -ENOTSUP)
		return;		/* it is found without a list */
	store_expect(st, EXPECT_LIST, "exp/");
	store_expect(st, EXPECT_LIST, "pt/");
}

static int list_points(struct whole *w, struct error *err)
{
	char vm_id[VM_ID_TEXT];

	if (wants_latest(&w->view) && vault_vm_id(w->view.vault, w->view.vm, vm_id) == 0)
		return point_list_latest(w->view.vault, vm_id, &w->list, &w->n, err);
	return point_list(w->view.vault, NULL, &w->list, &w->n, err);
}

struct tree *populate_vault(const struct vault_view *view, const struct tree_owner *owner, struct error *err)
{
	AUTO(whole_free) struct whole *w = calloc(1, sizeof(*w));
	struct tree *t;

	if (!w)
		return error_null(err, ENOMEM, "out of memory");
	w->view = *view;
	if (view->point && !view->vm)
		return error_null(err, EINVAL, "point= needs vm=");
	w->readers = readers_new(view->vault, err);
	w->replays = replays_new(err);
	if (!w->readers || !w->replays || list_points(w, err) < 0 ||
	    numbered_list(view->vault, "item", NULL, &w->items, &w->n_items, err) < 0)
		return NULL;
	if (view->point)
		t = point_tree(w, owner, err);
	else if (view->vm)
		t = vm_tree(w, owner, err);
	else
		t = tree_new(owner, &vault_ops, w, err);
	store_expect(vault_store(view->vault), EXPECT_NOTHING, NULL);
	if (t)
		TAKE(w);
	return t;
}

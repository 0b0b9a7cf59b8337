/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate_vault.h"
#include "fs/image/point_disk.h"
#include "fs/mount/populate.h"
#include "fs/mount/populate_bek.h"
#include "fs/mount/readers.h"
#include "fs/util/log.h"
#include "fs/vault/capsule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What every folder of the tree hangs on: the root's. */
struct whole {
	struct vault_view view;
	struct readers *readers;
	struct point_name *list;	/* by VM, oldest first */
	size_t n;
};

/* A VM's folder. */
struct vm {
	struct whole *whole;
	char id[VM_ID_TEXT];
};

/* A point's folder; its disks' folders hang on it. */
struct shown_point {
	struct whole *whole;
	const struct point_name *name;
	struct point *point;		/* once it was read */
	struct keyring *keys;		/* the user's and the capsule's; NULL: the user's alone */
};

struct shown_disk {
	struct shown_point *at;
	size_t index;
	struct disk *disk;		/* once it was opened */
};

static void whole_free(struct whole *w)
{
	if (!w)
		return;
	readers_free(w->readers);
	free(w->list);
	free(w);
}

DEFINE_CLEANUP(struct whole *, whole_free);

static void release_disk(void *ctx)
{
	struct shown_disk *d = ctx;

	disk_unref(d->disk);
	free(d);
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

static int fill_disk(struct node *folder, struct error *err)
{
	struct shown_disk *s = folder->ctx;
	const struct vault_view *view = &s->at->whole->view;
	const struct point_disk *d = &s->at->point->disk[s->index];
	struct blockdev *bd;

	if (!s->disk) {
		bd = point_disk_new(view->vault, s->at->point->vm_id, d, view->cache, err);
		s->disk = bd ? disk_open(bd, d->vhd, s->at->keys ? s->at->keys : view->keys, &view->options, err)
			     : NULL;
		if (s->disk && view->overlay && lay_overlay(s, d->name, err) < 0) {
			disk_unref(s->disk);
			s->disk = NULL;
		}
	}
	if (!s->disk)
		return err && err->code ? -err->code : -EIO;
	return populate_disk_folder(folder, s->disk, err);
}

static const struct node_ops disk_ops = { .fill = fill_disk, .release = release_disk };

static int add_disk(struct node *folder, struct shown_point *p, size_t i, struct error *err)
{
	struct shown_disk *s = calloc(1, sizeof(*s));

	if (!s)
		return error_set(err, ENOMEM, "out of memory");
	s->at = p;
	s->index = i;
	if (tree_add_folder(folder, p->point->disk[i].name, &disk_ops, s, err))
		return 0;
	free(s);
	return -ENOMEM;
}

/* R1, then R2: a mark that came before our record is seen here. */
static int read_point(struct shown_point *p, struct error *err)
{
	struct vault *v = p->whole->view.vault;
	char mark[64];
	struct object o;
	int rc = readers_add(p->whole->readers, p->name->object, err);

	if (rc < 0)
		return rc;
	snprintf(mark, sizeof(mark), "exp/%s", strrchr(p->name->object, '/') + 1);
	rc = store_stat(vault_store(v), mark, &o, NULL);
	if (rc == 0)
		return error_set(err, ESTALE, "the recovery point %s has expired", p->name->id);
	return rc == -ENOENT ? point_read(v, p->name, &p->point, err) : error_set(err, -rc, "%s", strerror(-rc));
}

/* A capsule that does not open is no reason to keep the point from the user's own keys. */
static int take_capsule(struct shown_point *p, struct error *err)
{
	const struct vault_view *view = &p->whole->view;
	AUTO(keyring_free) struct keyring *keys = NULL;
	struct error why = ERROR_INIT;
	int rc = 0;

	if (!p->point->capsule && !view->bek_volume)
		return 0;
	keys = keyring_new();
	if (!keys)
		return error_set(err, ENOMEM, "out of memory");
	if (view->keys)
		rc = keyring_add_all(keys, view->keys, err);
	if (rc < 0)
		return rc;
	if (capsule_open(vault_ring(view->vault), p->point->id, p->point->capsule, keys, &why) < 0)
		log_warning("%s: %s", p->name->object, why.text);
	if (capsule_unwrap(vault_ring(view->vault), p->point->id, p->point->capsule, view->stores, view->audit, keys,
			   &why) < 0)
		log_warning("%s: %s", p->name->object, why.text);
	p->keys = TAKE(keys);
	return 0;
}

static char *vm_text(const struct point *p, size_t *len)
{
	char *text = p->vm_config ? jval_print(p->vm_config, true) : strdup("{}\n");

	*len = text ? strlen(text) : 0;
	return text;
}

static int fill_point(struct node *folder, struct error *err)
{
	struct shown_point *p = folder->ctx;
	size_t len = 0;
	char *text;
	int rc = p->point ? 0 : read_point(p, err);

	if (rc == 0 && !p->keys)
		rc = take_capsule(p, err);
	if (rc < 0)
		return rc;
	text = vm_text(p->point, &len);
	if (!tree_add_text(folder, "vm.json", text, len, err))
		return -ENOMEM;
	for (size_t i = 0; i < p->point->n_disks && rc == 0; i++)
		rc = add_disk(folder, p, i, err);
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

static int fill_vm(struct node *folder, struct error *err)
{
	struct vm *vm = folder->ctx;
	struct whole *w = vm->whole;
	const char *latest = NULL;

	for (size_t i = 0; i < w->n; i++) {
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
	return !latest || tree_add_link(folder, "latest", latest, err) ? 0 : -ENOMEM;
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

	if (point_find(w->view.vault, w->view.vm, w->view.point, &name, err) < 0)
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

	if (point_find(w->view.vault, w->view.vm, "latest", &name, err) < 0)
		return NULL;
	vm = show_vm(w, name.vm_id);
	t = vm ? tree_new(owner, &root_vm_ops, vm, err) : error_null(err, ENOMEM, "out of memory");
	if (!t)
		free(vm);
	return t;
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
	if (!w->readers || point_list(view->vault, NULL, &w->list, &w->n, err) < 0)
		return NULL;
	if (view->point)
		t = point_tree(w, owner, err);
	else if (view->vm)
		t = vm_tree(w, owner, err);
	else
		t = tree_new(owner, &vault_ops, w, err);
	if (t)
		TAKE(w);
	return t;
}

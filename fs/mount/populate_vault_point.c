/* SPDX-License-Identifier: Apache-2.0 */
/* A point of the tree is read, and its keys are taken from its capsule. */
#include "fs/mount/populate_vault_private.h"
#include "fs/azure/find_keys.h"
#include "fs/util/log.h"
#include "fs/vault/capsule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The list is by VM, oldest first. */
static bool is_newest(const struct shown_point *p)
{
	const struct whole *w = p->whole;

	return p->name + 1 == w->list + w->n || strcmp(p->name[1].vm_id, p->name->vm_id) != 0;
}

/* R1, then R2: a mark that came before our record is seen here. */
static int read_by(struct shown_point *p, const struct point_name *name, struct error *err)
{
	struct vault *v = p->whole->view.vault;
	int rc = readers_add(p->whole->readers, name->object, err);

	if (rc < 0)
		return rc;
	store_expect(vault_store(v), EXPECT_GET, name->object);
	rc = point_read_unmarked(v, name, &p->point, err);
	if (rc < 0)
		store_expect(vault_store(v), EXPECT_NOTHING, NULL);
	return rc;
}

/* Since the list was made a compact may have written the point anew. */
int shown_point_read(struct shown_point *p, struct error *err)
{
	struct vault *v = p->whole->view.vault;
	struct point_name newer;
	int rc = read_by(p, p->name, err);

	if (rc == -ESTALE) {
		error_clear(err);
		rc = point_newest(v, p->name->object, &newer, err);
		rc = rc < 0 ? rc : read_by(p, &newer, err);
	}
	if (rc == 0 && p->whole->view.seen)
		p->whole->view.seen(v, p->point, is_newest(p));
	return rc;
}

/* A failure of the keys is logged; one that another try may heal is handed on. */
static void note(const struct shown_point *p, int rc, const struct error *why, struct error *away)
{
	if (rc < 0)
		log_warning("%s: %s", p->name->object, why->text);
	if (rc == -EHOSTUNREACH || rc == -ETIMEDOUT)
		error_copy(away, why);
}

/* What the capsule does not have the key stores may. */
static void ask_stores(const struct shown_point *p, struct keyring *keys, struct error *away)
{
	const struct vault_view *view = &p->whole->view;
	struct error why = ERROR_INIT, warning = ERROR_INIT;

	note(p, azure_find_point_keys(p->point->vm_config, p->point->vm, view->stores, view->options.audit, keys, &why,
				      &warning), &why, away);
	if (warning.code)
		log_warning("%s: %s", p->name->object, warning.text);
}

/* Of the capsule and of the key stores.  What does not open is no reason to
 * keep the point from the user's own keys. */
static void add_own_keys(struct shown_point *p, struct keyring *keys, struct error *away)
{
	const struct vault_view *view = &p->whole->view;
	struct capsule_opener with = { .ring = vault_ring(view->vault), .private_key = vault_private_key(view->vault),
				       .stores = view->stores, .audit = view->options.audit };
	struct error why = ERROR_INIT;

	if (view->fetch_keys)
		note(p, view->fetch_keys(view->fetch_arg, keys, &why), &why, away);
	note(p, capsule_open(vault_ring(view->vault), p->point->id, p->point->capsule, keys, &why), &why, away);
	note(p, capsule_unwrap(&with, p->point->id, p->point->capsule, keys, &why), &why, away);
	if (view->stores && keystores_count(view->stores) && !keyring_count(keys) && !away->code)
		ask_stores(p, keys, away);
}

struct keyring *shown_point_keyring(struct shown_point *p, struct error *away, struct error *err)
{
	const struct vault_view *view = &p->whole->view;
	AUTO(keyring_free) struct keyring *keys = keyring_new();

	if (!keys)
		return error_null(err, ENOMEM, "out of memory");
	if (view->keys && keyring_add_all(keys, view->keys, err) < 0)
		return NULL;
	add_own_keys(p, keys, away);
	return TAKE(keys);
}

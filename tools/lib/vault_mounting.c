/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_mounting.h"
#include "fs/store/ahead.h"
#include "tools/lib/key_options.h"
#include "tools/lib/opening.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/store_opening.h"
#include "tools/lib/seen.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <string.h>

static int take_headers(struct vault_mounting *m, const struct options *o, struct disk_options *d,
			struct error *err)
{
	const char *header;

	d->headers = m->headers;
	while ((header = options_nth(o, OPT_HEADER, d->n_headers))) {
		if (d->n_headers == sizeof(m->headers) / sizeof(m->headers[0]))
			return error_set(err, EINVAL, "more than 16 headers");
		m->headers[d->n_headers++] = header;
	}
	return 0;
}

/* Stores that may hold the KEKs of keys that points keep wrapped. */
static int take_stores(struct vault_mounting *m, const struct options *o, struct vault_view *view, struct error *err)
{
	if (!options_has(o, OPT_KEYSTORE))
		return 0;
	m->stores = keystores_from_options(o, err);
	m->audit = m->stores ? audit_from_options(o, err) : NULL;
	view->stores = m->stores;
	view->audit = m->audit;
	return m->audit ? 0 : -EIO;
}

static int take_operand(struct vault_mounting *m, const char *at, struct vault_view *view,
			struct error *err)
{
	view->point = point_operand_split(at, m->vm, sizeof(m->vm));
	view->vm = m->vm;
	if (view->point)
		return 0;
	error_set(err, EINVAL, "'%.80s' names no VM", at);
	error_next(err, "write VM or VM@POINT; adebackup list shows what there is");
	return -EINVAL;
}

/* What the first look at a vault reads is on the way at once. */
static struct vault *open_vault(const char *source, const struct options *o, struct error *err)
{
	struct store *st = store_ahead_new(store_from_options(source, false, o, err), err);

	if (!st)
		return NULL;
	populate_vault_expect(st);
	return vault_from_store(st, source, o, err);
}

struct tree *vault_mounting_tree(struct vault_mounting *m, const char *source, const char *at,
				 const struct options *o, const struct report *report,
				 const struct tree_owner *owner, struct error *err)
{
	struct error warning = ERROR_INIT;
	struct vault_view view = { .bek_volume = options_has(o, OPT_BEKVOLUME), .seen = seen_log,
				   .vm = options_get(o, OPT_VM), .point = options_get(o, OPT_POINT),
				   .options = { .partial = options_has(o, OPT_PARTIAL),
						.try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
						.max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0) } };

	if (options_has(o, OPT_OVERLAY)) {
		if (overlay_choose(&m->overlay, o, source, err) < 0)
			return NULL;
		if (m->overlay.choice.place == OVERLAY_IN_FILE) {
			error_null(err, EINVAL, "a vault shows many disks, and an overlay file is for one");
			error_next(err, "name a folder that exists: overlay=DIR");
			return NULL;
		}
		view.overlay = &m->overlay.choice;
	}
	if (at && take_operand(m, at, &view, err) < 0)
		return NULL;
	if (take_headers(m, o, &view.options, err) < 0 || take_stores(m, o, &view, err) < 0)
		return NULL;
	m->vault = open_vault(source, o, err);
	m->keys = m->vault ? keyring_for_points(o, err, &warning) : NULL;
	if (warning.code)
		report_warning(report, &warning);
	m->cache = m->keys ? chunk_cache_new(0, err) : NULL;
	if (!m->cache)
		return NULL;
	view.vault = m->vault;
	view.keys = m->keys;
	view.cache = m->cache;
	return populate_vault(&view, owner, err);
}

void vault_mounting_close(struct vault_mounting *m)
{
	chunk_cache_free(m->cache);
	keyring_free(m->keys);
	keystores_free(m->stores);
	audit_close(m->audit);
	vault_free(m->vault);
	overlay_choice_release(&m->overlay);
	memset(m, 0, sizeof(*m));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/vault_mounting.h"
#include "fs/mount/mount_stats.h"
#include "fs/store/ahead.h"
#include "fs/store/diskcache.h"
#include "fs/store/meter.h"
#include "fs/util/log.h"
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

/* fetch_keys of a view */
static int fetch_keys(void *arg, struct keyring *to, struct error *err)
{
	struct vault_mounting *m = arg;

	return keyring_add_named(to, m->stores, m->options, m->audit, err, NULL);
}

/* Once while the user is there to read what is wrong with them. */
static void try_named(struct vault_mounting *m, const struct report *report)
{
	AUTO(keyring_free) struct keyring *trial = keyring_new();
	struct error why = ERROR_INIT, warning = ERROR_INIT;

	if (trial)
		keyring_add_named(trial, m->stores, m->options, m->audit, &why, &warning);
	if (why.code)
		report_warning(report, &why);
	if (warning.code)
		report_warning(report, &warning);
}

/* Stores that may hold the KEKs of keys that points keep wrapped, and secrets that are named. */
static int take_stores(struct vault_mounting *m, const struct options *o, struct vault_view *view, struct error *err)
{
	bool named = keyring_names_secrets(o);

	m->options = o;
	view->options.audit = m->audit = audit_from_options(o, err);
	if (m->audit && (named || options_has(o, OPT_KEYSTORE)))
		view->stores = m->stores = keystores_from_options(o, err);
	if (named && m->stores) {
		view->fetch_keys = fetch_keys;
		view->fetch_arg = m;
	}
	return err->code ? -err->code : 0;
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

/* The address's store, metered, cached, asked ahead.  NULL with words. */
static struct store *open_store(struct vault_mounting *m, const char *source, const struct options *o,
				struct error *err)
{
	const char *folder = options_get(o, OPT_DISKCACHE);
	struct store *st = m->meter = store_meter_new(store_from_options(source, false, o, err), err);

	if (st && folder)
		st = m->diskcache = store_diskcache_new(st, folder, options_number(o, OPT_DISKCACHE_SIZE, 0), err);
	return store_ahead_new(st, err);
}

/* What the first look at a vault reads is on the way at once. */
static struct vault *open_vault(struct vault_mounting *m, const char *source, const struct vault_view *view,
				const struct options *o, struct error *err)
{
	struct store *st = open_store(m, source, o, err);

	if (!st) {
		if (!err->object[0])
			error_object(err, "%s", source);
		return NULL;
	}
	populate_vault_expect(view, st);
	return vault_from_store(st, source, o, err);
}

static int take_traces(struct vault_mounting *m, const struct options *o, struct vault_view *view, struct error *err)
{
	const char *record = options_get(o, OPT_RECORD_TRACE), *replay = options_get(o, OPT_REPLAY_TRACE);

	if (!record && !replay)
		return 0;
	if (!view->vm)
		return error_set(err, EINVAL, "a trace is of one VM: name it, VM or VM@POINT");
	if (vault_vm_id(m->vault, view->vm, m->vm_id) < 0)
		return error_set(err, EIO, "the VM's id cannot be made");
	if (record && !(m->record = trace_new(record, err)))
		return -EINVAL;
	if (replay && !(m->replay = trace_get(m->vault, m->vm_id, replay, err)))
		return err->code ? -err->code : -EIO;
	view->record = m->record;
	view->replay = m->replay;
	return 0;
}

static void keep_trace(struct vault_mounting *m)
{
	struct error err = ERROR_INIT;

	if (m->record && m->vault && trace_put(m->vault, m->vm_id, m->record, &err) < 0)
		log_error("the trace %s cannot be kept: %s", m->record->name, err.text);
}

/* NULL is handed on. */
static struct tree *show(const struct vault_mounting *m, struct tree *t, struct error *err)
{
	struct mount_stats s = { m->meter, m->diskcache, m->cache, m->watches };

	if (!t || mount_stats_show(t, &s, err) == 0)
		return t;
	tree_free(t);
	return NULL;
}

struct tree *vault_mounting_tree(struct vault_mounting *m, const char *source, const char *dir,
				 const char *at, const struct options *o, const struct report *report,
				 const struct tree_owner *owner, struct error *err)
{
	struct vault_view view = { .bek_volume = options_has(o, OPT_BEKVOLUME), .seen = seen_log, .dir = dir,
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
	m->vault = open_vault(m, source, &view, o, err);
	m->keys = m->vault ? keyring_from_files(o, err) : NULL;
	if (m->keys && view.fetch_keys)
		try_named(m, report);
	m->cache = m->keys ? chunk_cache_new(0, err) : NULL;
	m->watches = m->cache ? disk_watches_new() : NULL;
	if (!m->watches || take_traces(m, o, &view, err) < 0)
		return NULL;
	view.vault = m->vault;
	view.keys = m->keys;
	view.cache = m->cache;
	view.watches = m->watches;
	return show(m, populate_vault(&view, owner, err), err);
}

void vault_mounting_close(struct vault_mounting *m)
{
	keep_trace(m);
	chunk_cache_free(m->cache);
	disk_watches_free(m->watches);
	trace_free(m->record);
	trace_free(m->replay);
	keyring_free(m->keys);
	keystores_free(m->stores);
	audit_close(m->audit);
	vault_free(m->vault);
	overlay_choice_release(&m->overlay);
	memset(m, 0, sizeof(*m));
}

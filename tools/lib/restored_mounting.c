/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/restored_mounting.h"
#include "fs/azure/find_keys.h"
#include "fs/image/webdisk.h"
#include "fs/mount/mount_stats.h"
#include "fs/mount/populate_restored.h"
#include "fs/net/url.h"
#include "fs/store/address.h"
#include "fs/util/log.h"
#include "tools/lib/key_options.h"
#include "tools/lib/opening.h"
#include "tools/lib/store_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define CACHED_BYTES (40u << 20)	/* beside what is in flight */

static bool is_image_name(const char *spec)
{
	static const char *const tails[] = { ".vhd", ".raw", ".img", ".bin", ".vhdx", ".qcow2", ".vmdk" };
	const char *dot = strrchr(spec, '.');

	for (size_t i = 0; dot && i < sizeof(tails) / sizeof(tails[0]); i++)
		if (!strcasecmp(dot, tails[i]))
			return true;
	return false;
}

/* "az://ACCOUNT/CONTAINER": it can be nothing else. */
static bool is_container(const char *spec)
{
	struct store_address a;
	bool is = store_address_parse(spec, &a, NULL) == 0 && a.kind == STORE_AZ && !*a.prefix;

	store_address_clear(&a);
	return is;
}

static bool may_hold_disks(const char *spec)
{
	struct stat st;

	switch (store_kind_of(spec)) {
	case STORE_DIR:
		return stat(spec, &st) == 0 && S_ISDIR(st.st_mode);
	case STORE_AZ:
		return !strchr(spec, '?') && !is_image_name(spec);
	case STORE_HTTP:
		return *spec && spec[strlen(spec) - 1] == '/';
	default:
		return false;
	}
}

static int read_place(struct restored_mounting *m, struct error *err)
{
	struct restored_place p = { .folder = m->spec };

	if (store_is_remote(m->spec)) {
		struct store_reach r;

		store_reach_from(&r, m->spec, m->options);
		m->st = store_open_with(m->spec, false, &r.store, err);
		if (!m->st)
			return -EIO;
		p = (struct restored_place){ .st = m->st };
	}
	m->found = restored_read(&p, err);
	return m->found ? 0 : -EIO;
}

int restored_mounting_find(struct restored_mounting *m, const char *spec, const struct options *o, struct error *err)
{
	struct error why = ERROR_INIT;
	size_t n = strlen(spec);

	m->options = o;
	if (!may_hold_disks(spec))
		return 0;
	while (n > 1 && spec[n - 1] == '/')
		n--;
	m->spec = strndup(spec, n);
	if (!m->spec)
		return error_set(err, ENOMEM, "out of memory");
	if (options_sas(o, spec) && strcmp(m->spec, spec)) {
		free(m->spec);		/* a secret is found by the address as it was written */
		m->spec = strdup(spec);
	}
	if (m->spec && read_place(m, &why) == 0)
		return 1;
	if (!is_container(spec))
		return 0;
	if (!why.object[0])
		error_object(&why, "%s", spec);
	error_copy(err, &why);
	return why.code ? -why.code : -EIO;
}

static bool same_account(const char *spec, const char *uri)
{
	struct store_address a;
	struct url u;
	bool same = store_kind_of(uri) == STORE_AZ && url_parse(uri, &u) == 0 && !u.query &&
		    store_address_parse(spec, &a, NULL) == 0;

	if (!same)
		return false;
	same = a.kind == STORE_AZ && a.host && !strncmp(u.host, a.host, strlen(a.host)) && u.host[strlen(a.host)] == '.';
	store_address_clear(&a);
	return same;
}

/* The blob of a URL as az://ACCOUNT/CONTAINER/BLOB, for which the endpoint that the user names holds. */
static char *by_account(const char *uri, struct error *err)
{
	AUTO(free) char *path = NULL;
	char *spec = NULL;
	struct url u;

	if (url_parse(uri, &u) < 0 || u.path_len < 2 || !(path = url_unescape(u.path + 1, u.path_len - 1)))
		return error_null(err, EINVAL, "the config's address of a VHD cannot be read");
	if (asprintf(&spec, "az://%.*s/%s", (int)strcspn(u.host, "."), u.host, path) < 0)
		return error_null(err, ENOMEM, "out of memory");
	return spec;
}

/* Where disk i is; NULL with words. */
static char *spec_of(const struct restored_mounting *m, size_t i, struct error *err)
{
	const struct restored_disk *d = &m->found->disk[i];
	char *spec = NULL;

	if (d->file) {
		if (asprintf(&spec, "%s/%s", m->spec, d->file) < 0)
			spec = NULL;
		return spec ? spec : error_null(err, ENOMEM, "out of memory");
	}
	if (d->uri && m->st && same_account(m->spec, d->uri))
		return options_has(m->options, OPT_ENDPOINT) ? by_account(d->uri, err) : strdup(d->uri);
	error_null(err, ENOENT, "its VHD is not here%s%.200s", d->uri ? ": the config says " : "", d->uri ? d->uri : "");
	error_object(err, "%s", m->spec);
	error_next(err, d->uri && *d->uri == '/'
		   ? "it was restored as a managed disk: mount that by its SAS address (az disk grant-access)"
		   : "put it beside the config, under that name");
	return NULL;
}

static void tell_missing(const struct restored_mounting *m, const struct error *why, struct error *warning)
{
	const struct azure_settings *s = m->found->settings;

	*warning = *why;
	if (!warning->object[0])
		error_object(warning, "%s", s->n_secrets ? s->secrets[0].secret_url : m->spec);
	if (!keystores_count(m->stores))
		error_next(warning, "name the key store that holds it: keystore=SPEC; keystore=azure asks the Key Vault "
			   "that %s names", m->found->config_name);
}

/* The user's keys, and what the JSONs and key stores give; got anew each time. */
static struct keyring *all_keys(struct restored_mounting *m, struct error *err, struct error *warning)
{
	AUTO(keyring_free) struct keyring *keys = keyring_new();
	struct error why = ERROR_INIT;
	const struct azure_settings *s = m->found->settings;

	if (!keys || keyring_add_all(keys, m->keys, err) < 0)
		return error_null(err, ENOMEM, "out of memory");
	if (s->n_secrets || (s->enabled && keystores_count(m->stores)))
		azure_find_keys(s, m->stores, m->audit, keys, &why, warning);
	if (!why.code && keyring_names_secrets(m->options))
		keyring_add_named(keys, m->stores, m->options, m->audit, &why, warning);
	if (why.code && !keyring_count(m->keys))
		tell_missing(m, &why, warning);
	return TAKE(keys);
}

static const char *name_of(void *arg, size_t i)
{
	return ((struct restored_mounting *)arg)->found->disk[i].folder;
}

static struct blockdev *bytes_of(struct restored_mounting *m, size_t i, bool *vhd, struct error *err)
{
	AUTO(free) char *spec = spec_of(m, i, err);

	return spec ? source_open_as(&m->source, spec, m->spec, m->options, vhd, err) : NULL;
}

/* The other disks of the VM, for headers that lie on them. */
struct family { struct restored_mounting *m; size_t self; struct keyring *keys; };

static size_t other(const struct family *f, size_t i)
{
	return i >= f->self ? i + 1 : i;
}

static struct disk *open_other(void *arg, size_t i, struct error *err)
{
	struct family *f = arg;
	struct disk_options options = { .try_all_keys = f->m->disk.try_all_keys,
					.max_kdf_memory = f->m->disk.max_kdf_memory, .audit = f->m->audit,
					.label = name_of(f->m, other(f, i)) };
	bool vhd;
	struct blockdev *bd = bytes_of(f->m, other(f, i), &vhd, err);

	return bd ? disk_open(bd, vhd, f->keys, &options, err) : NULL;
}

static const char *name_of_other(void *arg, size_t i)
{
	struct family *f = arg;

	return name_of(f->m, other(f, i));
}

/* "vm1-os", known again by the VM's name and the disk's. */
static int lay_overlay(struct restored_mounting *m, size_t i, struct disk *d, struct error *err)
{
	struct overlay_choice c = m->overlay.choice;
	char base[200];
	bool plaintext = false;
	int rc;

	snprintf(base, sizeof(base), "%.120s-%s", m->title, name_of(m, i));
	c.base = base;
	rc = disk_overlay(d, &c, &plaintext, err);
	if (!rc && plaintext && c.place == OVERLAY_IN_FOLDER)
		log_info("%s: what is written to it is kept as plaintext in %s", base, c.path);
	return rc;
}

static struct disk *open_disk(void *arg, size_t i, struct error *err)
{
	struct restored_mounting *m = arg;
	struct error warning = ERROR_INIT;
	AUTO(keyring_free) struct keyring *own = m->bek ? NULL : all_keys(m, err, &warning);
	struct family f = { m, i, own ? own : m->bek };
	struct disk_family family = { m->found->n - 1, open_other, name_of_other, &f };
	AUTO(disk_unref) struct disk *d = NULL;
	struct disk_options options = m->disk;
	bool vhd = false;
	struct blockdev *bd = f.keys ? bytes_of(m, i, &vhd, err) : NULL;

	options.family = &family;
	options.label = name_of(m, i);
	d = bd ? disk_open(bd, vhd, f.keys, &options, err) : NULL;
	if (d)
		disk_forget_keys(d);
	if (d && options_has(m->options, OPT_OVERLAY) && lay_overlay(m, i, d, err) < 0)
		return NULL;
	return TAKE(d);
}

/* What the blob of the OS disk says of its keys. */
static int ask_os_blob(struct restored_mounting *m, struct error *err)
{
	AUTO(free) char *spec = m->st && m->found->disk[0].lun < 0 ? spec_of(m, 0, NULL) : NULL;
	struct store_reach r;
	struct store *file;
	int rc = 0;

	if (!spec)
		return 0;
	store_reach_from(&r, m->spec, m->options);
	file = webfile_open(spec, &r.store, NULL);
	if (file && webfile_info(file)->settings)
		rc = restored_add_settings(m->found, webfile_info(file)->settings, err);
	store_free(file);
	return rc;
}

static int take_options(struct restored_mounting *m, struct error *err)
{
	const struct options *o = m->options;
	const char *header;

	m->disk = (struct disk_options){ .partial = options_has(o, OPT_PARTIAL),
					 .try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
					 .max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0),
					 .headers = m->headers };
	while ((header = options_nth(o, OPT_HEADER, m->disk.n_headers))) {
		if (m->disk.n_headers == sizeof(m->headers) / sizeof(m->headers[0]))
			return error_set(err, EINVAL, "more than 16 headers");
		m->headers[m->disk.n_headers++] = header;
	}
	if (options_has(o, OPT_OVERLAY) && overlay_choose(&m->overlay, o, m->spec, err) < 0)
		return -EINVAL;
	if (options_has(o, OPT_OVERLAY) && m->overlay.choice.place == OVERLAY_IN_FILE) {
		error_set(err, EINVAL, "these are several disks, and an overlay file is for one");
		error_next(err, "name a folder that exists: overlay=DIR");
		return -EINVAL;
	}
	m->disk.audit = m->audit = audit_from_options(o, err);
	m->stores = m->audit ? keystores_from_options(o, err) : NULL;
	m->keys = m->stores ? keyring_from_files(o, err) : NULL;
	return m->keys ? 0 : -EIO;
}

/* Once while the user is there to read what is wrong with the keys. */
static int try_keys(struct restored_mounting *m, const struct report *report, struct error *err)
{
	struct error warning = ERROR_INIT;
	struct keyring *trial = all_keys(m, err, &warning);

	if (!trial)
		return -ENOMEM;
	if (warning.code)
		report_warning(report, &warning);
	if (options_has(m->options, OPT_BEKVOLUME))
		m->bek = trial;
	else
		keyring_free(trial);
	return 0;
}

static void tell_others(const struct restored_mounting *m, const struct report *report)
{
	struct error said = ERROR_INIT;

	if (!m->found->others)
		return;
	error_set(&said, EEXIST, "%zu other JSONs describe disks too; %s is taken, the newest", m->found->others,
		  m->found->config_name);
	error_object(&said, "%s", m->spec);
	report_warning(report, &said);
}

/* Keys, and what the disks need beside them. */
static int prepare(struct restored_mounting *m, const struct report *report, struct error *err)
{
	tell_others(m, report);
	if (take_options(m, err) < 0 || ask_os_blob(m, err) < 0 || try_keys(m, report, err) < 0)
		return -EIO;
	m->config = azure_redacted(m->found->config);
	if (!m->config)
		return error_set(err, ENOMEM, "out of memory");
	snprintf(m->title, sizeof(m->title), "%.127s", m->found->vm ? m->found->vm : "restored");
	if (m->st && !(m->source.cache = chunk_cache_new(CACHED_BYTES, err)))
		return -ENOMEM;
	return 0;
}

int restored_mounting_each(struct restored_mounting *m, const struct report *report, restored_disk_fn *fn, void *arg,
			   struct error *err)
{
	int rc = prepare(m, report, err);

	for (size_t i = 0; rc == 0 && i < m->found->n; i++) {
		struct error why = ERROR_INIT;
		AUTO(disk_unref) struct disk *d = open_disk(m, i, &why);

		rc = fn(arg, name_of(m, i), d, &why);
	}
	return rc;
}

struct tree *restored_mounting_tree(struct restored_mounting *m, const char *dir, const struct report *report,
				    const struct tree_owner *owner, struct error *err)
{
	struct restored_view view = { .n = m->found->n, .name = name_of, .open = open_disk, .arg = m, .title = m->title,
				      .dir = dir };
	struct mount_stats stats = { .cache = NULL };
	struct tree *t;

	if (prepare(m, report, err) < 0)
		return NULL;
	view.vm_config = m->config;
	view.bek = m->bek;
	stats.cache = m->source.cache;
	t = populate_restored(&view, owner, err);
	if (t && mount_stats_show(t, &stats, err) < 0) {
		tree_free(t);
		return NULL;
	}
	return t;
}

void restored_mounting_close(struct restored_mounting *m)
{
	source_opening_close(&m->source);
	restored_free(m->found);
	store_free(m->st);
	free(m->spec);
	keyring_free(m->keys);
	keyring_free(m->bek);
	keystores_free(m->stores);
	audit_close(m->audit);
	overlay_choice_release(&m->overlay);
	jval_free(m->config);
	memset(m, 0, sizeof(*m));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/restored.h"
#include "fs/keys/keystore.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define FILES_MAX 4096u			/* of a folder; more is no such folder */
#define JSON_MAX 64u			/* that are looked into */

struct file { char name[256]; int64_t time; uint64_t size; };

struct look {
	const struct restored_place *p;
	struct file *file;		/* newest first */
	size_t n;
	struct jval *about;		/* what was read of keys, all documents; encryption info goes first */
};

static void look_release(struct look *l)
{
	free(l->file);
	jval_free(l->about);
}

void restored_free(struct restored *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		free(r->disk[i].file);
		free(r->disk[i].uri);
	}
	free(r->disk);
	free(r->vm);
	jval_free(r->config);
	azure_settings_free(r->settings);
	free(r);
}

static int add_file(struct look *l, const char *name, int64_t time, uint64_t size)
{
	struct file *more;

	if (strlen(name) >= sizeof(more->name))
		return 0;
	if (l->n == FILES_MAX)
		return -E2BIG;
	more = reallocarray(l->file, l->n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	l->file = more;
	snprintf(more[l->n].name, sizeof(more->name), "%s", name);
	more[l->n].size = size;
	more[l->n++].time = time;
	return 0;
}

static int add_object(void *arg, const struct object *o)
{
	return strchr(o->name, '/') ? 0 : add_file(arg, o->name, o->time, o->size);
}

static int list_folder(struct look *l, struct error *err)
{
	DIR *d = opendir(l->p->folder);
	struct dirent *e;
	struct stat st;
	int rc = 0;

	if (!d)
		return error_set(err, errno, "%s", strerror(errno));
	while (rc == 0 && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
			rc = add_file(l, e->d_name, st.st_mtime, (uint64_t)st.st_size);
	closedir(d);
	return rc;
}

static bool is_config_name(const char *name)
{
	return !strncasecmp(name, "config-", 7);
}

static int config_then_newest(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	if (is_config_name(x->name) != is_config_name(y->name))
		return is_config_name(y->name) - is_config_name(x->name);
	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return strcmp(x->name, y->name);
}

static int list_all(struct look *l, struct error *err)
{
	int rc = l->p->folder ? list_folder(l, err) : store_list(l->p->st, "", add_object, l, err);

	if (rc == -E2BIG)
		return error_set(err, ENOENT, "more than %u files: not a folder that Restore disks left", FILES_MAX);
	if (rc == 0 && l->n)
		qsort(l->file, l->n, sizeof(*l->file), config_then_newest);
	return rc;
}

static bool ends_in(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && !strcasecmp(name + n - t, tail);
}

/* NULL: not to be read, or no JSON. */
static struct jval *read_json(const struct look *l, const char *name)
{
	AUTO(secret_free) struct secret *text = NULL;
	AUTO(free) char *path = NULL;
	AUTO(free) void *data = NULL;
	struct jval *doc;
	size_t len;

	if (l->p->folder) {
		if (asprintf(&path, "%s/%s", l->p->folder, name) < 0)
			path = NULL;
		text = path ? keyfile_read(path, AZURE_JSON_MAX, NULL) : NULL;
		return text ? azure_json_parse(secret_bytes(text), secret_len(text), NULL) : NULL;
	}
	if (store_get_all(l->p->st, name, AZURE_JSON_MAX, &data, &len, NULL) < 0)
		return NULL;
	doc = azure_json_parse(data, len, NULL);
	wipe(data, len);
	return doc;
}

/* A template speaks of disks that shall be made: its values are expressions. */
static bool describes_disks(const struct azure_settings *s)
{
	for (size_t i = 0; s && i < s->n_disks; i++)
		if ((!s->disks[i].uri || *s->disks[i].uri != '[') && (!s->disks[i].name || *s->disks[i].name != '[') &&
		    (s->disks[i].uri || s->disks[i].name))
			return true;
	return false;
}

static char *dup_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

/* The file that is called like the last part of the URI (percent-encoded), or as Azure calls a disk's VHD. */
static char *file_of(const struct look *l, const struct azure_disk *d)
{
	const char *slash = d->uri ? strrchr(d->uri, '/') : NULL;
	AUTO(free) char *named = NULL;

	if (d->name && asprintf(&named, "%s.vhd", d->name) < 0)
		named = NULL;
	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->file[i].name;

		if ((slash && !strcmp(name, slash + 1)) || (named && !strcasecmp(name, named)))
			return strdup(name);
	}
	return NULL;
}

static int take_disks(struct restored *r, const struct look *l, const struct azure_settings *s, struct error *err)
{
	r->disk = calloc(s->n_disks, sizeof(*r->disk));
	if (!r->disk)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < s->n_disks; i++) {
		const struct azure_disk *d = &s->disks[i];
		struct restored_disk *to = &r->disk[r->n];

		if (r->n && r->disk[r->n - 1].lun == d->lun)
			continue;	/* said twice */
		to->lun = d->lun;
		to->uri = dup_or_null(d->uri);
		to->file = file_of(l, d);
		snprintf(to->folder, sizeof(to->folder), d->lun < 0 ? "os" : "lun%d", d->lun);
		r->n++;
	}
	return 0;
}

/* Takes doc. */
static int take_config(struct restored *r, const struct look *l, const char *name, struct jval *doc,
		       const struct azure_settings *s, struct error *err)
{
	r->config = doc;
	r->vm = dup_or_null(s->vm_name);
	snprintf(r->config_name, sizeof(r->config_name), "%.255s", name);
	return take_disks(r, l, s, err);
}

/* One JSON: the first that describes disks is the config; what names keys is kept. */
static int take_json(struct restored *r, struct look *l, const char *name, struct error *err)
{
	AUTO(jval_free) struct jval *doc = read_json(l, name);
	AUTO(azure_settings_free) struct azure_settings *s = doc ? azure_settings_from(doc, NULL) : NULL;

	if (!s)
		return 0;
	if (s->n_secrets && jval_append(l->about, jval_copy(doc)) < 0)
		return error_set(err, ENOMEM, "out of memory");
	if (!describes_disks(s))
		return 0;
	r->others += r->config != NULL;
	return r->config ? 0 : take_config(r, l, name, TAKE(doc), s, err);
}

/* Encryption info has the secret's data beside its URL, so it goes before the config. */
static int read_settings(struct restored *r, const struct look *l, struct error *err)
{
	AUTO(jval_free) struct jval *all = jval_array(), *whole = jval_object();

	for (size_t n = jval_len(l->about), i = 0; i < n; i++)
		if (jval_append(all, jval_ref(jval_at(l->about, n - 1 - i))) < 0)
			return error_set(err, ENOMEM, "out of memory");
	if (jval_append(all, jval_ref(r->config)) < 0 || jval_set(whole, "value", TAKE(all)) < 0)
		return error_set(err, ENOMEM, "out of memory");
	r->settings = azure_settings_from(whole, err);
	return r->settings ? 0 : -EBADMSG;
}

struct restored *restored_read(const struct restored_place *p, struct error *err)
{
	__attribute__((cleanup(look_release))) struct look l = { .p = p, .about = jval_array() };
	AUTO(restored_free) struct restored *r = calloc(1, sizeof(*r));
	size_t looked = 0;
	int rc = r && l.about ? list_all(&l, err) : error_set(err, ENOMEM, "out of memory");

	for (size_t i = 0; rc == 0 && i < l.n && looked < JSON_MAX; i++)
		if (ends_in(l.file[i].name, ".json") && l.file[i].size <= AZURE_JSON_MAX) {
			looked++;
			rc = take_json(r, &l, l.file[i].name, err);
		}
	if (rc < 0)
		return NULL;
	if (!r->n) {
		error_null(err, ENOENT, "no JSON there describes the disks of a VM");
		error_next(err, "name a disk in it; or put the config-….json that Restore disks wrote beside the VHDs");
		return NULL;
	}
	return read_settings(r, &l, err) < 0 ? NULL : TAKE(r);
}

int restored_add_settings(struct restored *r, const char *text, struct error *err)
{
	AUTO(jval_free) struct jval *doc = jval_copy(r->settings->document), *more = jval_object();
	struct azure_settings *s;

	if (jval_set_text(more, "DiskEncryptionSettings", text) < 0 || jval_append(jval_get(doc, "value"), TAKE(more)) < 0)
		return error_set(err, ENOMEM, "out of memory");
	s = azure_settings_from(doc, err);
	if (!s)
		return -EBADMSG;
	azure_settings_free(r->settings);
	r->settings = s;
	return 0;
}

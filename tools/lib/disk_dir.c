/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/disk_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INFO_MAX (4u << 20)

/* A text of the mount.  NULL with words. */
static char *read_text(const char *dir, const char *name, size_t *len, struct error *err)
{
	AUTO(free) char *path = NULL, *text = NULL;
	AUTO(fd) int fd = -1;
	struct stat st;
	ssize_t n;

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		path = NULL;
	if (!path)
		return error_null(err, ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return error_null(err, errno, "%s: %s", path, strerror(errno));
	if (st.st_size <= 0 || st.st_size > INFO_MAX)
		return error_null(err, EBADMSG, "%s has %lld bytes", path, (long long)st.st_size);
	text = malloc((size_t)st.st_size);
	n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (n <= 0)
		return error_null(err, EIO, "%s cannot be read", path);
	*len = (size_t)n;
	return TAKE(text);
}

json_t *disk_dir_info(const char *dir, struct error *err)
{
	size_t len = 0;
	AUTO(free) char *text = read_text(dir, "info.json", &len, err);

	return text ? json_parse(text, len, err) : NULL;
}

struct vm_model *disk_dir_vm(const char *dir, struct error *err)
{
	size_t len = 0;
	AUTO(free) char *text = read_text(dir, "vm.json", &len, NULL);
	AUTO(jval_free) struct jval *doc = text ? azure_json_parse(text, len, NULL) : NULL;

	return vm_model_new(doc, err);
}

static int call_if_disk(const char *dir, const char *name, disk_dir_fn *fn, void *arg, bool *any,
			struct error *err)
{
	AUTO(free) char *path = NULL;
	AUTO(json_decref) json_t *info = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0) {
		path = NULL;
		return error_set(err, ENOMEM, "out of memory");
	}
	info = disk_dir_info(path, NULL);
	if (!info)
		return 0;
	*any = true;
	return fn(arg, path, name, err);
}

int disk_dir_each(const char *dir, disk_dir_fn *fn, void *arg, struct error *err)
{
	AUTO(json_decref) json_t *own = disk_dir_info(dir, NULL);
	struct dirent **list = NULL;
	bool any = false;
	int n, rc = 0;

	if (own)
		return fn(arg, dir, "", err);
	n = scandir(dir, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (!rc && list[i]->d_name[0] != '.')
			rc = call_if_disk(dir, list[i]->d_name, fn, arg, &any, err);
		free(list[i]);
	}
	free(list);
	if (rc || any)
		return rc;
	rc = error_set(err, EINVAL, "this is no single disk or recovery point");
	error_next(err, "of a vault, name the VM and, unless the latest is meant, the point: VM@POINT");
	return rc;
}

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

static int call_logical(const json_t *lvm, disk_volume_fn *fn, void *arg, struct error *err)
{
	const json_t *lv;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(lvm, "logical_volumes"), i, lv) {
		const char *view = text_of(lv, "view");
		AUTO(free) char *name = NULL;
		struct disk_volume_view v = { .view = view, .holds = text_of(lv, "inside"),
					      .why = text_of(lv, "reason") };
		int n = *view ? asprintf(&name, "%.*s", (int)(strlen(view) - strlen(".raw")), view)
			      : asprintf(&name, "%s-%s", text_of(lvm, "vg"), text_of(lv, "name"));

		if (n < 0) {
			name = NULL;
			return error_set(err, ENOMEM, "out of memory");
		}
		v.name = name;
		rc = fn(arg, &v, err);
		if (rc)
			break;
	}
	return rc;
}

static int call_partition(const json_t *p, disk_volume_fn *fn, void *arg, struct error *err)
{
	long long n = json_integer_value(json_object_get(p, "n"));
	struct disk_volume_view v = { .encrypted = json_object_get(p, "protectors") != NULL };
	char name[32], view[40];
	int rc;

	snprintf(name, sizeof(name), n ? "p%lld" : "disk", n);
	snprintf(view, sizeof(view), "%s.raw", name);
	v.name = name;
	v.view = view;
	v.holds = text_of(p, v.encrypted ? "inside" : "what");
	v.why = strcmp(text_of(p, "state"), "open") ? text_of(p, "reason") : text_of(p, "lvm_reason");
	if (!strcmp(v.holds, "unknown"))
		v.holds = "";
	rc = fn(arg, &v, err);
	return rc ? rc : call_logical(json_object_get(p, "lvm"), fn, arg, err);
}

int disk_volume_each(const json_t *info, disk_volume_fn *fn, void *arg, struct error *err)
{
	const json_t *p;
	size_t i;
	int rc = 0;

	json_array_foreach(json_object_get(info, "partitions"), i, p) {
		rc = call_partition(p, fn, arg, err);
		if (rc)
			break;
	}
	return rc;
}

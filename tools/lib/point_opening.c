/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/point_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *point_operand_split(const char *text, char *vm, size_t size)
{
	const char *at = strrchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (!len || len >= size)
		return NULL;
	memcpy(vm, text, len);
	vm[len] = '\0';
	return at && at[1] ? at + 1 : "latest";
}

/* A mark that came before our record is seen here. */
static int read_unmarked(struct vault *v, const struct point_name *name, struct point **out, struct error *err)
{
	char mark[64];
	struct object o;

	snprintf(mark, sizeof(mark), "exp/%.40s", strrchr(name->object, '/') + 1);
	if (store_stat(vault_store(v), mark, &o, NULL) == 0)
		return error_set(err, ESTALE, "the recovery point has expired");
	return point_read(v, name, out, err);
}

struct point *point_from_operand(struct vault *v, const char *text, struct vault_session **reader,
				 struct error *err)
{
	struct point_name name;
	struct point *p = NULL;
	char vm[128];
	const char *which = point_operand_split(text, vm, sizeof(vm));
	int rc = -ESTALE;

	*reader = NULL;
	if (!which) {
		error_set(err, EINVAL, "'%.80s' names no VM", text);
		error_next(err, "Write VM or VM@POINT; `adebackup list` shows what there is.");
		return NULL;
	}
	for (int tries = 0; rc == -ESTALE && tries < 2; tries++) {
		if (*reader)
			vault_session_end(TAKE(*reader));
		rc = point_find(v, vm, which, &name, err);
		if (rc < 0)
			break;
		*reader = vault_reader_begin(v, name.object, NULL);
		rc = read_unmarked(v, &name, &p, err);
	}
	if (rc < 0 && !err->object[0])
		error_object(err, "%s", text);
	return rc < 0 ? NULL : p;
}

static bool is_named(const struct options *o, const char *disk)
{
	const char *named;

	for (size_t i = 0; (named = options_nth(o, OPT_DISK, i)); i++)
		if (!strcmp(named, disk))
			return true;
	return !options_has(o, OPT_DISK);
}

const struct point_disk *point_next_disk(const struct point *p, const struct options *o, size_t *i)
{
	while (*i < p->n_disks) {
		const struct point_disk *d = &p->disk[(*i)++];

		if (is_named(o, d->name))
			return d;
	}
	return NULL;
}

int point_check_disks(const struct point *p, const struct options *o, struct error *err)
{
	const char *named;

	for (size_t i = 0; (named = options_nth(o, OPT_DISK, i)); i++)
		if (!point_find_disk(p, named)) {
			error_set(err, ENOENT, "the recovery point has no disk '%.64s'", named);
			error_next(err, "`adebackup list --json` names its disks.");
			return -ENOENT;
		}
	return 0;
}

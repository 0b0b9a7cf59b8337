/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/seen.h"
#include "crypto/hash.h"
#include "fs/util/log.h"
#include "tools/lib/state_dir.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct seen { uint64_t number; char id[POINT_ID_TEXT]; };

static int note_path(const struct vault *v, const struct point *p, char *out, size_t size)
{
	char folder[PATH_MAX - 128], id[2 * VAULT_ID_BYTES + 1];
	int rc = state_dir(folder, sizeof(folder));

	if (rc < 0)
		return rc;
	hex_encode(vault_info(v)->id, VAULT_ID_BYTES, id);
	snprintf(out, size, "%s/seen-%s-%s", folder, id, p->vm_id);
	return 0;
}

static struct seen read_note(const char *path)
{
	struct seen s = { 0 };
	FILE *f = fopen(path, "re");

	if (f && fscanf(f, "%" SCNu64 " %16s", &s.number, s.id) != 2)
		s = (struct seen){ 0 };
	if (f)
		fclose(f);
	return s;
}

/* Not worth an error: the next command tries again. */
static void write_note(const char *path, const struct point *p)
{
	char temp[PATH_MAX];
	FILE *f;
	bool bad;

	snprintf(temp, sizeof(temp), "%.4000s.%ld", path, (long)getpid());
	f = fopen(temp, "wxe");
	if (!f)
		return;
	fprintf(f, "%" PRIu64 " %s\n", p->number, p->id);
	bad = ferror(f) != 0;
	if (fclose(f) || bad || rename(temp, path) < 0)
		unlink(temp);
}

bool seen_newer(const struct vault *v, const struct point *p, bool newest, struct error *warning)
{
	char path[PATH_MAX];
	struct seen before;

	if (note_path(v, p, path, sizeof(path)) < 0)
		return false;
	before = read_note(path);
	if (p->number > before.number) {
		write_note(path, p);
		return false;
	}
	if (!newest || (p->number == before.number && !strcmp(p->id, before.id)))
		return false;
	error_object(warning, "%s", p->vm);
	error_set(warning, ESTALE, "the newest point is %s, number %" PRIu64 ", but this user has seen number %" PRIu64
		  ", %s: the vault may be an older copy that somebody put back", p->id, p->number, before.number,
		  before.id);
	error_next(warning, "Ask who can write to the vault. If newer points were deleted on purpose, remove %s.",
		   path);
	return true;
}

void seen_log(const struct vault *v, const struct point *p, bool newest)
{
	struct error warning = ERROR_INIT;
	char line[1024];

	if (seen_newer(v, p, newest, &warning))
		log_warning("%s", error_line(&warning, line, sizeof(line)));
}

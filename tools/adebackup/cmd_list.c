/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/parallel.h"
#include "fs/vault/point.h"
#include "tools/adebackup/command.h"
#include "tools/lib/seen.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BATCH 64u			/* points that are read before they are shown */

struct listing {
	const struct invocation *in;
	json_t *points;
	bool damaged, stale;
};

static void print_size(uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	double n = (double)bytes;
	int u = 0;

	for (; n >= 1024 && units[u + 1]; u++)
		n /= 1024;
	printf(u ? " %.1f%c" : " %.0f%c", n, units[u]);
}

static void print_point(const struct point *p, const char *folder)
{
	printf("%-24s %s  %s  %-10s", p->vm, folder, p->id, p->proof == PROOF_PROVEN ? "proven" : "not proven");
	for (size_t i = 0; i < p->n_disks; i++) {
		printf("  %s", p->disk[i].name);
		print_size(p->disk[i].size);
	}
	putchar('\n');
}

static json_t *point_json(const struct point *p, const char *folder)
{
	json_t *disks = json_array();

	for (size_t i = 0; i < p->n_disks; i++)
		json_array_append_new(disks, json_pack("{s:s,s:I}", "name", p->disk[i].name, "size",
						       (json_int_t)p->disk[i].size));
	return json_pack("{s:s,s:s,s:s,s:s,s:o}", "vm", p->vm, "point", p->id, "time", folder, "proof",
			 p->proof == PROOF_PROVEN ? "proven" : "not proven", "disks", disks);
}

/* Some of the points, read several at once. */
struct batch {
	struct vault *v;
	const struct point_name *name;
	struct point *point[BATCH];
	int rc[BATCH];
	struct error err[BATCH];
};

static void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < BATCH; i++)
		point_free(b->point[i]);
	free(b);
}

DEFINE_CLEANUP(struct batch *, batch_free);

static int read_one(void *arg, size_t i, struct error *err)
{
	struct batch *b = arg;

	(void)err;
	b->rc[i] = point_read(b->v, &b->name[i], &b->point[i], &b->err[i]);
	return 0;
}

/* newest: of its VM. */
static int show(struct listing *l, struct batch *b, size_t i, bool newest, struct error *err)
{
	struct error warning = ERROR_INIT;
	const struct point *p = b->point[i];

	if (b->rc[i] == -ESTALE)		/* gone since the list was made */
		return 0;
	if (b->rc[i] == -EBADMSG) {
		report_warning(l->in->report, &b->err[i]);
		l->damaged = true;
		return 0;
	}
	if (b->rc[i] < 0) {
		error_copy(err, &b->err[i]);
		return b->rc[i];
	}
	if (newest && seen_newer(b->v, p, true, &warning)) {
		report_warning(l->in->report, &warning);
		l->stale = true;
	}
	if (l->in->report->json)
		json_array_append_new(l->points, point_json(p, b->name[i].folder));
	else
		print_point(p, b->name[i].folder);
	return 0;
}

static int show_all(struct listing *l, struct vault *v, const struct point_name *names, size_t n, struct error *err)
{
	int rc = 0;

	for (size_t at = 0; at < n && rc == 0; at += BATCH) {
		AUTO(batch_free) struct batch *b = calloc(1, sizeof(*b));
		size_t some = n - at < BATCH ? n - at : BATCH;

		if (!b)
			return error_set(err, ENOMEM, "out of memory");
		b->v = v;
		b->name = names + at;
		rc = parallel_each(some, store_at_once(vault_store(v)), read_one, b, err);
		for (size_t i = 0; i < some && rc == 0; i++)
			rc = show(l, b, i, at + i + 1 == n || strcmp(names[at + i].vm_id, names[at + i + 1].vm_id), err);
	}
	return rc;
}

static int list_points(struct listing *l, struct vault *v, struct error *err)
{
	AUTO(free) struct point_name *names = NULL;
	char vm_id[VM_ID_TEXT];
	const char *vm = l->in->n_operands > 1 ? l->in->operands[1] : NULL;
	size_t n = 0;
	int rc = vm ? vault_vm_id(v, vm, vm_id) : 0;

	if (rc == 0)
		rc = point_list(v, vm ? vm_id : NULL, &names, &n, err);
	if (rc == 0 && vm && !n) {
		error_set(err, ENOENT, "the vault has no recovery point of a VM '%s'", vm);
		error_next(err, "`adebackup list %s` shows what there is.", l->in->operands[0]);
		return -ENOENT;
	}
	return rc < 0 ? rc : show_all(l, v, names, n, err);
}

static int run(const struct invocation *in)
{
	struct listing l = { .in = in, .points = json_array() };
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options_kept(in->operands[0], in->options, &err);
	int said;

	if (!v || list_points(&l, v, &err) < 0) {
		json_decref(l.points);
		return report_error(in->report, &err);
	}
	said = report_result(in->report, json_pack("{s:o}", "points", l.points));
	return said ? said : l.damaged ? EXIT_DAMAGED : l.stale ? EXIT_WARNINGS : EXIT_DONE;
}

const struct command cmd_list = {
	.name = "list",
	.operands = "VAULT [VM]",
	.min = 1,
	.max = 2,
	.summary = "the recovery points of a vault",
	.text = "Lists the recovery points of VAULT, or of one VM in it, oldest first: the VM, the time, "
		"the point's id, whether it was proven that its disks open, and the disks. A point whose "
		"manifest is damaged is named on standard error, and the command ends with 16. It ends with 3 "
		"where this user has seen a newer point of a VM before: somebody may have put back an older "
		"copy of the vault.",
	.example = "  adebackup list /backup --vault-key vault.key\n"
		   "  adebackup list /backup web1 --vault-key vault.key --json",
	.groups = G_VAULT | G_LISTS,
	.vault = true,
	.run = run,
};

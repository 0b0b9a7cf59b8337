/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/stats.h"
#include "tools/adebackup/command.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static json_t *time_json(int64_t time)
{
	char text[POINT_TIME_TEXT];

	point_time_text(time, text);
	return json_string(text);
}

static json_t *stats_json(const struct vault_stats *s)
{
	json_t *vms = json_array();

	for (size_t i = 0; i < s->n_vms; i++) {
		const struct vm_stats *vm = &s->vm[i];

		json_array_append_new(vms, json_pack("{s:s,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:I}", "vm", vm->vm,
			"points", (json_int_t)vm->points, "proven", (json_int_t)vm->proven,
			"first", time_json(vm->first), "last", time_json(vm->last),
			"disk_bytes", (json_int_t)vm->disk_bytes, "source_bytes", (json_int_t)vm->source_bytes,
			"segments", (json_int_t)vm->segments, "stored_bytes", (json_int_t)vm->stored_bytes));
	}
	return json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "vms", vms,
		"points", (json_int_t)s->points, "source_bytes", (json_int_t)s->source_bytes,
		"objects", (json_int_t)s->objects, "bytes", (json_int_t)s->bytes,
		"segments", (json_int_t)s->segments, "segment_bytes", (json_int_t)s->segment_bytes,
		"unused_segments", (json_int_t)s->unused_segments, "unused_bytes", (json_int_t)s->unused_bytes,
		"damaged_points", (json_int_t)s->damaged, "missing_segments", (json_int_t)s->missing);
}

static void print_stats(const struct vault_stats *s)
{
	for (size_t i = 0; i < s->n_vms; i++) {
		const struct vm_stats *vm = &s->vm[i];
		char first[POINT_TIME_TEXT], last[POINT_TIME_TEXT];

		point_time_text(vm->first, first);
		point_time_text(vm->last, last);
		printf("%-24s %" PRIu64 " points (%" PRIu64 " proven), %s to %s\n", vm->vm, vm->points, vm->proven,
		       first, last);
		printf("%-24s disks of %s", "", size_text(vm->disk_bytes).text);
		printf("; all points' %s", size_text(vm->source_bytes).text);
		printf(", kept in %s\n", size_text(vm->stored_bytes).text);
	}
	printf("%" PRIu64 " points of %zu VMs, %s", s->points, s->n_vms, size_text(s->source_bytes).text);
	printf(", kept in %s (%" PRIu64 " objects)\n", size_text(s->bytes).text, s->objects);
	if (s->unused_segments)
		printf("%s in %" PRIu64 " segments belong to no point: backups that run now, or were cut\n",
		       size_text(s->unused_bytes).text, s->unused_segments);
}

static int tell_damage(const struct report *r, const struct vault_stats *s, const char *vault)
{
	struct error err = ERROR_INIT;

	if (!s->damaged && !s->missing)
		return EXIT_DONE;
	error_set(&err, EBADMSG, "%" PRIu64 " points cannot be read, %" PRIu64 " times a segment is missing",
		  s->damaged, s->missing);
	error_object(&err, "%s", vault);
	error_next(&err, "`adebackup verify` says which.");
	report_warning(r, &err);
	return EXIT_DAMAGED;
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	struct vault_stats s;
	int said = EXIT_DONE, damage;

	if (!v || vault_stats(v, &s, &err) < 0)
		return report_error(in->report, &err);
	damage = tell_damage(in->report, &s, in->operands[0]);
	if (in->report->json)
		said = report_result(in->report, stats_json(&s));
	else
		print_stats(&s);
	vault_stats_clear(&s);
	return said ? said : damage;
}

const struct command cmd_stats = {
	.name = "stats",
	.operands = "VAULT",
	.min = 1,
	.max = 1,
	.summary = "how much a vault holds, and what it takes",
	.text = "Counts, for each VM, its recovery points, the size of its disks, and the size of the objects "
		"that its points need; then the whole vault. Reads manifests and what they refer to, no data. "
		"Ends with 16 when something is seen to be damaged or missing; adebackup verify looks closer.",
	.example = "  adebackup stats /backup --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/command.h"
#include "tools/lib/opening.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/restored_mounting.h"
#include "tools/lib/size_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *text_of(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

static long long number_of(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

static void print_size(long long bytes)
{
	fputs(size_text((uint64_t)bytes).text, stdout);
}

static void print_line(const char *what, const char *text)
{
	if (text[0])
		printf("      %-10s %s\n", what, text);
}

static void print_protectors(const json_t *list)
{
	const json_t *p;
	size_t i;

	json_array_foreach(list, i, p)
		printf("      %-10s %s %s%s\n", i ? "" : "protectors", text_of(p, "kind"),
		       text_of(p, "guid"), strcmp(text_of(p, "kind"), "external-key") ? "" : ".BEK");
}

static void print_logical_volumes(const json_t *lvm)
{
	const json_t *lv;
	size_t i;

	if (!lvm)
		return;
	print_line("vg", text_of(lvm, "vg"));
	if (json_is_true(json_object_get(lvm, "damaged_copy")))
		print_line("warning", "a copy of the LVM metadata is damaged, another was read");
	json_array_foreach(json_object_get(lvm, "logical_volumes"), i, lv) {
		printf("      %-10s %s  ", i ? "" : "volumes", text_of(lv, "name"));
		if (text_of(lv, "reason")[0]) {
			printf("cannot be opened: %s\n", text_of(lv, "reason"));
			continue;
		}
		print_size(number_of(lv, "size"));
		printf("  %s  %s\n", text_of(lv, "inside")[0] ? text_of(lv, "inside") : "unknown",
		       text_of(lv, "view"));
	}
}

static void print_partition(const json_t *p)
{
	bool encrypted = json_object_get(p, "protectors") != NULL;

	if (number_of(p, "n"))
		printf("  p%-3lld ", number_of(p, "n"));
	else
		printf("  whole disk ");
	print_size(number_of(p, "size"));
	printf(" at %lld  %s", number_of(p, "start"), text_of(p, "what"));
	if (text_of(p, "name")[0])
		printf("  \"%s\"", text_of(p, "name"));
	if (encrypted)
		printf("  %s", text_of(p, "state"));
	putchar('\n');
	print_line("cipher", text_of(p, "cipher"));
	print_line("uuid", text_of(p, "uuid"));
	print_line("header", text_of(p, "header"));
	print_line("opened by", text_of(p, "opened_by"));
	print_line("inside", text_of(p, "inside"));
	print_logical_volumes(json_object_get(p, "lvm"));
	print_line("lvm", text_of(p, "lvm_reason"));
	print_protectors(json_object_get(p, "protectors"));
	print_line("because", text_of(p, "reason"));
	print_line("next", text_of(p, "next"));
}

static void print_info(const char *spec, const json_t *info)
{
	const char *table = text_of(info, "table");
	const json_t *p;
	size_t i;

	printf("%s: ", spec);
	print_size(number_of(info, "size"));
	printf("%s, %s%s, sectors of %lld bytes\n",
	       json_is_true(json_object_get(info, "source_is_vhd")) ? ", fixed VHD" : "",
	       strcmp(table, "none") ? table : "no partition table",
	       text_of(info, "table_copy")[0] ? " (its backup copy)" : "",
	       number_of(info, "sector_size"));
	if (text_of(info, "table_warning")[0])
		printf("  warning: %s\n", text_of(info, "table_warning"));
	json_array_foreach(json_object_get(info, "partitions"), i, p)
		print_partition(p);
}

/* NULL: no memory. */
static json_t *info_of(const struct disk *d)
{
	AUTO(free) char *text = disk_info_json(d);

	return text ? json_parse(text, strlen(text), NULL) : NULL;
}

static int tell(const struct invocation *in, const struct disk *d)
{
	AUTO(json_decref) json_t *info = info_of(d);
	struct error err = ERROR_INIT;

	if (!info) {
		error_set(&err, ENOMEM, "out of memory");
		return report_error(in->report, &err);
	}
	if (in->report->json)
		return report_result(in->report, json_incref(info));
	print_info(in->operands[in->n_operands - 1], info);
	return EXIT_DONE;
}

static int look_at_point(const struct invocation *in)
{
	__attribute__((cleanup(point_opening_close_cleanup))) struct point_opening op = { .disk = NULL };
	struct error err = ERROR_INIT;

	if (point_opening_look(&op, in->operands[0], in->operands[1], in->options, in->report, &err))
		return report_error(in->report, &err);
	return tell(in, op.disk);
}

/* What is told of the disks of a restored VM. */
struct looking { const struct invocation *in; const char *named; unsigned n; json_t *disks; };

static int look_at_one(void *arg, const char *name, struct disk *d, const struct error *why)
{
	struct looking *l = arg;
	json_t *info = d ? info_of(d) : NULL;

	if (l->named && strcmp(l->named, name)) {
		json_decref(info);
		return 0;
	}
	l->n++;
	if (!d)
		report_warning(l->in->report, why);
	if (info && !l->in->report->json)
		print_info(name, info);
	json_array_append_new(l->disks, d ? json_pack("{s:s,s:o?}", "name", name, "info", info)
					  : json_pack("{s:s,s:s}", "name", name, "error", why->text));
	return 0;
}

static int look_at_restored(const struct invocation *in, struct restored_mounting *m)
{
	struct looking l = { .in = in, .named = options_get(in->options, OPT_DISK), .disks = json_array() };
	AUTO(json_decref) json_t *disks = l.disks;
	struct error err = ERROR_INIT;
	int rc = restored_mounting_each(m, in->report, look_at_one, &l, &err);

	if (rc == 0 && l.named && !l.n) {
		error_set(&err, ENOENT, "the restored VM has no disk '%.64s'", l.named);
		rc = -ENOENT;
	}
	if (rc < 0)
		return report_error(in->report, &err);
	return report_result(in->report, json_pack("{s:O}", "disks", disks));
}

static int run(const struct invocation *in)
{
	__attribute__((cleanup(restored_mounting_close_cleanup))) struct restored_mounting restored = { .found = NULL };
	__attribute__((cleanup(opening_close_cleanup))) struct opening op = { 0 };
	struct error err = ERROR_INIT;
	int found;

	if (in->n_operands > 1)
		return look_at_point(in);
	found = restored_mounting_find(&restored, in->operands[0], in->options, &err);
	if (found < 0)
		return report_error(in->report, &err);
	if (found)
		return look_at_restored(in, &restored);
	if (opening_look(&op, in->operands[0], in->options, in->report, &err))
		return report_error(in->report, &err);
	return tell(in, op.disk);
}

const struct command cmd_inspect = {
	.name = "inspect",
	.operands = "SPEC [VM[@POINT]]",
	.min = 1,
	.max = 2,
	.summary = "what is on a disk, and which keys its volumes need",
	.text = "Looks at SPEC as a mount would: its partition table, what each partition holds, "
		"and for encrypted volumes the cipher and the protectors, which name the keys "
		"that open them. With keys it tries them and says which key opened what. Asks "
		"for nothing and changes nothing.\n\n"
		"Where SPEC is a vault, it looks at a disk of a recovery point of VM (latest, unless POINT "
		"is an id, the begin of one, or a time); --disk names the disk where there are several. Where it is a "
		"folder or container that Restore disks left, it looks at all disks there, or at that of --disk.\n\n"
		"With --json it prints what the mount shows as info.json.",
	.example = "  adebackup inspect osdisk.vhd\n"
		   "  adebackup inspect osdisk.vhd --keys /keys --json\n"
		   "  adebackup inspect /backup web1@latest --disk os --vault-key vault.key",
	.groups = G_KEYS | G_VAULT | G_POINT,
	.run = run,
};

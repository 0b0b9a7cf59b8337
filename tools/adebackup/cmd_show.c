/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/capsule.h"
#include "tools/adebackup/command.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/size_text.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Who opens what of a disk, if all he has is the vault and its key. */
enum exposure {
	EXPOSED_UNKNOWN,		/* nobody looked into the disk when it was backed up */
	EXPOSED_NOTHING,		/* each volume needs its own key */
	EXPOSED_CLEAR,			/* what is not encrypted, and no more */
	EXPOSED_ALL,
};

static const char *const exposure_name[] = { "unknown", "nothing", "unencrypted", "all" };
static const char *const exposure_words[] = {
	"not known: it was backed up without its keys, and nobody looked",
	"nothing: each of its volumes needs a key of its own",
	"its unencrypted partitions; encrypted volumes need a key of their own",
	"all of it",
};

/* Is the key of an open volume to be had?  In doubt it is: its name tells, unless
 * only wrapped ones have it. */
static bool key_lies_open(const struct point *p, const struct jval *row)
{
	const struct jval *list = jval_get(p->capsule, "keys");
	const char *by = jval_text(jval_get(row, "opened_by"));
	const char *slash = by ? strrchr(by, '/') : NULL;
	const struct jval *protectors = jval_get(row, "protectors");
	bool wrapped = false;

	for (size_t i = 0; i < jval_len(protectors); i++) {
		const char *kind = jval_text(jval_get(jval_at(protectors, i), "kind"));

		if (kind && !strcmp(kind, "clear-key"))		/* it lies on the disk */
			return true;
	}
	for (size_t i = 0; by && i < jval_len(list); i++) {
		const char *name = jval_text(jval_get(jval_at(list, i), "name"));

		if (!name || strcmp(name, slash ? slash + 1 : by))
			continue;
		if (!jval_get(jval_at(list, i), "kek"))
			return true;
		wrapped = true;
	}
	return !wrapped && capsule_has_plain(p->capsule);
}

static enum exposure exposure_of(const struct point *p, const struct point_disk *d)
{
	const struct jval *list = jval_get(d->info, "partitions");
	bool open = false, shut = false;

	if (!d->info || !jval_is_array(list))
		return EXPOSED_UNKNOWN;
	for (size_t i = 0; i < jval_len(list); i++) {
		const struct jval *row = jval_at(list, i);
		const char *state = jval_text(jval_get(row, "state"));
		bool encrypted = jval_is_array(jval_get(row, "protectors"));

		if (encrypted && !(state && !strcmp(state, "open") && key_lies_open(p, row)))
			shut = true;
		else
			open = true;
	}
	return !shut ? EXPOSED_ALL : open ? EXPOSED_CLEAR : EXPOSED_NOTHING;
}

/* jval values come from the manifest; the report is jansson's. */
static json_t *to_json(const struct jval *v)
{
	AUTO(free) char *text = v ? jval_print(v, false) : NULL;

	return text ? json_parse(text, strlen(text), NULL) : json_null();
}

static json_t *keys_json(const struct point *p)
{
	const struct jval *list = jval_get(p->capsule, "keys");
	json_t *out = json_array();

	for (size_t i = 0; i < jval_len(list); i++) {
		const struct jval *key = jval_at(list, i);
		const char *kind = jval_text(jval_get(key, "kind")), *name = jval_text(jval_get(key, "name"));
		const char *guid = jval_text(jval_get(key, "guid"));

		json_array_append_new(out, json_pack("{s:s,s:s,s:s}", "kind", kind ? kind : "", "name",
						     name ? name : "", "guid", guid ? guid : ""));
	}
	return out;
}

static json_t *disk_json(const struct point *p, const struct point_disk *d)
{
	return json_pack("{s:s,s:I,s:b,s:s,s:i,s:I,s:I,s:s,s:o}", "name", d->name, "size", (json_int_t)d->size,
			 "vhd", d->vhd, "source", d->source, "chunk_size", (int)d->chunk_size,
			 "stored_bytes", (json_int_t)d->stored_bytes, "new_bytes", (json_int_t)d->new_bytes,
			 "vault_key_opens", exposure_name[exposure_of(p, d)], "info", to_json(d->info));
}

/* "20261120T020000Z", or NULL for none. */
static json_t *time_json(int64_t time)
{
	char text[POINT_TIME_TEXT];

	point_time_text(time, text);
	return time ? json_string(text) : json_null();
}

static json_t *point_json(const struct point *p)
{
	json_t *disks = json_array();
	char object[192];

	for (size_t i = 0; i < p->n_disks; i++)
		json_array_append_new(disks, disk_json(p, &p->disk[i]));
	point_object_name(p, object, sizeof(object));
	return json_pack("{s:s,s:s,s:o,s:o,s:I,s:o,s:s,s:s,s:s,s:o,s:o,s:o}", "vm", p->vm, "point", p->id,
			 "time", time_json(p->time), "store_time", time_json(p->store_time),
			 "number", (json_int_t)p->number, "retain_until", time_json(p->retain_until),
			 "proof", p->proof == PROOF_PROVEN ? "proven" : "not proven", "proof_words", p->proof_words,
			 "object", object, "capsule_keys", keys_json(p), "vm_config", to_json(p->vm_config),
			 "disks", disks);
}

static const char *text_of(const struct jval *o, const char *name)
{
	const char *text = jval_text(jval_get(o, name));

	return text ? text : "";
}

static void print_partition(const struct jval *row)
{
	uint64_t n = 0, size = 0;
	const char *what = text_of(row, "what");

	jval_u64(jval_get(row, "n"), &n);
	jval_u64(jval_get(row, "size"), &size);
	if (n)
		printf("    p%-4" PRIu64, n);
	else
		printf("    whole");
	printf(" %s  %s", size_text(size).text, what);
	if (jval_is_array(jval_get(row, "protectors")))
		printf(", encrypted, %s", text_of(row, "state"));
	if (*text_of(row, "inside"))
		printf(", inside: %s", text_of(row, "inside"));
	putchar('\n');
}

static void print_disk(const struct point *p, const struct point_disk *d)
{
	const struct jval *list = jval_get(d->info, "partitions");

	printf("  %s  %s%s, from %s\n", d->name, size_text(d->size).text, d->vhd ? ", a VHD" : "",
	       *d->source ? d->source : "(not told)");
	printf("    %s in the vault", size_text(d->stored_bytes).text);
	printf(", %s of it new with this point\n", size_text(d->new_bytes).text);
	for (size_t i = 0; i < jval_len(list); i++)
		print_partition(jval_at(list, i));
	printf("    a thief of the vault's key opens: %s\n", exposure_words[exposure_of(p, d)]);
}

static void print_capsule(const struct point *p, const struct vault *v)
{
	const struct jval *list = jval_get(p->capsule, "keys");

	printf("  capsule   ");
	if (!jval_len(list))
		printf("none: this point keeps no keys of its disks (mode of the vault: %s)\n",
		       capsule_mode_name(vault_info(v)->capsule));
	for (size_t i = 0; i < jval_len(list); i++)
		printf("%s%s %s\n", i ? "            " : "", text_of(jval_at(list, i), "kind"),
		       text_of(jval_at(list, i), "name"));
}

static void print_time(const char *what, int64_t time)
{
	char text[POINT_TIME_TEXT];

	point_time_text(time, text);
	if (time)
		printf("  %-9s %s\n", what, text);
}

static void print_point(const struct point *p, const struct vault *v)
{
	char time[POINT_TIME_TEXT];

	point_time_text(p->time, time);
	printf("%s@%s\n", p->vm, time);
	printf("  point     %s, number %" PRIu64 " of its VM\n", p->id, p->number);
	printf("  proof     %s%s%s\n", p->proof == PROOF_PROVEN ? "proven" : "not proven",
	       *p->proof_words ? ": " : "", p->proof_words);
	print_time("stored", p->store_time);
	print_time("kept to", p->retain_until);
	print_capsule(p, v);
	for (size_t i = 0; i < p->n_disks; i++)
		print_disk(p, &p->disk[i]);
}

static int run(const struct invocation *in)
{
	struct error err = ERROR_INIT;
	struct vault_session *reader = NULL;
	AUTO(vault_free) struct vault *v = vault_from_options(in->operands[0], in->options, &err);
	AUTO(point_free) struct point *p = v ? point_from_operand(v, in->operands[1], &reader, &err) : NULL;

	vault_last_words(v, true);
	if (reader)			/* the manifest is all that is read */
		vault_session_end(reader);
	if (!p)
		return report_error(in->report, &err);
	if (in->report->json)
		return report_result(in->report, point_json(p));
	print_point(p, v);
	return EXIT_DONE;
}

const struct command cmd_show = {
	.name = "show",
	.operands = "VAULT VM[@POINT]",
	.min = 2,
	.max = 2,
	.summary = "what a recovery point is, and who can open it",
	.text = "Shows one recovery point (latest, unless POINT is an id, the begin of one, or a time): when it "
		"was made, whether it was proven that its disks open, which keys it keeps, and for each disk "
		"its size, its source, its partitions as they were then, and what somebody could open who has "
		"stolen the vault and its key, but no other key.",
	.example = "  adebackup show /backup web1 --vault-key vault.key",
	.groups = G_VAULT,
	.vault = true,
	.run = run,
};

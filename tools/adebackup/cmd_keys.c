/* SPDX-License-Identifier: Apache-2.0 */
/* keys show, verify: what a recovery point keeps of its disks' keys, and that it opens them. */
#include "fs/image/disk.h"
#include "fs/image/point_disk.h"
#include "fs/keys/audit.h"
#include "tools/adebackup/keys_cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

extern const struct command cmd_keys_show, cmd_keys_verify;

static int fail(const struct invocation *in, struct error *err)
{
	return report_error(in->report, err);
}

static json_t *tags_json(const struct key_origin *o)
{
	AUTO(free) char *text = o && o->tags ? jval_print(o->tags, false) : NULL;

	return text ? json_parse(text, strlen(text), NULL) : json_object();
}

struct showing { const struct keys_point *p; json_t *all; bool print; };

static void print_key(const struct showing *s, const struct capsule_key *k, const struct key_origin *o)
{
	printf("%s  %s%s%s\n  opened by  %s%s%s%s\n", k->kind, k->name, *k->guid ? "  " : "", k->guid,
	       !strcmp(k->how, "capsule slot") ? "a slot marked for capsules, and the vault's key" :
	       !strcmp(k->how, "KEK") ? "its KEK, and the vault's key" : "the vault's key",
	       keys_point_key(s->p, k->name) ? "" : " (not at hand now)", *k->kek ? "\n  KEK        " : "", k->kek);
	if (!o)
		return;
	printf("  secret     %s%s%s%s\n", o->secret_url, *o->content_type ? " (" : "", o->content_type,
	       *o->content_type ? ")" : "");
	if (o->wrapped)
		printf("  wrapped    %s, %s\n", o->algorithm, *o->kek_url ? o->kek_url : "by a KEK that nobody named");
	printf("  backups    %s%s\n", o->secret_backup ? "the secret's" : "none of the secret",
	       !o->wrapped ? "" : o->key_backup ? ", the KEK's" : ", none of the KEK");
}

static int show_key(void *arg, const struct capsule_key *k)
{
	struct showing *s = arg;
	const struct key_origin *o = keys_point_origin(s->p, k->name);

	json_array_append_new(s->all, json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:b,s:s,s:s,s:o,s:b,s:b}", "kind", k->kind,
		"name", k->name, "guid", k->guid, "sealed_for", k->how, "opens", keys_point_key(s->p, k->name) != NULL,
		"secret_url", o ? o->secret_url : "", "content_type", o ? o->content_type : "", "wrapped",
		o && o->wrapped, "kek_url", o && o->wrapped ? o->kek_url : k->kek, "algorithm",
		o && o->wrapped ? o->algorithm : k->algorithm, "tags", tags_json(o), "secret_backup",
		o && o->secret_backup, "key_backup", o && o->key_backup));
	if (s->print)
		print_key(s, k, o);
	return 0;
}

static int run_show(const struct invocation *in)
{
	AUTO(keys_point_clear) struct keys_point p;
	AUTO(json_decref) json_t *all = json_array();
	struct showing s = { &p, all, !in->report->json };
	struct error err = ERROR_INIT;
	char text[200];

	if (keys_point_open(&p, in, false, &err) < 0 ||
	    capsule_each_key(p.point->capsule, show_key, &s, &err) < 0)
		return fail(in, &err);
	keys_point_text(&p, text, sizeof(text));
	if (!in->report->json && !json_array_size(all))
		printf("%s keeps no key of its disks (capsules of this vault: %s).\n", text,
		       capsule_mode_name(vault_info(p.vault)->capsule));
	return report_result(in->report, json_pack("{s:s,s:s,s:O}", "vm", p.point->vm, "point", p.point->id, "keys", all));
}

const struct command cmd_keys_show = {
	.name = "keys show", .operands = "VAULT VM[@POINT]", .min = 2, .max = 2,
	.summary = "which keys of its disks a recovery point keeps",
	.text = "Shows each key that the point keeps: its kind, what opens it, and what Key Vault held of it: "
		"URL and version of the secret, content type, tags, the KEK that wraps it, and whether Key "
		"Vault's own backups of secret and KEK are kept, too. No key is printed.",
	.example = "  adebackup keys show /backup web1 --vault-key vault.key",
	.groups = G_VAULT, .vault = true, .run = run_show,
};

/* What became of the volumes of all disks. */
struct verdict { json_t *volumes; unsigned open, closed; bool print; struct error why; };

static void judge(struct verdict *v, const char *disk, const struct jval *row)
{
	const char *state = jval_get_text(row, "state"), *by = jval_get_text(row, "opened_by");
	const char *reason = jval_get_text(row, "reason"), *inside = jval_get_text(row, "inside");
	bool open = state && !strcmp(state, "open");
	uint64_t n = 0;

	if (!jval_is_array(jval_get(row, "protectors")))
		return;
	jval_u64(jval_get(row, "n"), &n);
	v->open += open;
	v->closed += !open;
	json_array_append_new(v->volumes, json_pack("{s:s,s:I,s:b,s:s,s:s,s:s}", "disk", disk, "partition",
		(json_int_t)n, "open", open, "opened_by", by ? by : "", "inside", inside ? inside : "", "reason",
		open ? "" : reason ? reason : state ? state : ""));
	if (v->print)
		printf("%s p%d  %s%s%s\n", disk, (int)n, open ? "opens" : "STAYS CLOSED", open ? ", inside: " : ": ",
		       open ? inside ? inside : "unknown" : reason ? reason : "no key");
}

static int verify_disk(struct keys_point *p, const struct point_disk *d, struct chunk_cache *cache,
		       struct verdict *v, struct error *err)
{
	char label[POINT_LABEL_BYTES];
	struct disk_options opts = { .partial = true, .audit = p->audit, .label = label };
	struct blockdev *bd = point_disk_new(p->vault, p->point, d, cache, err);

	point_disk_label(p->point, d, label);
	AUTO(disk_unref) struct disk *disk = bd ? disk_open(bd, d->vhd, p->keys, &opts, err) : NULL;
	AUTO(free) char *text = disk ? disk_info_json(disk) : NULL;
	AUTO(jval_free) struct jval *info = text ? jval_parse(text, strlen(text), err) : NULL;
	const struct jval *rows = jval_get(info, "partitions");

	if (!info)
		return err->code ? -err->code : error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < jval_len(rows); i++)
		judge(v, d->name, jval_at(rows, i));
	return 0;
}

static int verify_all(struct keys_point *p, struct verdict *v, struct error *err)
{
	AUTO(chunk_cache_free) struct chunk_cache *cache = chunk_cache_new(0, err);
	int rc = cache ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < p->point->n_disks; i++)
		rc = verify_disk(p, &p->point->disk[i], cache, v, err);
	return rc;
}

static int run_verify(const struct invocation *in)
{
	AUTO(keys_point_clear) struct keys_point p;
	AUTO(json_decref) json_t *volumes = json_array();
	struct verdict v = { .volumes = volumes, .print = !in->report->json && !in->report->quiet };
	struct error err = ERROR_INIT;

	if (keys_point_open(&p, in, true, &err) < 0 || verify_all(&p, &v, &err) < 0)
		return fail(in, &err);
	if (v.closed && !p.point->capsule) {
		keys_point_none(&p, &err);
		return fail(in, &err);
	}
	if (v.closed) {
		error_set(&err, p.locked.code ? p.locked.code : ENOKEY, "%u of %u encrypted volumes stay closed: %s", v.closed,
			  v.open + v.closed, p.locked.code ? p.locked.text : "the point keeps no key for them");
		error_object(&err, "%s", in->operands[1]);
		if (*p.locked.next)
			error_next(&err, "%s", p.locked.next);
		return fail(in, &err);
	}
	if (v.print)
		printf("%u encrypted volume%s opened by what the point keeps.\n", v.open, v.open == 1 ? "" : "s");
	return report_result(in->report, json_pack("{s:s,s:s,s:i,s:O}", "vm", p.point->vm, "point", p.point->id, "opened",
						   (int)v.open, "volumes", volumes));
}

const struct command cmd_keys_verify = {
	.name = "keys verify", .operands = "VAULT VM[@POINT]", .min = 2, .max = 2,
	.summary = "open a point's volumes with the keys that it keeps",
	.text = "Opens every encrypted volume of the point's disks with nothing but what the point keeps: its "
		"capsule, the vault's key, and for keys that are wrapped the KEK in the key stores that "
		"--keystore names. Whatever became of the Key Vault secrets, this tells whether the point can "
		"be opened. Ends with 13 if a volume stays closed.",
	.example = "  adebackup keys verify /backup web1@latest --vault-key vault.key\n"
		   "  adebackup keys verify /backup web1 --vault-key vault.key --keystore pem:kek.pem",
	.groups = G_VAULT, .vault = true, .run = run_verify,
};

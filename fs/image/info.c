/* SPDX-License-Identifier: Apache-2.0 */
/* info.json: what a disk is, for people and scripts. */
#include "fs/image/disk_private.h"
#include "fs/image/vhd.h"
#include "fs/util/json.h"

static const char *protector_kind(enum bitlocker_protector_kind kind)
{
	switch (kind) {
	case BITLOCKER_CLEAR_KEY: return "clear-key";
	case BITLOCKER_TPM: return "tpm";
	case BITLOCKER_EXTERNAL_KEY: return "external-key";
	case BITLOCKER_TPM_PIN: return "tpm-pin";
	case BITLOCKER_RECOVERY_PASSWORD: return "recovery-password";
	case BITLOCKER_SMART_CARD: return "smart-card";
	case BITLOCKER_PASSWORD: return "password";
	case BITLOCKER_OTHER: return "other";
	}
	return "other";
}

static const char *state_name(enum disk_state state)
{
	switch (state) {
	case DISK_PLAIN:
	case DISK_OPEN: return "open";
	case DISK_LOCKED: return "locked";
	case DISK_DAMAGED: return "damaged";
	case DISK_UNSUPPORTED: return "unsupported";
	}
	return "?";
}

static json_t *protectors(const struct disk_volume *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_protectors; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s?}", "kind",
						      protector_kind(v->protectors[i].kind), "guid",
						      v->protectors[i].guid, "secret_url",
						      v->secret_url ? v->secret_url[i] : NULL));
	return list;
}

static void set_text(json_t *o, const char *name, const char *text)
{
	if (text && text[0])
		json_object_set_new(o, name, json_string(text));
}

static void describe_encryption(json_t *o, const struct disk_volume *v)
{
	set_text(o, "cipher", v->cipher);
	set_text(o, "uuid", v->uuid);
	set_text(o, "inside", v->inside);
	set_text(o, "opened_by", v->opened_by);
	set_text(o, "header", v->header_from);
	json_object_set_new(o, "protectors", protectors(v));
	if (v->format == VOLUME_LUKS && v->luks_version)
		json_object_set_new(o, "luks_version", json_integer(v->luks_version));
	if (v->format != VOLUME_BITLOCKER)
		return;
	json_object_set_new(o, "metadata_copy", json_integer(v->copy_used + 1));
	json_object_set_new(o, "metadata_copies_differ", json_boolean(v->copies_differ));
	if (v->encrypted_size && v->encrypted_size < v->size)
		json_object_set_new(o, "encrypted_bytes", json_integer((json_int_t)v->encrypted_size));
}

static const char *view_of(const struct disk *d, const struct lvm_lv *lv)
{
	for (size_t i = 0; i < d->n_views; i++)
		if (d->view[i].lv == lv)
			return d->view[i].name;
	return NULL;
}

/* {vg, logical_volumes: [{name, size, view, inside | reason}]}; parts of
 * other volumes are left out. */
static json_t *logical_volumes(const struct disk *d, const struct lvm *l)
{
	json_t *list = json_array();

	for (size_t i = 0; i < l->n_lvs; i++) {
		const struct lvm_lv *lv = &l->lv[i];
		json_t *o = lv->visible ? json_pack("{s:s}", "name", lv->name) : NULL;

		if (!o)
			continue;
		if (!lv->reason[0])
			json_object_set_new(o, "size", json_integer((json_int_t)lv->size));
		set_text(o, "view", view_of(d, lv));
		set_text(o, "inside", lv->inside);
		set_text(o, "reason", lv->reason);
		json_array_append_new(list, o);
	}
	return json_pack("{s:s, s:o, s:b}", "vg", l->vg, "logical_volumes", list, "damaged_copy",
			 l->damaged_copy);
}

static json_t *describe(const struct disk *d, size_t i)
{
	const struct disk_volume *v = &d->vol[i];
	const struct partition *p = d->table->n_parts ? &d->table->part[i] : NULL;
	json_t *o = json_pack("{s:i, s:I, s:I, s:s, s:s}", "n", (int)v->n, "start", (json_int_t)v->start,
			      "size", (json_int_t)v->size, "what", v->what[0] ? v->what : "unknown", "state",
			      state_name(v->state));

	if (!o)
		return NULL;
	json_object_set_new(o, "type", json_string(p ? p->type : ""));
	json_object_set_new(o, "name", json_string(p ? p->name : ""));
	if (p && p->stored_size != p->size)
		json_object_set_new(o, "table_size", json_integer((json_int_t)p->stored_size));
	if (v->format != VOLUME_PLAIN)
		describe_encryption(o, v);
	if (v->lvm)
		json_object_set_new(o, "lvm", logical_volumes(d, v->lvm));
	set_text(o, "lvm_reason", v->lvm_why.text);
	set_text(o, "reason", v->why.text);
	set_text(o, "next", v->why.next);
	return o;
}

char *disk_info_json(const struct disk *d)
{
	uint64_t padded = vhd_padded_size(d->raw_size);
	AUTO(json_decref) json_t *o = json_pack(
		"{s:i, s:I, s:i, s:s, s:I, s:b}", "schema", 1, "size", (json_int_t)d->stored->size,
		"sector_size", (int)d->table->sector_size, "table", table_name(d->table->kind),
		"vhd_padding", (json_int_t)(padded - d->raw_size), "source_is_vhd", d->vhd);
	json_t *list = json_array();

	if (!o)
		return NULL;
	json_object_set_new(o, "partitions", list);
	for (size_t i = 0; i < d->n_vols; i++)
		json_array_append_new(list, describe(d, i));
	if (d->table->used_backup)
		json_object_set_new(o, "table_copy", json_string("backup"));
	set_text(o, "table_warning", d->table_warning.text);
	return json_text(o, 1);
}

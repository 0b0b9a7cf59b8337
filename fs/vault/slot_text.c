/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/slot_text.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/keywrap.h"
#include "fs/util/json_value.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PASSES_MAX 1000u
#define MEMORY_KIB_MAX (4u << 20)
#define LANES_MAX 64u
#define PUBLIC_MAX 8192u

void slot_text_clear(struct slot_text *t)
{
	free(t->wrapped);
	free(t->public_pem);
	free(t->ring);
	memset(t, 0, sizeof(*t));
}

static int set_hex(struct jval *o, const char *name, const void *data, size_t len)
{
	AUTO(free) char *text = malloc(2 * len + 1);

	if (!text)
		return -ENOMEM;
	hex_encode(data, len, text);
	return jval_set_text(o, name, text);
}

static int print_public(struct jval *o, const struct slot_text *t)
{
	int rc = jval_set_text(o, "public", t->public_pem);

	if (!rc && t->kek_url[0])
		rc = jval_set_text(o, "kek", t->kek_url);
	if (!rc && t->for_capsules)
		rc = jval_set_bool(o, "for_capsules", true);
	return rc ? rc : set_hex(o, "voucher", t->voucher, SHA256_BYTES);
}

char *slot_text_print(const struct slot_text *t)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "kind", slot_kind_name(t->kind));

	rc = rc ? rc : jval_set_text(o, "id", t->id);
	rc = rc ? rc : jval_set_text(o, "label", t->label);
	rc = rc ? rc : jval_set_u64_text(o, "epoch", t->epoch);
	rc = rc ? rc : set_hex(o, "vault", t->vault_id, VAULT_ID_BYTES);
	rc = rc ? rc : set_hex(o, "salt", t->salt, SLOT_SALT_BYTES);
	rc = rc ? rc : set_hex(o, "commit", t->commit, SHA256_BYTES);
	rc = rc ? rc : set_hex(o, "ring", t->ring, t->ring_len);
	if (!rc && t->kind == SLOT_RSA)
		rc = set_hex(o, "wrapped", t->wrapped, t->wrapped_len);
	if (!rc && t->kind == SLOT_RSA && t->public_pem)
		rc = print_public(o, t);
	if (!rc && t->kind == SLOT_PASSPHRASE) {
		rc = jval_set_u64_text(o, "passes", t->passes);
		rc = rc ? rc : jval_set_u64_text(o, "memory_kib", t->memory_kib);
		rc = rc ? rc : jval_set_u64_text(o, "lanes", t->lanes);
	}
	return rc ? NULL : jval_print(o, false);
}

static bool get_hex(const struct jval *o, const char *name, void *out, size_t len)
{
	const char *text = jval_text(jval_get(o, name));

	return text && hex_decode(text, out, len) == 0;
}

/* Of any length up to max. */
static uint8_t *get_long_hex(const struct jval *o, const char *name, size_t max, size_t *len)
{
	const char *text = jval_text(jval_get(o, name));
	size_t n = text ? strlen(text) : 0;
	AUTO(free) uint8_t *out = n && n % 2 == 0 && n / 2 <= max ? malloc(n / 2) : NULL;

	if (!out || hex_decode(text, out, n / 2) < 0)
		return NULL;
	*len = n / 2;
	return TAKE(out);
}

static bool get_number(const struct jval *o, const char *name, uint32_t max, uint32_t *out)
{
	const struct jval *v = jval_get(o, name);
	uint64_t n;

	if (!jval_text(v) || !jval_u64(v, &n) || !n || n > max)
		return false;
	*out = (uint32_t)n;
	return true;
}

static bool get_kind(const struct jval *o, enum slot_kind *kind)
{
	const char *text = jval_text(jval_get(o, "kind"));

	for (int k = SLOT_KEY_FILE; text && k <= SLOT_RSA; k++)
		if (!strcmp(text, slot_kind_name((enum slot_kind)k))) {
			*kind = (enum slot_kind)k;
			return true;
		}
	return false;
}

static bool get_names(const struct jval *o, struct slot_text *t)
{
	const char *id = jval_text(jval_get(o, "id")), *label = jval_text(jval_get(o, "label"));
	uint8_t bytes[(SLOT_ID_TEXT - 1) / 2];

	if (!id || !label || hex_decode(id, bytes, sizeof(bytes)) < 0 || strlen(label) >= sizeof(t->label))
		return false;
	hex_encode(bytes, sizeof(bytes), t->id);
	memcpy(t->label, label, strlen(label) + 1);
	return !strcmp(id, t->id);
}

/* Optional; all of it or nothing. */
static bool get_public(const struct jval *o, struct slot_text *t)
{
	const char *pem = jval_text(jval_get(o, "public")), *kek = jval_text(jval_get(o, "kek"));

	if (!pem)
		return !jval_get(o, "public") && !jval_get(o, "kek") && !jval_get(o, "for_capsules");
	if (strlen(pem) > PUBLIC_MAX || (kek && strlen(kek) >= sizeof(t->kek_url)) ||
	    !get_hex(o, "voucher", t->voucher, SHA256_BYTES))
		return false;
	snprintf(t->kek_url, sizeof(t->kek_url), "%s", kek ? kek : "");
	t->for_capsules = jval_bool(jval_get(o, "for_capsules"), false);
	t->public_pem = strdup(pem);
	return t->public_pem;
}

static bool get_all(const struct jval *o, struct slot_text *t)
{
	uint32_t epoch;

	if (!get_kind(o, &t->kind) || !get_names(o, t) || !get_number(o, "epoch", EPOCHS_MAX, &epoch) ||
	    !get_hex(o, "vault", t->vault_id, VAULT_ID_BYTES) ||
	    !get_hex(o, "salt", t->salt, SLOT_SALT_BYTES) || !get_hex(o, "commit", t->commit, SHA256_BYTES))
		return false;
	t->epoch = epoch;
	t->ring = get_long_hex(o, "ring", EPOCHS_MAX * MASTER_KEY_BYTES + GCM_TAG_BYTES, &t->ring_len);
	if (!t->ring || t->ring_len != epoch * MASTER_KEY_BYTES + GCM_TAG_BYTES)
		return false;
	if (t->kind == SLOT_RSA)
		t->wrapped = get_long_hex(o, "wrapped", RSA_MAX_BYTES, &t->wrapped_len);
	if (t->kind == SLOT_PASSPHRASE)
		return get_number(o, "passes", PASSES_MAX, &t->passes) &&
		       get_number(o, "memory_kib", MEMORY_KIB_MAX, &t->memory_kib) &&
		       get_number(o, "lanes", LANES_MAX, &t->lanes);
	return t->kind != SLOT_RSA || (t->wrapped && get_public(o, t));
}

int slot_text_parse(const void *text, size_t len, struct slot_text *out, struct error *err)
{
	AUTO(slot_text_clear) struct slot_text t = { 0 };
	AUTO(jval_free) struct jval *o = jval_parse(text, len, err);

	if (!o || !get_all(o, &t))
		return error_set(err, EBADMSG, "damaged slot: what it says makes no sense");
	*out = t;
	memset(&t, 0, sizeof(t));
	return 0;
}

static uint8_t *put_part(uint8_t *p, const void *data, size_t len)
{
	put_le32(p, (uint32_t)len);
	if (len)
		memcpy(p + 4, data, len);
	return p + 4 + len;
}

void *slot_text_aad(const struct slot_text *t, size_t *len)
{
	static const char use[] = "adebackup 1 slot";
	size_t size = sizeof(use) - 1 + VAULT_ID_BYTES + 20 + SLOT_SALT_BYTES + 3 * 4 + strlen(t->id) +
		      strlen(t->label) + t->wrapped_len;
	uint8_t *aad = malloc(size), *p = aad;

	if (!aad)
		return NULL;
	memcpy(p, use, sizeof(use) - 1);
	p += sizeof(use) - 1;
	memcpy(p, t->vault_id, VAULT_ID_BYTES);
	p += VAULT_ID_BYTES;
	put_le32(p, (uint32_t)t->kind);
	put_le32(p + 4, t->epoch);
	put_le32(p + 8, t->passes);
	put_le32(p + 12, t->memory_kib);
	put_le32(p + 16, t->lanes);
	p += 20;
	memcpy(p, t->salt, SLOT_SALT_BYTES);
	p += SLOT_SALT_BYTES;
	p = put_part(p, t->id, strlen(t->id));
	p = put_part(p, t->label, strlen(t->label));
	p = put_part(p, t->wrapped, t->wrapped_len);
	*len = (size_t)(p - aad);
	return aad;
}

struct walk {
	struct store *st;
	slot_text_fn *fn;
	slot_failed_fn *failed;
	void *arg;
};

static int read_slot(struct walk *w, const char *name, struct error *err)
{
	AUTO(slot_text_clear) struct slot_text t = { 0 };
	AUTO(free) void *text = NULL;
	char expect[64];
	size_t len;
	int rc = object_get(w->st, NULL, OBJECT_SLOT, name, &text, &len, err);

	if (rc == 0)
		rc = slot_text_parse(text, len, &t, err);
	if (rc < 0)
		return rc;
	slot_object_name(t.id, t.epoch, expect, sizeof(expect));
	if (strcmp(expect, name))
		return error_set(err, EBADMSG, "damaged slot: it stands under another slot's name");
	return w->fn(w->arg, &t, err);
}

static int walk_one(void *arg, const struct object *o)
{
	struct walk *w = arg;
	struct error why = ERROR_INIT;
	int rc = read_slot(w, o->name, &why);

	if (rc == 0 || rc == -ENOENT)	/* removed since the list was made */
		return 0;
	if (!why.object[0])
		error_object(&why, "%s", o->name);
	return w->failed(w->arg, rc, &why);
}

int slot_each(struct store *st, const char *prefix, slot_text_fn *fn, slot_failed_fn *failed, void *arg,
	      struct error *err)
{
	struct walk w = { .st = st, .fn = fn, .failed = failed, .arg = arg };

	return store_list(st, prefix, walk_one, &w, err);
}

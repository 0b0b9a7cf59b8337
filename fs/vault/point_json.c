/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/point.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct point *point_new(void)
{
	return calloc(1, sizeof(struct point));
}

static void disk_clear(struct point_disk *d)
{
	jval_free(d->info);
	free(d->opening);
	free(d->opening_zeros);
	free(d->top_page);
}

void point_free(struct point *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_disks; i++)
		disk_clear(&p->disk[i]);
	free(p->disk);
	jval_free(p->vm_config);
	jval_free(p->capsule);
	free(p);
}

struct point_disk *point_add_disk(struct point *p)
{
	struct point_disk *disks = NULL;

	if (p->n_disks < POINT_DISKS_MAX)
		disks = realloc(p->disk, (p->n_disks + 1) * sizeof(*disks));
	if (!disks)
		return NULL;
	p->disk = disks;
	memset(&disks[p->n_disks], 0, sizeof(*disks));
	return &disks[p->n_disks++];
}

const struct point_disk *point_find_disk(const struct point *p, const char *name)
{
	for (size_t i = 0; i < p->n_disks; i++)
		if (!strcmp(p->disk[i].name, name))
			return &p->disk[i];
	return NULL;
}

void point_disk_label(const struct point *p, const struct point_disk *d, char out[POINT_LABEL_BYTES])
{
	char time[POINT_TIME_TEXT];

	point_time_text(p->time, time);
	snprintf(out, POINT_LABEL_BYTES, "%s@%s %s", p->vm, time, d->name);
}

static int set_disks(struct jval *o, const struct point *p, bool pages)
{
	struct jval *disks = jval_array();
	int rc = disks ? 0 : -ENOMEM;

	for (size_t i = 0; i < p->n_disks && !rc; i++)
		rc = jval_append(disks, point_disk_to_jval(&p->disk[i], pages));
	if (!rc)
		return jval_set(o, "disks", disks);
	jval_free(disks);
	return rc;
}

static int set_session(struct jval *o, const uint8_t session[SESSION_ID_BYTES])
{
	char text[2 * SESSION_ID_BYTES + 1];

	hex_encode(session, SESSION_ID_BYTES, text);
	return jval_set_text(o, "session", text);
}

static char *print(const struct point *p, bool pages)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "vm", p->vm);

	rc = rc ? rc : jval_set_text(o, "vm_id", p->vm_id);
	rc = rc ? rc : jval_set_text(o, "id", p->id);
	rc = rc ? rc : set_session(o, p->session);
	rc = rc ? rc : jval_set_u64_text(o, "time", (uint64_t)p->time);
	rc = rc ? rc : jval_set_u64_text(o, "store_time", (uint64_t)p->store_time);
	if (p->rewritten)
		rc = rc ? rc : jval_set_u64_text(o, "rewritten", (uint64_t)p->rewritten);
	rc = rc ? rc : jval_set_u64_text(o, "number", p->number);
	rc = rc ? rc : jval_set_text(o, "previous", p->previous);
	rc = rc ? rc : jval_set_text(o, "previous_sha256", p->previous_sha256);
	rc = rc ? rc : jval_set_u64_text(o, "retain_until", (uint64_t)p->retain_until);
	rc = rc ? rc : jval_set_text(o, "proof", p->proof == PROOF_PROVEN ? "proven" : "not proven");
	rc = rc ? rc : jval_set_text(o, "proof_words", p->proof_words);
	rc = rc ? rc : jval_set_text(o, "refs_sha256", p->refs_sha256);
	if (!rc && p->vm_config)
		rc = jval_set(o, "vm_config", jval_ref(p->vm_config));
	if (!rc && p->capsule)
		rc = jval_set(o, "capsule", jval_ref(p->capsule));
	rc = rc ? rc : set_disks(o, p, pages);
	return rc ? NULL : jval_print(o, false);
}

/* Top pages only where there is room for all of them. */
int point_to_json(const struct point *p, char **text, struct error *err)
{
	for (int pages = 1; pages >= 0; pages--) {
		*text = print(p, pages);
		if (!*text)
			return error_set(err, ENOMEM, "out of memory");
		if (strlen(*text) <= MANIFEST_MAX)
			return 0;
		free(TAKE(*text));
	}
	error_set(err, EMSGSIZE, "the point's manifest would pass %u KiB", MANIFEST_MAX >> 10);
	error_next(err, "Give a shorter --vm-config.");
	return -EMSGSIZE;
}

static bool get_time(const struct jval *o, const char *name, int64_t *out)
{
	uint64_t n;

	if (!point_get_u64(o, name, INT64_MAX, &n))
		return false;
	*out = (int64_t)n;
	return true;
}

static bool get_proof(const struct jval *o, struct point *p)
{
	const char *text = jval_text(jval_get(o, "proof"));

	p->proof = text && !strcmp(text, "proven") ? PROOF_PROVEN : PROOF_NONE;
	return text && point_get_text(o, "proof_words", p->proof_words, sizeof(p->proof_words));
}

static bool get_head(const struct jval *o, struct point *p)
{
	return point_get_text(o, "vm", p->vm, sizeof(p->vm)) && point_name_ok(p->vm) &&
	       point_get_text(o, "vm_id", p->vm_id, sizeof(p->vm_id)) &&
	       point_hex_text_ok(p->vm_id, VM_ID_TEXT - 1) &&
	       point_get_text(o, "id", p->id, sizeof(p->id)) && point_hex_text_ok(p->id, POINT_ID_TEXT - 1) &&
	       point_get_hex(o, "session", p->session, SESSION_ID_BYTES) &&
	       get_time(o, "time", &p->time) && get_time(o, "store_time", &p->store_time) &&
	       (!jval_get(o, "rewritten") || get_time(o, "rewritten", &p->rewritten)) &&
	       get_time(o, "retain_until", &p->retain_until) &&
	       point_get_u64(o, "number", UINT64_MAX, &p->number) &&
	       point_get_text(o, "previous", p->previous, sizeof(p->previous)) &&
	       point_get_text(o, "previous_sha256", p->previous_sha256, sizeof(p->previous_sha256)) &&
	       point_get_text(o, "refs_sha256", p->refs_sha256, sizeof(p->refs_sha256)) &&
	       point_hex_text_ok(p->refs_sha256, 64) && get_proof(o, p);
}

static bool get_disks(const struct jval *disks, struct point *p)
{
	size_t n = jval_len(disks);

	if (!jval_is_array(disks) || !n || n > POINT_DISKS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct point_disk *d = point_add_disk(p);

		if (!d || !point_disk_from_jval(jval_at(disks, i), d) || point_find_disk(p, d->name) != d)
			return false;
	}
	return true;
}

static struct jval *keep_object(const struct jval *o, const char *name, bool *ok)
{
	struct jval *v = jval_get(o, name);

	*ok = *ok && (!v || jval_is_object(v));
	return v && *ok ? jval_ref(v) : NULL;
}

struct point *point_from_json(const void *text, size_t len, struct error *err)
{
	AUTO(point_free) struct point *p = point_new();
	AUTO(jval_free) struct jval *o = NULL;
	bool ok;

	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	if (len > MANIFEST_MAX)
		return error_null(err, EBADMSG, "damaged manifest: it is too large");
	o = jval_parse(text, len, err);
	ok = o && get_head(o, p) && get_disks(jval_get(o, "disks"), p);
	p->vm_config = keep_object(o, "vm_config", &ok);
	p->capsule = keep_object(o, "capsule", &ok);
	if (!ok)
		return error_null(err, EBADMSG, "damaged manifest: what it says makes no sense");
	return TAKE(p);
}

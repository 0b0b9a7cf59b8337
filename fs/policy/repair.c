/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/repair.h"
#include "crypto/hash.h"
#include "fs/backup/compact.h"
#include "fs/util/log.h"
#include "fs/vault/expire.h"
#include "fs/vault/object.h"
#include "fs/vault/vault_session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct repair {
	char (*object)[256];
	size_t n;
};

struct repair *repair_new(void)
{
	return calloc(1, sizeof(struct repair));
}

void repair_free(struct repair *r)
{
	if (!r)
		return;
	free(r->object);
	free(r);
}

int repair_note(struct repair *r, const struct verify_fault *f)
{
	void *more;

	if ((f->code != EBADMSG && f->code != ENOENT) || strlen(f->object) >= sizeof(*r->object))
		return 0;	/* out of reach is no damage */
	if (r->n && !strcmp(r->object[r->n - 1], f->object))
		return 0;
	more = r->n % 64 ? r->object : realloc(r->object, (r->n + 64) * sizeof(*r->object));
	if (!more)
		return -ENOMEM;
	r->object = more;
	memcpy(r->object[r->n++], f->object, strlen(f->object) + 1);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void sort_out(struct repair *r)
{
	size_t kept = 0;

	if (r->n)
		qsort(r->object, r->n, sizeof(*r->object), by_name);
	for (size_t i = 0; i < r->n; i++)
		if (!kept || strcmp(r->object[kept - 1], r->object[i]))
			memmove(r->object[kept++], r->object[i], sizeof(*r->object));
	r->n = kept;
}

/* "seg/…/<id>" that nobody put down yet. */
static bool is_new_segment(const char *object, const struct condemned *known, char text[2 * SEGMENT_ID_BYTES + 1])
{
	const char *last = strrchr(object, '/');
	uint8_t id[SEGMENT_ID_BYTES];

	if (strncmp(object, "seg/", 4) || hex_decode(last + 1, id, sizeof(id)) < 0 || condemned_has(known, id))
		return false;
	hex_encode(id, sizeof(id), text);
	return true;
}

static int put_bad(struct vault *v, struct jval *taken, struct error *err)
{
	AUTO(jval_free) struct jval *list = taken, *o = jval_object();
	AUTO(free) char *text = NULL;
	uint8_t random[12];
	char name[40] = "bad/";

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(err, EIO, "the system gives no random numbers");
	hex_encode(random, sizeof(random), name + 4);
	text = jval_set(o, "segments", TAKE(list)) < 0 ? NULL : jval_print(o, false);
	if (!text)
		return error_set(err, ENOMEM, "out of memory");
	return object_put(vault_store(v), vault_ring(v), OBJECT_BAD, name, text, strlen(text), err);
}

static int put_down_segments(struct repair *r, struct vault *v, struct repair_result *out, struct error *err)
{
	AUTO(condemned_free) struct condemned *known = condemned_list(v, err);
	AUTO(jval_free) struct jval *list = jval_array();
	char text[2 * SEGMENT_ID_BYTES + 1];

	if (!known)
		return err->code ? -err->code : -ENOMEM;
	for (size_t i = 0; i < r->n; i++) {
		if (!is_new_segment(r->object[i], known, text))
			continue;
		if (jval_append(list, jval_new_text(text)) < 0)
			return error_set(err, ENOMEM, "out of memory");
		out->segments++;
	}
	return out->segments ? put_bad(v, TAKE(list), err) : 0;
}

/* A point whose refs are lost gets a manifest with new ones, counted from its maps. */
static int renew_refs(struct vault *v, const struct inventory_point *p, struct repair_result *out, struct error *err)
{
	int rc = compact_recommit(v, p, true, NULL, err);

	if (rc == 0)
		rc = expire_mark(v, p->object, err);
	if (rc == -EBADMSG || rc == -ENOENT || rc == -ESTALE) {
		log_warning("the refs of %s cannot be counted anew: %s", p->object, err->text);
		error_clear(err);
		out->left++;
		return 0;
	}
	out->refs += rc == 0;
	return rc;
}

static int repair_points(struct vault *v, struct repair_result *out, struct error *err)
{
	AUTO(inventory_free) struct inventory *inv = inventory_take(v, err);
	char named[VM_ID_TEXT] = "";
	int rc = inv ? 0 : err->code ? -err->code : -ENOMEM;

	for (size_t i = 0; inv && i < inv->n_points && rc == 0; i++) {
		const struct inventory_point *p = &inv->point[i];

		if (p->marked)
			continue;
		if (p->state == POINT_NO_REFS || p->state == POINT_BAD_REFS) {
			rc = renew_refs(v, p, out, err);
		} else if (p->state == POINT_UNREADABLE) {
			rc = expire_mark(v, p->object, err);
			out->hidden += rc == 0;
		}
		/* Its VM's name, where that cannot be read. */
		if (rc == 0 && p->vm[0] && strcmp(p->vm_id, named)) {
			rc = vault_vm_record(v, p->vm, err);
			memcpy(named, p->vm_id, sizeof(named));
		}
	}
	return rc;
}

/* Names that are damaged make room; repair_points() writes them again. */
static int drop_names(struct repair *r, struct vault *v, struct repair_result *out, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; i < r->n && rc == 0; i++)
		if (!strncmp(r->object[i], "vm/", 3)) {
			if (store_name_ok(r->object[i]) && r->object[i][strlen(r->object[i]) - 1] != '.')
				rc = store_remove(vault_store(v), r->object[i], err);
			out->names += rc == 0;
		}
	return rc;
}

static bool is_dealt_with(const char *object)
{
	static const char *const kinds[] = { "seg/", "ref/", "pt/", "vm/" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(object, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

int repair_run(struct repair *r, struct vault *v, struct repair_result *out, struct error *err)
{
	int rc;

	*out = (struct repair_result){ 0 };
	sort_out(r);
	for (size_t i = 0; i < r->n; i++)
		out->left += !is_dealt_with(r->object[i]);
	rc = put_down_segments(r, v, out, err);
	if (rc == 0)
		rc = drop_names(r, v, out, err);
	return rc < 0 || !r->n ? rc : repair_points(v, out, err);
}

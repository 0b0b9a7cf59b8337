/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/plantpoints.h"
#include "crypto/hash.h"
#include "fs/vault/point.h"
#include "fs/vault/refs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define SHARED 8u

static int put_segment(struct vault *v, const uint8_t *session, uint32_t number, struct chunk_ref *ref, struct error *err)
{
	static const uint8_t name[CHUNK_NAME_BYTES];
	AUTO(segment_writer_free) struct segment_writer *w =
		segment_writer_new(vault_ring(v), SEGMENT_DATA, session, number, err);
	int rc = w ? segment_writer_add(w, CHUNK_RAW, name, NULL, session, SESSION_ID_BYTES, CHUNK_MIN, ref) : -1;

	return rc < 0 ? rc : segment_writer_put(w, vault_store(v), err);
}

static int put_point(struct vault *v, struct point *p, uint32_t number, const struct chunk_ref *shared, struct error *err)
{
	AUTO(refs_free) struct refs *refs = refs_new();
	struct chunk_ref own;
	int rc;

	if (!refs)
		return error_set(err, ENOMEM, "out of memory");
	rc = put_segment(v, p->session, number, &own, err);
	for (unsigned i = 0; i < SHARED && rc == 0; i++)
		rc = refs_add(refs, shared[i].segment, 1, shared[i].len);
	if (rc == 0)
		rc = refs_add(refs, own.segment, 1, own.len);
	if (rc == 0)
		rc = refs_put(refs, vault_store(v), p->session, p->refs_sha256, err);
	return rc < 0 ? rc : point_put(v, p, NULL, err);
}

static int fill(struct point *p, struct vault *v, const char *vm, int64_t time, uint64_t number)
{
	struct point_disk *d = point_add_disk(p);
	uint8_t id[(POINT_ID_TEXT - 1) / 2];

	if (!d || getrandom(id, sizeof(id), 0) != sizeof(id))
		return -1;
	hex_encode(id, sizeof(id), p->id);
	snprintf(p->vm, sizeof(p->vm), "%s", vm);
	snprintf(d->name, sizeof(d->name), "os");
	d->size = 64u << 20;
	d->chunk_size = CHUNK_DEFAULT;
	d->levels = 1;
	p->time = p->store_time = time;
	p->number = number;
	p->proof = number % 3 ? PROOF_PROVEN : PROOF_NONE;
	return vault_vm_id(v, vm, p->vm_id);
}

static int plant_vm(struct vault *v, unsigned i, unsigned points, int64_t now, struct error *err)
{
	struct chunk_ref shared[SHARED];
	uint8_t session[SESSION_ID_BYTES];	/* the first point's has stored what all share */
	char vm[32];
	int rc;

	snprintf(vm, sizeof(vm), "vm%03u", i);
	rc = vault_vm_record(v, vm, err);
	if (getrandom(session, sizeof(session), 0) != sizeof(session))
		return -1;
	for (uint32_t k = 0; k < SHARED && rc == 0; k++)
		rc = put_segment(v, session, k, &shared[k], err);
	for (unsigned k = 0; k < points && rc == 0; k++) {
		AUTO(point_free) struct point *p = point_new();

		if (k && getrandom(session, sizeof(session), 0) != sizeof(session))
			return -1;
		rc = p ? fill(p, v, vm, now - (int64_t)(points - k) * 86400 + 3600, k + 1) : -1;
		if (rc == 0) {
			memcpy(p->session, session, sizeof(session));
			rc = put_point(v, p, k ? 0 : SHARED, shared, err);
		}
	}
	return rc;
}

int plant_points(struct vault *v, unsigned vms, unsigned points, int64_t now, struct error *err)
{
	int rc = 0;

	for (unsigned i = 0; i < vms && rc == 0; i++)
		rc = plant_vm(v, i, points / vms, now, err);
	return rc;
}

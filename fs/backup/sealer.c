/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/sealer.h"
#include "crypto/aead.h"
#include "crypto/secret.h"
#include "fs/util/log.h"
#include "fs/vault/pack.h"

#include <errno.h>
#include <string.h>

#define CHECK_EVERY 16u			/* sealed chunks are opened again */

struct sealer {
	struct run *run;
	uint32_t chunk_size;
	struct packer *packer;
	struct segment_writer *segment;	/* NULL: none begun */
	struct chunk_opener *opener;
	uint8_t *base, *sealed;		/* the chunk to patch; its stored form */
	unsigned added;
	bool told;			/* a parent's chunk could not be read */
};

struct sealer *sealer_new(struct run *r, uint32_t chunk_size, struct error *err)
{
	AUTO(sealer_free) struct sealer *s = calloc(1, sizeof(*s));
	uint8_t key[NAME_KEY_BYTES];

	if (!s)
		return error_null(err, ENOMEM, "out of memory");
	if (vault_name_key(r->vault, r->vm_id, key) < 0)
		return error_null(err, ENOKEY, "the vault is open without its keys");
	s->run = r;
	s->chunk_size = chunk_size;
	s->packer = packer_new(key, chunk_size, err);
	wipe(key, sizeof(key));
	s->opener = chunk_opener_new(vault_ring(r->vault));
	s->base = malloc(chunk_size);
	s->sealed = malloc((size_t)chunk_size + GCM_TAG_BYTES);
	if (!s->packer || !s->opener || !s->base || !s->sealed)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(s);
}

void sealer_free(struct sealer *s)
{
	if (!s)
		return;
	packer_free(s->packer);
	segment_writer_free(s->segment);
	chunk_opener_free(s->opener);
	free(s->base);
	free(s->sealed);
	free(s);
}

int sealer_flush(struct sealer *s, struct error *err)
{
	int rc = 0;

	if (s->segment && !segment_writer_is_empty(s->segment)) {
		rc = segment_writer_put(s->segment, vault_store(s->run->vault), err);
		atomic_fetch_add(&s->run->new_bytes, rc == 0 ? segment_writer_bytes(s->segment) : 0);
	}
	segment_writer_free(TAKE(s->segment));
	return rc;
}

static int make_room(struct sealer *s, struct error *err)
{
	int rc = 0;

	if (s->segment && !segment_writer_has_room(s->segment, s->chunk_size))
		rc = sealer_flush(s, err);
	if (rc == 0 && !s->segment)
		s->segment = segment_writer_new(vault_ring(s->run->vault), SEGMENT_DATA, s->run->session,
						atomic_fetch_add(&s->run->number, 1), err);
	return rc < 0 ? rc : s->segment ? 0 : -ENOMEM;
}

/* The whole chunk that stands behind the parent's entry, into s->base. */
static int read_base(struct sealer *s, const struct chunk_ref *ref)
{
	char name[160];
	size_t got = 0;
	int rc;

	if (ref->len > s->chunk_size + GCM_TAG_BYTES)
		return -EBADMSG;
	segment_name(ref->segment, name, sizeof(name));
	rc = store_get(vault_store(s->run->vault), name, ref->off, s->sealed, ref->len, &got, NULL);
	if (rc == 0 && got != ref->len)
		rc = -EBADMSG;
	if (rc == 0)
		rc = chunk_open(s->opener, SEGMENT_DATA, ref, s->chunk_size, s->sealed);
	if (rc == 0)
		rc = chunk_unpack(ref->kind, s->sealed, ref->len - GCM_TAG_BYTES, NULL, s->base, s->chunk_size);
	return rc;
}

/* The whole chunk that the parent has there or builds on, if it may be used. */
static const struct chunk_ref *whole_of(const struct sealer *s, const struct map_entry *old)
{
	const struct chunk_ref *ref = old->ref.kind == CHUNK_PATCH ? &old->base : &old->ref;

	return run_may_use(s->run, ref) ? ref : NULL;
}

/* Is the base's content in s->base now? */
static bool have_base(struct sealer *s, const struct chunk_ref *whole)
{
	int rc = whole ? read_base(s, whole) : -ENOENT;

	if (rc < 0 && whole && !s->told) {
		log_warning("a chunk of the point before cannot be read (%s); what changed there is stored whole",
			    strerror(-rc));
		s->told = true;
	}
	return rc == 0;
}

/* Stored already, by this backup or one that was cut? */
static bool find_stored(struct sealer *s, const uint8_t name[CHUNK_NAME_BYTES], const struct chunk_ref *whole,
			struct map_entry *out)
{
	struct chunk_index *x = s->run->index;

	if (chunk_index_find(x, name, NULL, s->chunk_size, &out->ref))
		return true;
	if (!whole || !chunk_index_find(x, name, whole->name, s->chunk_size, &out->ref) || !have_base(s, whole))
		return false;
	out->base = *whole;
	return true;
}

static int add(struct sealer *s, const struct packed *p, const uint8_t name[CHUNK_NAME_BYTES],
	       const struct chunk_ref *base, struct map_entry *out, struct error *err)
{
	int rc = make_room(s, err);

	if (rc < 0)
		return rc;
	rc = segment_writer_add(s->segment, p->kind, name, p->kind == CHUNK_PATCH ? base->name : NULL, p->payload,
				p->len, s->chunk_size, &out->ref);
	if (rc == 0 && s->added++ % CHECK_EVERY == 0)
		rc = segment_writer_check(s->segment, s->opener, &out->ref, s->chunk_size, p->payload);
	if (rc == -EBADMSG)
		return error_set(err, EIO, "a sealed chunk does not open again: memory or processor are at fault");
	if (rc < 0)
		return error_set(err, -rc, "a chunk cannot be sealed");
	if (p->kind == CHUNK_PATCH)
		out->base = *base;
	else
		chunk_index_add(s->run->index, &out->ref, s->chunk_size);
	return 0;
}

static bool is_same(const struct sealer *s, const struct map_entry *old, const uint8_t name[CHUNK_NAME_BYTES])
{
	return run_may_use(s->run, &old->ref) && !memcmp(old->ref.name, name, CHUNK_NAME_BYTES) &&
	       (old->ref.kind != CHUNK_PATCH || run_may_use(s->run, &old->base));
}

bool sealer_keep(const struct sealer *s, const struct map_entry *old)
{
	return old->ref.kind != CHUNK_ZERO && is_same(s, old, old->ref.name);
}

int sealer_take(struct sealer *s, const void *chunk, const struct map_entry *old, struct map_entry *out,
		struct error *err)
{
	const struct chunk_ref *whole;
	uint8_t name[CHUNK_NAME_BYTES];
	struct packed packed;
	int rc;

	memset(out, 0, sizeof(*out));
	if (chunk_is_zero(chunk, s->chunk_size))
		return 0;
	rc = packer_name(s->packer, chunk, name);
	if (rc < 0)
		return error_set(err, -rc, "a chunk cannot be named");
	if (is_same(s, old, name)) {
		*out = *old;
		return 0;
	}
	whole = whole_of(s, old);
	if (find_stored(s, name, whole, out))
		return 0;
	rc = packer_pack(s->packer, chunk, have_base(s, whole) ? s->base : NULL, &packed);
	if (rc < 0)
		return error_set(err, -rc, "a chunk cannot be packed");
	return add(s, &packed, name, whole, out, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/segment.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "fs/vault/segment_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <zstd.h>

#define HEADER 64u
#define TRAILER 64u
#define ROW 48u
#define AAD 77u
#define MAGIC "ADEBKSEG"
#define MAGIC_END "ADEBKEND"
#define VERSION 1u
#define TABLE_NUMBER UINT32_MAX
#define WINDOW_LOG_MAX 23		/* 8 MiB */

void segment_name(const uint8_t id[SEGMENT_ID_BYTES], char *out, size_t size)
{
	char session[2 * SESSION_ID_BYTES + 1], whole[2 * SEGMENT_ID_BYTES + 1];

	hex_encode(id, SESSION_ID_BYTES, session);
	hex_encode(id, SEGMENT_ID_BYTES, whole);
	snprintf(out, size, "seg/%s/%u/%s", session, le32(id + SESSION_ID_BYTES) / 1024, whole);
}

static int segment_key(const struct key_ring *ring, unsigned epoch,
		       const uint8_t id[SEGMENT_ID_BYTES], uint8_t key[32])
{
	static const char info[] = "adebackup 1 segment";
	uint8_t seal[32];
	int rc = key_ring_derive(ring, epoch, "seal", seal);

	if (rc == 0)
		rc = hkdf_sha256(seal, 32, id, SEGMENT_ID_BYTES, info, sizeof(info) - 1, key, 32);
	wipe(seal, sizeof(seal));
	return rc;
}

static void make_nonce(uint32_t number, uint8_t nonce[GCM_NONCE_BYTES])
{
	memset(nonce, 0, GCM_NONCE_BYTES);
	put_le32(nonce, number);
}

/* "adebackup 1" | class | kind | number | segment id | name | base | size */
static void make_aad(uint8_t class, uint8_t kind, uint32_t number, const uint8_t *id,
		     const uint8_t *name, const uint8_t *base, uint32_t size, uint8_t aad[AAD])
{
	memset(aad, 0, AAD);
	memcpy(aad, "adebackup 1", 11);
	aad[11] = class;
	aad[12] = kind;
	put_le32(aad + 13, number);
	memcpy(aad + 17, id, SEGMENT_ID_BYTES);
	if (name)
		memcpy(aad + 41, name, CHUNK_NAME_BYTES);
	if (base)
		memcpy(aad + 57, base, CHUNK_NAME_BYTES);
	put_le32(aad + 73, size);
}

struct segment_writer {
	const struct key_ring *ring;
	struct gcm *gcm;
	uint8_t id[SEGMENT_ID_BYTES];
	enum segment_class class;
	uint8_t *buf;			/* SEGMENT_BYTES and room for the table */
	size_t used;
	uint8_t *rows;
	uint32_t n_rows;
	bool closed;
};

void segment_writer_free(struct segment_writer *w)
{
	if (!w)
		return;
	gcm_free(w->gcm);
	free(w->buf);
	free(w->rows);
	free(w);
}

struct segment_writer *segment_writer_new(const struct key_ring *ring, enum segment_class class,
					  const uint8_t session[SESSION_ID_BYTES], uint32_t number,
					  struct error *err)
{
	AUTO(segment_writer_free) struct segment_writer *w = calloc(1, sizeof(*w));
	uint8_t key[32];
	int rc;

	if (!w)
		return error_null(err, ENOMEM, "out of memory");
	w->ring = ring;
	w->class = class;
	memcpy(w->id, session, SESSION_ID_BYTES);
	put_le32(w->id + SESSION_ID_BYTES, number);
	if (getrandom(w->id + SESSION_ID_BYTES + 4, 8, 0) != 8)
		return error_null(err, EIO, "the system gives no random numbers");
	w->buf = malloc(SEGMENT_BYTES + CHUNK_MAX + SEGMENT_CHUNKS_MAX * ROW + HEADER + TRAILER);
	w->rows = malloc((size_t)SEGMENT_CHUNKS_MAX * ROW);
	rc = segment_key(ring, key_ring_epoch(ring), w->id, key);
	w->gcm = rc == 0 ? gcm_new(key) : NULL;
	wipe(key, sizeof(key));
	if (!w->buf || !w->rows || !w->gcm)
		return error_null(err, ENOMEM, "out of memory");
	memset(w->buf, 0, HEADER);
	memcpy(w->buf, MAGIC, 8);
	put_le16(w->buf + 8, VERSION);
	put_le16(w->buf + 10, (uint16_t)key_ring_epoch(ring));
	w->buf[12] = (uint8_t)class;
	memcpy(w->buf + 16, w->id, SEGMENT_ID_BYTES);
	memcpy(w->buf + 40, key_ring_vault_id(ring), VAULT_ID_BYTES);
	w->used = HEADER;
	return TAKE(w);
}

bool segment_writer_has_room(const struct segment_writer *w, size_t chunk_size)
{
	return w->n_rows < SEGMENT_CHUNKS_MAX &&
	       w->used + chunk_size + GCM_TAG_BYTES + (w->n_rows + 1) * ROW + TRAILER + GCM_TAG_BYTES <=
		       SEGMENT_BYTES;
}

bool segment_writer_is_empty(const struct segment_writer *w)
{
	return w->n_rows == 0;
}

size_t segment_writer_bytes(const struct segment_writer *w)
{
	return w->closed ? w->used : w->used + w->n_rows * ROW + GCM_TAG_BYTES + TRAILER;
}

int segment_writer_add(struct segment_writer *w, enum chunk_kind kind,
		       const uint8_t name[CHUNK_NAME_BYTES], const uint8_t *base,
		       const void *payload, size_t len, uint32_t chunk_size, struct chunk_ref *ref)
{
	uint8_t nonce[GCM_NONCE_BYTES], aad[AAD], *row = w->rows + (size_t)w->n_rows * ROW;
	int rc;

	if (w->closed || len > CHUNK_MAX || w->n_rows == SEGMENT_CHUNKS_MAX ||
	    w->used + len + GCM_TAG_BYTES > SEGMENT_BYTES + CHUNK_MAX)
		return -EINVAL;
	make_nonce(w->n_rows, nonce);
	make_aad((uint8_t)w->class, (uint8_t)kind, w->n_rows, w->id, name, base, chunk_size, aad);
	rc = gcm_seal(w->gcm, nonce, aad, AAD, payload, len, w->buf + w->used, w->buf + w->used + len);
	if (rc < 0)
		return rc;
	memset(row, 0, ROW);
	memcpy(row, name, CHUNK_NAME_BYTES);
	if (base)
		memcpy(row + 16, base, CHUNK_NAME_BYTES);
	put_le32(row + 32, (uint32_t)w->used);
	put_le32(row + 36, (uint32_t)(len + GCM_TAG_BYTES));
	put_le32(row + 40, chunk_size);
	row[44] = (uint8_t)kind;
	memset(ref, 0, sizeof(*ref));
	memcpy(ref->name, row, CHUNK_NAME_BYTES);
	memcpy(ref->base, row + 16, CHUNK_NAME_BYTES);
	memcpy(ref->segment, w->id, SEGMENT_ID_BYTES);
	ref->epoch = (uint16_t)key_ring_epoch(w->ring);
	ref->off = (uint32_t)w->used;
	ref->len = (uint32_t)(len + GCM_TAG_BYTES);
	ref->number = w->n_rows++;
	ref->kind = (uint8_t)kind;
	w->used += len + GCM_TAG_BYTES;
	return 0;
}

static int close_segment(struct segment_writer *w)
{
	uint8_t nonce[GCM_NONCE_BYTES], aad[AAD], *t;
	size_t table = w->used, len = (size_t)w->n_rows * ROW;
	int rc;

	make_nonce(TABLE_NUMBER, nonce);
	make_aad((uint8_t)w->class, 0xff, TABLE_NUMBER, w->id, NULL, NULL, w->n_rows, aad);
	rc = gcm_seal(w->gcm, nonce, aad, AAD, w->rows, len, w->buf + table, w->buf + table + len);
	if (rc < 0)
		return rc;
	t = w->buf + table + len + GCM_TAG_BYTES;
	memset(t, 0, TRAILER);
	memcpy(t, MAGIC_END, 8);
	put_le32(t + 8, (uint32_t)table);
	put_le32(t + 12, (uint32_t)(len + GCM_TAG_BYTES));
	put_le32(t + 16, w->n_rows);
	rc = sha256(w->buf, (size_t)(t - w->buf) + 32, t + 32);
	w->used = (size_t)(t - w->buf) + TRAILER;
	w->closed = true;
	return rc;
}

int segment_writer_put(struct segment_writer *w, struct store *st, struct error *err)
{
	char name[160];
	int rc = w->closed ? 0 : close_segment(w);

	if (rc < 0)
		return error_set(err, -rc, "a segment cannot be sealed");
	segment_name(w->id, name, sizeof(name));
	return store_put_once(st, name, w->buf, w->used, err);
}

struct chunk_opener {
	const struct key_ring *ring;
	struct segment_keys *keys;	/* NULL: each is derived */
	struct gcm *gcm;
	ZSTD_DCtx *zstd;		/* made when first needed */
	uint8_t id[SEGMENT_ID_BYTES];
	unsigned epoch;
};

struct chunk_opener *chunk_opener_new(const struct key_ring *ring)
{
	struct chunk_opener *o = calloc(1, sizeof(*o));

	if (o)
		o->ring = ring;
	return o;
}

void chunk_opener_free(struct chunk_opener *o)
{
	if (!o)
		return;
	gcm_free(o->gcm);
	ZSTD_freeDCtx(o->zstd);
	free(o);
}

void chunk_opener_share(struct chunk_opener *o, struct segment_keys *keys)
{
	o->keys = keys;
}

static int derive(const struct chunk_opener *o, unsigned epoch, const uint8_t *id, uint8_t key[GCM_KEY_BYTES])
{
	int rc = segment_key(o->ring, epoch, id, key);

	if (rc == 0 && o->keys)
		segment_keys_put(o->keys, epoch, id, key);
	return rc;
}

static int turn_to(struct chunk_opener *o, unsigned epoch, const uint8_t id[SEGMENT_ID_BYTES])
{
	uint8_t key[32];
	int rc;

	if (o->gcm && o->epoch == epoch && !memcmp(o->id, id, SEGMENT_ID_BYTES))
		return 0;
	rc = o->keys && segment_keys_get(o->keys, epoch, id, key) ? 0 : derive(o, epoch, id, key);
	if (rc == 0 && o->gcm)
		rc = gcm_rekey(o->gcm, key);
	else if (rc == 0 && !(o->gcm = gcm_new(key)))
		rc = -ENOMEM;
	wipe(key, sizeof(key));
	memcpy(o->id, id, SEGMENT_ID_BYTES);
	o->epoch = rc == 0 ? epoch : 0;
	return rc;
}

int chunk_open(struct chunk_opener *o, enum segment_class class, const struct chunk_ref *ref,
	       uint32_t chunk_size, void *sealed)
{
	return chunk_open_to(o, class, ref, chunk_size, sealed, sealed);
}

int chunk_open_to(struct chunk_opener *o, enum segment_class class, const struct chunk_ref *ref, uint32_t chunk_size,
		  const void *sealed, void *out)
{
	uint8_t nonce[GCM_NONCE_BYTES], aad[AAD];
	const uint8_t *p = sealed;
	size_t len;
	int rc;

	if (ref->len < GCM_TAG_BYTES)
		return -EBADMSG;
	rc = turn_to(o, ref->epoch, ref->segment);
	if (rc < 0)
		return rc;
	len = ref->len - GCM_TAG_BYTES;
	make_nonce(ref->number, nonce);
	make_aad((uint8_t)class, ref->kind, ref->number, ref->segment, ref->name,
		 ref->kind == CHUNK_PATCH ? ref->base : NULL, chunk_size, aad);
	return gcm_open(o->gcm, nonce, aad, AAD, p, len, out, p + len);
}

static int unpack(ZSTD_DCtx *d, enum chunk_kind kind, const void *payload, size_t len, const void *base,
		  void *chunk, uint32_t chunk_size)
{
	size_t n;

	if (ZSTD_getFrameContentSize(payload, len) != chunk_size)
		return -EBADMSG;
	/* Nothing of an earlier frame, nor its base, stays. */
	ZSTD_DCtx_reset(d, ZSTD_reset_session_and_parameters);
	ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	if (kind == CHUNK_PATCH)
		ZSTD_DCtx_refPrefix(d, base, chunk_size);
	n = ZSTD_decompressDCtx(d, chunk, chunk_size, payload, len);
	return n == chunk_size ? 0 : -EBADMSG;
}

int chunk_opener_unpack(struct chunk_opener *o, enum chunk_kind kind, const void *payload, size_t len,
			const void *base, void *chunk, uint32_t chunk_size)
{
	if (kind == CHUNK_RAW) {
		if (len != chunk_size)
			return -EBADMSG;
		memcpy(chunk, payload, len);
		return 0;
	}
	if (kind != CHUNK_ZSTD && kind != CHUNK_PATCH)
		return -EBADMSG;
	if (!o->zstd && !(o->zstd = ZSTD_createDCtx()))
		return -ENOMEM;
	return unpack(o->zstd, kind, payload, len, base, chunk, chunk_size);
}

int chunk_unpack(enum chunk_kind kind, const void *payload, size_t len, const void *base,
		 void *chunk, uint32_t chunk_size)
{
	struct chunk_opener once = { .ring = NULL };
	int rc = chunk_opener_unpack(&once, kind, payload, len, base, chunk, chunk_size);

	ZSTD_freeDCtx(once.zstd);
	return rc;
}

int segment_writer_check(const struct segment_writer *w, struct chunk_opener *o,
			 const struct chunk_ref *ref, uint32_t chunk_size, const void *payload)
{
	AUTO(free) uint8_t *copy = malloc(ref->len);
	int rc;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, w->buf + ref->off, ref->len);
	rc = chunk_open(o, w->class, ref, chunk_size, copy);
	return rc < 0 ? rc : memcmp(copy, payload, ref->len - GCM_TAG_BYTES) ? -EBADMSG : 0;
}

int segment_check(const void *data, size_t len, const uint8_t id[SEGMENT_ID_BYTES],
		  struct segment_info *info, struct error *err)
{
	const uint8_t *h = data, *t = h + len - TRAILER;
	uint8_t sum[SHA256_BYTES];

	if (len < HEADER + TRAILER || len > SEGMENT_STORED_MAX || memcmp(h, MAGIC, 8) ||
	    memcmp(t, MAGIC_END, 8))
		return error_set(err, EBADMSG, "damaged segment: it does not begin or end as one");
	if (sha256(h, len - SHA256_BYTES, sum) < 0 || memcmp(sum, t + 32, SHA256_BYTES))
		return error_set(err, EBADMSG, "damaged segment: its checksum does not hold");
	if (le16(h + 8) != VERSION)
		return error_set(err, ENOTSUP, "segment of format version %u", le16(h + 8));
	info->epoch = le16(h + 10);
	info->class = h[12];
	info->table_off = le32(t + 8);
	info->table_len = le32(t + 12);
	info->rows = le32(t + 16);
	if (memcmp(h + 16, id, SEGMENT_ID_BYTES) || info->rows > SEGMENT_CHUNKS_MAX ||
	    info->table_len != info->rows * ROW + GCM_TAG_BYTES ||
	    (uint64_t)info->table_off + info->table_len != len - TRAILER || info->table_off < HEADER)
		return error_set(err, EBADMSG, "damaged segment: header or trailer make no sense");
	return 0;
}

/* Rows follow each other without gaps from the header to the table. */
static int read_row(const uint8_t *row, uint32_t i, const struct segment_info *info,
		    const uint8_t *id, uint32_t *at, struct chunk_ref *ref, uint32_t *size)
{
	memset(ref, 0, sizeof(*ref));
	memcpy(ref->name, row, CHUNK_NAME_BYTES);
	memcpy(ref->base, row + 16, CHUNK_NAME_BYTES);
	memcpy(ref->segment, id, SEGMENT_ID_BYTES);
	ref->epoch = info->epoch;
	ref->off = le32(row + 32);
	ref->len = le32(row + 36);
	*size = le32(row + 40);
	ref->kind = row[44];
	ref->number = i;
	if (ref->off != *at || ref->len < GCM_TAG_BYTES || ref->len > info->table_off - *at ||
	    *size > CHUNK_MAX || ref->kind < CHUNK_RAW || ref->kind > CHUNK_PATCH)
		return -EBADMSG;
	*at += ref->len;
	return 0;
}

int segment_table(const struct key_ring *ring, const void *data, size_t len,
		  const uint8_t id[SEGMENT_ID_BYTES], struct chunk_ref **rows, uint32_t **chunk_sizes,
		  size_t *n, struct error *err)
{
	AUTO(chunk_opener_free) struct chunk_opener *o = chunk_opener_new(ring);
	AUTO(free) struct chunk_ref *r = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	AUTO(free) uint8_t *table = NULL;
	uint8_t nonce[GCM_NONCE_BYTES], aad[AAD];
	struct segment_info info;
	uint32_t at = HEADER;
	int rc = segment_check(data, len, id, &info, err);

	if (rc < 0)
		return rc;
	r = calloc(info.rows + 1, sizeof(*r));
	sizes = calloc(info.rows + 1, sizeof(*sizes));
	table = malloc(info.table_len);
	if (!o || !r || !sizes || !table || turn_to(o, info.epoch, id) < 0)
		return error_set(err, ENOMEM, "out of memory");
	make_nonce(TABLE_NUMBER, nonce);
	make_aad(info.class, 0xff, TABLE_NUMBER, id, NULL, NULL, info.rows, aad);
	memcpy(table, (const uint8_t *)data + info.table_off, info.table_len);
	rc = gcm_open(o->gcm, nonce, aad, AAD, table, info.table_len - GCM_TAG_BYTES, table,
		      table + info.table_len - GCM_TAG_BYTES);
	for (uint32_t i = 0; i < info.rows && rc == 0; i++)
		rc = read_row(table + (size_t)i * ROW, i, &info, id, &at, &r[i], &sizes[i]);
	if (rc < 0 || at != info.table_off)
		return error_set(err, EBADMSG, "damaged segment: its table does not open");
	*rows = TAKE(r);
	*chunk_sizes = TAKE(sizes);
	*n = info.rows;
	return 0;
}

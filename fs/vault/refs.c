/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/refs.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROW_BYTES 32u

/* Open addressing over a table of rows; an empty one has no chunks. */
struct refs {
	struct refs_row *table;
	size_t room, n;			/* room: a power of two */
};

struct refs *refs_new(void)
{
	AUTO(refs_free) struct refs *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->room = 64;
	r->table = calloc(r->room, sizeof(*r->table));
	return r->table ? TAKE(r) : NULL;
}

void refs_free(struct refs *r)
{
	if (!r)
		return;
	free(r->table);
	free(r);
}

/* The id ends in random bytes. */
static struct refs_row *find(struct refs_row *table, size_t room, const uint8_t *id)
{
	size_t i = le64(id + SEGMENT_ID_BYTES - 8) & (room - 1);

	while (table[i].chunks && memcmp(table[i].segment, id, SEGMENT_ID_BYTES))
		i = (i + 1) & (room - 1);
	return &table[i];
}

static int grow(struct refs *r)
{
	size_t room = r->room * 2;
	struct refs_row *table = calloc(room, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < r->room; i++)
		if (r->table[i].chunks)
			*find(table, room, r->table[i].segment) = r->table[i];
	free(r->table);
	r->table = table;
	r->room = room;
	return 0;
}

static uint32_t add_bounded(uint32_t a, uint32_t b)
{
	return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

int refs_add(struct refs *r, const uint8_t segment[SEGMENT_ID_BYTES], uint32_t chunks, uint32_t bytes)
{
	struct refs_row *row;

	if (!chunks)
		return 0;
	if (r->n * 2 >= r->room && grow(r) < 0)
		return -ENOMEM;
	row = find(r->table, r->room, segment);
	if (!row->chunks) {
		memcpy(row->segment, segment, SEGMENT_ID_BYTES);
		r->n++;
	}
	row->chunks = add_bounded(row->chunks, chunks);
	row->bytes = add_bounded(row->bytes, bytes);
	return 0;
}

size_t refs_count(const struct refs *r)
{
	return r->n;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct refs_row *)a)->segment, ((const struct refs_row *)b)->segment,
		      SEGMENT_ID_BYTES);
}

static struct refs_row *sorted(const struct refs *r)
{
	struct refs_row *rows = calloc(r->n ? r->n : 1, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; rows && i < r->room; i++)
		if (r->table[i].chunks)
			rows[n++] = r->table[i];
	if (rows)
		qsort(rows, n, sizeof(*rows), by_id);
	return rows;
}

static void refs_name(const uint8_t session[SESSION_ID_BYTES], char out[64])
{
	char hex[2 * SESSION_ID_BYTES + 1];

	hex_encode(session, SESSION_ID_BYTES, hex);
	snprintf(out, 64, "ref/%s", hex);
}

static int text_sha256(const void *data, size_t len, char out[65])
{
	uint8_t sum[SHA256_BYTES];
	int rc = sha256(data, len, sum);

	if (rc == 0)
		hex_encode(sum, sizeof(sum), out);
	return rc;
}

int refs_put(struct refs *r, struct store *st, const uint8_t session[SESSION_ID_BYTES],
	     char sha256_text[65], struct error *err)
{
	AUTO(free) struct refs_row *rows = sorted(r);
	AUTO(free) uint8_t *text = malloc(r->n ? r->n * ROW_BYTES : 1);
	AUTO(free) void *data = NULL;
	char name[64];
	size_t len;
	int rc;

	if (!rows || !text)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < r->n; i++) {
		memcpy(text + i * ROW_BYTES, rows[i].segment, SEGMENT_ID_BYTES);
		put_le32(text + i * ROW_BYTES + 24, rows[i].chunks);
		put_le32(text + i * ROW_BYTES + 28, rows[i].bytes);
	}
	refs_name(session, name);
	rc = object_seal(NULL, OBJECT_REFS, name, text, r->n * ROW_BYTES, &data, &len, err);
	if (rc < 0)
		return rc;
	if (text_sha256(data, len, sha256_text) < 0)
		return error_set(err, EIO, "the refs cannot be hashed");
	return store_put_once(st, name, data, len, err);
}

int refs_parse(const void *text, size_t len, struct refs_row **rows, size_t *n, struct error *err)
{
	const uint8_t *p = text;
	AUTO(free) struct refs_row *out = NULL;

	if (len % ROW_BYTES)
		return error_set(err, EBADMSG, "damaged refs: half a row");
	*n = len / ROW_BYTES;
	out = calloc(*n ? *n : 1, sizeof(*out));
	if (!out)
		return error_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < *n; i++, p += ROW_BYTES) {
		memcpy(out[i].segment, p, SEGMENT_ID_BYTES);
		out[i].chunks = le32(p + 24);
		out[i].bytes = le32(p + 28);
		if (!out[i].chunks || (i && by_id(&out[i - 1], &out[i]) >= 0))
			return error_set(err, EBADMSG, "damaged refs: rows out of order");
	}
	*rows = TAKE(out);
	return 0;
}

int refs_get(struct store *st, const uint8_t session[SESSION_ID_BYTES], const char *sha256_text,
	     struct refs_row **rows, size_t *n, struct error *err)
{
	AUTO(free) void *data = NULL, *text = NULL;
	char name[64], sum[65];
	size_t len, text_len;
	int rc;

	refs_name(session, name);
	rc = store_get_all(st, name, OBJECT_MAX_BYTES, &data, &len, err);
	if (rc == 0 && sha256_text && (text_sha256(data, len, sum) < 0 || strcmp(sum, sha256_text)))
		rc = error_set(err, EBADMSG, "the refs are not those that the point was committed with");
	if (rc == 0)
		rc = object_open(NULL, OBJECT_REFS, name, data, len, &text, &text_len, err);
	if (rc == 0)
		rc = refs_parse(text, text_len, rows, n, err);
	if (rc < 0)
		error_object(err, "%s", name);
	return rc;
}

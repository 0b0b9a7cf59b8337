/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments.  Byte 0 even: the rest is a whole segment, whose checksum is made
 * right.  Odd: the rest is 2 bytes of the length of the chunks, then rows, which
 * are sealed as a table, so that what is behind the seal is reached too.  What
 * is taken lies inside the segment without gaps.
 */
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "fs/vault/segment.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 64u
#define ROW 48u
#define TRAILER 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t id[SEGMENT_ID_BYTES] = { 1, 2, 3 };
static struct key_ring *ring;
static struct gcm *gcm;

static void make_keys(void)
{
	static const uint8_t vault[VAULT_ID_BYTES] = { 1 };
	static const char info[] = "adebackup 1 segment";
	AUTO(secret_free) struct secret *bytes = secret_new(MASTER_KEY_BYTES);
	uint8_t seal[32], key[32];

	ring = bytes ? key_ring_load(vault, bytes, NULL) : NULL;
	if (!ring || key_ring_derive(ring, 1, "seal", seal) < 0 ||
	    hkdf_sha256(seal, 32, id, sizeof(id), info, sizeof(info) - 1, key, 32) < 0 || !(gcm = gcm_new(key)))
		abort();
}

static void seal_table(uint8_t *s, size_t at, size_t rows)
{
	uint8_t nonce[GCM_NONCE_BYTES] = { 0xff, 0xff, 0xff, 0xff }, aad[77] = "adebackup 1";

	aad[11] = SEGMENT_DATA;
	memset(aad + 12, 0xff, 5);
	memcpy(aad + 17, id, sizeof(id));
	put_le32(aad + 73, (uint32_t)rows);
	if (gcm_seal(gcm, nonce, aad, sizeof(aad), s + at, rows * ROW, s + at, s + at + rows * ROW) < 0)
		abort();
}

/* Header and trailer around the rows; *len is the segment's. */
static uint8_t *build(const uint8_t *data, size_t size, size_t *len)
{
	size_t chunks = le16(data), rows = (size - 2) / ROW, table = HEADER + chunks;
	uint8_t *s, *t;

	*len = table + rows * ROW + GCM_TAG_BYTES + TRAILER;
	s = calloc(1, *len);
	if (!s)
		abort();
	memcpy(s, "ADEBKSEG", 8);
	s[8] = s[10] = 1;
	s[12] = SEGMENT_DATA;
	memcpy(s + 16, id, sizeof(id));
	memcpy(s + table, data + 2, rows * ROW);
	seal_table(s, table, rows);
	t = s + *len - TRAILER;
	memcpy(t, "ADEBKEND", 8);
	put_le32(t + 8, (uint32_t)table);
	put_le32(t + 12, (uint32_t)(rows * ROW + GCM_TAG_BYTES));
	put_le32(t + 16, (uint32_t)rows);
	return s;
}

static void read_table(const uint8_t *s, size_t len, const uint8_t *segment)
{
	AUTO(free) struct chunk_ref *rows = NULL;
	AUTO(free) uint32_t *sizes = NULL;
	uint64_t at = HEADER;
	size_t n = 0;

	if (segment_table(ring, s, len, segment, &rows, &sizes, &n, NULL) < 0)
		return;
	for (size_t i = 0; i < n; at += rows[i++].len)
		if (rows[i].off != at || rows[i].len < GCM_TAG_BYTES || sizes[i] > CHUNK_MAX || at + rows[i].len > len)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool whole = size && !(data[0] & 1);
	AUTO(free) uint8_t *s = NULL;
	size_t len = size - 1;

	if (!ring)
		make_keys();
	if (size < 3 || (whole && len < HEADER + TRAILER))
		return 0;
	if (whole) {
		s = malloc(len);
		if (!s)
			abort();
		memcpy(s, data + 1, len);
	} else {
		s = build(data + 1, len, &len);
	}
	sha256(s, len - SHA256_BYTES, s + len - SHA256_BYTES);
	read_table(s, len, s + 16);
	return 0;
}

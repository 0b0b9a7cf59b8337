/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/overlay_record.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>
#include <string.h>

#define MAGIC "ADEOVLOG"
#define LAP_OFF 8u
#define NUMBER_OFF 24u
#define ENTRIES_OFF 28u
#define HASH_OFF 32u
#define ENTRY_OFF (HASH_OFF + SHA256_BYTES)

void overlay_record_set(uint8_t *rec, size_t i, uint64_t block, enum overlay_state state)
{
	put_le64(rec + ENTRY_OFF + 8 * i, block << 2 | state);
}

static int digest(const uint8_t *rec, size_t len, uint8_t out[SHA256_BYTES])
{
	AUTO(sha256_free) struct sha256 *h = sha256_new();
	int rc = h ? sha256_update(h, rec, HASH_OFF) : -ENOMEM;

	rc = rc ? rc : sha256_update(h, rec + ENTRY_OFF, len - ENTRY_OFF);
	return rc ? rc : sha256_final(h, out);
}

int overlay_record_seal(uint8_t *rec, size_t len, size_t entries, const struct overlay_record_id *id)
{
	memcpy(rec, MAGIC, 8);
	memcpy(rec + LAP_OFF, id->lap, sizeof(id->lap));
	put_le32(rec + NUMBER_OFF, id->number);
	put_le32(rec + ENTRIES_OFF, (uint32_t)entries);
	return digest(rec, len, rec + HASH_OFF);
}

size_t overlay_record_entries(const uint8_t *rec)
{
	return le32(rec + ENTRIES_OFF);
}

uint64_t overlay_record_block(const uint8_t *rec, size_t i)
{
	return le64(rec + ENTRY_OFF + 8 * i) >> 2;
}

unsigned overlay_record_state(const uint8_t *rec, size_t i)
{
	return le64(rec + ENTRY_OFF + 8 * i) & 3;
}

size_t overlay_record_size(const uint8_t *rec, struct overlay_record_id *id)
{
	size_t n = overlay_record_entries(rec), len = OVERLAY_BLOCK;

	if (memcmp(rec, MAGIC, 8) || n > OVERLAY_LOG_BLOCKS)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (overlay_record_state(rec, i) == OVERLAY_DATA)
			len += OVERLAY_BLOCK;
	memcpy(id->lap, rec + LAP_OFF, sizeof(id->lap));
	id->number = le32(rec + NUMBER_OFF);
	return len;
}

int overlay_record_whole(const uint8_t *rec, size_t len)
{
	uint8_t is[SHA256_BYTES];
	int rc = digest(rec, len, is);

	return rc ? rc : !memcmp(is, rec + HASH_OFF, sizeof(is));
}

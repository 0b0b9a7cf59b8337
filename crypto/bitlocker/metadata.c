/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata blocks: reading, checking, and walking their entries. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"

#include <errno.h>

/* CRC-32 of IEEE 802.3, as the validation block uses it. */
uint32_t fve_crc32(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

int fve_entry_next(const uint8_t **p, const uint8_t *end, struct fve_entry *e)
{
	size_t left = (size_t)(end - *p), size;

	if (left < FVE_ENTRY_HEADER)
		return 0;
	size = le16(*p);
	if (size == 0)
		return 0;
	if (size < FVE_ENTRY_HEADER || size > left)
		return -EBADMSG;
	e->type = le16(*p + 2);
	e->value = le16(*p + 4);
	e->version = le16(*p + 6);
	e->data = *p + FVE_ENTRY_HEADER;
	e->len = size - FVE_ENTRY_HEADER;
	*p += size;
	return 1;
}

int fve_entry_find(const uint8_t *p, const uint8_t *end, enum fve_value_type value,
		   struct fve_entry *e)
{
	int rc;

	while ((rc = fve_entry_next(&p, end, e)) == 1)
		if (e->value == value)
			return 1;
	return rc;
}

/* The entry that says where the boot sectors went; its place in the block
 * header says the same, but To Go volumes move more than 8 KiB. */
static int parse_backup(struct fve_block *b, uint64_t header_off, uint32_t n_sectors,
			uint32_t sector_size)
{
	const uint8_t *p = b->entries;
	struct fve_entry e;
	int rc;

	b->backup_off = header_off;
	b->backup_len = (uint64_t)n_sectors * sector_size;
	while ((rc = fve_entry_next(&p, b->entries_end, &e)) == 1)
		if (e.type == FVE_ENTRY_VOLUME_HEADER && e.value == FVE_VALUE_OFFSET_SIZE &&
		    e.len >= 16) {
			b->backup_off = le64(e.data);
			b->backup_len = le64(e.data + 8);
		}
	return rc;
}

static int parse_dataset(struct fve_block *b, uint32_t sector_size, struct error *err)
{
	const uint8_t *h = b->bytes, *d = h + FVE_BLOCK_HEADER;
	size_t room = b->hashed_len - FVE_BLOCK_HEADER;
	uint32_t size = le32(d), header = le32(d + 8);

	if (size < FVE_DATASET_HEADER || size > room || header != FVE_DATASET_HEADER ||
	    le32(d + 4) != 1 || le32(d + 12) != size)
		return error_set(err, EBADMSG, "FVE metadata: dataset header does not fit");
	memcpy(b->guid, d + 0x10, 16);
	b->nonce_counter = le32(d + 0x20);
	b->method = le16(d + 0x24);
	b->entries = d + FVE_DATASET_HEADER;
	b->entries_end = d + size;
	if (parse_backup(b, le64(h + 0x38), le32(h + 0x1c), sector_size) < 0)
		return error_set(err, EBADMSG, "FVE metadata: an entry does not fit");
	return 0;
}

static int parse_header(const uint8_t *h, size_t len, uint64_t off, struct fve_block *b,
			struct error *err)
{
	bool own_place = false;

	if (len < FVE_BLOCK_HEADER + FVE_DATASET_HEADER || memcmp(h, FVE_SIGNATURE, 8))
		return error_set(err, EBADMSG, "FVE metadata: no signature");
	if (le16(h + 10) != 2)
		return error_set(err, le16(h + 10) == 1 ? ENOTSUP : EBADMSG,
				 "FVE metadata: version %u", le16(h + 10));
	b->hashed_len = (size_t)le16(h + 8) * 16;
	if (b->hashed_len < FVE_BLOCK_HEADER + FVE_DATASET_HEADER || b->hashed_len + 8 > len)
		return error_set(err, EBADMSG, "FVE metadata: size %zu does not fit", b->hashed_len);
	b->state = le16(h + 0x0c);
	b->encrypted_size = le64(h + 0x10);
	for (int i = 0; i < FVE_COPIES; i++) {
		b->block_off[i] = le64(h + 0x20 + 8 * i);
		own_place |= b->block_off[i] == off;
	}
	if (!own_place)
		return error_set(err, EBADMSG, "FVE metadata: block does not name its own place");
	return 0;
}

int fve_block_parse(const uint8_t *buf, size_t len, uint64_t off, uint32_t sector_size,
		    struct fve_block *b, struct error *err)
{
	const uint8_t *v;
	size_t validation;
	int rc;

	memset(b, 0, sizeof(*b));
	rc = parse_header(buf, len, off, b, err);
	if (rc < 0)
		return rc;
	v = buf + b->hashed_len;
	validation = le16(v);
	if (validation < 8 || le16(v + 2) > 2)
		return error_set(err, EBADMSG, "FVE metadata: no validation block");
	if (fve_crc32(buf, b->hashed_len) != le32(v + 4))
		return error_set(err, EBADMSG, "FVE metadata: bad CRC");
	if (validation > len - b->hashed_len)
		validation = len - b->hashed_len;
	b->validation_len = validation;
	b->bytes = malloc(b->hashed_len + validation);
	if (!b->bytes)
		return error_set(err, ENOMEM, "out of memory");
	memcpy(b->bytes, buf, b->hashed_len + validation);
	rc = parse_dataset(b, sector_size, err);
	if (rc < 0)
		fve_block_release(b);
	return rc;
}

int fve_block_read(const struct reader *r, uint64_t off, uint32_t sector_size,
		   struct fve_block *b, struct error *err)
{
	AUTO(free) uint8_t *buf = NULL;
	size_t len = FVE_BLOCK_BYTES;
	int rc;

	memset(b, 0, sizeof(*b));
	if (off % 512 || off >= r->size)
		return error_set(err, EBADMSG, "FVE metadata block at offset %llu lies outside the volume",
				 (unsigned long long)off);
	if (r->size - off < len)
		len = (size_t)(r->size - off);
	buf = malloc(len);
	if (!buf)
		return error_set(err, ENOMEM, "out of memory");
	rc = reader_read(r, buf, len, off);
	if (rc < 0)
		return error_set(err, -rc, "FVE metadata block at offset %llu cannot be read",
				 (unsigned long long)off);
	return fve_block_parse(buf, len, off, sector_size, b, err);
}

void fve_block_release(struct fve_block *b)
{
	free(b->bytes);
	b->bytes = NULL;
}

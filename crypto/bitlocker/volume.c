/* SPDX-License-Identifier: Apache-2.0 */
/* From an unlocked volume master key to the volume: hash check, FVEK, extents. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>

#define METHOD_HASH 0x2005
#define MAX_ROWS 16

static const struct {
	uint16_t method;
	enum sector_mode mode;
	size_t key_bytes, half;		/* of the key datum; half: where Elephant's second key starts */
} ciphers[] = {
	{ 0x8000, SECTOR_CBC_ELEPHANT, 64, 16 }, { 0x8001, SECTOR_CBC_ELEPHANT, 64, 32 },
	{ 0x8002, SECTOR_CBC_BITLOCKER, 16, 0 }, { 0x8003, SECTOR_CBC_BITLOCKER, 32, 0 },
	{ 0x8004, SECTOR_XTS_PLAIN64, 32, 0 }, { 0x8005, SECTOR_XTS_PLAIN64, 64, 0 },
};

/* The SHA-256 that the validation block protects under the VMK. */
static int check_hash(const struct fve_block *b, const struct secret *vmk, struct error *err)
{
	const uint8_t *p = b->bytes + b->hashed_len + 8;
	const uint8_t *end = b->bytes + b->hashed_len + b->validation_len;
	AUTO(secret_free) struct secret *want = NULL;
	uint8_t got[SHA256_BYTES];
	struct fve_entry e;
	uint16_t method;
	int rc;

	rc = fve_entry_find(p, end, FVE_VALUE_CCM, &e);
	if (rc == 1)
		rc = fve_key_open(secret_bytes(vmk), &e, &want, &method);
	else
		rc = -EBADMSG;
	if (rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	if (rc < 0 || method != METHOD_HASH || secret_len(want) != SHA256_BYTES)
		return error_set(err, EBADMSG, "FVE metadata: its protected hash cannot be read");
	rc = sha256(b->bytes, b->hashed_len, got);
	if (rc < 0)
		return error_set(err, EIO, "SHA-256 failed");
	if (!bytes_equal_ct(got, secret_bytes(want), SHA256_BYTES))
		return error_set(err, EBADMSG, "FVE metadata does not match its protected hash");
	return 0;
}

static int open_fvek(const struct fve_block *b, const struct secret *vmk, struct secret **fvek,
		     uint16_t *method, struct error *err)
{
	const uint8_t *p = b->entries;
	struct fve_entry e;
	int rc;

	while ((rc = fve_entry_next(&p, b->entries_end, &e)) == 1)
		if (e.type == FVE_ENTRY_FVEK && e.value == FVE_VALUE_CCM)
			break;
	if (rc != 1)
		return error_set(err, EBADMSG, "FVE metadata: no volume key");
	rc = fve_key_open(secret_bytes(vmk), &e, fvek, method);
	if (rc < 0)
		return error_set(err, rc == -ENOMEM ? ENOMEM : EBADMSG,
				 "FVE metadata: the volume key does not open under its master key");
	return 0;
}

/* Elephant's two keys stand 32 bytes apart whatever their length. */
static struct secret *key_for_cipher(const struct secret *fvek, size_t i)
{
	size_t half = ciphers[i].half;
	struct secret *key;

	if (!half)
		return secret_copy(secret_bytes(fvek), ciphers[i].key_bytes);
	key = secret_new(2 * half);
	if (key) {
		memcpy(secret_data(key), secret_bytes(fvek), half);
		memcpy(secret_data(key) + half, secret_bytes(fvek) + 32, half);
	}
	return key;
}

static struct sector_cipher *make_cipher(const struct fve_block *b, const struct secret *vmk,
					 uint32_t sector_size, struct error *err)
{
	AUTO(secret_free) struct secret *fvek = NULL, *key = NULL;
	uint16_t method;

	if (open_fvek(b, vmk, &fvek, &method, err) < 0)
		return NULL;
	for (size_t i = 0; i < sizeof(ciphers) / sizeof(*ciphers); i++) {
		if (ciphers[i].method != method)
			continue;
		if (secret_len(fvek) < ciphers[i].key_bytes)
			return error_null(err, EBADMSG, "FVE metadata: volume key of %zu bytes",
					  secret_len(fvek));
		key = key_for_cipher(fvek, i);
		if (!key)
			return error_null(err, ENOMEM, "out of memory");
		return sector_cipher_new(ciphers[i].mode, key, sector_size, sector_size, err);
	}
	return error_null(err, ENOTSUP, "BitLocker cipher 0x%04x", method);
}

/* A range that reads differently from "decrypt in place", clipped to the volume. */
struct special { uint64_t off, end; };

static void add_special(struct special *s, size_t *n, uint64_t off, uint64_t len, uint64_t size)
{
	uint64_t end;

	if (off >= size || !len)
		return;
	if (!add_u64(off, len, &end) || end > size)
		end = size;
	s[*n] = (struct special){ off, end };
	(*n)++;
}

/* Ranges that show as zeros, sorted and merged: the three blocks and the moved
 * boot sectors' place. */
static size_t zero_ranges(const struct fve_block *b, uint64_t size, struct special *s)
{
	size_t n = 0, out = 0;

	for (int i = 0; i < FVE_COPIES; i++)
		add_special(s, &n, b->block_off[i], FVE_BLOCK_BYTES, size);
	add_special(s, &n, b->backup_off, b->backup_len, size);
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && s[k].off < s[k - 1].off; k--) {
			struct special t = s[k];

			s[k] = s[k - 1];
			s[k - 1] = t;
		}
	for (size_t i = 0; i < n; i++) {
		if (out && s[i].off <= s[out - 1].end) {
			if (s[i].end > s[out - 1].end)
				s[out - 1].end = s[i].end;
		} else {
			s[out++] = s[i];
		}
	}
	return out;
}

struct rows {
	struct crypt_extent row[MAX_ROWS];
	size_t n;
	uint64_t encrypted;		/* bytes behind this offset are stored in clear */
	uint32_t sector;
};

static void add_row(struct rows *r, enum extent_kind kind, uint64_t off, uint64_t end, uint64_t src)
{
	if (off < end)
		r->row[r->n++] = (struct crypt_extent){ .off = off, .len = end - off, .src = src,
							.iv = src / r->sector, .kind = kind };
}

/* What lies as it is: encrypted up to r->encrypted, clear behind. */
static void add_in_place(struct rows *r, uint64_t off, uint64_t end)
{
	uint64_t cut = r->encrypted < off ? off : r->encrypted > end ? end : r->encrypted;

	add_row(r, EXTENT_CRYPT, off, cut, off);
	add_row(r, EXTENT_CLEAR, cut, end, cut);
}

/* The view of section 1.4 in rows: moved boot sectors, zeros, the rest. */
static int make_rows(const struct bitlocker *b, const struct fve_block *c, struct rows *r,
		     struct error *err)
{
	uint64_t size = b->info.volume_size, head = c->backup_len, at;
	struct special zero[FVE_COPIES + 1];
	size_t n_zero;

	if (head % r->sector || c->backup_off % r->sector || head > size ||
	    !range_fits(c->backup_off, head, size))
		return error_set(err, EBADMSG, "the moved boot sectors lie outside the volume");
	n_zero = zero_ranges(c, size, zero);
	if (n_zero && zero[0].off < head)
		return error_set(err, EBADMSG, "FVE metadata lies inside the boot sectors");
	if (c->backup_off + head <= r->encrypted)
		add_row(r, EXTENT_CRYPT, 0, head, c->backup_off);
	else
		add_row(r, EXTENT_CLEAR, 0, head, c->backup_off);
	at = head;
	for (size_t i = 0; i < n_zero; i++) {
		add_in_place(r, at, zero[i].off);
		add_row(r, EXTENT_ZERO, zero[i].off, zero[i].end, zero[i].off);
		at = zero[i].end;
	}
	add_in_place(r, at, size);
	return 0;
}

int fve_volume_make(const struct bitlocker *b, const struct fve_block *copy,
		    const struct secret *vmk, struct volume **out, struct error *err)
{
	struct rows rows = { .sector = b->boot.sector_size };
	struct sector_cipher *cipher;
	int rc;

	rc = check_hash(copy, vmk, err);
	if (rc < 0)
		return rc;
	cipher = make_cipher(copy, vmk, b->boot.sector_size, err);
	if (!cipher)
		return err && err->code ? -err->code : -EBADMSG;
	rows.encrypted = copy->encrypted_size < b->info.volume_size ? copy->encrypted_size
								    : b->info.volume_size;
	rows.encrypted -= rows.encrypted % rows.sector;
	rc = make_rows(b, copy, &rows, err);
	if (rc < 0) {
		sector_cipher_free(cipher);
		return rc;
	}
	*out = volume_new(cipher, rows.row, rows.n, b->info.volume_size, b->info.volume_size, err);
	return *out ? 0 : -EBADMSG;
}

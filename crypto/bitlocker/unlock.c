/* SPDX-License-Identifier: Apache-2.0 */
/* From the volume master key to the volume: protected hash, FVEK, sector cipher, map. */
#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>

static int damaged(struct error *err, const char *what)
{
	int rc = error_set(err, EBADMSG, "BitLocker metadata is damaged: %s", what);

	error_next(err, "The key is right.  Take the image again, or repair the volume with "
			"repair-bde on Windows.");
	return rc;
}

/* The validation block: size 2, version 2, CRC 4, then (version 2) a CCM datum
 * under the master key that holds the SHA-256 of what the CRC covers too. */
static int check_hash(const struct fve_block *c, const struct secret *vmk, struct error *err)
{
	const uint8_t *v = c->bytes + c->hashed_len, *p = v + 8;
	AUTO(secret_free) struct secret *want = NULL;
	uint8_t got[SHA256_BYTES];
	struct fve_entry e;
	uint32_t method;
	int rc;

	if (fve_entry_next(&p, v + c->validation_len, &e) != 1 || e.value != FVE_VALUE_CCM)
		return le16(v + 2) < 2 ? 0 : damaged(err, "its protected hash is missing");
	rc = fve_key_open(secret_bytes(vmk), &e, &want, &method);
	if (rc == -ENOMEM)
		return error_set(err, ENOMEM, "out of memory");
	if (rc < 0 || method != FVE_METHOD_SHA256 || secret_len(want) != SHA256_BYTES)
		return damaged(err, "its protected hash cannot be opened");
	if (sha256(c->bytes, c->hashed_len, got) < 0)
		return error_set(err, EIO, "SHA-256 failed");
	if (!bytes_equal_ct(got, secret_bytes(want), sizeof(got)))
		return damaged(err, "it does not have its protected hash");
	return 0;
}

static int find_fvek(const struct fve_block *c, const struct secret *vmk, struct secret **fvek,
		     struct error *err)
{
	const uint8_t *p = c->entries;
	struct fve_entry e;
	uint32_t method;
	int rc;

	while ((rc = fve_entry_next(&p, c->entries_end, &e)) == 1) {
		if (e.type != FVE_ENTRY_FVEK || e.value != FVE_VALUE_CCM)
			continue;
		rc = fve_key_open(secret_bytes(vmk), &e, fvek, &method);
		if (rc == -ENOMEM)
			return error_set(err, ENOMEM, "out of memory");
		if (rc < 0)
			return damaged(err, "its volume key cannot be opened");
		if ((uint16_t)method != c->method)
			return damaged(err, "its volume key is of another cipher");
		return 0;
	}
	return damaged(err, "it has no volume key");
}

/* The cipher's key out of the FVEK.  Elephant's is stored in 64 bytes, 32 for
 * each of its two keys, of which AES-128 uses the first halves. */
static struct secret *cipher_key(const struct fve_cipher *cipher, const struct secret *fvek,
				 struct error *err)
{
	size_t bytes = cipher->key_bits / 8;
	bool elephant = cipher->mode == SECTOR_CBC_ELEPHANT;
	size_t want = cipher->mode == SECTOR_CBC_BITLOCKER ? bytes : 2 * bytes;
	struct secret *key;

	if (secret_len(fvek) != (elephant ? 64 : want)) {
		damaged(err, "its volume key has the wrong size");
		return NULL;
	}
	key = secret_copy(secret_bytes(fvek), want);
	if (!key)
		return error_null(err, ENOMEM, "out of memory");
	if (elephant)
		memcpy(secret_data(key) + bytes, secret_bytes(fvek) + 32, bytes);
	return key;
}

struct map {
	struct crypt_extent *rows;
	size_t n;
	uint64_t at;			/* end of the last row */
	uint64_t encrypted;		/* stored bytes before this are ciphertext */
	uint32_t sector;
};

static void add_row(struct map *m, enum extent_kind kind, uint64_t len, uint64_t src)
{
	struct crypt_extent *e = &m->rows[m->n];

	if (!len)
		return;
	*e = (struct crypt_extent){ .off = m->at, .len = len, .kind = kind };
	if (kind != EXTENT_ZERO)
		e->src = src;
	if (kind == EXTENT_CRYPT)
		e->iv = src / m->sector;
	m->at += len;
	m->n++;
}

/* len bytes from src on: ciphertext up to where the conversion has come. */
static void add_stored(struct map *m, uint64_t len, uint64_t src)
{
	uint64_t crypt = src >= m->encrypted ? 0 : m->encrypted - src;

	if (crypt > len)
		crypt = len;
	add_row(m, EXTENT_CRYPT, crypt, src);
	add_row(m, EXTENT_CLEAR, len - crypt, src + crypt);
}

struct zone { uint64_t off, len; };

static void sort_zones(struct zone *z, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && z[k - 1].off > z[k].off; k--) {
			struct zone t = z[k];

			z[k] = z[k - 1];
			z[k - 1] = t;
		}
}

/* BitLocker's own places: the three blocks and the moved boot sectors. */
static int collect_zones(const struct fve_block *c, uint32_t sector, uint64_t size,
			 struct zone z[FVE_COPIES + 1], struct error *err)
{
	for (int i = 0; i < FVE_COPIES; i++)
		z[i] = (struct zone){ c->block_off[i], FVE_BLOCK_BYTES };
	z[FVE_COPIES] = (struct zone){ c->backup_off, c->backup_len };
	if (!c->backup_len || c->backup_len % sector)
		return damaged(err, "the size of the moved boot sectors");
	if (!range_fits(c->backup_off, c->backup_len, size)) {
		error_set(err, EBADMSG, "the image ends before the volume's moved boot sectors "
			  "(%llu bytes at offset %llu, image %llu bytes)",
			  (unsigned long long)c->backup_len, (unsigned long long)c->backup_off,
			  (unsigned long long)size);
		error_next(err, "The image is cut short: copy it again.");
		return -EBADMSG;
	}
	sort_zones(z, FVE_COPIES + 1);
	for (int i = 0; i <= FVE_COPIES; i++) {
		uint64_t before = i ? z[i - 1].off + z[i - 1].len : c->backup_len;

		if (z[i].off % sector || z[i].off > UINT64_MAX - FVE_BLOCK_BYTES)
			return damaged(err, "a place that is not a sector's");
		if (z[i].off < before)
			return damaged(err, "two of its places overlap");
	}
	return 0;
}

int fve_map_make(const struct fve_block *c, uint32_t sector, uint64_t size,
		 struct crypt_extent rows[FVE_MAP_ROWS], size_t *n_rows, struct error *err)
{
	struct map m = { .rows = rows, .encrypted = c->encrypted_size, .sector = sector };
	struct zone z[FVE_COPIES + 1];
	int rc;

	if (c->encrypted_size < size && c->encrypted_size % sector)
		return damaged(err, "the size of the encrypted part");
	if (!c->encrypted_size && c->state == FVE_ENCRYPTED)
		return damaged(err, "it says that all is encrypted, and none of it");
	rc = collect_zones(c, sector, size, z, err);
	if (rc < 0)
		return rc;
	add_stored(&m, c->backup_len, c->backup_off);
	for (int i = 0; i <= FVE_COPIES && z[i].off < size; i++) {
		add_stored(&m, z[i].off - m.at, m.at);
		add_row(&m, EXTENT_ZERO, z[i].len < size - m.at ? z[i].len : size - m.at, 0);
	}
	add_stored(&m, size - m.at, m.at);
	*n_rows = m.n;
	return 0;
}

int fve_volume_make(const struct bitlocker *b, const struct fve_block *copy,
		    const struct secret *vmk, struct volume **out, struct error *err)
{
	const struct fve_cipher *cipher = fve_cipher_find(copy->method);
	AUTO(secret_free) struct secret *fvek = NULL;
	AUTO(secret_free) struct secret *key = NULL;
	struct crypt_extent rows[FVE_MAP_ROWS];
	uint32_t sector = b->boot.sector_size;
	uint64_t size = b->info.volume_size;
	struct sector_cipher *sc;
	struct error why = ERROR_INIT;
	size_t n;
	int rc;

	if (!cipher)
		return error_set(err, ENOTSUP, "unknown cipher (method 0x%04x)", copy->method);
	rc = check_hash(copy, vmk, err);
	if (rc == 0)
		rc = find_fvek(copy, vmk, &fvek, err);
	if (rc == 0)
		rc = fve_map_make(copy, sector, size, rows, &n, err);
	if (rc < 0)
		return rc;
	key = cipher_key(cipher, fvek, &why);
	sc = key ? sector_cipher_new(cipher->mode, key, sector, sector, &why) : NULL;
	*out = sc ? volume_new(sc, rows, n, size, b->size, &why) : NULL;
	error_copy(*out ? NULL : err, &why);
	return *out ? 0 : -why.code;
}

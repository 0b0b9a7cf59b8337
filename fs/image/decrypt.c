/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/decrypt.h"
#include "crypto/bytes.h"

#include <errno.h>

#define SECTOR_MAX 4096u

struct decrypt {
	struct blockdev bd;
	struct volume *v;
	uint32_t sector, iv_unit;
};

static const struct crypt_extent *extent_at(const struct volume *v, uint64_t off)
{
	size_t lo = 0, hi = v->n_ext;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (v->ext[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	return &v->ext[lo];
}

/* Whole sectors, decrypted where they shall lie. */
static int read_sectors(const struct decrypt *d, const struct crypt_extent *e, void *buf,
			size_t len, uint64_t at)
{
	int rc = blockdev_pread(d->bd.lower, buf, len, e->src + at);

	return rc < 0 ? rc : sector_decrypt(d->v->cipher, buf, len, e->iv + at / d->iv_unit);
}

/* Part of one sector, through a bounce buffer. */
static int read_part(const struct decrypt *d, const struct crypt_extent *e, void *buf, size_t len,
		     uint64_t at)
{
	_Alignas(16) uint8_t sector[SECTOR_MAX];
	size_t skip = at % d->sector;
	int rc;

	rc = read_sectors(d, e, sector, d->sector, at - skip);
	if (rc == 0)
		memcpy(buf, sector + skip, len);
	return rc;
}

static int read_crypt(const struct decrypt *d, const struct crypt_extent *e, uint8_t *p, size_t len,
		      uint64_t at)
{
	while (len) {
		size_t skip = at % d->sector, n;
		int rc;

		if (skip || len < d->sector) {
			n = d->sector - skip < len ? d->sector - skip : len;
			rc = read_part(d, e, p, n, at);
		} else {
			n = len - len % d->sector;
			rc = read_sectors(d, e, p, n, at);
		}
		if (rc < 0)
			return rc;
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

static int decrypt_pread(struct blockdev *bd, void *buf, size_t len, uint64_t off)
{
	const struct decrypt *d = (const struct decrypt *)bd;
	const struct crypt_extent *e = extent_at(d->v, off);
	uint8_t *p = buf;

	for (; len; e++) {
		uint64_t at = off - e->off;
		size_t n = e->len - at < len ? (size_t)(e->len - at) : len;
		int rc = 0;

		if (e->kind == EXTENT_ZERO)
			memset(p, 0, n);
		else if (e->kind == EXTENT_CLEAR)
			rc = blockdev_pread(bd->lower, p, n, e->src + at);
		else
			rc = read_crypt(d, e, p, n, at);
		if (rc < 0)
			return rc;
		p += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* A hole in the ciphertext is none in the plaintext: it decrypts to noise. */
static int decrypt_extents(struct blockdev *bd, uint64_t off, uint64_t len, extent_fn *fn, void *arg)
{
	const struct decrypt *d = (const struct decrypt *)bd;
	const struct crypt_extent *e = extent_at(d->v, off);

	for (; len; e++) {
		uint64_t at = off - e->off;
		uint64_t n = e->len - at < len ? e->len - at : len;
		int rc;

		if (e->kind == EXTENT_CLEAR)
			rc = blockdev_extents_as(bd->lower, e->src + at, n, off, fn, arg);
		else
			rc = fn(arg, off, n, e->kind == EXTENT_ZERO ? EXTENT_HOLE : EXTENT_DATA);
		if (rc)
			return rc;
		off += n;
		len -= n;
	}
	return 0;
}

static void decrypt_prefetch(struct blockdev *bd, uint64_t off, uint64_t len)
{
	const struct decrypt *d = (const struct decrypt *)bd;
	const struct crypt_extent *e = extent_at(d->v, off);

	for (; len; e++) {
		uint64_t at = off - e->off;
		uint64_t n = e->len - at < len ? e->len - at : len;

		if (e->kind != EXTENT_ZERO)
			blockdev_prefetch(bd->lower, e->src + at, n);
		off += n;
		len -= n;
	}
}

static void decrypt_free(struct blockdev *bd)
{
	struct decrypt *d = (struct decrypt *)bd;

	volume_free(d->v);
	free(d);
}

static const struct blockdev_ops decrypt_ops = {
	.name = "decrypt", .pread = decrypt_pread, .extents = decrypt_extents,
	.prefetch = decrypt_prefetch, .free = decrypt_free,
};

static bool volume_fits(const struct volume *v, uint64_t size)
{
	for (size_t i = 0; i < v->n_ext; i++)
		if (v->ext[i].kind != EXTENT_ZERO && !range_fits(v->ext[i].src, v->ext[i].len, size))
			return false;
	return v->n_ext > 0;
}

struct blockdev *decrypt_open(struct blockdev *lower, struct volume *volume, struct error *err)
{
	AUTO(blockdev_unref) struct blockdev *low = lower;
	AUTO(volume_free) struct volume *v = volume;
	struct decrypt *d;

	if (!low || !v)
		return NULL;
	if (!volume_fits(v, low->size))
		return error_null(err, EBADMSG, "the volume does not fit its container");
	d = calloc(1, sizeof(*d));
	if (!d)
		return error_null(err, ENOMEM, "out of memory");
	d->sector = sector_cipher_size(v->cipher);
	d->iv_unit = sector_cipher_iv_unit(v->cipher);
	blockdev_init(&d->bd, &decrypt_ops, low, v->size);
	if (d->bd.align < d->sector)
		d->bd.align = d->sector;
	d->v = v;
	v = NULL;
	low = NULL;
	return &d->bd;
}

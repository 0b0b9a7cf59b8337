/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fvevolume.h"

#include <stdlib.h>
#include <string.h>

void fvev_init(struct fvev *v, uint16_t method, uint32_t sector_size)
{
	memset(v, 0, sizeof(*v));
	fvew_init(&v->w, 42, method, sector_size);
	v->w.block_off[0] = 0x40000;
	v->w.block_off[1] = 0x80000;
	v->w.block_off[2] = 0xc0000;
	v->w.backup_off = 0x50000;
	v->w.encrypted_size = FVEV_BYTES;
	v->plain = calloc(1, FVEV_BYTES);
	v->stored = calloc(1, FVEV_BYTES);
	if (!v->plain || !v->stored)
		abort();
	v->mem = (struct reader_mem){ v->stored, FVEV_BYTES };
}

void fvev_release(struct fvev *v)
{
	free(v->plain);
	free(v->stored);
}

uint8_t *fvev_block(struct fvev *v, unsigned i)
{
	return v->stored + v->w.block_off[i];
}

struct reader fvev_reader(struct fvev *v)
{
	return reader_from_mem(&v->mem);
}

static struct sector_cipher *make_cipher(const struct fvew *w)
{
	enum sector_mode mode = w->method < 0x8002 ? SECTOR_CBC_ELEPHANT :
				w->method < 0x8004 ? SECTOR_CBC_BITLOCKER : SECTOR_XTS_PLAIN64;
	AUTO(secret_free) struct secret *s = secret_new(64);

	secret_truncate(s, fvew_cipher_key(w, secret_data(s)));
	return sector_cipher_new(mode, s, w->sector_size, w->sector_size, NULL);
}

void fvev_rewrite_block(struct fvev *v, unsigned i)
{
	fvew_block(&v->w, fvev_block(v, i));
}

void fvev_fill(struct fvev *v)
{
	AUTO(sector_cipher_free) struct sector_cipher *c = make_cipher(&v->w);
	const struct fvew *w = &v->w;
	size_t end = w->encrypted_size < FVEV_BYTES ? (size_t)w->encrypted_size : FVEV_BYTES;

	if (!c)
		abort();
	test_random_fill(&v->w.random, v->plain, FVEV_BYTES);
	for (int i = 0; i < 3; i++)
		memset(v->plain + w->block_off[i], 0, FVEW_BLOCK_BYTES);
	memset(v->plain + w->backup_off, 0, w->backup_len);
	memcpy(v->stored, v->plain, FVEV_BYTES);
	memcpy(v->stored + w->backup_off, v->plain, w->backup_len);
	if (sector_encrypt(c, v->stored, end, 0) < 0)
		abort();
	for (unsigned i = 0; i < 3; i++)
		fvev_rewrite_block(v, i);
	fvew_boot(w, v->stored);
}

int fvev_decrypt(const struct volume *v, const struct reader *r, uint8_t *out)
{
	for (size_t i = 0; i < v->n_ext; i++) {
		const struct crypt_extent *e = &v->ext[i];
		int rc = 0;

		memset(out + e->off, 0, e->len);
		if (e->kind != EXTENT_ZERO)
			rc = reader_read(r, out + e->off, e->len, e->src);
		if (rc == 0 && e->kind == EXTENT_CRYPT)
			rc = sector_decrypt(v->cipher, out + e->off, e->len, e->iv);
		if (rc < 0)
			return rc;
	}
	return 0;
}

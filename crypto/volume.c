/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/volume.h"
#include "crypto/bytes.h"

#include <errno.h>

static int check_extents(const struct sector_cipher *cipher, const struct crypt_extent *ext,
			 size_t n_ext, uint64_t size, uint64_t container_size,
			 struct error *err)
{
	uint32_t sector = sector_cipher_size(cipher);
	uint64_t at = 0;

	for (size_t i = 0; i < n_ext; i++) {
		const struct crypt_extent *e = &ext[i];

		if (e->off != at || !e->len || !add_u64(at, e->len, &at))
			return error_set(err, EBADMSG, "volume map: row %zu is out of order", i);
		if (e->kind != EXTENT_ZERO && !range_fits(e->src, e->len, container_size))
			return error_set(err, EBADMSG,
					 "volume map: row %zu lies outside the volume", i);
		if (e->kind == EXTENT_CRYPT && (e->off % sector || e->len % sector))
			return error_set(err, EBADMSG,
					 "volume map: row %zu is not a multiple of the sector", i);
	}
	if (at != size)
		return error_set(err, EBADMSG, "volume map: does not cover the volume");
	return 0;
}

struct volume *volume_new(struct sector_cipher *cipher_taken, const struct crypt_extent *ext,
			  size_t n_ext, uint64_t size, uint64_t container_size,
			  struct error *err)
{
	AUTO(sector_cipher_free) struct sector_cipher *cipher = cipher_taken;
	AUTO(volume_free) struct volume *v = NULL;

	if (!cipher || check_extents(cipher, ext, n_ext, size, container_size, err) < 0)
		return NULL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return error_null(err, ENOMEM, "out of memory");
	v->ext = calloc(n_ext ? n_ext : 1, sizeof(*ext));
	if (!v->ext)
		return error_null(err, ENOMEM, "out of memory");
	if (n_ext)
		memcpy(v->ext, ext, n_ext * sizeof(*ext));
	v->n_ext = n_ext;
	v->size = size;
	v->cipher = TAKE(cipher);
	return TAKE(v);
}

void volume_free(struct volume *v)
{
	if (!v)
		return;
	sector_cipher_free(v->cipher);
	free(v->ext);
	free(v);
}

int reader_read(const struct reader *r, void *buf, size_t len, uint64_t off)
{
	if (!range_fits(off, len, r->size))
		return -EBADMSG;
	return len ? r->read(r->ctx, buf, len, off) : 0;
}

static int mem_read(void *ctx, void *buf, size_t len, uint64_t off)
{
	const struct reader_mem *m = ctx;

	memcpy(buf, m->buf + off, len);
	return 0;
}

struct reader reader_from_mem(struct reader_mem *m)
{
	return (struct reader){ .read = mem_read, .ctx = m, .size = m->len };
}

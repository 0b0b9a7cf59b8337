/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/pack.h"
#include "crypto/hash.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define LEVEL 3
#define MISSES_MAX 32u			/* in a row; then zstd only on every … */
#define TRY_EVERY 16u
#define LONG_MATCHES (1u << 20)		/* from this size level 3's tables forget the base */

struct packer {
	ZSTD_CCtx *zstd;
	struct hmac *hmac;
	uint8_t *whole, *patch;
	size_t bound;
	uint32_t chunk_size;
	unsigned misses, skipped;
	uint64_t tries;
};

void packer_free(struct packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	hmac_free(p->hmac);
	free(p->whole);
	free(p->patch);
	free(p);
}

struct packer *packer_new(const uint8_t name_key[NAME_KEY_BYTES], uint32_t chunk_size,
			  struct error *err)
{
	AUTO(packer_free) struct packer *p = NULL;

	if (chunk_size < CHUNK_MIN || chunk_size > CHUNK_MAX || (chunk_size & (chunk_size - 1)))
		return error_null(err, EINVAL, "chunks cannot have %u bytes", chunk_size);
	p = calloc(1, sizeof(*p));
	if (!p)
		return error_null(err, ENOMEM, "out of memory");
	p->chunk_size = chunk_size;
	p->bound = ZSTD_compressBound(chunk_size);
	p->zstd = ZSTD_createCCtx();
	p->hmac = hmac_new(name_key, NAME_KEY_BYTES);
	p->whole = malloc(p->bound);
	p->patch = malloc(p->bound);
	if (!p->zstd || !p->hmac || !p->whole || !p->patch)
		return error_null(err, ENOMEM, "out of memory");
	return TAKE(p);
}

bool chunk_is_zero(const void *chunk, size_t len)
{
	const uint8_t *c = chunk;

	return len == 0 || (c[0] == 0 && memcmp(c, c + 1, len - 1) == 0);
}

int packer_name(struct packer *p, const void *chunk, uint8_t name[CHUNK_NAME_BYTES])
{
	uint8_t sum[SHA256_BYTES];
	int rc = hmac_once(p->hmac, chunk, p->chunk_size, sum);

	if (rc == 0)
		memcpy(name, sum, CHUNK_NAME_BYTES);
	return rc;
}

uint64_t packer_tries(const struct packer *p)
{
	return p->tries;
}

/* The window holds base and chunk, so that all of the base stays in reach. */
static int set_up(struct packer *p, const void *base)
{
	ZSTD_CCtx *z = p->zstd;
	int log = 1;

	while ((1u << log) < 2 * p->chunk_size)
		log++;
	ZSTD_CCtx_reset(z, ZSTD_reset_session_and_parameters);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, LEVEL)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 1)))
		return -EIO;
	if (base && (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, log)) ||
		     ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_enableLongDistanceMatching,
							 p->chunk_size >= LONG_MATCHES)) ||
		     ZSTD_isError(ZSTD_CCtx_refPrefix(z, base, p->chunk_size))))
		return -EIO;
	return 0;
}

static int squeeze(struct packer *p, const void *chunk, const void *base, void *out, size_t *len)
{
	int rc = set_up(p, base);

	if (rc < 0)
		return rc;
	*len = ZSTD_compress2(p->zstd, out, p->bound, chunk, p->chunk_size);
	if (!ZSTD_isError(*len))
		return 0;
	return ZSTD_getErrorCode(*len) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
}

static int pack_whole(struct packer *p, const void *chunk, struct packed *out)
{
	size_t len;
	int rc;

	*out = (struct packed){ CHUNK_RAW, chunk, p->chunk_size };
	if (p->misses >= MISSES_MAX && ++p->skipped < TRY_EVERY)
		return 0;
	p->skipped = 0;
	p->tries++;
	rc = squeeze(p, chunk, NULL, p->whole, &len);
	if (rc < 0)
		return rc;
	if (len > p->chunk_size - p->chunk_size / 32) {
		if (p->misses < MISSES_MAX)
			p->misses++;
		return 0;
	}
	p->misses = 0;
	*out = (struct packed){ CHUNK_ZSTD, p->whole, len };
	return 0;
}

int packer_pack(struct packer *p, const void *chunk, const void *base, struct packed *out)
{
	size_t len;
	int rc;

	if (chunk_is_zero(chunk, p->chunk_size)) {
		*out = (struct packed){ CHUNK_ZERO, NULL, 0 };
		return 0;
	}
	rc = pack_whole(p, chunk, out);
	if (rc < 0 || !base)
		return rc;
	rc = squeeze(p, chunk, base, p->patch, &len);
	if (rc == 0 && len <= out->len / 3)
		*out = (struct packed){ CHUNK_PATCH, p->patch, len };
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/page.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#define LEVEL 3

int page_key(const struct key_ring *ring, uint8_t key[PAGE_KEY_BYTES])
{
	return key_ring_derive(ring, 1, "page", key);
}

int page_name(const uint8_t key[PAGE_KEY_BYTES], const void *page, size_t len,
	      uint8_t name[CHUNK_NAME_BYTES])
{
	uint8_t sum[SHA256_BYTES];
	int rc = hmac_sha256(key, PAGE_KEY_BYTES, page, len, sum);

	if (rc == 0)
		memcpy(name, sum, CHUNK_NAME_BYTES);
	return rc;
}

int page_add(struct segment_writer *w, const uint8_t key[PAGE_KEY_BYTES], const void *page,
	     size_t len, struct chunk_ref *ref)
{
	size_t bound = ZSTD_compressBound(len), n;
	AUTO(free) void *payload = malloc(bound);
	uint8_t name[CHUNK_NAME_BYTES];
	int rc;

	if (len > MAP_PAGE_MAX)
		return -EINVAL;
	if (!payload)
		return -ENOMEM;
	rc = page_name(key, page, len, name);
	if (rc < 0)
		return rc;
	n = ZSTD_compress(payload, bound, page, len, LEVEL);
	if (ZSTD_isError(n))
		return -EIO;
	return segment_writer_add(w, CHUNK_ZSTD, name, NULL, payload, n, MAP_PAGE_MAX, ref);
}

/* The page's bytes, malloc'ed. */
static int unpack(const void *payload, size_t len, void **page, size_t *page_len)
{
	unsigned long long size = ZSTD_getFrameContentSize(payload, len);
	AUTO(free) void *p = NULL;

	if (size == 0 || size > MAP_PAGE_MAX)	/* the error values are huge */
		return -EBADMSG;
	p = malloc((size_t)size);
	if (!p)
		return -ENOMEM;
	if (ZSTD_decompress(p, (size_t)size, payload, len) != size)
		return -EBADMSG;
	*page = TAKE(p);
	*page_len = (size_t)size;
	return 0;
}

struct map_page *page_open(struct chunk_opener *o, const uint8_t key[PAGE_KEY_BYTES],
			   const struct chunk_ref *ref, void *sealed, struct error *err)
{
	uint8_t name[CHUNK_NAME_BYTES];
	AUTO(free) void *page = NULL;
	size_t len = 0;
	int rc = ref->kind == CHUNK_ZSTD ? chunk_open(o, SEGMENT_MAP, ref, MAP_PAGE_MAX, sealed)
					 : -EBADMSG;

	if (rc == 0)
		rc = unpack(sealed, ref->len - GCM_TAG_BYTES, &page, &len);
	if (rc == 0)
		rc = page_name(key, page, len, name);
	if (rc == 0 && memcmp(name, ref->name, CHUNK_NAME_BYTES))
		rc = -EBADMSG;
	if (rc == -EBADMSG)
		return error_null(err, EBADMSG, "damaged map page: it does not open at its place");
	if (rc < 0)
		return error_null(err, -rc, "a map page cannot be opened");
	return map_page_parse(page, len, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/luks/af.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"

#include <errno.h>

static int diffuse(struct secret *block, const char *digest, size_t digest_len)
{
	AUTO(secret_free) struct secret *out = secret_new(DIGEST_MAX_BYTES);
	uint8_t *p = secret_data(block), number[4];
	size_t left = secret_len(block);
	uint32_t i = 0;

	if (!out)
		return -ENOMEM;
	while (left) {
		size_t n = left < digest_len ? left : digest_len;
		const void *part[] = { number, p };
		const size_t len[] = { 4, n };
		int rc;

		put_be32(number, i++);
		rc = digest_once(digest, part, len, 2, secret_data(out));
		if (rc < 0)
			return rc;
		memcpy(p, secret_bytes(out), n);
		p += n;
		left -= n;
	}
	return 0;
}

int af_merge(const struct secret *split, size_t len, uint32_t stripes, const char *digest,
	     struct secret *out)
{
	size_t digest_len = digest_size(digest);
	uint8_t *p = secret_data(out);

	if (!digest_len)
		return -ENOTSUP;
	memset(p, 0, len);
	for (uint32_t s = 0; s < stripes; s++) {
		const uint8_t *stripe = secret_bytes(split) + (size_t)s * len;
		int rc;

		for (size_t i = 0; i < len; i++)
			p[i] ^= stripe[i];
		if (s + 1 == stripes)
			break;
		rc = diffuse(out, digest, digest_len);
		if (rc < 0)
			return rc;
	}
	return 0;
}

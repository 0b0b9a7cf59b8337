/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/object.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <zstd.h>

#define MAGIC "ADEBKOBJ"
#define VERSION 1u
#define FLAG_CLEAR 1u
#define SALT_OFF 16u
#define SALT_BYTES 32u

/* One key an object: HKDF(seal of the epoch, salt of the object). */
static int object_key(const struct key_ring *ring, const uint8_t *header, uint8_t key[32])
{
	uint8_t info[20], seal[32];
	int rc = key_ring_derive(ring, le16(header + 12), "seal", seal);

	memcpy(info, "adebackup 1 object", 18);
	memcpy(info + 18, header + 10, 2);
	if (rc == 0)
		rc = hkdf_sha256(seal, 32, header + SALT_OFF, SALT_BYTES, info, sizeof(info), key, 32);
	wipe(seal, sizeof(seal));
	return rc;
}

static int make_gcm(const struct key_ring *ring, const uint8_t *header, struct gcm **out)
{
	uint8_t key[32];
	int rc = object_key(ring, header, key);

	*out = rc == 0 ? gcm_new(key) : NULL;
	wipe(key, sizeof(key));
	return rc < 0 ? rc : *out ? 0 : -ENOMEM;
}

/* Header and name: a copy under another name does not open. */
static void *make_aad(const uint8_t *header, const char *name, size_t *len)
{
	size_t n = strlen(name);
	uint8_t *aad = malloc(OBJECT_HEADER_BYTES + n);

	if (!aad)
		return NULL;
	memcpy(aad, header, OBJECT_HEADER_BYTES);
	memcpy(aad + OBJECT_HEADER_BYTES, name, n);
	*len = OBJECT_HEADER_BYTES + n;
	return aad;
}

static int seal_body(const struct key_ring *ring, uint8_t *object, size_t body, const char *name)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) void *aad = NULL;
	size_t aad_len;
	int rc = make_gcm(ring, object, &g);

	if (rc < 0)
		return rc;
	aad = make_aad(object, name, &aad_len);
	if (!aad)
		return -ENOMEM;
	return gcm_seal(g, nonce, aad, aad_len, object + OBJECT_HEADER_BYTES, body,
			object + OBJECT_HEADER_BYTES, object + OBJECT_HEADER_BYTES + body);
}

static int fill_header(const struct key_ring *ring, enum object_type type, uint64_t stored,
		       uint8_t *h)
{
	memset(h, 0, OBJECT_HEADER_BYTES);
	memcpy(h, MAGIC, 8);
	put_le16(h + 8, VERSION);
	put_le16(h + 10, (uint16_t)type);
	put_le16(h + 12, ring ? (uint16_t)key_ring_epoch(ring) : 0);
	put_le16(h + 14, ring ? 0 : FLAG_CLEAR);
	put_le64(h + 48, stored);
	return !ring || getrandom(h + SALT_OFF, SALT_BYTES, 0) == SALT_BYTES ? 0 : -EIO;
}

int object_seal(const struct key_ring *ring, enum object_type type, const char *name,
		const void *text, size_t len, void **out, size_t *out_len, struct error *err)
{
	size_t room = ZSTD_compressBound(len), body;
	AUTO(free) uint8_t *o = malloc(OBJECT_HEADER_BYTES + room + GCM_TAG_BYTES + SHA256_BYTES);
	int rc;

	if (!o)
		return error_set(err, ENOMEM, "out of memory");
	body = ZSTD_compress(o + OBJECT_HEADER_BYTES, room, text, len, 3);
	if (ZSTD_isError(body))
		return error_set(err, EIO, "compression failed");
	rc = fill_header(ring, type, body + (ring ? GCM_TAG_BYTES : 0), o);
	if (rc == 0 && ring)
		rc = seal_body(ring, o, body, name);
	if (ring)
		body += GCM_TAG_BYTES;
	if (rc == 0)
		rc = sha256(o, OBJECT_HEADER_BYTES + body, o + OBJECT_HEADER_BYTES + body);
	if (rc < 0)
		return error_set(err, -rc, "an object cannot be sealed");
	*out_len = OBJECT_HEADER_BYTES + body + SHA256_BYTES;
	*out = TAKE(o);
	return 0;
}

static int damaged(struct error *err, const char *what)
{
	return error_set(err, EBADMSG, "damaged object: %s", what);
}

int object_check(const void *data, size_t len, struct object_info *info, struct error *err)
{
	const uint8_t *h = data;
	uint8_t sum[SHA256_BYTES];

	if (len < OBJECT_HEADER_BYTES + SHA256_BYTES || memcmp(h, MAGIC, 8))
		return damaged(err, "it does not begin as one");
	if (sha256(h, len - SHA256_BYTES, sum) < 0 ||
	    memcmp(sum, h + len - SHA256_BYTES, SHA256_BYTES))
		return damaged(err, "its checksum does not hold");
	info->version = le16(h + 8);
	info->type = le16(h + 10);
	info->epoch = le16(h + 12);
	info->clear = le16(h + 14) & FLAG_CLEAR;
	if (info->version > VERSION) {
		error_set(err, ENOTSUP, "object of format version %u", info->version);
		error_next(err, "It was written by a newer adebackup: update this one.");
		return -ENOTSUP;
	}
	if (info->version != VERSION || (le16(h + 14) & ~FLAG_CLEAR) ||
	    le64(h + 48) != len - OBJECT_HEADER_BYTES - SHA256_BYTES || !is_zero(h + 56, 8))
		return damaged(err, "its header makes no sense");
	return 0;
}

static int unpack(const uint8_t *p, size_t len, void **text, size_t *text_len, struct error *err)
{
	unsigned long long size = ZSTD_getFrameContentSize(p, len);
	void *out;
	size_t n;

	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > OBJECT_TEXT_MAX)
		return damaged(err, "its body is no frame");
	out = malloc(size ? (size_t)size : 1);
	if (!out)
		return error_set(err, ENOMEM, "out of memory");
	n = ZSTD_decompress(out, (size_t)size, p, len);
	if (ZSTD_isError(n) || n != size) {
		free(out);
		return damaged(err, "its body does not unpack");
	}
	*text = out;
	*text_len = n;
	return 0;
}

static int open_sealed(const struct key_ring *ring, const char *name, const uint8_t *data, size_t len,
		       void **text, size_t *text_len, struct error *err)
{
	static const uint8_t nonce[GCM_NONCE_BYTES];
	size_t body = len - OBJECT_HEADER_BYTES - SHA256_BYTES, aad_len;
	AUTO(gcm_free) struct gcm *g = NULL;
	AUTO(free) uint8_t *plain = NULL;
	AUTO(free) void *aad = NULL;
	int rc;

	if (!ring)
		return error_set(err, ENOKEY, "the object is sealed, and no vault key was given");
	if (body < GCM_TAG_BYTES)
		return damaged(err, "it is cut");
	body -= GCM_TAG_BYTES;
	rc = make_gcm(ring, data, &g);
	if (rc == -EBADMSG)
		return damaged(err, "it was sealed in an epoch that the vault's keys do not have");
	aad = make_aad(data, name, &aad_len);
	plain = malloc(body ? body : 1);
	if (rc < 0 || !aad || !plain)
		return error_set(err, ENOMEM, "out of memory");
	rc = gcm_open(g, nonce, aad, aad_len, data + OBJECT_HEADER_BYTES, body, plain,
		      data + OBJECT_HEADER_BYTES + body);
	if (rc < 0)
		return damaged(err, "it was not sealed by this vault under this name");
	return unpack(plain, body, text, text_len, err);
}

int object_open(const struct key_ring *ring, enum object_type type, const char *name,
		const void *data, size_t len, void **text, size_t *text_len, struct error *err)
{
	struct object_info info;
	int rc = object_check(data, len, &info, err);

	if (rc == 0 && info.type != type)
		rc = damaged(err, "it is of another type");
	/* Only what has to be read without a key may be clear. */
	if (rc == 0 && info.clear != (type == OBJECT_VAULT || type == OBJECT_SLOT || type == OBJECT_REFS))
		rc = damaged(err, "it is clear where it must be sealed, or sealed where it must be clear");
	if (rc == 0 && info.clear)
		rc = unpack((const uint8_t *)data + OBJECT_HEADER_BYTES,
			    len - OBJECT_HEADER_BYTES - SHA256_BYTES, text, text_len, err);
	else if (rc == 0)
		rc = open_sealed(ring, name, data, len, text, text_len, err);
	if (rc < 0)
		error_object(err, "%s", name);
	return rc;
}

int object_put(struct store *st, const struct key_ring *ring, enum object_type type,
	       const char *name, const void *text, size_t len, struct error *err)
{
	AUTO(free) void *data = NULL;
	size_t n;
	int rc = object_seal(ring, type, name, text, len, &data, &n, err);

	return rc < 0 ? rc : store_put_once(st, name, data, n, err);
}

int object_get(struct store *st, const struct key_ring *ring, enum object_type type,
	       const char *name, void **text, size_t *text_len, struct error *err)
{
	AUTO(free) void *data = NULL;
	size_t n;
	int rc = store_get_all(st, name, OBJECT_MAX_BYTES, &data, &n, err);

	return rc < 0 ? rc : object_open(ring, type, name, data, n, text, text_len, err);
}

int object_get_listed(struct store *st, const struct key_ring *ring, enum object_type type, const struct object *o,
		      void **text, size_t *text_len, struct error *err)
{
	AUTO(free) void *kept = NULL, *data = NULL;
	size_t n;
	int rc;

	if (store_recall(st, o, &kept) &&
	    object_open(ring, type, o->name, kept, (size_t)o->size, text, text_len, NULL) == 0)
		return 0;
	rc = store_get_listed(st, o, OBJECT_MAX_BYTES, &data, &n, err);
	rc = rc < 0 ? rc : object_open(ring, type, o->name, data, n, text, text_len, err);
	if (rc == 0 && n == o->size)
		store_keep(st, o, data);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/luks/luks_private.h"
#include "crypto/bytes.h"
#include "crypto/kdf.h"
#include "crypto/luks/af.h"

#include <errno.h>

bool luks_detect(const uint8_t *buf, size_t len)
{
	return len >= 8 && !memcmp(buf, "LUKS\xba\xbe", 6);
}

void luks_free(struct luks *l)
{
	free(l);		/* holds salts and digests, no secrets */
}

const struct luks_info *luks_info(const struct luks *l)
{
	return &l->info;
}

int luks_cipher_mode(const char *spec, enum sector_mode *mode)
{
	static const struct { const char *spec; enum sector_mode mode; } known[] = {
		{ "aes-xts-plain64", SECTOR_XTS_PLAIN64 }, { "aes-cbc-plain64", SECTOR_CBC_PLAIN64 },
		{ "aes-cbc-plain", SECTOR_CBC_PLAIN },
		{ "aes-cbc-essiv:sha256", SECTOR_CBC_ESSIV_SHA256 },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(spec, known[i].spec)) {
			*mode = known[i].mode;
			return 0;
		}
	return -ENOTSUP;
}

struct luks *luks_open(const struct reader *header, struct error *err)
{
	AUTO(luks_free) struct luks *l = calloc(1, sizeof(*l));
	enum sector_mode mode;
	uint8_t start[8] = { 0 };
	uint16_t version;
	int rc;

	if (!l)
		return error_null(err, ENOMEM, "out of memory");
	rc = reader_read(header, start, sizeof(start), 0);
	if (rc < 0)
		return error_null(err, -rc, "the LUKS header cannot be read");
	version = be16(start + 6);
	if (!memcmp(start, "LUKS\xba\xbe", 6) && version > 2)
		return error_null(err, ENOTSUP, "LUKS version %u", version);
	rc = version == 1 && luks_detect(start, 8) ? luks1_parse(header, l, err)
						   : luks2_parse(header, l, err);
	if (rc < 0)
		return NULL;
	if (luks_cipher_mode(l->info.cipher, &mode) < 0) {
		error_set(err, ENOTSUP, "LUKS cipher %s", l->info.cipher);
		error_next(err, "Supported are aes-xts-plain64, aes-cbc-essiv:sha256, aes-cbc-plain64, "
				"aes-cbc-plain.");
		return NULL;
	}
	return TAKE(l);
}

static int check_cost(const struct luks_slot *s, uint64_t max_memory, struct error *err)
{
	if (s->kdf == LUKS_PBKDF2) {
		if (s->iterations > LUKS_PBKDF2_MAX)
			return error_set(err, ENOTSUP, "LUKS key slot %u asks for %u PBKDF2 rounds: more "
					 "than any real header", s->number, s->iterations);
		return 0;
	}
	if (s->iterations > LUKS_ARGON2_TIME_MAX || s->lanes > LUKS_ARGON2_LANES_MAX)
		return error_set(err, ENOTSUP, "LUKS key slot %u asks for Argon2 with %u passes on %u lanes: "
				 "more than any real header", s->number, s->iterations, s->lanes);
	if ((uint64_t)s->memory_kib * 1024 > max_memory) {
		error_set(err, ENOTSUP, "LUKS key slot %u asks for %u MiB of memory, %llu MiB are allowed",
			  s->number, s->memory_kib / 1024, (unsigned long long)max_memory >> 20);
		error_next(err, "Allow it with max-kdf-memory=%uM.", s->memory_kib / 1024 + 1);
		return -ENOTSUP;
	}
	return 0;
}

static int derive(const struct luks_slot *s, const struct secret *pass, struct secret *out)
{
	const uint8_t *p = secret_bytes(pass);
	size_t n = secret_len(pass);

	if (s->kdf == LUKS_PBKDF2)
		return kdf_pbkdf2(s->kdf_hash, p, n, s->salt, s->salt_len, s->iterations,
				  secret_data(out), secret_len(out));
	return kdf_argon2(s->kdf == LUKS_ARGON2I ? ARGON2I : ARGON2ID, p, n, s->salt, s->salt_len,
			  s->iterations, s->memory_kib, s->lanes, secret_data(out), secret_len(out));
}

/* The slot's area, decrypted: the split key. */
static int read_area(const struct luks_slot *s, const struct reader *header,
		     const struct secret *area_key, struct secret *split)
{
	AUTO(sector_cipher_free) struct sector_cipher *c = NULL;
	enum sector_mode mode;
	int rc = luks_cipher_mode(s->area_cipher, &mode);

	if (rc < 0)
		return rc;
	c = sector_cipher_new(mode, area_key, 512, 512, NULL);
	if (!c)
		return -ENOTSUP;
	rc = reader_read(header, secret_data(split), secret_len(split), s->area_off);
	return rc < 0 ? rc : sector_decrypt(c, secret_data(split), secret_len(split), 0);
}

static int check_digest(const struct luks *l, unsigned slot, const struct secret *key)
{
	for (unsigned i = 0; i < l->n_digests; i++) {
		const struct luks_digest *d = &l->digest[i];
		uint8_t got[64];
		int rc;

		if (!d->used || !(d->slots >> slot & 1))
			continue;
		if (d->iterations > LUKS_PBKDF2_MAX)
			return -ENOTSUP;
		rc = kdf_pbkdf2(d->hash, secret_bytes(key), secret_len(key), d->salt, d->salt_len,
				d->iterations, got, d->value_len);
		if (rc < 0)
			return rc;
		if (bytes_equal_ct(got, d->value, d->value_len))
			return 0;
	}
	return -EKEYREJECTED;
}

static int try_slot(const struct luks *l, const struct luks_slot *s, const struct reader *header,
		    const struct secret *pass, struct secret *key, struct error *err)
{
	size_t split_len = ((size_t)l->key_bytes * s->stripes + 511) / 512 * 512;
	AUTO(secret_free) struct secret *area_key = secret_new(s->area_key);
	AUTO(secret_free) struct secret *split = secret_new(split_len);
	int rc;

	if (!area_key || !split)
		return error_set(err, ENOMEM, "out of memory");
	rc = derive(s, pass, area_key);
	if (rc == 0)
		rc = read_area(s, header, area_key, split);
	if (rc == 0)
		rc = af_merge(split, l->key_bytes, s->stripes, s->af_hash, key);
	if (rc == 0)
		rc = check_digest(l, s->number, key);
	if (rc == -EKEYREJECTED)
		return rc;
	if (rc == -ENOTSUP)
		return error_set(err, ENOTSUP, "LUKS key slot %u uses a hash or cipher that is not supported "
				 "(%s, %s)", s->number, s->kdf_hash[0] ? s->kdf_hash : s->af_hash,
				 s->area_cipher);
	if (rc == -ENOMEM)
		return error_set(err, ENOMEM, "not enough memory for the key derivation of LUKS key slot %u",
				 s->number);
	return rc < 0 ? error_set(err, EBADMSG, "LUKS key slot %u cannot be read or used", s->number) : 0;
}

static int make_volume(const struct luks *l, uint64_t data_size, const struct secret *key,
		       struct volume **out, struct error *err)
{
	uint64_t off = l->info.payload_off, len = l->info.payload_len, sector = l->info.sector_size;
	struct crypt_extent ext = { .src = off, .iv = l->iv_tweak, .kind = EXTENT_CRYPT };
	struct sector_cipher *cipher;
	enum sector_mode mode;

	if (off >= data_size || (len && !range_fits(off, len, data_size))) {
		error_set(err, EBADMSG, "the LUKS payload (from byte %llu) does not fit its device of %llu "
			  "bytes", (unsigned long long)off, (unsigned long long)data_size);
		error_next(err, "The image may be cut: copy it again from where it came from.");
		return -EBADMSG;
	}
	if (!len)
		len = (data_size - off) / sector * sector;
	if (luks_cipher_mode(l->info.cipher, &mode) < 0)
		return error_set(err, ENOTSUP, "LUKS cipher %s", l->info.cipher);
	cipher = sector_cipher_new(mode, key, l->info.sector_size, 512, err);
	if (!cipher)
		return -ENOTSUP;
	ext.len = len;
	*out = volume_new(cipher, &ext, len ? 1 : 0, len, data_size, err);
	return *out ? 0 : -EBADMSG;
}

int luks_unlock(const struct luks *l, const struct reader *header, uint64_t data_size,
		const struct secret *pass, uint64_t max_kdf_memory, struct volume **out,
		struct error *err)
{
	AUTO(secret_free) struct secret *key = secret_new(l->key_bytes ? l->key_bytes : 1);
	struct error why = ERROR_INIT;
	int result = -EKEYREJECTED;

	if (!key)
		return error_set(err, ENOMEM, "out of memory");
	for (int preferred = 1; preferred >= 0; preferred--)
		for (unsigned i = 0; i < LUKS_SLOTS_MAX; i++) {
			const struct luks_slot *s = &l->slot[i];
			int rc;

			if (!s->usable || s->preferred != preferred)
				continue;
			rc = check_cost(s, max_kdf_memory, &why);
			if (rc == 0)
				rc = try_slot(l, s, header, pass, key, &why);
			if (rc == 0)
				return make_volume(l, data_size, key, out, err);
			if (rc != -EKEYREJECTED && result == -EKEYREJECTED) {
				result = rc;
				error_copy(err, &why);
			}
		}
	if (result == -EKEYREJECTED)
		error_set(err, EKEYREJECTED, l->info.n_slots ? "no LUKS key slot opens with this key"
							     : "the LUKS header has no usable key slot");
	return result;
}

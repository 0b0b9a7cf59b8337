/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS1 header: LUKS1 On-Disk Format 1.2.3, section 5. */
#include "crypto/luks/luks_private.h"
#include "crypto/bytes.h"

#include <errno.h>
#include <stdio.h>

#define HEADER_BYTES 592u
#define SLOT_ACTIVE 0x00ac71f3u
#define SLOT_DISABLED 0x0000deadu
#define N_SLOTS 8u
#define STRIPES 4000u

/* A NUL-padded text field; false when it is not terminated. */
static bool text(char *out, size_t out_size, const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, 0, len);

	if (!end || (size_t)(end - p) >= out_size)
		return false;
	memcpy(out, p, (size_t)(end - p) + 1);
	return true;
}

static int parse_slot(const uint8_t *h, const uint8_t *p, unsigned i, struct luks *l,
		      struct error *err)
{
	struct luks_slot *s = &l->slot[i];
	uint32_t state = be32(p);

	s->number = i;
	if (state == SLOT_DISABLED)
		return 0;
	if (state != SLOT_ACTIVE)
		return error_set(err, EBADMSG, "LUKS1 header: key slot %u is neither on nor off", i);
	s->usable = true;
	s->kdf = LUKS_PBKDF2;
	s->iterations = be32(p + 4);
	memcpy(s->salt, p + 8, 32);
	s->salt_len = 32;
	s->area_off = (uint64_t)be32(p + 40) * 512;
	s->stripes = be32(p + 44);
	s->area_key = l->key_bytes;
	if (!s->iterations)
		return error_set(err, EBADMSG, "LUKS1 header: key slot %u makes no sense", i);
	s->area_len = ((uint64_t)l->key_bytes * s->stripes + 511) / 512 * 512;
	snprintf(s->area_cipher, sizeof(s->area_cipher), "%s", l->info.cipher);
	if (!text(s->kdf_hash, sizeof(s->kdf_hash), h + 72, 32))
		return error_set(err, EBADMSG, "LUKS1 header: bad hash name");
	memcpy(s->af_hash, s->kdf_hash, sizeof(s->af_hash));
	if (s->area_off + s->area_len > l->info.header_len)
		l->info.header_len = s->area_off + s->area_len;
	l->info.n_slots++;
	return 0;
}

static int parse_digest(const uint8_t *h, struct luks *l, struct error *err)
{
	struct luks_digest *d = &l->digest[0];

	l->n_digests = 1;
	d->used = true;
	d->slots = ~0u;
	memcpy(d->value, h + 112, 20);
	d->value_len = 20;
	memcpy(d->salt, h + 132, 32);
	d->salt_len = 32;
	d->iterations = be32(h + 164);
	if (!text(d->hash, sizeof(d->hash), h + 72, 32) || !d->iterations)
		return error_set(err, EBADMSG, "LUKS1 header: bad key digest");
	return 0;
}

/* All slots, also those that are off: behind the header, before the payload, apart,
 * and there. */
static int check_places(const uint8_t *h, const struct luks *l, uint64_t size, struct error *err)
{
	uint64_t off[N_SLOTS], end[N_SLOTS], payload = l->info.payload_off;

	for (unsigned i = 0; i < N_SLOTS; i++) {
		const uint8_t *p = h + 208 + 48 * i;

		off[i] = (uint64_t)be32(p + 40) * 512;
		end[i] = off[i] + ((uint64_t)l->key_bytes * be32(p + 44) + 511) / 512 * 512;
		if (be32(p + 44) != STRIPES || off[i] <= HEADER_BYTES || end[i] > size ||
		    (payload && end[i] > payload))
			return error_set(err, EBADMSG, "LUKS1 header: key slot %u lies where it cannot", i);
		for (unsigned k = 0; k < i; k++)
			if (off[i] < end[k] && off[k] < end[i])
				return error_set(err, EBADMSG, "LUKS1 header: key slots %u and %u overlap", k, i);
	}
	return 0;
}

int luks1_parse(const struct reader *r, struct luks *l, struct error *err)
{
	char name[33], mode[33];
	uint8_t h[HEADER_BYTES];
	int rc = reader_read(r, h, sizeof(h), 0);

	if (rc < 0)
		return error_set(err, -rc, "the LUKS header cannot be read");
	if (be16(h + 6) != 1 || !text(name, sizeof(name), h + 8, 32) ||
	    !text(mode, sizeof(mode), h + 40, 32) || !text(l->info.uuid, sizeof(l->info.uuid), h + 168, 40))
		return error_set(err, EBADMSG, "LUKS1 header: a text field does not end");
	l->info.version = 1;
	l->info.sector_size = 512;
	l->info.payload_off = (uint64_t)be32(h + 104) * 512;
	l->info.header_len = HEADER_BYTES;
	l->key_bytes = be32(h + 108);
	l->info.key_bits = l->key_bytes * 8;
	if (!l->key_bytes || l->key_bytes > LUKS_KEY_MAX)
		return error_set(err, EBADMSG, "LUKS1 header: key of %u bytes", l->key_bytes);
	snprintf(l->info.cipher, sizeof(l->info.cipher), "%s-%s", name, mode);
	rc = check_places(h, l, r->size, err);
	if (rc == 0)
		rc = parse_digest(h, l, err);
	for (unsigned i = 0; i < N_SLOTS && rc == 0; i++)
		rc = parse_slot(h, h + 208 + 48 * i, i, l, err);
	return rc;
}

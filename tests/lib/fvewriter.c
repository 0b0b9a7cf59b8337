/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fvewriter.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILETIME_2026 0x01dc7b0000000000u
#define BOOT_JUMP "\xeb\x58\x90"

static const uint8_t id_normal[16] = { 0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a,
				       0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01 };
static const uint8_t id_eow[16] = { 0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d,
				    0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8 };

/* Where the next byte of a block or key file goes. */
struct out {
	uint8_t *p;
	size_t n;
	uint32_t nonce;			/* counter of the next CCM datum */
};

static void put_bytes(struct out *o, const void *p, size_t len)
{
	memcpy(o->p + o->n, p, len);
	o->n += len;
}

static void put16(struct out *o, uint16_t v)
{
	put_le16(o->p + o->n, v);
	o->n += 2;
}

static void put32(struct out *o, uint32_t v)
{
	put_le32(o->p + o->n, v);
	o->n += 4;
}

static void put64(struct out *o, uint64_t v)
{
	put_le64(o->p + o->n, v);
	o->n += 8;
}

/* Entries: begin() returns where it starts, end() fills in the size. */
static size_t begin(struct out *o, uint16_t type, uint16_t value)
{
	size_t at = o->n;

	put16(o, 0);
	put16(o, type);
	put16(o, value);
	put16(o, 1);
	return at;
}

static void end(struct out *o, size_t at)
{
	put_le16(o->p + at, (uint16_t)(o->n - at));
}

static void put_key(struct out *o, uint32_t method, const uint8_t *key, size_t len)
{
	size_t at = begin(o, 0, 1);

	put32(o, method);
	put_bytes(o, key, len);
	end(o, at);
}

static void put_string(struct out *o, uint16_t type, const char *text)
{
	size_t at = begin(o, type, 2);

	do
		put16(o, (uint8_t)*text);
	while (*text++);
	end(o, at);
}

/* A key entry, sealed under another key. */
static void put_sealed(struct out *o, uint16_t type, const uint8_t under[32], uint32_t method,
		       const uint8_t *key, size_t len)
{
	uint8_t plain[12 + 64];
	struct out inner = { .p = plain };
	size_t at = begin(o, type, 5);
	uint8_t *nonce = o->p + o->n;

	put_key(&inner, method, key, len);
	put64(o, FILETIME_2026);
	put32(o, o->nonce++);
	if (ccm_seal(under, nonce, o->p + o->n, plain, inner.n, o->p + o->n + 16) < 0)
		abort();
	o->n += 16 + inner.n;
	end(o, at);
}

void fvew_guid_text(const uint8_t g[16], char out[37])
{
	snprintf(out, 37, "%08X-%04X-%04X-%02X%02X-%02X%02X%02X%02X%02X%02X", le32(g), le16(g + 4),
		 le16(g + 6), g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

void fvew_init(struct fvew *w, uint64_t seed, uint16_t method, uint32_t sector_size)
{
	*w = (struct fvew){ .random = { seed }, .method = method, .sector_size = sector_size,
			    .description = "ADEBACKUP fixture", .state = 4, .nonce_counter = 40,
			    .backup_len = 8192 };
	test_random_fill(&w->random, w->volume_guid, 16);
	test_random_fill(&w->random, w->vmk, 32);
	test_random_fill(&w->random, w->fvek, 64);
}

static struct fvew_protector *add(struct fvew *w, enum fvew_kind kind)
{
	struct fvew_protector *p = &w->protector[w->n_protectors];

	if (w->n_protectors == FVEW_MAX_PROTECTORS)
		return NULL;
	w->n_protectors++;
	p->kind = kind;
	test_random_fill(&w->random, p->guid, 16);
	test_random_fill(&w->random, p->key, 32);
	test_random_fill(&w->random, p->salt, 16);
	return p;
}

struct fvew_protector *fvew_add_clear(struct fvew *w) { return add(w, FVEW_CLEAR); }
struct fvew_protector *fvew_add_external(struct fvew *w) { return add(w, FVEW_EXTERNAL); }

struct fvew_protector *fvew_add_recovery(struct fvew *w, const char *digits)
{
	struct fvew_protector *p = add(w, FVEW_RECOVERY);
	unsigned g[8];
	uint8_t raw[16], initial[32];

	if (!p || sscanf(digits, "%6u-%6u-%6u-%6u-%6u-%6u-%6u-%6u", &g[0], &g[1], &g[2], &g[3],
			 &g[4], &g[5], &g[6], &g[7]) != 8)
		return NULL;
	for (int i = 0; i < 8; i++) {
		if (g[i] % 11 || g[i] / 11 > 0xffff)
			return NULL;
		put_le16(raw + 2 * i, (uint16_t)(g[i] / 11));
	}
	if (sha256(raw, 16, initial) < 0 || kdf_bitlocker_stretch(initial, p->salt, p->key) < 0)
		return NULL;
	return p;
}

struct fvew_protector *fvew_add_password(struct fvew *w, const void *utf16le, size_t len)
{
	struct fvew_protector *p = add(w, FVEW_PASSWORD);
	uint8_t once[32], initial[32];

	if (!p || sha256(utf16le, len, once) < 0 || sha256(once, 32, initial) < 0 ||
	    kdf_bitlocker_stretch(initial, p->salt, p->key) < 0)
		return NULL;
	return p;
}

size_t fvew_fvek_bytes(const struct fvew *w)
{
	static const size_t bytes[] = { 64, 64, 16, 32, 32, 64 };

	return bytes[w->method - 0x8000];
}

size_t fvew_cipher_key(const struct fvew *w, uint8_t key[64])
{
	memcpy(key, w->fvek, 64);
	if (w->method == 0x8000) {	/* the halves that AES-128 uses */
		memcpy(key + 16, w->fvek + 32, 16);
		return 32;
	}
	return fvew_fvek_bytes(w);
}

/* Salt and, as Windows keeps them, copies of the key under the master key. */
static void put_stretch(struct out *o, const struct fvew *w, const struct fvew_protector *p)
{
	size_t at = begin(o, 0, 3);

	put32(o, p->kind == FVEW_RECOVERY ? 0x1000 : 0x1001);
	put_bytes(o, p->salt, 16);
	if (p->kind == FVEW_RECOVERY)
		put_sealed(o, 0x12, w->vmk, 0x1000, p->salt, 16);
	put_sealed(o, p->kind == FVEW_RECOVERY ? 0x13 : 0, w->vmk, 0x2007, p->key, 32);
	end(o, at);
}

static void put_protector(struct out *o, const struct fvew *w, const struct fvew_protector *p)
{
	static const uint16_t type[] = { 0x0000, 0x0200, 0x0800, 0x2000 };
	size_t at = begin(o, 2, 8), use;

	put_bytes(o, p->guid, 16);
	put64(o, FILETIME_2026);
	put16(o, 0);
	put16(o, type[p->kind]);
	switch (p->kind) {
	case FVEW_CLEAR:
		put_key(o, 0x2000, p->key, 32);
		break;
	case FVEW_EXTERNAL:
		put_string(o, 0, "ExternalKey");
		use = begin(o, 0, 4);
		put32(o, 0x2002);
		put_sealed(o, 0, w->vmk, 0x2002, p->key, 32);
		end(o, use);
		break;
	default:
		put_stretch(o, w, p);
	}
	put_sealed(o, 0, p->key, 0x2003, w->vmk, 32);
	end(o, at);
}

static void put_header(struct out *o, const struct fvew *w)
{
	put_bytes(o, "-FVE-FS-", 8);
	put16(o, 0);			/* size in 16 bytes: known at the end */
	put16(o, 2);
	put16(o, w->state);
	put16(o, w->state == 4 ? 4 : 5);
	put64(o, w->encrypted_size);
	put32(o, 0);
	put32(o, (uint32_t)(w->backup_len / w->sector_size));
	for (int i = 0; i < 3; i++)
		put64(o, w->block_off[i]);
	put64(o, w->backup_off);
}

static void put_dataset_header(struct out *o, const uint8_t guid[16], uint32_t counter,
			       uint32_t method)
{
	put32(o, 0);
	put32(o, 1);
	put32(o, 48);
	put32(o, 0);
	put_bytes(o, guid, 16);
	put32(o, counter);
	put32(o, method);
	put64(o, FILETIME_2026);
}

static void end_dataset(struct out *o, size_t at)
{
	put_le32(o->p + at, (uint32_t)(o->n - at));
	put_le32(o->p + at + 12, (uint32_t)(o->n - at));
}

void fvew_block(struct fvew *w, uint8_t block[FVEW_BLOCK_BYTES])
{
	struct out o = { .p = block, .nonce = 2 };
	size_t at;

	memset(block, 0, FVEW_BLOCK_BYTES);
	put_header(&o, w);
	put_dataset_header(&o, w->volume_guid, w->nonce_counter, w->method);
	put_string(&o, 7, w->description);
	for (size_t i = 0; i < w->n_protectors; i++)
		put_protector(&o, w, &w->protector[i]);
	put_sealed(&o, 3, w->vmk, w->method, w->fvek, fvew_fvek_bytes(w));
	at = begin(&o, 0x0f, 0x0f);
	put64(&o, w->backup_off);
	put64(&o, w->backup_len);
	put32(&o, 0x004c0005);		/* what Windows 8 and later add: version, size, zeros */
	o.n += 0x4c - 4;
	end(&o, at);
	end_dataset(&o, 64);
	put_le16(block + 8, (uint16_t)((o.n + 15) / 16));
	fvew_reseal(w, block);
}

/* Crc and hash cover the same bytes: 16 * the size field. */
void fvew_reseal(struct fvew *w, uint8_t block[FVEW_BLOCK_BYTES])
{
	size_t len = (size_t)le16(block + 8) * 16;
	struct out o = { .p = block, .n = len, .nonce = w->nonce_counter };
	uint8_t hash[32];
	uint32_t crc = ~0u;

	if (len + 8 + 0x50 > FVEW_BLOCK_BYTES)
		return;
	for (size_t i = 0; i < len; i++) {
		crc ^= block[i];
		for (int k = 0; k < 8; k++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	put16(&o, (uint16_t)(FVEW_BLOCK_BYTES - len));
	put16(&o, 2);
	put32(&o, ~crc);
	if (sha256(block, len, hash) < 0)
		abort();
	put_sealed(&o, 0, w->vmk, 0x2005, hash, 32);
}

void fvew_boot(const struct fvew *w, uint8_t s[512])
{
	size_t id = w->to_go ? 0x1a8 : 0xa0;

	memset(s, 0, 512);
	memcpy(s, BOOT_JUMP, 3);
	memcpy(s + 3, w->to_go ? "MSWIN4.1" : "-FVE-FS-", 8);
	put_le16(s + 0x0b, (uint16_t)w->sector_size);
	s[0x0d] = (uint8_t)(4096 / w->sector_size);
	s[0x15] = 0xf8;
	put_le32(s + 0x1c, 2048);
	memcpy(s + 0x47, "NO NAME    FAT32   ", 19);
	memcpy(s + id, w->eow ? id_eow : id_normal, 16);
	for (int i = 0; i < 3; i++)
		put_le64(s + id + 16 + 8 * (size_t)i, w->block_off[i]);
	put_le16(s + 0x1fe, 0xaa55);
}

size_t fvew_bek(const struct fvew *w, const struct fvew_protector *p, bool long_form,
		uint8_t out[FVEW_BEK_MAX])
{
	struct out o = { .p = out };
	size_t at, guid;

	put_dataset_header(&o, p->guid, 1, 0);
	at = begin(&o, 6, 9);
	put_bytes(&o, p->guid, 16);
	put64(&o, FILETIME_2026);
	put_string(&o, 0, "ExternalKey");
	if (long_form) {
		guid = begin(&o, 0x19, 0x17);
		put_bytes(&o, w->volume_guid, 16);
		end(&o, guid);
	}
	put_key(&o, 0x2002, p->key, 32);
	end(&o, at);
	end_dataset(&o, 0);
	return o.n;
}

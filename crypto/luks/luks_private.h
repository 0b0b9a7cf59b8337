/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of crypto/luks. */
#ifndef ADE_CRYPTO_LUKS_PRIVATE_H
#define ADE_CRYPTO_LUKS_PRIVATE_H

#include "crypto/luks/luks.h"

#define LUKS_SLOTS_MAX 32
#define LUKS_STRIPES_MAX 8192u
#define LUKS_KEY_MAX 64u
/* What a header may ask for at most, so that a forged one cannot hang us:
 * cryptsetup's benchmark aims at 2 s and caps Argon2's time cost by it. */
#define LUKS_PBKDF2_MAX 200000000u
#define LUKS_ARGON2_TIME_MAX 1000u
#define LUKS_ARGON2_LANES_MAX 16u

enum luks_kdf { LUKS_PBKDF2, LUKS_ARGON2I, LUKS_ARGON2ID };

struct luks_slot {
	bool usable;			/* active, and not "priority: ignore" */
	bool preferred;
	unsigned number;
	enum luks_kdf kdf;
	char kdf_hash[32];
	uint32_t iterations, memory_kib, lanes;
	uint8_t salt[64];
	size_t salt_len;
	uint64_t area_off, area_len;
	char area_cipher[72];		/* "aes-xts-plain64" */
	uint32_t area_key, stripes;
	char af_hash[32];
	uint32_t digest;		/* index in luks.digests */
};

struct luks_digest {
	bool used;			/* belongs to the data segment */
	char hash[32];
	uint32_t iterations;
	uint8_t salt[64];
	size_t salt_len;
	uint8_t value[64];
	size_t value_len;
	uint32_t slots;			/* mask */
};

struct luks {
	struct luks_info info;
	struct luks_slot slot[LUKS_SLOTS_MAX];
	struct luks_digest digest[LUKS_SLOTS_MAX];
	unsigned n_digests;
	uint32_t key_bytes;
	uint64_t iv_tweak;		/* in 512-byte units */
};

/* Parse into a zeroed l.  0, -EBADMSG, -ENOTSUP, -ENOMEM. */
int luks1_parse(const struct reader *r, struct luks *l, struct error *err);
int luks2_parse(const struct reader *r, struct luks *l, struct error *err);
/* LUKS2's JSON alone, for the fuzz target; header_len bounds the key areas' end. */
int luks2_parse_json(const char *text, size_t len, uint64_t header_len, struct luks *l,
		     struct error *err);

/* Mode of "aes-xts-plain64" and its like; -ENOTSUP. */
int luks_cipher_mode(const char *spec, enum sector_mode *mode);

#endif

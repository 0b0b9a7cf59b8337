/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes BitLocker metadata (FVE version 2) and key files from the published
 * format, for fixtures: tests/make/mkbitlocker, unit tests, fuzz targets.  It
 * shares no code with the reader in crypto/bitlocker beyond AES-CCM, SHA-256
 * and the key stretch, and counts only because dislocker, libbde and
 * cryptsetup read what it writes (tests/e2e/10-…).  Keys are made from a seed:
 * nothing here is for real data.
 */
#ifndef ADE_TESTS_LIB_FVEWRITER_H
#define ADE_TESTS_LIB_FVEWRITER_H

#include "tests/lib/testlib.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FVEW_BLOCK_BYTES 65536
#define FVEW_MAX_PROTECTORS 24
#define FVEW_BEK_MAX 180

enum fvew_kind { FVEW_CLEAR, FVEW_EXTERNAL, FVEW_RECOVERY, FVEW_PASSWORD };

struct fvew_protector {
	enum fvew_kind kind;
	uint8_t guid[16];
	uint8_t key[32];		/* clear and external: the key; others: the stretched one */
	uint8_t salt[16];
};

struct fvew {
	struct test_random random;
	uint16_t method;		/* 0x8000 … 0x8005 */
	uint32_t sector_size;
	uint8_t volume_guid[16];
	uint8_t vmk[32], fvek[64];
	const char *description;	/* ASCII */
	uint16_t state;			/* 4: encrypted */
	uint64_t encrypted_size, block_off[3], backup_off, backup_len;
	uint32_t nonce_counter;
	bool eow, to_go;
	struct fvew_protector protector[FVEW_MAX_PROTECTORS];
	size_t n_protectors;
};

/* Keys, GUIDs and salts follow from the seed. */
void fvew_init(struct fvew *w, uint64_t seed, uint16_t method, uint32_t sector_size);

/* Add a protector; returns it.  NULL: too many, or a bad text.  recovery: 48
 * digits with dashes; password: UTF-16LE bytes.  The last two take a third of
 * a second each. */
struct fvew_protector *fvew_add_clear(struct fvew *w);
struct fvew_protector *fvew_add_external(struct fvew *w);
struct fvew_protector *fvew_add_recovery(struct fvew *w, const char *digits);
struct fvew_protector *fvew_add_password(struct fvew *w, const void *utf16le, size_t len);

size_t fvew_fvek_bytes(const struct fvew *w);	/* as stored: 16, 32 or 64 */
/* What sector_cipher_new() takes; returns its length. */
size_t fvew_cipher_key(const struct fvew *w, uint8_t key[64]);

/* One copy of the metadata, validation included. */
void fvew_block(struct fvew *w, uint8_t block[FVEW_BLOCK_BYTES]);
/* Compute CRC and protected hash of a block again, after it was changed. */
void fvew_reseal(struct fvew *w, uint8_t block[FVEW_BLOCK_BYTES]);
/* A boot sector that points to the blocks; the volume's own first sector is not needed. */
void fvew_boot(const struct fvew *w, uint8_t sector[512]);
/* A key file; returns its length, 156 or (long_form) 180. */
size_t fvew_bek(const struct fvew *w, const struct fvew_protector *p, bool long_form,
		uint8_t out[FVEW_BEK_MAX]);
/* "XXXXXXXX-…", upper case, 37 bytes. */
void fvew_guid_text(const uint8_t guid[16], char out[37]);

#endif

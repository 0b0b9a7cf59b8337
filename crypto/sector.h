/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sector ciphers: the ciphers that disks are encrypted with, sector by sector.
 * A cipher is immutable once made; any number of threads may use it at once
 * (contexts come from a small pool inside, in locked memory, so the read path
 * allocates nothing).
 *
 * The IV unit is told apart from the sector size, because LUKS2 counts IVs in
 * 512-byte units also when it encrypts 4096 bytes at a time:
 * the sector at distance d (bytes) from the extent's start has IV number
 * first_iv + d / iv_unit.
 */
#ifndef ADE_CRYPTO_SECTOR_H
#define ADE_CRYPTO_SECTOR_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "crypto/secret.h"

#include <stddef.h>
#include <stdint.h>

enum sector_mode {
	SECTOR_XTS_PLAIN64,	/* IV = LE64 number; LUKS aes-xts-plain64, BitLocker XTS */
	SECTOR_CBC_PLAIN64,	/* IV = LE64 number */
	SECTOR_CBC_PLAIN,	/* IV = LE32 number, wraps (LUKS1 aes-cbc-plain) */
	SECTOR_CBC_ESSIV_SHA256,/* IV = AES(SHA-256(key), LE64 number) */
	SECTOR_CBC_BITLOCKER,	/* IV = AES(key, LE128(number * iv_unit)); FVE 0x8002/3 */
	SECTOR_CBC_ELEPHANT,	/* the same with the diffuser; FVE 0x8000/1 */
};

struct sector_cipher;

/* key: XTS data key ‖ tweak key (32 or 64 bytes); CBC 16 or 32 bytes;
 * SECTOR_CBC_ELEPHANT: FVEK ‖ TWEAK key, 16+16 or 32+32 bytes.
 * sector_size: 512, 1024, 2048 or 4096; iv_unit: a power of two, 512..sector_size.
 * The key is borrowed.  NULL: ENOTSUP (sizes), ENOMEM. */
struct sector_cipher *sector_cipher_new(enum sector_mode mode, const struct secret *key,
					uint32_t sector_size, uint32_t iv_unit,
					struct error *err);
void sector_cipher_free(struct sector_cipher *c);

uint32_t sector_cipher_size(const struct sector_cipher *c);	/* sector size in bytes */
uint32_t sector_cipher_iv_unit(const struct sector_cipher *c);
const char *sector_cipher_name(const struct sector_cipher *c);	/* "aes-xts-256" … */

/* In place; len is a multiple of the sector size; iv is the IV number of the
 * first sector, and the next sector's is iv + sector_size / iv_unit.
 * 0 or -EIO / -ENOMEM. */
int sector_decrypt(const struct sector_cipher *c, void *buf, size_t len, uint64_t iv);
int sector_encrypt(const struct sector_cipher *c, void *buf, size_t len, uint64_t iv);

DEFINE_CLEANUP(struct sector_cipher *, sector_cipher_free);

#endif

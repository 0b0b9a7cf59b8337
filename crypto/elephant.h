/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Elephant diffuser of BitLocker's AES-CBC modes 0x8000 and 0x8001, alone:
 * two keyless diffusers over 32-bit little-endian words, and a sector key that
 * the caller computes.  Source: N. Ferguson, "AES-CBC + Elephant diffuser",
 * Microsoft 2006, section 4.
 */
#ifndef ADE_CRYPTO_ELEPHANT_H
#define ADE_CRYPTO_ELEPHANT_H

#include <stddef.h>
#include <stdint.h>

/* In place on one sector; len is a multiple of 32 and at least 64.
 * key: the 32-byte sector key, XORed over the sector. */
void elephant_decrypt(uint8_t *sector, size_t len, const uint8_t key[32]);	/* after AES-CBC */
void elephant_encrypt(uint8_t *sector, size_t len, const uint8_t key[32]);	/* before AES-CBC */

#endif

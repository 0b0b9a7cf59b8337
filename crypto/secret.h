/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key material and other secrets (passphrases, recovery passwords, tokens,
 * SAS strings).  Opaque, so that one cannot be printed, copied or compared by
 * accident.  The bytes live in pages that are locked, left out of core dumps
 * and of forked children's dumps, and are wiped on free.
 *
 * The same pages serve OpenSSL: secret_process_init() must be the first thing
 * a program does, before any OpenSSL call.
 */
#ifndef ADE_CRYPTO_SECRET_H
#define ADE_CRYPTO_SECRET_H

#include "crypto/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct secret;

/* Make OpenSSL allocate from our locked memory, switch off core dumps and
 * ptrace by others.  Returns 0 or -errno.  Once, before threads. */
int secret_process_init(void);

/* False once a lock of memory was refused (RLIMIT_MEMLOCK); the memory is
 * used all the same, and the program should warn once. */
bool secret_memory_is_locked(void);

struct secret *secret_new(size_t len);			  /* zero-filled; NULL: no memory */
struct secret *secret_copy(const void *from, size_t len); /* the caller wipes its own */
void           secret_free(struct secret *s);		  /* wipes; NULL allowed */
size_t         secret_len(const struct secret *s);
const uint8_t *secret_bytes(const struct secret *s);
uint8_t       *secret_data(struct secret *s);		  /* to fill it */

/* Shorten: the cut bytes are wiped.  len must not exceed secret_len(). */
void           secret_truncate(struct secret *s, size_t len);

/* Equal length and bytes, in constant time for equal lengths. */
bool           secret_equal(const struct secret *a, const struct secret *b);

/* Wipe memory in a way that the compiler keeps. */
void           wipe(void *p, size_t len);

/* Constant-time compare of two byte strings of one length. */
bool           bytes_equal_ct(const void *a, const void *b, size_t len);

DEFINE_CLEANUP(struct secret *, secret_free);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator under struct secret and under OpenSSL: pages that are locked
 * and left out of core dumps, blocks that are wiped when they are freed.
 * Blocks up to 16 KiB come from power-of-two free lists, larger ones are
 * mappings of their own.  All functions are thread-safe; pages are locked
 * again in a forked child.
 */
#ifndef ADE_CRYPTO_SECMEM_H
#define ADE_CRYPTO_SECMEM_H

#include <stdbool.h>
#include <stddef.h>

void *secmem_alloc(size_t len);			/* zero-filled, 16-byte aligned; NULL: no memory */
void *secmem_realloc(void *p, size_t len);	/* as realloc(3), the old block wiped */
void  secmem_free(void *p);			/* NULL allowed */
bool  secmem_is_locked(void);			/* false once mlock(2) was refused */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How map pages are stored: each is one ZSTD chunk of a map segment, named by
 * its HMAC under the page key.  A page's size varies; what binds it to its
 * place (AAD and table) says MAP_PAGE_MAX for all of them.
 * FORMAT.md, section "Map".
 */
#ifndef ADE_FS_VAULT_PAGE_H
#define ADE_FS_VAULT_PAGE_H

#include "fs/vault/map.h"

#define PAGE_KEY_BYTES 32u

/* The ring's page key: names of pages.  Wipe it after use.  0 or -errno. */
int page_key(const struct key_ring *ring, uint8_t key[PAGE_KEY_BYTES]);

/* The page's name: the same for the same bytes.  0 or -EIO. */
int page_name(const uint8_t key[PAGE_KEY_BYTES], const void *page, size_t len,
	      uint8_t name[CHUNK_NAME_BYTES]);

/* Seal the bytes that map_page_build() gave into a map segment; *ref is filled.
 * The caller has seen that segment_writer_has_room() for MAP_PAGE_MAX.
 * 0, -ENOMEM, -EIO, -EINVAL. */
int page_add(struct segment_writer *w, const uint8_t key[PAGE_KEY_BYTES], const void *page,
	     size_t len, struct chunk_ref *ref);

/* sealed: ref->len bytes as stored; overwritten.  NULL: EBADMSG, ENOMEM. */
struct map_page *page_open(struct chunk_opener *o, const uint8_t key[PAGE_KEY_BYTES],
			   const struct chunk_ref *ref, void *sealed, struct error *err);

#endif

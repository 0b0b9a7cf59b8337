/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing: a chunk's bytes become its name, its kind and the payload that
 * segment_writer_add() seals.  chunk_unpack() is the way back.
 * FORMAT.md, section "Chunks".
 */
#ifndef ADE_FS_VAULT_PACK_H
#define ADE_FS_VAULT_PACK_H

#include "fs/vault/segment.h"

#define NAME_KEY_BYTES 32u

/* Zstd context, name key and output buffers, made once.  One thread. */
struct packer;

/* For chunks of chunk_size bytes: a power of two, CHUNK_MIN to CHUNK_MAX.
 * NULL: EINVAL (another size), ENOMEM. */
struct packer *packer_new(const uint8_t name_key[NAME_KEY_BYTES], uint32_t chunk_size,
			  struct error *err);
void packer_free(struct packer *p);

struct packed {
	enum chunk_kind kind;
	const void *payload;	/* borrowed until the next packer_pack(); RAW: the chunk itself */
	size_t len;		/* ZERO: none */
};

/* Is every byte zero?  Such a chunk is not stored and needs no name. */
bool chunk_is_zero(const void *chunk, size_t len);

/* The chunk's name.  0 or -EIO. */
int packer_name(struct packer *p, const void *chunk, uint8_t name[CHUNK_NAME_BYTES]);

/* base: the whole unpacked chunk to patch, never itself a PATCH, or NULL.
 * 0, -ENOMEM or -EIO (zstd refused). */
int packer_pack(struct packer *p, const void *chunk, const void *base, struct packed *out);

/* How often a whole chunk was given to zstd so far. */
uint64_t packer_tries(const struct packer *p);

DEFINE_CLEANUP(struct packer *, packer_free);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: immutable objects that hold many sealed chunks, one after another,
 * and a sealed table of them.  Built in memory, put once.
 * FORMAT.md, sections "Chunks" and "Segments".
 */
#ifndef ADE_FS_VAULT_SEGMENT_H
#define ADE_FS_VAULT_SEGMENT_H

#include "fs/store/store.h"
#include "fs/vault/keys.h"

#define SEGMENT_ID_BYTES 24u
#define SESSION_ID_BYTES 12u
#define CHUNK_NAME_BYTES 16u
#define SEGMENT_BYTES (32u << 20)		/* a segment is closed before it passes this */
#define SEGMENT_CHUNKS_MAX 8192u
#define SEGMENT_STORED_MAX (64u << 20)		/* what a reader accepts */
#define CHUNK_MIN (16u << 10)
#define CHUNK_MAX (4u << 20)

enum segment_class { SEGMENT_DATA = 1, SEGMENT_MAP = 2 };
enum chunk_kind { CHUNK_ZERO = 0, CHUNK_RAW = 1, CHUNK_ZSTD = 2, CHUNK_PATCH = 3 };

/* Where a sealed chunk lies, and what it needs to be opened. */
struct chunk_ref {
	uint8_t name[CHUNK_NAME_BYTES];
	uint8_t segment[SEGMENT_ID_BYTES];
	uint16_t epoch;			/* whose key sealed the segment */
	uint32_t off, len;		/* in the segment; len counts the tag */
	uint32_t number;
	uint8_t kind;
	uint8_t base[CHUNK_NAME_BYTES];	/* PATCH: name of its base, else zeros */
};

/* "seg/<session>/<number/1024>/<id>"; size at least 128. */
void segment_name(const uint8_t id[SEGMENT_ID_BYTES], char *out, size_t size);

/* Opens sealed chunks: keeps the last segment's key.  One thread. */
struct chunk_opener;

/* A segment being built.  One thread. */
struct segment_writer;
struct segment_writer *segment_writer_new(const struct key_ring *ring, enum segment_class class,
					  const uint8_t session[SESSION_ID_BYTES], uint32_t number,
					  struct error *err);
void segment_writer_free(struct segment_writer *w);
bool segment_writer_has_room(const struct segment_writer *w, size_t chunk_size);
bool segment_writer_is_empty(const struct segment_writer *w);

/* Seal one packed chunk (payload of kind RAW, ZSTD or PATCH); chunk_size is
 * the unpacked size; base: PATCH's base name, else NULL.  *ref is filled. */
int segment_writer_add(struct segment_writer *w, enum chunk_kind kind,
		       const uint8_t name[CHUNK_NAME_BYTES], const uint8_t *base,
		       const void *payload, size_t len, uint32_t chunk_size, struct chunk_ref *ref);

/* Open what was sealed again and compare: 0, -EBADMSG (memory or a unit of the
 * processor lies), -ENOMEM.  Not after the put. */
int segment_writer_check(const struct segment_writer *w, struct chunk_opener *o,
			 const struct chunk_ref *ref, uint32_t chunk_size, const void *payload);
/* Table, trailer, put.  Once; then only free. */
int segment_writer_put(struct segment_writer *w, struct store *st, struct error *err);
/* How many bytes it will have, or has. */
size_t segment_writer_bytes(const struct segment_writer *w);

struct chunk_opener *chunk_opener_new(const struct key_ring *ring);
void chunk_opener_free(struct chunk_opener *o);
/* Derived keys are looked up and kept there from now on; it must outlive the opener. */
struct segment_keys;
void chunk_opener_share(struct chunk_opener *o, struct segment_keys *keys);

/* sealed: ref->len bytes as stored.  Opens in place: the payload is
 * sealed[0 .. ref->len - 16).  -EBADMSG: not what was sealed for this place. */
int chunk_open(struct chunk_opener *o, enum segment_class class, const struct chunk_ref *ref,
	       uint32_t chunk_size, void *sealed);
/* The same, the payload to out, ref->len - 16 bytes; sealed stays as it is, or is out itself. */
int chunk_open_to(struct chunk_opener *o, enum segment_class class, const struct chunk_ref *ref, uint32_t chunk_size,
		  const void *sealed, void *out);

/* Payload to chunk: base is the whole unpacked base chunk for PATCH. */
int chunk_unpack(enum chunk_kind kind, const void *payload, size_t len, const void *base,
		 void *chunk, uint32_t chunk_size);

/* The same, for many chunks: the opener keeps what zstd needs. */
int chunk_opener_unpack(struct chunk_opener *o, enum chunk_kind kind, const void *payload, size_t len,
			const void *base, void *chunk, uint32_t chunk_size);

/* The whole segment, checked without a key: SHA-256, header and trailer.  */
struct segment_info { uint16_t epoch; uint8_t class; uint32_t rows, table_off, table_len; };
int segment_check(const void *data, size_t len, const uint8_t id[SEGMENT_ID_BYTES],
		  struct segment_info *info, struct error *err);

/* The table's rows of a whole segment, malloc'ed.  -EBADMSG. */
int segment_table(const struct key_ring *ring, const void *data, size_t len,
		  const uint8_t id[SEGMENT_ID_BYTES], struct chunk_ref **rows, uint32_t **chunk_sizes,
		  size_t *n, struct error *err);

DEFINE_CLEANUP(struct segment_writer *, segment_writer_free);
DEFINE_CLEANUP(struct chunk_opener *, chunk_opener_free);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bottom of a stack: a file behind HTTP (fs/image/webfile.h), read in
 * chunks of 64 KiB through the chunk cache and the threads of a mount: what
 * lies next to each other is one request, up to 4 MiB, each chunk is fetched
 * once however many wait for it.  Of a page blob the list of pages tells the
 * holes, which are never fetched.  Faults are logged here.
 */
#ifndef ADE_FS_IMAGE_WEBDISK_H
#define ADE_FS_IMAGE_WEBDISK_H

#include "fs/image/blockdev.h"
#include "fs/image/webfile.h"
#include "fs/vault/chunk_cache.h"

#define WEBDISK_CHUNK (64u << 10)

/* spec and o as in webfile_open(); cache is borrowed and outlives it, what
 * else is needed is copied.  One request, and others that go on behind its
 * back.  NULL with words.  Reads: -ESTALE once the file has changed. */
struct blockdev *webdisk_open(const char *spec, const struct store_options *o, struct chunk_cache *cache,
			      struct error *err);

/* NULL: bd is no such disk. */
const struct webfile_info *webdisk_info(const struct blockdev *bd);
struct store *webdisk_file(struct blockdev *bd);	/* webfile_open()'s */
struct store *webdisk_meter(struct blockdev *bd);	/* counts its reads: fs/store/meter.h */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of segments that were derived already, for those who open many chunks
 * in no order: deriving one takes as long as reading a chunk.  Bounded; wiped
 * when freed.  Any number of threads.
 */
#ifndef ADE_FS_VAULT_SEGMENT_KEYS_H
#define ADE_FS_VAULT_SEGMENT_KEYS_H

#include "crypto/aead.h"
#include "fs/vault/segment.h"

#include <stdbool.h>

struct segment_keys;

struct segment_keys *segment_keys_new(void);		/* NULL: no memory */
void segment_keys_free(struct segment_keys *k);
/* True: key is what was put for this segment and epoch. */
bool segment_keys_get(struct segment_keys *k, unsigned epoch, const uint8_t id[SEGMENT_ID_BYTES],
		      uint8_t key[GCM_KEY_BYTES]);
void segment_keys_put(struct segment_keys *k, unsigned epoch, const uint8_t id[SEGMENT_ID_BYTES],
		      const uint8_t key[GCM_KEY_BYTES]);

DEFINE_CLEANUP(struct segment_keys *, segment_keys_free);

#endif

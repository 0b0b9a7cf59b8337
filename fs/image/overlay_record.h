/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One record of an overlay's log as bytes (overlay_log.h has its form).
 */
#ifndef ADE_FS_IMAGE_OVERLAY_RECORD_H
#define ADE_FS_IMAGE_OVERLAY_RECORD_H

#include "fs/image/overlay_log.h"

#define OVERLAY_RECORD_MAX ((OVERLAY_LOG_BLOCKS + 1) * OVERLAY_BLOCK)

struct overlay_record_id { uint8_t lap[16]; uint32_t number; };

/* Writing: rec begins with OVERLAY_BLOCK zeros and is len bytes in the end.
 * seal: 0, or -EIO, -ENOMEM (no digest). */
void overlay_record_set(uint8_t *rec, size_t i, uint64_t block, enum overlay_state state);
int overlay_record_seal(uint8_t *rec, size_t len, size_t entries, const struct overlay_record_id *id);

/* Reading.  size: the length that its first OVERLAY_BLOCK bytes tell, 0 if they
 * are none of a record; and its id.  whole: 1, 0 (torn), -EIO, -ENOMEM. */
size_t overlay_record_size(const uint8_t *rec, struct overlay_record_id *id);
int overlay_record_whole(const uint8_t *rec, size_t len);
size_t overlay_record_entries(const uint8_t *rec);
uint64_t overlay_record_block(const uint8_t *rec, size_t i);
unsigned overlay_record_state(const uint8_t *rec, size_t i);	/* as it is there */

#endif

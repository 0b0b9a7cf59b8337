/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition tables: MBR with extended partitions, GPT (primary, else backup),
 * in sectors of 512 or 4096 bytes, or none at all.  Turns bytes into plain
 * structs; every number in a table is hostile.
 * Formats: UEFI 2.10, chapter 5 (GPT, protective MBR); the MBR as everybody
 * writes it, numbered as Linux numbers it.
 */
#ifndef ADE_FS_IMAGE_PARTITIONS_H
#define ADE_FS_IMAGE_PARTITIONS_H

#include "fs/image/blockdev.h"

#define PARTITIONS_MAX 256u	/* rows in use that we look at */

enum table_kind { TABLE_NONE, TABLE_MBR, TABLE_GPT };

struct partition {
	unsigned n;			/* as Linux counts: GPT row + 1; MBR 1..4, logical from 5 */
	uint64_t start, size;		/* bytes; size is cut at the end of a truncated image */
	uint64_t stored_size;		/* bytes, as the table says */
	char type[40];			/* GPT: GUID in upper case; MBR: "0x83" */
	char name[128];			/* GPT: UTF-8; else empty */
	bool bootable;			/* MBR: active; GPT: legacy BIOS bootable */
	uint64_t row_off;		/* MBR: bytes, where the 16-byte row stands; GPT: 0 */
	uint64_t row_base;		/* MBR: bytes, what the row's start is relative to */
};

/* Where the GPT's parts lie, for those who rewrite it. */
struct gpt_place {
	uint64_t header_off, array_off;	/* bytes */
	bool valid;			/* header and array CRCs hold */
};

struct partition_table {
	enum table_kind kind;
	uint32_t sector_size;		/* 512 or 4096; 512 when there is no table */
	bool cut;			/* the image ends before a partition does */
	bool used_backup;		/* GPT: the primary was damaged */
	struct gpt_place primary, backup;
	uint32_t gpt_rows, gpt_row_bytes;
	struct partition *part;		/* in table order */
	size_t n_parts;
};

/* 0, or -EBADMSG: a GPT whose two copies are both damaged; codes of the
 * reader.  No table is no error.  Partitions that begin past the end of the
 * image are left out; *warning (may be NULL) says so. */
int partitions_read(struct blockdev *disk, struct partition_table **out, struct error *err,
		    struct error *warning);
void partitions_free(struct partition_table *t);

const char *table_name(enum table_kind kind);	/* "none", "mbr", "gpt" */

/* CRC-32 of IEEE 802.3, as GPT uses it. */
uint32_t gpt_crc32(const void *p, size_t len);

DEFINE_CLEANUP(struct partition_table *, partitions_free);

#endif

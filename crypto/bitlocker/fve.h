/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to crypto/bitlocker: the FVE structures between the files of this
 * folder.  Section numbers refer to libbde's BDE format document.
 */
#ifndef ADE_CRYPTO_BITLOCKER_FVE_H
#define ADE_CRYPTO_BITLOCKER_FVE_H

#include "crypto/bitlocker/bitlocker.h"

#define FVE_SIGNATURE "-FVE-FS-"
#define FVE_BLOCK_BYTES 65536u		/* a metadata block's space on the volume */
#define FVE_BLOCK_HEADER 64u
#define FVE_DATASET_HEADER 48u
#define FVE_ENTRY_HEADER 8u
#define FVE_COPIES 3

enum fve_entry_type {
	FVE_ENTRY_PROPERTY = 0x00, FVE_ENTRY_VMK = 0x02, FVE_ENTRY_FVEK = 0x03,
	FVE_ENTRY_STARTUP_KEY = 0x06, FVE_ENTRY_DESCRIPTION = 0x07,
	FVE_ENTRY_VOLUME_HEADER = 0x0f, FVE_ENTRY_VOLUME_GUID = 0x19,
};

enum fve_value_type {
	FVE_VALUE_KEY = 0x01, FVE_VALUE_STRING = 0x02, FVE_VALUE_STRETCH = 0x03,
	FVE_VALUE_CCM = 0x05, FVE_VALUE_VMK = 0x08, FVE_VALUE_EXTERNAL_KEY = 0x09,
	FVE_VALUE_OFFSET_SIZE = 0x0f, FVE_VALUE_GUID = 0x17,
};

/* One entry; data lies in the caller's buffer. */
struct fve_entry {
	uint16_t type, value, version;
	const uint8_t *data;
	size_t len;
};

/* Walk entries in [*p, end): 1 and *e, 0 at the end (or at padding), -EBADMSG
 * for an entry that does not fit. */
int fve_entry_next(const uint8_t **p, const uint8_t *end, struct fve_entry *e);
/* The first entry of that value type among those in [p, end): as above. */
int fve_entry_find(const uint8_t *p, const uint8_t *end, enum fve_value_type value,
		   struct fve_entry *e);
/* The last one: a protector's own CCM datum comes after its nested ones. */
int fve_entry_find_last(const uint8_t *p, const uint8_t *end, enum fve_value_type value,
			struct fve_entry *e);

void fve_guid_text(const uint8_t guid[16], char text[GUID_TEXT]);

/* What the boot sector says (4.1). */
struct fve_boot {
	uint32_t sector_size;
	bool to_go;
	uint64_t block_off[FVE_COPIES];
};
/* 0; -ENOTSUP: Vista, EOW; -EBADMSG: not a BitLocker boot sector. */
int fve_boot_parse(const uint8_t sector[512], struct fve_boot *boot, struct error *err);

/* One good metadata copy, owned: signature, version and CRC hold. */
struct fve_block {
	uint8_t *bytes;			/* hashed part, then validation */
	size_t hashed_len;		/* what CRC and SHA-256 cover */
	size_t validation_len;
	uint16_t state;
	uint64_t encrypted_size;
	uint64_t block_off[FVE_COPIES];
	uint64_t backup_off;		/* of the boot sectors */
	uint64_t backup_len;
	uint32_t nonce_counter;
	uint16_t method;
	uint8_t guid[16];
	const uint8_t *entries, *entries_end;	/* in bytes */
};
/* Read and check the block at off.  0; -EBADMSG, -ENOTSUP with words; codes of the reader. */
int fve_block_read(const struct reader *r, uint64_t off, uint32_t sector_size,
		   struct fve_block *b, struct error *err);
/* The same from memory, for the fuzz target: buf is what lies at off. */
int fve_block_parse(const uint8_t *buf, size_t len, uint64_t off, uint32_t sector_size,
		    struct fve_block *b, struct error *err);
void fve_block_release(struct fve_block *b);

struct bitlocker {
	struct fve_boot boot;
	struct fve_block copy[FVE_COPIES];	/* good ones, best first */
	size_t n_copies;
	bool block_seen[FVE_COPIES];
	struct bitlocker_info info;
	struct bitlocker_protector *protectors;
};

/* A protector's VMK entry: its GUID, type and nested entries. */
struct fve_vmk {
	uint8_t guid[16];
	uint16_t protection;
	const uint8_t *nested, *end;
};
/* The next VMK entry after *p: 1, 0, -EBADMSG. */
int fve_vmk_next(const uint8_t **p, const uint8_t *end, struct fve_vmk *v);

enum bitlocker_protector_kind fve_protector_kind(uint16_t protection);

/* Open a CCM datum that holds a key entry: 0 and *key (owned) and *method;
 * -EKEYREJECTED, -EBADMSG, -ENOMEM. */
int fve_key_open(const uint8_t key[32], const struct fve_entry *ccm, struct secret **out,
		 uint16_t *method);

/* Turn an unlocked VMK into the volume: checks the copy's protected hash. */
int fve_volume_make(const struct bitlocker *b, const struct fve_block *copy,
		    const struct secret *vmk, struct volume **out, struct error *err);

#endif

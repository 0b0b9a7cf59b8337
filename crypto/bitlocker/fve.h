/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to crypto/bitlocker, its tests and fuzz targets: the FVE structures
 * that the files of this folder hand each other.  Layouts are those of libbde's
 * "BitLocker Drive Encryption (BDE) format" document, FVE metadata version 2.
 *
 *	header.c	the boot sector
 *	metadata.c	one metadata block: checks, and the walk over its entries
 *	open.c		the three copies, which one counts, what it says
 *	protectors.c	from a BEK, a password, … to the volume master key
 *	unlock.c	from there to the volume's own key and its map
 *	bek.c, text.c	key files; recovery passwords, UTF-16, GUIDs
 */
#ifndef ADE_CRYPTO_BITLOCKER_FVE_H
#define ADE_CRYPTO_BITLOCKER_FVE_H

#include "crypto/bitlocker/bitlocker.h"

#define FVE_SIGNATURE "-FVE-FS-"
#define FVE_BLOCK_BYTES 65536u		/* a metadata block's space on the volume */
#define FVE_BLOCK_HEADER 64u
#define FVE_DATASET_HEADER 48u		/* also a key file's */
#define FVE_ENTRY_HEADER 8u
#define FVE_COPIES 3
#define FVE_MAP_ROWS 32			/* more than a map can have */
#define FVE_KEY_BYTES 32		/* VMK, external keys, stretched passwords */

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

enum fve_state {
	FVE_DECRYPTED = 1,
	FVE_SWITCHING_DIRTY = 2,	/* a conversion log holds what is on its way */
	FVE_PAUSED = 3, FVE_ENCRYPTED = 4, FVE_SWITCHING = 5,
};

/* Key methods inside key entries. */
enum { FVE_METHOD_VMK = 0x2003, FVE_METHOD_SHA256 = 0x2005 };

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

/* What the boot sector says. */
struct fve_boot {
	uint32_t sector_size;		/* 512 or 4096 */
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
	unsigned number;		/* 0..2, place in the boot sector's list */
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
uint32_t fve_crc32(const void *buf, size_t len);	/* IEEE 802.3's, as zlib's crc32() */

struct bitlocker {
	struct fve_boot boot;
	struct fve_block copy[FVE_COPIES];	/* good ones, best first */
	size_t n_copies;
	uint64_t size;				/* of the container, bytes */
	struct bitlocker_info info;
	struct bitlocker_protector *protectors;
};

/* What a method code means; NULL: nothing known. */
struct fve_cipher {
	uint16_t method;
	enum sector_mode mode;
	unsigned key_bits;		/* of one AES key */
	const char *name;
};
const struct fve_cipher *fve_cipher_find(uint16_t method);

/* A protector's VMK entry: its GUID, type and nested entries. */
struct fve_vmk {
	uint8_t guid[16];
	uint16_t protection;
	const uint8_t *nested, *end;
};
/* The next VMK entry after *p: 1, 0, -EBADMSG. */
int fve_vmk_next(const uint8_t **p, const uint8_t *end, struct fve_vmk *v);
enum bitlocker_protector_kind fve_protector_kind(uint16_t protection);

/* Open a CCM datum that holds a key entry: 0 and *out (owned) and *method;
 * -EKEYREJECTED, -EBADMSG, -ENOMEM. */
int fve_key_open(const uint8_t key[FVE_KEY_BYTES], const struct fve_entry *ccm,
		 struct secret **out, uint32_t *method);

/* The map of a volume of `size` bytes (a multiple of the sector size) as this
 * copy describes it; never refers behind `size`.  0, -EBADMSG with words. */
int fve_map_make(const struct fve_block *copy, uint32_t sector_size, uint64_t size,
		 struct crypt_extent rows[FVE_MAP_ROWS], size_t *n_rows, struct error *err);

/* From the master key to the volume; the copy's protected hash is checked.
 * 0, -EBADMSG (also: the hash differs), -ENOTSUP, -ENOMEM. */
int fve_volume_make(const struct bitlocker *b, const struct fve_block *copy,
		    const struct secret *vmk, struct volume **out, struct error *err);

void fve_guid_text(const uint8_t guid[16], char text[GUID_TEXT]);
/* 48 digits to the 16 bytes that are hashed: 0, -EINVAL with words. */
int fve_recovery_parse(const struct secret *text, uint8_t out[16], struct error *err);
/* UTF-8 to UTF-16LE without a terminator; NULL: EINVAL (not UTF-8), ENOMEM. */
struct secret *fve_utf16_from_utf8(const struct secret *utf8, struct error *err);
/* UTF-16LE up to a terminator, for display: bad and control characters become
 * '?', what does not fit is cut.  out_len at least 1. */
void fve_utf16_to_utf8(const uint8_t *in, size_t len, char *out, size_t out_len);

#endif

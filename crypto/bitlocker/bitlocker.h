/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BitLocker volumes (FVE metadata version 2, Windows 7 and later): parse the
 * boot sector and the three metadata copies, say what opens the volume,
 * unlock it into a struct volume.  Reads through a struct reader over the
 * container (the partition); no files, no policy, no logging.
 * Format: libbde's "BitLocker Drive Encryption (BDE) format" document.
 */
#ifndef ADE_CRYPTO_BITLOCKER_H
#define ADE_CRYPTO_BITLOCKER_H

#include "crypto/volume.h"

#include <stdbool.h>

#define GUID_TEXT 37			/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and NUL */

enum bitlocker_protector_kind {
	BITLOCKER_CLEAR_KEY,		/* 0x0000: protection suspended, opens without a key */
	BITLOCKER_TPM,			/* 0x0100 */
	BITLOCKER_EXTERNAL_KEY,		/* 0x0200: a .BEK file; what ADE uses */
	BITLOCKER_TPM_PIN,		/* 0x0400, 0x0500 */
	BITLOCKER_RECOVERY_PASSWORD,	/* 0x0800 */
	BITLOCKER_SMART_CARD,		/* 0x1000 */
	BITLOCKER_PASSWORD,		/* 0x2000 */
	BITLOCKER_OTHER,
};

struct bitlocker_protector {
	enum bitlocker_protector_kind kind;
	uint16_t type;			/* as stored */
	char guid[GUID_TEXT];		/* upper case */
};

struct bitlocker_info {
	char guid[GUID_TEXT];		/* the volume's dataset GUID, upper case */
	char description[256];		/* UTF-8; may be empty */
	const char *cipher;		/* "aes-xts-256", …; "unknown" */
	uint16_t method;		/* 0x8000 … as stored */
	uint32_t sector_size;
	bool to_go;
	uint16_t state;			/* FVE current state as stored */
	uint64_t volume_size;		/* bytes: the container's size in whole sectors */
	uint64_t encrypted_size;	/* what lies behind it is stored in clear */
	unsigned copy_used;		/* 0..2; unlocking may change it: see below */
	unsigned copies_valid;		/* bit mask */
	bool copies_differ;		/* valid copies differ; the highest nonce counter won */
	const struct bitlocker_protector *protectors;
	size_t n_protectors;
};

struct bitlocker;

/* Does this first sector (512 bytes) belong to a BitLocker volume, of whatever kind? */
bool bitlocker_detect(const uint8_t *sector);

/* NULL: ENOTSUP (Vista, EOW, unknown cipher: by name), EBADMSG (no good metadata copy),
 * EIO and other codes of the reader.  The reader is borrowed during the call only. */
struct bitlocker *bitlocker_open(const struct reader *r, struct error *err);
void bitlocker_free(struct bitlocker *b);
const struct bitlocker_info *bitlocker_info(const struct bitlocker *b);	/* borrowed */

/* A key file's contents, parsed.  Hostile input. */
struct bek {
	char guid[GUID_TEXT];		/* key id = the protector's GUID, upper case */
	char volume_guid[GUID_TEXT];	/* empty in the 156-byte form */
	struct secret *key;		/* 32 bytes, owned */
};
bool bek_detect(const void *buf, size_t len);			/* length, version and header size fit */
struct bek *bek_parse(const struct secret *file, struct error *err);	/* NULL: EBADMSG */
void bek_free(struct bek *k);

/* Unlock.  0, or -EKEYREJECTED (no protector of that kind opened by it; a BEK whose GUID is not
 * among the protectors says which GUIDs are), -ENOKEY (no clear key), -EBADMSG (damaged metadata:
 * a right key whose data fails its check), -ENOTSUP, -ENOMEM.  *out is owned by the caller.
 * When the chosen metadata copy fails its protected hash, other valid copies are tried (older ones
 * only if the volume is wholly encrypted: they may not know how far a conversion has come), and
 * info->copy_used names the one that opened.  One thread at a time.
 * Recovery password: 48 digits in 8 groups (dashes and blanks optional), or the page of text that
 * Windows saves, with the password in it (ASCII or UTF-16LE with its mark); -EINVAL when ill-formed.
 * Password: UTF-8 as typed.  The two cost about a second of hashing a try. */
int bitlocker_unlock_bek(struct bitlocker *b, const struct bek *bek,
			 struct volume **out, struct error *err);
int bitlocker_unlock_recovery(struct bitlocker *b, const struct secret *text,
			      struct volume **out, struct error *err);
int bitlocker_unlock_password(struct bitlocker *b, const struct secret *utf8,
			      struct volume **out, struct error *err);
int bitlocker_unlock_clear(struct bitlocker *b, struct volume **out, struct error *err);

DEFINE_CLEANUP(struct bitlocker *, bitlocker_free);
DEFINE_CLEANUP(struct bek *, bek_free);

#endif

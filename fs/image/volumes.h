/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The volumes of a disk: what each partition (or the whole disk) holds, and,
 * where it is encrypted and a key opens it, its plaintext device.
 * Between disk.c, info.c and the files that open formats.
 */
#ifndef ADE_FS_IMAGE_VOLUMES_H
#define ADE_FS_IMAGE_VOLUMES_H

#include "crypto/bitlocker/bitlocker.h"
#include "crypto/volume.h"
#include "fs/image/disk.h"
#include "fs/image/lvm.h"
#include "fs/image/partitions.h"

enum volume_format { VOLUME_PLAIN, VOLUME_BITLOCKER, VOLUME_LUKS };

struct disk_volume {
	unsigned n;			/* partition number; 0: the whole disk */
	uint64_t start, size;		/* bytes in the disk */
	bool is_msr;			/* its row is of the type "Microsoft reserved" */
	enum volume_format format;
	const char *what;		/* "bitlocker", "luks", a file system, "msr", "empty" (begins
					 * with zeros), "": unknown */
	const char *inside;		/* file system of the plaintext, "" */
	enum disk_state state;
	struct error why;		/* when not open */
	char cipher[72];
	unsigned luks_version;
	char uuid[64];			/* LUKS UUID, or BitLocker volume GUID */
	char header_from[96];		/* where a detached header was found */
	char opened_by[256];		/* name of the key; "clear key" */
	struct bitlocker_protector *protectors;	/* owned */
	char **secret_url;		/* of each protector the Key Vault secret of its BEK, as far as a key says;
					 * owned, also its strings; NULL: of none */
	size_t n_protectors;
	bool copies_differ;
	unsigned copy_used;
	uint64_t encrypted_size;
	uint64_t header_bytes;		/* LUKS in front: bytes before the plaintext */
	struct blockdev *plain;		/* the plaintext, when open and encrypted */
	struct lvm *lvm;		/* what an LVM physical volume holds, in plain or stored */
	struct error lvm_why;		/* why that could not be read */
};

/* What an attempt to unlock may use; shared by all volumes of a disk. */
struct unlock_context {
	struct keyring *keys;		/* NULL: none */
	const struct disk_options *opts;
	struct key *last;		/* the passphrase that opened the last volume */
};

/* What several keys came to: the first failure that says more than "wrong
 * key" is told, else the first. */
struct outcome {
	int rc;				/* -ENOKEY: nothing was tried */
	struct error why;
};

void outcome_note(struct outcome *o, int rc, const struct error *why);

/* Look at the container (borrowed) and unlock what can be; fills v. */
void volume_open(struct disk_volume *v, struct blockdev *container, struct unlock_context *ctx);
void bitlocker_volume_open(struct disk_volume *v, struct blockdev *container,
			   struct unlock_context *ctx);
/* header: the device that holds the LUKS header (the container itself, or a
 * detached one). */
void luks_volume_open(struct disk_volume *v, struct blockdev *header, struct blockdev *container,
		      struct unlock_context *ctx);
/* plain (borrowed), the volume's bytes as they are to be read, is an LVM
 * physical volume: fills v->lvm or v->lvm_why. */
void volume_read_lvm(struct disk_volume *v, struct blockdev *plain);
void disk_volume_release(struct disk_volume *v);

/* Note why v is not open; the state follows from the code. */
void volume_failed(struct disk_volume *v, const struct error *why);

/* A reader over a device, for the parsers of crypto/. */
struct reader reader_over(struct blockdev *bd);

/* Take the unlocked volume: v->plain and v->inside. */
void volume_opened(struct disk_volume *v, struct blockdev *container, struct volume *vol,
		   const char *key_name);

#endif

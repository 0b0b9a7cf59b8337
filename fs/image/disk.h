/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk as the mount, restore, verify and boot see it: one source, its
 * partition table, the encrypted volumes that the keys open, and the views in
 * which its bytes can be read (DESIGN.md, section 7).  Opening reads tables
 * and headers and unlocks; after that the object is immutable and any number
 * of threads may open views of it.
 */
#ifndef ADE_FS_IMAGE_DISK_H
#define ADE_FS_IMAGE_DISK_H

#include "fs/image/blockdev.h"
#include "fs/keys/keyring.h"

struct audit;				/* fs/keys/audit.h */
struct disk;

/* The other disks of the VM.  A Linux data disk that ADE encrypted in place has
 * its LUKS header in the OS disk's volume: for a volume that says nothing of
 * itself, theirs are searched for headers. */
struct disk_family {
	size_t n;
	/* Opened without a family, the caller's to drop; NULL: that one cannot be. */
	struct disk *(*open)(void *arg, size_t i, struct error *err);
	const char *(*name)(void *arg, size_t i);
	void *arg;
};

struct disk_options {
	bool partial;			/* show what opens; locked volumes stay ciphertext in disk.raw */
	bool try_all_keys;		/* no limit of 16 KDF runs */
	uint64_t max_kdf_memory;	/* bytes; 0: 1 GiB */
	const char *const *headers;	/* header=[DISK:]FILE[@OFFSET], already without DISK: */
	size_t n_headers;
	const struct disk_family *family;	/* used while opening; NULL: it is alone */
	struct audit *audit;		/* a line for each volume that a key opens, or should have; NULL: none */
	const char *label;		/* the disk's name there; used while opening */
};

enum disk_state { DISK_PLAIN, DISK_OPEN, DISK_LOCKED, DISK_DAMAGED, DISK_UNSUPPORTED };

/* Open what SPEC names as one disk: a raw image, fixed VHD or block device.
 * Recognises and refuses dynamic VHD, VHDX, qcow2, VMDK (ENOTSUP, with the
 * qemu-img line), empty files and folders (EINVAL).  Read-only.
 * *vhd is set when the source carries a VHD footer (the returned device then
 * still includes it). */
struct blockdev *disk_source_open(const char *path, bool *vhd, struct error *err);
/* The same of a source that is open already; takes it, NULL is handed on. */
struct blockdev *disk_source_probe(struct blockdev *source, const char *name, bool *vhd, struct error *err);

/* Takes source on success and failure.  keys is borrowed until
 * disk_forget_keys(); NULL: none.  A key that does not open a volume is no failure here:
 * the volume is DISK_LOCKED, disk_check_keys() tells.  A disk whose audit line
 * cannot be kept is not opened. */
struct disk *disk_open(struct blockdev *source, bool vhd, struct keyring *keys,
		       const struct disk_options *opts, struct error *err);
struct disk *disk_ref(struct disk *d);
void disk_unref(struct disk *d);

/* The rule of the mount: 0; unless partial was asked for, -EKEYREJECTED when
 * keys were named and one opens nothing (12), -EBADMSG when the image ends
 * before its partitions do (16).  *warning (may be NULL) gets words when
 * volumes stay locked because no key was named, or when the partition table
 * has something to mind. */
int disk_check_keys(struct disk *d, struct error *err, struct error *warning);

/* Has it a volume that no key opened? */
bool disk_is_locked(const struct disk *d);

/* What could be opened is open: the keys are not looked at again, and may be
 * freed.  disk_check_keys() comes before. */
void disk_forget_keys(struct disk *d);

/* Views: "disk.raw", "disk.vhd", "disk.vhdx" (a disk of at most 64 TiB),
 * "disk.vmdk" (of whole sectors), "p1.raw", …,
 * "<vg>-<lv>.raw" (logical volumes that lie in one piece or more on one partition),
 * "encrypted/disk.raw", "encrypted/disk.vhd".
 * The list is fixed after disk_open(); writable: over an overlay (disk_overlay.h). */
struct disk_view { const char *name; uint64_t size; bool writable; };
size_t disk_n_views(const struct disk *d);
const struct disk_view *disk_view_at(const struct disk *d, size_t i);

/* A new reference in *out.  -ENOKEY / -EACCES with words when a volume in it
 * is locked, -EBADMSG / -ENOTSUP when damaged or unsupported. */
int disk_view_open(struct disk *d, size_t i, struct blockdev **out, struct error *err);

/* "encrypted/disk.vhd" of a disk that came without a footer, before it is
 * opened: its size, and its bytes.  Takes bd, on failure too. */
uint64_t disk_vhd_size(uint64_t stored);
struct blockdev *disk_stored_vhd(struct blockdev *bd, struct error *err);

/* info.json (the same that `adebackup inspect --json` prints): malloc'ed text, NULL: no memory. */
char *disk_info_json(const struct disk *d);

DEFINE_CLEANUP(struct disk *, disk_unref);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery points: the manifest that says what one is, and finding them.
 * FORMAT.md, sections "Manifest", "Refs" and "Names".
 */
#ifndef ADE_FS_VAULT_POINT_H
#define ADE_FS_VAULT_POINT_H

#include "fs/util/json_value.h"
#include "fs/vault/map.h"
#include "fs/vault/vault.h"

#define POINT_ID_TEXT 17u		/* 16 hex digits and NUL */
#define POINT_TIME_TEXT 17u		/* 20261120T020000Z and NUL */
#define MANIFEST_MAX (1u << 20)	/* bytes of its text */
#define POINT_DISK_MAX (1ull << 52)	/* bytes */
#define POINT_DISKS_MAX 256u
#define OPENING_ROWS_MAX 2048u		/* of a disk */
#define TOMBSTONE_MAX 256u		/* bytes stored; a manifest is always larger */

enum proof_state { PROOF_NONE, PROOF_PROVEN };

/* A chunk that opening the disk reads, with its whole entry: no page is needed for it. */
struct opening_row {
	uint64_t chunk;			/* its number */
	struct map_entry entry;
};

struct point_disk {
	char name[64];			/* os, lun0, … */
	uint64_t size;			/* bytes, as stored (a VHD's footer included) */
	bool vhd;			/* the source carried a VHD footer */
	uint32_t chunk_size;
	unsigned levels;		/* of pages: map_levels() of its chunks */
	bool has_top;			/* false: all zeros */
	struct chunk_ref top;		/* the top page */
	uint8_t *top_page;		/* as it is stored there, top.len bytes, owned; NULL: not kept here */
	char source[512];		/* where it came from, for people */
	char source_version[128];	/* ETag of a source behind HTTP; "": none */
	uint64_t stored_bytes, new_bytes;	/* sealed bytes it refers to, it added */
	struct jval *info;		/* volumes at backup time (info.json), owned; NULL: none */
	struct opening_row *opening;	/* owned, ascending; may be none */
	size_t n_opening;
	uint64_t *opening_zeros;	/* chunks that opening reads and that are zero: owned, ascending */
	size_t n_opening_zeros;		/* at most OPENING_ROWS_MAX */
};

struct point {
	char vm[128], vm_id[VM_ID_TEXT];
	char id[POINT_ID_TEXT];
	uint8_t session[SESSION_ID_BYTES];
	int64_t time;			/* host time of the backup's begin, seconds since 1970 */
	int64_t store_time;		/* of the backup, also where the manifest was written anew */
	int64_t rewritten;		/* store time when a compact wrote this manifest; 0: the first one */
	uint64_t number;		/* 1 for the VM's first, counting on */
	char previous[192];		/* name of the manifest before, or empty */
	char previous_sha256[65];
	int64_t retain_until;		/* seconds since 1970, 0: none */
	enum proof_state proof;
	char proof_words[256];
	struct jval *vm_config;		/* owned; NULL: none */
	struct jval *capsule;		/* owned; NULL: none */
	char refs_sha256[65];
	struct point_disk *disk;	/* owned */
	size_t n_disks;
};

struct point *point_new(void);
void point_free(struct point *p);
struct point_disk *point_add_disk(struct point *p);	/* zeroed; NULL: no memory */
const struct point_disk *point_find_disk(const struct point *p, const char *name);

/* Names a disk of a point in audit lines: "web1@20261120T020000Z os". */
#define POINT_LABEL_BYTES 256u
void point_disk_label(const struct point *p, const struct point_disk *d, char out[POINT_LABEL_BYTES]);

/* JSON text of the manifest, malloc'ed, and back.  Hostile input: EBADMSG.
 * Members that this version does not know are passed over: a format that must
 * not be read so has another version in its object's header. */
int point_to_json(const struct point *p, char **text, struct error *err);
struct point *point_from_json(const void *text, size_t len, struct error *err);

uint64_t point_disk_chunks(const struct point_disk *d);
/* "pt/<vm id>/<time>-<point>"; size at least 96. */
void point_folder_name(const struct point *p, char *out, size_t size);
/* That, "/<session>"; size at least 192. */
void point_object_name(const struct point *p, char *out, size_t size);
void point_time_text(int64_t time, char out[POINT_TIME_TEXT]);
/* That form, or RFC 3339 with seconds.  0 or -EINVAL. */
int point_time_parse(const char *text, int64_t *time);

/* What a list of names alone says of a point (nothing is read). */
struct point_name {
	char object[192];
	char vm_id[VM_ID_TEXT], id[POINT_ID_TEXT];
	int64_t time;
	char folder[32];		/* 20261120T020000Z, "-2" for a second one in that second */
	uint64_t size;			/* of the manifest and when it was put, as listed; 0: not known */
	int64_t put;
};

/* Points of a VM (all VMs: vm_id NULL), by VM, oldest first; without those
 * marked as expired, and one manifest each (the newest).  *list is malloc'ed. */
int point_list(struct vault *v, const char *vm_id, struct point_name **list, size_t *n,
	       struct error *err);
/* The newest point of a VM alone, and what was made in the same second; all of
 * them where the store cannot tell folders.  Takes a few requests, however many there are. */
int point_list_latest(struct vault *v, const char *vm_id, struct point_name **list, size_t *n,
		      struct error *err);
/* id, unique prefix of an id, time, folder name or "latest".  -ENOENT with words.
 * pick: of a list that is there already. */
int point_pick(struct vault *v, const struct point_name *list, size_t n, const char *vm_name, const char *which,
	       struct point_name *out, struct error *err);
int point_find(struct vault *v, const char *vm_name, const char *which, struct point_name *out,
	       struct error *err);
/* -ESTALE: gone, or ended by a tombstone, since the list was made. */
int point_read(struct vault *v, const struct point_name *name, struct point **out, struct error *err);
/* R2, once the reader's record is put: -ESTALE also when this manifest is leaving. */
int point_read_unmarked(struct vault *v, const struct point_name *name, struct point **out, struct error *err);
/* R3: the newest manifest of the point that the one of that object name is, or was, of.
 * out->folder does not tell twins apart.  -ESTALE with words: the point has gone. */
int point_newest(struct vault *v, const char *object, struct point_name *out, struct error *err);
/* Seal and put, as the commit.  -EEXIST: a tombstone (or a manifest) is there.
 * sha256_text (65 bytes, may be NULL): of the stored bytes. */
int point_put(struct vault *v, const struct point *p, char *sha256_text, struct error *err);

DEFINE_CLEANUP(struct point *, point_free);

#endif

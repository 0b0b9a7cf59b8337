/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a vault holds, as prune and collection have to see it: every manifest,
 * also those that are leaving, what each refers to by its refs, and the
 * segments that are there.  No map and no segment is read.
 * FORMAT.md, section "Protocol".
 */
#ifndef ADE_FS_VAULT_INVENTORY_H
#define ADE_FS_VAULT_INVENTORY_H

#include "fs/vault/point.h"
#include "fs/vault/signs.h"

enum point_state {
	POINT_SOUND,		/* manifest and refs open, and every segment is there */
	POINT_INCOMPLETE,	/* a segment that it needs is not there */
	POINT_NO_REFS,		/* its refs are not there */
	POINT_BAD_REFS,		/* they cannot be read, or are not this point's */
	POINT_UNREADABLE,	/* the manifest cannot be read: all that follows is unknown but the name's parts */
};

/* One manifest.  A point that was compacted has several for a time. */
struct inventory_point {
	char object[192];
	char vm[128], vm_id[VM_ID_TEXT], id[POINT_ID_TEXT];
	char session[2 * SESSION_ID_BYTES + 1];
	int64_t time, store_time, retain_until, rewritten;	/* as in struct point */
	uint64_t number;
	bool proven;
	int64_t marked;		/* store time of its exp/ mark; 0: none */
	enum point_state state;
	char fault[128];	/* unless SOUND: words */
};

struct inventory_segment {
	uint8_t id[SEGMENT_ID_BYTES];
	uint64_t size;
	int64_t time;		/* store time of its put; 0: some refs name it, but it is not there */
	uint64_t most;		/* the highest count of bytes that a manifest refers to in it */
	uint32_t names;		/* how many refs name it */
	bool condemned;		/* a record names it whose finisher is not dead (collect_run() alone) */
};

struct inventory {
	struct vault *vault;	/* borrowed */
	int64_t now;		/* store time */
	int64_t newest;		/* store time of the newest object seen; 0: none */
	struct inventory_point *point;		/* by VM, then by time */
	size_t n_points;
	char (*ended)[2 * SESSION_ID_BYTES + 1];	/* whose name in pt/ is taken, sorted */
	size_t n_ended;
	char (*committed)[2 * SESSION_ID_BYTES + 1];	/* of these the manifests', sorted */
	size_t n_committed;
	char (*read)[2 * SESSION_ID_BYTES + 1];	/* whose refs were read, sorted */
	size_t n_read;
	struct inventory_segment *segment;	/* a hash table: an empty row's size and names are 0 */
	size_t segments_room, n_segments;
	struct sign *session;			/* as listed after the refs and before the manifests */
	size_t n_sessions;
	char blocked[192];	/* an object of pt/ or ref/ that cannot be read; "": none */
	char why[256];
	char (*dead)[2 * SESSION_ID_BYTES + 1];	/* that ended without a manifest; their refs name nothing */
	size_t n_dead;
};

/* 0, or -errno with words: the store fails, -ENOKEY, -ENOMEM.  Damage is
 * written down, not returned.  One thread. */
struct inventory *inventory_take(struct vault *v, struct error *err);
void inventory_free(struct inventory *inv);

/* C6: list refs and manifests once more and note what those that came since name. */
int inventory_look_again(struct inventory *inv, struct error *err);

/* The refs of that manifest, which is about to be deleted, do not count any more. */
int inventory_forget(struct inventory *inv, const char *session, struct error *err);

/* Did a session with that id end: is there no record of it, or its name taken? */
bool inventory_has_ended(const struct inventory *inv, const char *session);
/* Does some manifest or tombstone bear that session's name; a manifest? */
bool inventory_is_taken(const struct inventory *inv, const char *session);
/* It was ended just now.  0 or -ENOMEM. */
int inventory_note_ended(struct inventory *inv, const char *session);
bool inventory_has_committed(const struct inventory *inv, const char *session);
struct inventory_segment *inventory_segment(const struct inventory *inv, const uint8_t id[SEGMENT_ID_BYTES]);

DEFINE_CLEANUP(struct inventory *, inventory_free);

#endif

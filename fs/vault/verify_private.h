/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify share.  Private to fs/vault/verify*.c. */
#ifndef ADE_FS_VAULT_VERIFY_PRIVATE_H
#define ADE_FS_VAULT_VERIFY_PRIVATE_H

#include "fs/vault/refs.h"
#include "fs/vault/verify.h"

#include <pthread.h>

enum seg_state { SEG_UNREAD, SEG_FINE, SEG_BAD, SEG_MISSING };

struct vsegment {
	uint8_t id[SEGMENT_ID_BYTES];
	uint64_t size;
	enum seg_state state;
	bool wanted;			/* a point that is verified needs it, or all are */
	char vm_id[VM_ID_TEXT];		/* of a point that needs it; "": none */
	uint32_t rows;			/* FINE, with keys: prints of its chunks */
	uint32_t *print;
	uint8_t *patch_seen;		/* a bit a chunk: applied and named already */
};

struct vpoint {
	char object[256];		/* "pt/…" */
	const struct point_name *name;	/* with keys; borrowed from verify_state.names */
	uint8_t session[SESSION_ID_BYTES];
	struct refs_row *refs;		/* sorted; NULL: they cannot be read */
	size_t n_refs;
};

struct vobject { char name[256]; };

struct verify_state {
	const struct verify *q;
	struct verify_result *out;
	pthread_mutex_t lock;		/* guards out and fault() while segments are read */
	struct vobject *object;		/* all but segments, sorted */
	size_t n_objects, objects_room;
	struct vsegment *segment;	/* sorted */
	size_t n_segments, segments_room;
	struct point_name *names;
	struct vpoint *point;
	size_t n_points;
};

/* verify_list.c */
int verify_list(struct verify_state *s, struct error *err);
void verify_state_release(struct verify_state *s);
struct vsegment *verify_find_segment(struct verify_state *s, const uint8_t id[SEGMENT_ID_BYTES]);
bool verify_has_object(const struct verify_state *s, const char *prefix);
bool verify_point_needs(const struct vpoint *p, const uint8_t id[SEGMENT_ID_BYTES]);
void verify_tell(struct verify_state *s, const struct verify_fault *f);
/* An object is at fault: told once for each point that needs it, or once. */
void verify_tell_object(struct verify_state *s, const char *object, int code, const char *text);
/* A segment that was listed has gone: was it collected, or is it missing?  With keys the maps tell. */
void verify_tell_missing(struct verify_state *s, const char *segment);

/* verify_objects.c: points and their refs, then all small objects. */
int verify_points_load(struct verify_state *s, struct error *err);
void verify_objects(struct verify_state *s);

/* verify_segments.c */
int verify_segments(struct verify_state *s, struct error *err);
uint32_t verify_print(const struct chunk_ref *ref);

/* verify_disks.c: with keys, what the maps of the points say. */
int verify_disks(struct verify_state *s, struct error *err);

#endif

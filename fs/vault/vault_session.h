/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of those who write (a backup, a compact), readers' signs of life,
 * and which segments are condemned.  A session runs while its record exists
 * and no manifest of it is committed; safety rests on the order of these
 * calls and the puts around them, not on clocks.  FORMAT.md, section
 * "Protocol" (W1, W2, W6, R1).
 */
#ifndef ADE_FS_VAULT_VAULT_SESSION_H
#define ADE_FS_VAULT_VAULT_SESSION_H

#include "fs/vault/segment.h"
#include "fs/vault/vault.h"

#define SESSION_BEAT_SECONDS 300

/* One thread. */
struct vault_session;

/* W1: draw an id, put "ses/<id>.0".  what: "backup", for people.  point_folder:
 * "pt/<vm id>/<time>-<point id>": with the session's id behind it it is the
 * manifest's name, which whoever ends a silent session has to know. */
struct vault_session *vault_session_begin(struct vault *v, const char *what, const char *point_folder,
					  struct error *err);
/* R1: the same with "rd/<id>.0", naming the point that is read.  -EROFS and
 * -EACCES are the caller's to decide on: a reader can do without. */
struct vault_session *vault_reader_begin(struct vault *v, const char *point_object, struct error *err);
const uint8_t *vault_session_id(const struct vault_session *s);
/* A sign of life, when the last is older than SESSION_BEAT_SECONDS. */
int vault_session_beat(struct vault_session *s, struct error *err);
/* W6: take the records away and free s.  Without it they stay, as after a kill. */
void vault_session_end(struct vault_session *s);
void vault_session_free(struct vault_session *s);

/* W2: the segments that somebody may be about to delete, and those that were
 * found damaged.  Read by any number of threads. */
struct condemned;
struct condemned *condemned_list(struct vault *v, struct error *err);
void condemned_free(struct condemned *c);
bool condemned_has(const struct condemned *c, const uint8_t segment[SEGMENT_ID_BYTES]);
/* These too are not to be used, for reasons of the caller's own; before others look.  0 or -ENOMEM. */
int condemned_add(struct condemned *c, const uint8_t (*segments)[SEGMENT_ID_BYTES], size_t n);

DEFINE_CLEANUP(struct vault_session *, vault_session_free);
DEFINE_CLEANUP(struct condemned *, condemned_free);

#endif

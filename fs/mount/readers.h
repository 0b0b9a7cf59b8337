/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The signs of life of a mount's open points: a record for each, renewed in
 * the background, taken away at the end, so that no collection deletes what
 * is being read.  Any number of threads.
 */
#ifndef ADE_FS_MOUNT_READERS_H
#define ADE_FS_MOUNT_READERS_H

#include "fs/vault/vault_session.h"

struct readers;
struct readers *readers_new(struct vault *v, struct error *err);	/* v is borrowed; starts no thread yet */
void readers_free(struct readers *r);

/* A record for the manifest of that name.  A store that takes no objects is
 * no failure: it is told in the log once. */
int readers_add(struct readers *r, const char *point_object, struct error *err);
int readers_record(void *readers, const char *point_object, struct error *err);	/* as a point_record_fn */

DEFINE_CLEANUP(struct readers *, readers_free);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the threads of one backup share.  Private to fs/backup.
 */
#ifndef ADE_FS_BACKUP_RUN_H
#define ADE_FS_BACKUP_RUN_H

#include "fs/backup/chunk_index.h"
#include "fs/vault/refs.h"
#include "fs/vault/vault_session.h"

#include <pthread.h>
#include <stdatomic.h>

struct run {
	struct vault *vault;			/* borrowed */
	const uint8_t *session;			/* its id, borrowed */
	const struct condemned *condemned;	/* borrowed */
	struct chunk_index *index;		/* borrowed */
	char vm_id[VM_ID_TEXT];
	_Atomic uint32_t number;		/* of the next segment */
	_Atomic uint64_t read_bytes;		/* of the sources: looked at, or passed over as holes */
	_Atomic uint64_t new_bytes;		/* sealed and added */
	_Atomic bool stop;			/* somebody failed, or was asked to */
	pthread_mutex_t lock;			/* guards what follows */
	struct refs *refs;
	struct error err;			/* the first failure */
};

/* The first failure is kept, and everybody stops.  Returns rc. */
int run_fail(struct run *r, int rc, const struct error *err);
int run_refer(struct run *r, const struct chunk_ref *ref, uint32_t chunks, uint32_t bytes);
/* May this backup refer to what lies there? */
bool run_may_use(const struct run *r, const struct chunk_ref *ref);

#endif
